"""A real PostgreSQL 15 for the tests: own cluster in a temporary folder, loopback only, gone at the end.

Two roles as in production: ``owner`` migrates, ``app`` serves. Neither is a superuser, so row-level security
binds both.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

DEBIAN_BINARIES = Path("/usr/lib/postgresql")
"""One folder for each major version; its programs are on nobody's PATH."""
OLDEST = 15


def _binaries() -> Path:
    installed = [folder for folder in DEBIAN_BINARIES.glob("*/bin") if (folder / "initdb").exists()]
    fit = [folder for folder in installed if int(folder.parent.name) >= OLDEST]
    if fit:
        return min(fit, key=lambda folder: int(folder.parent.name))
    found = shutil.which("initdb")
    if found is None:
        raise RuntimeError(f"PostgreSQL {OLDEST} or newer is missing: 'make test' installs it where it can")
    return Path(found).resolve().parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Cluster:
    """A running server. Every database is made from ``template`` and owned by ``owner``."""

    port: int

    def url(self, database: str, role: str = "app") -> str:
        return f"postgresql+psycopg://{role}@127.0.0.1:{self.port}/{database}"

    def admin(self, statement: str) -> None:
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def create_database(self, template: str = "template0") -> str:
        name = f"t_{uuid.uuid4().hex}"
        self.admin(f"CREATE DATABASE {name} OWNER owner TEMPLATE {template}")
        return name

    def drop_database(self, name: str) -> None:
        self.admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _as_postgres(command: list[str]) -> list[str]:
    """The server refuses to run as root; Debian's package brings the account it should run as."""
    if os.geteuid() != 0:
        return command
    runuser = shutil.which("runuser", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return [runuser or "runuser", "-u", "postgres", "--", *command]


STARTS = 3
"""Between finding a free port and taking it, somebody else may."""


def _start(control: list[str], log: Path) -> int:
    """Start the server on a free port; returns the port."""
    for attempt in range(1, STARTS + 1):
        port = free_port()
        options = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c autovacuum=off "
            "-c fsync=off -c full_page_writes=off -c max_connections=200 -c shared_buffers=64MB"
        )
        command = _as_postgres([*control, "-l", str(log), "-o", options, "start"])
        started = subprocess.run(command, check=False, capture_output=True, cwd="/")
        if started.returncode == 0:
            return port
        if attempt == STARTS:
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text('utf-8', 'replace')[-2000:]}")
    raise AssertionError("unreachable")


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Start a cluster in ``folder`` and stop it at the end."""
    binaries, data = _binaries(), folder / "data"
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    subprocess.run(
        _as_postgres([str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust",
                      "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]),
        check=True, capture_output=True, cwd="/",
    )  # fmt: skip
    control = [str(binaries / "pg_ctl"), "-D", str(data), "-w", "-t", "60"]
    port = _start(control, folder / "server.log")
    try:
        cluster = Cluster(port)
        cluster.admin("CREATE ROLE owner LOGIN NOSUPERUSER CREATEDB")
        cluster.admin("CREATE ROLE app LOGIN NOSUPERUSER")
        yield cluster
    finally:
        subprocess.run(
            _as_postgres([*control, "-m", "immediate", "stop"]), check=False, capture_output=True, cwd="/"
        )
