"""The one committer, over SQLite (WAL) and PostgreSQL 15.

``write(fn)`` is the only way to commit; nothing outside this file calls ``commit``. ``fn`` is a plain
function of a SQLAlchemy ``Connection``. It may run more than once (a lost race is repeated whole), so it has
no effects outside its transaction, and it is short: read and compute before, compare and write inside.

SQLite takes one writer at a time, so each process has one writer thread that commits calls in groups (up to
16 calls or 5 ms under the lock, a savepoint for each call) and acknowledges them after ``COMMIT``. Processes
take turns by a pair of file locks: SQLite's own busy handler sleeps and starves (p99 548-938 ms against
5-7 ms, measured). PostgreSQL gets one transaction per call.

On PostgreSQL each transaction carries its tenant in ``tutela.tenant``, which row-level security reads: a
query without a tenant sees no rows.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlmodel import SQLModel

from runtime.errors import TutelaError

T = TypeVar("T")
Work = Callable[[Connection], T]

GROUP_CALLS = 16
GROUP_WINDOW_S = 0.005
READERS = 4
ATTEMPTS = 4
LOST_RACES = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
SQLITE_PRAGMAS: Mapping[str, str] = {
    "journal_mode": "WAL",
    "synchronous": "FULL",  # acknowledged means on disk, also after a power cut
    "foreign_keys": "ON",
    "busy_timeout": "5000",  # only for foreign programs; our own processes queue at the file locks
}


class DatabaseUnavailable(TutelaError):
    """The database cannot be reached, or refused to commit (disk full, shutting down)."""

    status = 503
    slug = "database-unavailable"
    title = "The database cannot be reached just now; try again in a moment"


def table(model: type[SQLModel]) -> sa.Table:
    """The Core table behind a SQLModel class."""
    return cast("sa.Table", model.__table__)  # type: ignore[attr-defined]  # SQLModel sets it on table classes


def insert_once(tx: Connection, model: type[SQLModel], values: Mapping[str, Any]) -> bool:
    """Insert a row unless one with the same unique key stands already.

    Returns:
        True when this call inserted it; False when any unique key of the table was taken.
    """
    return tx.execute(_insert_once(model, tx.dialect.name), values).rowcount == 1


@cache
def _insert_once(model: type[SQLModel], dialect: str) -> sa.Insert:
    """Built once for each table: building it costs more than running it."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement: sa.Insert = insert(table(model)).on_conflict_do_nothing()
    return statement.execution_options(preserve_rowcount=True)


def columns(row: sa.Row[Any]) -> dict[str, Any]:
    """A row's values by column name."""
    return dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's documented name for it


@dataclass
class _Call:
    work: Work[Any]
    done: Future[Any]


