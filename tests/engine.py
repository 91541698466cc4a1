"""A real Temporal server for tests: located as the product does it, on a free port, with our namespaces."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.engine.locate import Cluster, EngineMissing, Program
from runtime.engine.obtain import Surroundings, locate
from runtime.engine.server import command, prepare, wait_until_serving
from runtime.settings import Settings
from runtime.temporal import connect_service

STOPS_WITHIN_S = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Engine:
    """A server of this machine that a test may stop, freeze or kill. ``address`` stays the same."""

    def __init__(self, cli: Path, home: Path, *, port: int | None = None) -> None:
        self.settings = Settings(home=home, temporal_port=port or free_port(), temporal_address=None)
        self.address = self.settings.engine
        self.log = home / "engine.log"
        self._command = command(cli, self.settings)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "the engine was not started"
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers and our namespaces exist."""
        self.settings.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            asyncio.run(self._until_ready(self._process))
        except BaseException:
            self.kill()
            raise

    async def _until_ready(self, process: subprocess.Popen[bytes]) -> None:
        service = await connect_service(self.settings)
        await wait_until_serving(service, self.settings, exit_status=process.poll)
        await prepare(self.settings)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how)
            self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def located_cli() -> Path:
    """The program to start servers with. Also where TEMPORAL_ADDRESS is set: tests never touch a cluster."""
    found = locate(Surroundings(settings=Settings(temporal_address=None)))
    match found:
        case Program(path):
            return path
        case Cluster():
            raise EngineMissing("tests start their own server; a cluster is not used")


@contextmanager
def running_engine(home: Path) -> Iterator[Engine]:
    """A server with a database file in ``home``, its namespaces ready; stopped at the end."""
    engine = Engine(located_cli(), home)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()
