"""The whole product as a newcomer starts it: ``tutela.py up`` in an empty home, in processes of its own.

Tests may kill, freeze and stop its processes; nothing outlives ``running_product``.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
import psutil

from tests.engine import free_port, located_cli

ROOT = Path(__file__).resolve().parents[2]
READY = b"Ctrl-C stops it"
READY_WITHIN_S = 120.0
STOPS_WITHIN_S = 60.0
POLL_S = 0.05
ENGINE = "engine"
SCHOOL = "demo"
T = TypeVar("T")
PLAIN = ("PATH", "HOME", "LANG", "XDG_CACHE_HOME")


class ProductFailed(AssertionError):
    """The product did not do what the test needs of it."""


class Product:
    """A running ``tutela up``: where it listens, what it printed, which processes it consists of.

    Args:
        home: the installation's folder; made by the product.
        settings: more ``TUTELA_*`` variables, by name.
    """

    def __init__(self, home: Path, **settings: object) -> None:
        self.home = home
        self.api_port, self.engine_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.api_port}"
        self.engine_address = f"127.0.0.1:{self.engine_port}"
        self._output = home.with_name(f"{home.name}.output")
        self._environment = {
            **{name: os.environ[name] for name in PLAIN if name in os.environ},
            "TUTELA_HOME": str(home),
            "TUTELA_API_PORT": str(self.api_port),
            "TUTELA_TEMPORAL_PORT": str(self.engine_port),
            "TUTELA_TEMPORAL_CLI": str(located_cli()),
            **{name: str(value) for name, value in settings.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start everything and wait until it says that it is ready."""
        with self._output.open("ab") as output:
            began = output.tell()
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "tutela.py"), "up"],
                env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        self.wait_until(lambda: READY in self._output.read_bytes()[began:], "it says that it is ready")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Stop everything, as Ctrl-C or a service manager does; returns the exit status."""
        assert self._process is not None, "the product was not started"
        self._process.send_signal(how)
        try:
            return self._process.wait(STOPS_WITHIN_S)
        finally:
            self._process.kill()  # its children die with it (runtime.leash)
            self._process.wait()

    @property
    def output(self) -> str:
        """Everything it printed so far, all starts together."""
        return self._output.read_text(encoding="utf-8")

    @property
    def demo(self) -> DemoSchool:
        """The school of the first start, read off the screen as its owner would."""
        return read_demo_school(self.output)

    def pids(self) -> dict[str, int]:
        """The running processes by role: ``engine``, ``api``, ``worker sessions``, ``stream``, ..."""
        assert self._process is not None, "the product was not started"
        found = {}
        for child in psutil.Process(self._process.pid).children():
            try:
                if (role := role_of(child.cmdline())) is not None:
                    found[role] = child.pid
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue  # it was killed, and its successor is not there yet
        return found

    def roles(self) -> list[str]:
        return sorted(self.pids())

    def kill(self, role: str) -> None:
        """Kill the process of a role; returns when it is dead."""
        pid = self.pid(role)
        os.kill(pid, signal.SIGKILL)
        self.wait_until(lambda: self.pids().get(role) != pid, f"{role} is dead")

    def freeze(self, role: str) -> None:
        os.kill(self.pid(role), signal.SIGSTOP)

    def thaw(self, role: str) -> None:
        os.kill(self.pid(role), signal.SIGCONT)

    def pid(self, role: str) -> int:
        """The process of a role, waited for if the last one was just killed."""
        return self.wait_until(lambda: self.pids().get(role), f"there is a process for {role}")

    @contextmanager
    def another_api(self, *command: str, **settings: object) -> Iterator[OtherApi]:
        """One more API process over the same installation, stopped at the end.

        Args:
            command: what to run; ``tutela.py api`` unless another program plays that role.
            settings: more ``TUTELA_*`` variables, by name.
        """
        port = free_port()
        url, printed = f"http://127.0.0.1:{port}", self._output.with_suffix(f".{port}")
        with printed.open("wb") as output:
            process = subprocess.Popen(
                command or (sys.executable, str(ROOT / "tutela.py"), "api"),
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**self._environment, **{name: str(value) for name, value in settings.items()},
                     "TUTELA_API_PORT": str(port)},
            )  # fmt: skip
        try:
            self.wait_until(lambda: is_ready(url), "another API is ready")
            yield OtherApi(url, process.pid, printed)
        finally:
            process.terminate()
            process.wait(STOPS_WITHIN_S)

    def sign_in(self, role: str) -> httpx.Client:
        """A client that is signed in as the demo school's first account of a role; close it."""
        client = httpx.Client(base_url=self.url, timeout=30)
        answered = client.post("/v1/sign-in", json=self.demo.account(role)).raise_for_status()
        client.headers["Authorization"] = f"Bearer {answered.json()['token']}"
        return client

    def wait_healthy(self) -> None:
        """Wait until the API says that it can serve."""
        self.wait_until(lambda: is_ready(self.url), "the API is ready again")

    def wait_until(self, found: Callable[[], T | None], what: str, within_s: float = READY_WITHIN_S) -> T:
        """What ``found`` returns as soon as that is something.

        Raises:
            ProductFailed: it was nothing for too long, or the product ended meanwhile.
        """
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            if result := found():
                return result
            if self._process is not None and (status := self._process.poll()) is not None:
                raise ProductFailed(f"waiting until {what}, it ended with status {status}:\n{self.output}")
            time.sleep(POLL_S)
        raise ProductFailed(f"after {within_s:.0f} s it is not true that {what}:\n{self.output}")


@dataclass(frozen=True)
class OtherApi:
    """An API process beside the product's own, and the file with what it prints."""

    url: str
    pid: int
    printed: Path


def is_ready(url: str) -> bool:
    """Whether the API there says that it can serve."""
    try:
        return httpx.get(f"{url}/readyz", timeout=2).is_success
    except httpx.TransportError:
        return False


@dataclass(frozen=True)
class DemoSchool:
    """What the first start prints of the demo school, once: a class, and an account of each role."""

    class_id: str
    accounts: tuple[tuple[str, str, str], ...]
    """Role, e-mail address, password."""

    def account(self, role: str) -> dict[str, str]:
        """What the first account of a role signs in with."""
        email, password = next(rest for name, *rest in self.accounts if name == role)
        return {"school": SCHOOL, "email": email, "password": password}


def read_demo_school(output: str) -> DemoSchool:
    """Raises ``ProductFailed`` when the output shows none."""
    group = re.search(r"^  class +(\S+)$", output, re.MULTILINE)
    accounts = re.findall(r"^  (\w+) +(\S+@\S+) +(\S+)$", output, re.MULTILINE)
    if group is None or not accounts:
        raise ProductFailed(f"it printed no credentials:\n{output}")
    return DemoSchool(group.group(1), tuple(accounts))


def role_of(command: list[str]) -> str | None:
    """The role that a process of the product plays, by its command line; None for anything else."""
    if "start-dev" in command:
        return ENGINE
    front_door = str(ROOT / "tutela.py")
    if front_door not in command:
        return None
    words = command[command.index(front_door) + 1 :]
    return " ".join(word for word in words if not word.startswith("-"))


@contextmanager
def running_product(home: Path, **settings: object) -> Iterator[Product]:
    """A started product, stopped at the end."""
    product = Product(home, **settings)
    try:
        product.start()
        yield product
    finally:
        product.stop()