class Database:
    """One database file or server. Thread-safe."""

    def __init__(self, engine: Engine, writer: _SqliteWriter | None) -> None:
        self._engine = engine
        self._writer = writer
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="db")

    @staticmethod
    def open(url: str, *, pragmas: Mapping[str, str] | None = None) -> Database:
        """Open a database; ``pragmas`` adds to SQLite's settings (the key store overwrites deletions)."""
        if make_url(url).get_backend_name() == "sqlite":
            settings = {**SQLITE_PRAGMAS, **(pragmas or {})}
            path = make_url(url).database
            if not path:
                raise DatabaseUnavailable("SQLite needs a file: an in-memory database forgets every answer")
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            return Database(_sqlite_engine(url, settings, "BEGIN"), _SqliteWriter(url, settings, Path(path)))
        engine = sa.create_engine(url, pool_size=READERS * 2, max_overflow=READERS * 2, pool_pre_ping=True)
        return Database(engine, None)

    @property
    def dialect(self) -> Literal["sqlite", "postgresql"]:
        return "postgresql" if self._writer is None else "sqlite"

    @property
    def engine(self) -> Engine:
        """For migrations and tests; product code goes through ``write`` and ``read``."""
        return self._engine

    async def write(self, work: Work[T], *, tenant: UUID | None) -> T:
        """Run ``work`` in a transaction and commit it; returns after the commit is durable.

        Raises:
            DatabaseUnavailable: nothing was committed.
        """
        if self._writer is not None:
            # Shielded: a caller that goes away does not undo what the group is about to commit.
            return cast("T", await asyncio.shield(asyncio.wrap_future(self._writer.submit(work))))
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._threads, self._transact, work, tenant))

    def write_now(self, work: Work[T], *, tenant: UUID | None) -> T:
        """The blocking twin of ``write``, for commands and threads."""
        if self._writer is not None:
            return cast("T", self._writer.submit(work).result())
        return self._transact(work, tenant)

    async def read(self, work: Work[T], *, tenant: UUID | None) -> T:
        """Run ``work`` on a snapshot; whatever it changes is rolled back."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.read_now, work, tenant)

    def read_now(self, work: Work[T], tenant: UUID | None) -> T:
        """The blocking twin of ``read``."""
        with _named_faults(), self._engine.connect() as tx:
            self._enter(tx, tenant)
            return work(tx)

    def forget_log(self) -> None:
        """Empty SQLite's write-ahead log, which holds old pages, overwritten values included.

        PostgreSQL's own log passes with its retention; nothing is done there.

        Raises:
            DatabaseUnavailable: somebody reads an old page and went on for longer than the busy timeout.
        """
        if self._writer is None:
            return
        connection = self._engine.raw_connection()
        try:
            busy, _, _ = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.close()
        if busy:
            raise DatabaseUnavailable("the database's log is in use and could not be emptied; try again")

    def close(self) -> None:
        """Finish what was submitted, then let go of every connection."""
        self._threads.shutdown(wait=True)
        if self._writer is not None:
            self._writer.close()
        self._engine.dispose()

    def _transact(self, work: Work[T], tenant: UUID | None) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._engine.begin() as tx:
                    self._enter(tx, tenant)
                    return work(tx)
            except DBAPIError as error:
                if attempt < ATTEMPTS and getattr(error.orig, "sqlstate", None) in LOST_RACES:
                    continue
                if isinstance(error, OperationalError):
                    raise DatabaseUnavailable from error
                raise
        raise AssertionError("unreachable")

    def _enter(self, tx: Connection, tenant: UUID | None) -> None:
        if self._writer is None:
            value = str(tenant) if tenant else ""
            tx.execute(sa.text("SELECT set_config('tutela.tenant', :tenant, true)"), {"tenant": value})


def _told(error: BaseException) -> BaseException:
    """What the callers of a group that did not commit are told."""
    if not isinstance(error, SQLAlchemyError):
        return error
    told = DatabaseUnavailable()
    told.__cause__ = error
    return told


@contextmanager
def _named_faults() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise DatabaseUnavailable from error


def _sqlite_engine(url: str, pragmas: Mapping[str, str], begin: str) -> Engine:
    engine = sa.create_engine(url, pool_size=READERS + 1, connect_args={"check_same_thread": False})

    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN would come too late for a snapshot
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name}={value}")

    def began(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "begin", began)
    return engine


class _Turnstile:
    """Fair turns between processes: whoever waits holds the gate, so nobody who just left gets in first."""

    def __init__(self, path: Path) -> None:
        self._gate = os.open(f"{path}.gate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def turn(self) -> Iterator[None]:
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        fcntl.flock(self._gate, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._gate)
        os.close(self._lock)


class _SqliteWriter:
    """The writer thread: one connection, groups of calls, one commit for each group."""

    def __init__(self, url: str, pragmas: Mapping[str, str], path: Path) -> None:
        self._engine = _sqlite_engine(url, pragmas, "BEGIN IMMEDIATE")
        self._turnstile = _Turnstile(path)
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="db-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work[Any]) -> Future[Any]:
        if self._closed:
            raise DatabaseUnavailable("the database is closed")
        call = _Call(work, Future())
        call.done.set_running_or_notify_cancel()  # from here on the outcome is the group's, not the caller's
        self._calls.put(call)
        return call.done

    def close(self) -> None:
        self._closed = True
        self._calls.put(None)
        self._thread.join()
        self._engine.dispose()
        self._turnstile.close()

    def _run(self) -> None:
        with (
            self._engine.connect() as connection
        ):  # kept: checking one out for each group costs as much as a row
            while (first := self._calls.get()) is not None:
                taken: list[_Call] = [first]
                outcomes: list[tuple[Any, BaseException | None]] = []
                try:
                    with self._turnstile.turn(), connection.begin():
                        self._serve_group(connection, taken, outcomes)
                except BaseException as error:  # noqa: BLE001  # every caller of the group must hear of it
                    outcomes = [(None, _told(error))] * len(taken)
                for call, (result, failure) in zip(taken, outcomes, strict=True):
                    if failure is None:
                        call.done.set_result(result)
                    else:
                        call.done.set_exception(failure)

    def _serve_group(
        self, tx: Connection, taken: list[_Call], outcomes: list[tuple[Any, BaseException | None]]
    ) -> None:
        until = time.monotonic() + GROUP_WINDOW_S
        while True:
            savepoint = tx.begin_nested()
            try:
                outcomes.append((taken[-1].work(tx), None))
                savepoint.commit()
            except Exception as error:  # noqa: BLE001  # one call's fault is its own, the group goes on
                # Where SQLite gave up the whole transaction (disk full) this raises: nobody is acknowledged.
                savepoint.rollback()
                outcomes[len(taken) - 1 :] = [(None, error)]
            if len(taken) == GROUP_CALLS or time.monotonic() > until:
                return
            try:
                following = self._calls.get_nowait()
            except queue.Empty:
                return
            if following is None:
                self._calls.put(None)  # closing: this group first, then the end
                return
            taken.append(following)
