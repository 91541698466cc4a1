"""The processes of one machine: started in order, restarted when they die, stopped in reverse order.

What ``tutela up`` runs are the same roles that an orchestrator would run apart; this supervises them where
there is no orchestrator. Each child leads a process group of its own, so that Ctrl-C reaches only the
supervisor, and none outlives it, however it ends (``runtime.leash``).
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx

from runtime.clock import Clock
from runtime.errors import TutelaError

POLL_S = 0.1
ECHO_S = 0.5
LOG_BYTES = 16 * 2**20
ERROR_LINE = re.compile(r"\b(ERROR|CRITICAL)\b")
LEASH = (sys.executable, "-I", "-S", str(Path(__file__).with_name("leash.py")))


class RoleFailed(TutelaError):
    """A process did not become ready, or kept dying; everything was stopped."""

    status = 503
    slug = "role-failed"
    title = "A process of the product does not stay up"


@dataclass(frozen=True)
class Role:
    """One process to keep running."""

    name: str
    command: Sequence[str]
    ready: Callable[[], Awaitable[bool]] | None = None
    """Whether it serves; without it, it says so by its heartbeat file."""
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_within_s: float = 120.0
    stops_within_s: float = 15.0
    echo_errors: bool = True
    """Whether error lines of its log are also told to whoever watches the supervisor."""


@dataclass(frozen=True)
class Patience:
    """How often a role may die. Pure: see ``delay_s``."""

    deaths: int = 5
    within_s: float = 60.0
    first_delay_s: float = 0.5
    longest_delay_s: float = 8.0

    def delay_s(self, died_at_s: Sequence[float]) -> float | None:
        """How long to wait before the next start, given the instants of all deaths so far; None: give up."""
        recent = sum(1 for at_s in died_at_s if at_s > died_at_s[-1] - self.within_s)
        if recent > self.deaths:
            return None
        return min(self.first_delay_s * 2.0 ** (recent - 1), self.longest_delay_s)


async def answers(url: str) -> bool:
    """Whether an HTTP role is ready: ``url`` answers 200."""
    try:
        async with httpx.AsyncClient(timeout=2.0) as client:
            return (await client.get(url)).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


class Supervisor:
    """Keeps roles running until its ``async with`` ends. Children must be started from the main thread:
    the kernel ties their life to the thread that started them.
    """

    def __init__(
        self,
        home: Path,
        clock: Clock,
        *,
        tell: Callable[[str], None],
        patience: Patience | None = None,
    ) -> None:
        self._logs = home / "logs"
        self._run = home / "run"
        self._clock = clock
        self._tell = tell
        self._patience = patience or Patience()
        self._children: list[_Child] = []
        self._gave_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        self._run.mkdir(parents=True, exist_ok=True)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for child in reversed(self._children):
            await child.stop()
        if self._gave_up.done():
            self._gave_up.exception()  # seen: whoever watches raised it, or raised something else first

    async def start(self, role: Role) -> None:
        """Start a role and wait until it is ready.

        Raises:
            RoleFailed: it ended, or was not ready in time.
        """
        child = _Child(role, self._logs / f"{role.name}.log", self._run / f"{role.name}.alive")
        self._children.append(child)
        await child.spawn()
        try:
            async with asyncio.timeout(role.ready_within_s):
                while not await child.is_ready():
                    if child.status is not None:
                        raise RoleFailed(
                            f"{role.name} {child.ended()} while it was starting{child.last_words()}"
                        )
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise RoleFailed(
                f"{role.name} was not ready within {role.ready_within_s:.0f} s; see {child.log}"
            ) from None
        child.keep(asyncio.create_task(self._keep_running(child)))
        if role.echo_errors:
            child.keep(asyncio.create_task(child.echo_errors(self._tell)))

    async def watch(self) -> None:
        """Until cancelled. Raises ``RoleFailed`` when a role died too often."""
        await asyncio.shield(self._gave_up)

    async def _keep_running(self, child: _Child) -> None:
        died_at_s: list[float] = []
        while True:
            await child.wait()
            died_at_s.append(self._clock.monotonic())
            delay_s = self._patience.delay_s(died_at_s)
            if delay_s is None:
                sentence = (
                    f"{child.role.name} {child.ended()}, {len(died_at_s)} times now{child.last_words()}"
                )
                if not self._gave_up.done():
                    self._gave_up.set_exception(RoleFailed(sentence))
                return
            self._tell(f"{child.role.name} {child.ended()}; starting it again")
            await asyncio.sleep(delay_s)
            await child.spawn()


class _Child:
    """One role's process, the present one of possibly many."""

    def __init__(self, role: Role, log: Path, alive: Path) -> None:
        self.role = role
        self.log = log
        self._alive = alive
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._began = self._echoed = 0  # where in the log the present process began, and what was told of it

    @property
    def status(self) -> int | None:
        return None if self._process is None else self._process.returncode

    def keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.append(task)

    async def spawn(self) -> None:
        self._alive.unlink(missing_ok=True)
        with self._open_log() as log:
            self._began = self._echoed = self.log.stat().st_size
            self._process = await asyncio.create_subprocess_exec(
                *LEASH,
                str(os.getpid()),
                *self.role.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "TUTELA_HEARTBEAT_FILE": str(self._alive), **self.role.environment},
                start_new_session=True,
            )

    def _open_log(self) -> IO[bytes]:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        return self.log.open("ab")

    async def is_ready(self) -> bool:
        return await self.role.ready() if self.role.ready else self._alive.exists()

    async def wait(self) -> None:
        assert self._process is not None
        await self._process.wait()

    async def stop(self) -> None:
        """Ask, wait, then insist. The whole group: a child's children too."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for insistence in (signal.SIGTERM, signal.SIGKILL):
            if self._process is None or self._process.returncode is not None:
                return  # its number may be another program's by now
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, insistence)
            with suppress(TimeoutError):
                async with asyncio.timeout(self.role.stops_within_s):
                    await self._process.wait()

    def ended(self) -> str:
        status = self.status or 0
        return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"

    def last_words(self) -> str:
        """The end of its log since it started, for a person to read."""
        lines = self._text_from(self._began).decode(errors="replace").strip().splitlines()
        return f": {lines[-1].strip()}" if lines else f"; see {self.log}"

    async def echo_errors(self, tell: Callable[[str], None]) -> None:
        while True:
            await asyncio.sleep(ECHO_S)
            text = self._text_from(self._echoed)
            whole = text[: text.rfind(b"\n") + 1]
            self._echoed += len(whole)
            for line in whole.decode(errors="replace").splitlines():
                if ERROR_LINE.search(line):
                    tell(f"{self.role.name}: {line}")

    def _text_from(self, offset: int) -> bytes:
        with self.log.open("rb") as log:
            log.seek(offset)
            return log.read()
