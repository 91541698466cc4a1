from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from runtime.database import Database, DatabaseUnavailable, insert_once, table
from runtime.outbox import OutboxEntry

HERE = uuid4()
NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


def entry(fact: UUID | None = None, at: datetime = NOW) -> dict[str, object]:
    return {"tenant": HERE, "kind": "probe", "fact_id": fact or uuid4(), "due_at": at, "attempts": 0}


def insert(tx: Connection) -> bool:
    return insert_once(tx, OutboxEntry, entry())


def count(tx: Connection) -> int:
    return tx.execute(sa.select(sa.func.count()).select_from(table(OutboxEntry))).scalar_one()


async def test_a_failing_call_leaves_nothing_and_does_not_take_its_group_along(database: Database) -> None:
    def half(tx: Connection) -> bool:
        insert(tx)
        tx.execute(sa.text("SELECT * FROM no_such_table"))
        return True

    calls = [database.write(work, tenant=HERE) for work in (insert, half, insert)]
    good, bad, also_good = await asyncio.gather(*calls, return_exceptions=True)
    assert (good, also_good) == (True, True)
    assert isinstance(bad, DBAPIError)
    assert await database.read(count, tenant=HERE) == 2


async def test_a_read_cannot_change_anything(database: Database) -> None:
    assert await database.read(insert, tenant=HERE)
    assert await database.read(count, tenant=HERE) == 0


async def test_of_many_equal_inserts_exactly_one_wins(database: Database) -> None:
    same = entry()
    won = await asyncio.gather(
        *(database.write(lambda tx: insert_once(tx, OutboxEntry, same), tenant=HERE) for _ in range(40))
    )
    assert won.count(True) == 1


async def test_an_acknowledged_write_is_there_for_others(database: Database, database_url: str) -> None:
    await database.write(insert, tenant=HERE)
    other = Database.open(database_url)
    assert await other.read(count, tenant=HERE) == 1
    other.close()


async def test_a_caller_that_goes_away_does_not_undo_the_commit(database: Database) -> None:
    started, go = threading.Event(), threading.Event()

    def slow(tx: Connection) -> None:
        started.set()
        go.wait(10)
        insert(tx)

    call = asyncio.create_task(database.write(slow, tenant=HERE))
    await asyncio.to_thread(started.wait, 10)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    go.set()
    for _ in range(100):
        if await database.read(count, tenant=HERE):
            break
        await asyncio.sleep(0.05)
    assert await database.read(count, tenant=HERE) == 1


async def test_instants_come_back_exactly_and_in_utc(database: Database) -> None:
    local = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    await database.write(lambda tx: insert_once(tx, OutboxEntry, entry(at=local)), tenant=HERE)
    stored = await database.read(
        lambda tx: tx.execute(sa.select(table(OutboxEntry).c.due_at)).scalar_one(), tenant=HERE
    )
    assert stored == NOW
    assert stored.tzinfo is UTC


async def test_an_instant_without_a_zone_is_refused(database: Database) -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(sa.exc.StatementError):
        await database.write(lambda tx: insert_once(tx, OutboxEntry, entry(at=naive)), tenant=HERE)


def test_two_writers_take_fair_turns_without_losing_a_row(tmp_path: Path, sqlite_template: Path) -> None:
    path = tmp_path / "shared.db"
    path.write_bytes(sqlite_template.read_bytes())
    both = [Database.open(f"sqlite:///{path}") for _ in range(2)]

    def fill(database: Database) -> None:
        for _ in range(100):
            database.write_now(insert, tenant=HERE)

    threads = [threading.Thread(target=fill, args=(database,)) for database in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert both[0].read_now(count, tenant=HERE) == 200
    for database in both:
        database.close()


def test_an_in_memory_database_is_refused() -> None:
    with pytest.raises(DatabaseUnavailable):
        Database.open("sqlite://")


def test_a_database_that_is_not_there_is_named_unavailable() -> None:
    absent = Database.open("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable):
        absent.write_now(count, tenant=HERE)
    with pytest.raises(DatabaseUnavailable):
        absent.read_now(count, tenant=HERE)
    absent.close()


def test_a_closed_database_takes_no_more_writes(tmp_path: Path) -> None:
    closed = Database.open(f"sqlite:///{tmp_path}/closed.db")
    closed.close()
    with pytest.raises(DatabaseUnavailable):
        closed.write_now(count, tenant=HERE)
