"""What must reach the engine, written in the transaction of the fact it tells of.

An entry names a fact and holds none: whoever delivers it reads the fact as it stands then, so a late or
repeated delivery says nothing false. Delivery is at least once; receivers are idempotent by the fact's id.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from runtime.columns import FOUND_BY, Category, Instant, not_personal, personal
from runtime.database import insert_once, table

RETRY_BASE = timedelta(seconds=1)
RETRY_LIMIT = timedelta(minutes=5)


class OutboxEntry(SQLModel, table=True):
    """One undelivered notice; deleted when delivered."""

    __tablename__ = "outbox"
    __table_args__ = ({"info": {FOUND_BY: "fact_id is the id of one of the person's facts"}},)

    tenant: UUID = not_personal("names a school", primary_key=True)
    kind: str = not_personal("name of a kind of fact", primary_key=True)
    fact_id: UUID = personal(Category.PSEUDONYM, purpose="teaching", retention="session", primary_key=True)
    due_at: datetime = not_personal("when to try next", sa_type=Instant, index=True)
    attempts: int = not_personal("how often delivery failed")


def post(tx: Connection, tenant: UUID, kind: str, fact_id: UUID, at: datetime) -> None:
    """Note that ``fact_id`` must reach the engine; the caller's transaction makes both true or neither."""
    insert_once(
        tx,
        OutboxEntry,
        {"tenant": tenant, "kind": kind, "fact_id": fact_id, "due_at": at, "attempts": 0},
    )


def due(
    tx: Connection, tenant: UUID, kinds: frozenset[str], at: datetime, limit: int
) -> list[tuple[str, UUID, int]]:
    """Entries whose time has come, oldest first: ``(kind, fact_id, attempts)``."""
    outbox = table(OutboxEntry)
    rows = tx.execute(
        sa.select(outbox.c.kind, outbox.c.fact_id, outbox.c.attempts)
        .where(outbox.c.tenant == tenant, outbox.c.kind.in_(sorted(kinds)), outbox.c.due_at <= at)
        .order_by(outbox.c.due_at, outbox.c.fact_id)
        .limit(limit)
    )
    return [(row.kind, row.fact_id, row.attempts) for row in rows]


def delivered(tx: Connection, tenant: UUID, kind: str, fact_id: UUID, attempts: int) -> None:
    """Remove an entry, unless the fact changed again meanwhile (``attempts`` was reset by a new post)."""
    outbox = table(OutboxEntry)
    tx.execute(
        sa.delete(outbox).where(
            outbox.c.tenant == tenant,
            outbox.c.kind == kind,
            outbox.c.fact_id == fact_id,
            outbox.c.attempts == attempts,
        )
    )


def postpone(tx: Connection, tenant: UUID, kind: str, fact_id: UUID, attempts: int, at: datetime) -> None:
    """Try again later, waiting twice as long each time, up to five minutes."""
    outbox = table(OutboxEntry)
    wait = min(RETRY_BASE * 2 ** min(attempts, 16), RETRY_LIMIT)
    tx.execute(
        sa.update(outbox)
        .where(outbox.c.tenant == tenant, outbox.c.kind == kind, outbox.c.fact_id == fact_id)
        .values(attempts=attempts + 1, due_at=at + wait)
    )
