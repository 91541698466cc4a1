"""How long items take, over all learners: counted in the answer's transaction, read from memory.

Rows hold sums, so that two answers at once only add. A process reads a course's rows at most once in
``FRESH_S`` seconds; each decision records the times it used, so a replay needs none of this. Sums over many
learners say nothing about one.
"""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from learning.features.times import ItemTimes, Moments
from runtime.clock import Clock
from runtime.columns import not_personal
from runtime.database import insert_once, table

FRESH_S = 60.0
_REASON = "a sum over all learners who answered"


class ItemTime(SQLModel, table=True):
    """Sums of ln ms and of its square over right first attempts at one item."""

    __tablename__ = "item_time"

    tenant: UUID = not_personal("names a school", primary_key=True)
    course_id: str = not_personal("names course content", primary_key=True)
    item_id: str = not_personal("names course content", primary_key=True)
    answers: int = not_personal(_REASON)
    response_sum: float = not_personal(_REASON)
    response_squares: float = not_personal(_REASON)
    hesitations: int = not_personal(_REASON)
    hesitation_sum: float = not_personal(_REASON)
    hesitation_squares: float = not_personal(_REASON)


_times = table(ItemTime)
_SUMS = tuple(column.name for column in _times.c if not column.primary_key)


def count_answer(
    tx: Connection,
    tenant: UUID,
    course_id: str,
    item_id: str,
    response_ln: float | None,
    hesitation_ln: float | None,
) -> None:
    """Add one right first attempt; a time that was not measured counts for nothing."""
    added: dict[str, Any] = dict.fromkeys(_SUMS, 0)
    if response_ln is not None:
        added |= {"answers": 1, "response_sum": response_ln, "response_squares": response_ln**2}
    if hesitation_ln is not None:
        added |= {"hesitations": 1, "hesitation_sum": hesitation_ln, "hesitation_squares": hesitation_ln**2}
    key = {"tenant": tenant, "course_id": course_id, "item_id": item_id}
    if insert_once(tx, ItemTime, {**key, **added}):
        return
    tx.execute(
        sa.update(_times)
        .where(*(_times.c[name] == value for name, value in key.items()))
        .values({name: _times.c[name] + value for name, value in added.items()})
    )


class TimesCache:
    """Times by course, for as long as they are fresh. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._courses: dict[tuple[UUID, str], tuple[float, dict[str, ItemTimes]]] = {}

    def of(self, tx: Connection, tenant: UUID, course_id: str, item_id: str) -> tuple[ItemTimes, ItemTimes]:
        """Times of the item, and of the whole course."""
        now = self._clock.monotonic()
        held = self._courses.get((tenant, course_id))
        if held is None or now - held[0] > FRESH_S:
            held = (now, _read(tx, tenant, course_id))
            with self._lock:
                self._courses[tenant, course_id] = held
        return held[1].get(item_id, ItemTimes()), held[1][""]


def _read(tx: Connection, tenant: UUID, course_id: str) -> dict[str, ItemTimes]:
    rows = tx.execute(
        sa.select(_times.c.item_id, *(_times.c[name] for name in _SUMS)).where(
            _times.c.tenant == tenant, _times.c.course_id == course_id
        )
    ).all()
    times = {row[0]: _as_times(*row[1:]) for row in rows}
    times[""] = _as_times(*(sum(column) for column in zip(*(row[1:] for row in rows), strict=True)))
    return times


def _as_times(
    answers: int = 0,
    response_sum: float = 0.0,
    response_squares: float = 0.0,
    hesitations: int = 0,
    hesitation_sum: float = 0.0,
    hesitation_squares: float = 0.0,
) -> ItemTimes:
    return ItemTimes(
        response=_as_moments(answers, response_sum, response_squares),
        hesitation=_as_moments(hesitations, hesitation_sum, hesitation_squares),
    )


def _as_moments(count: int, total: float, squares: float) -> Moments:
    if count == 0:
        return Moments()
    mean = total / count
    return Moments(count=count, mean=mean, squares=max(0.0, squares - count * mean * mean))
