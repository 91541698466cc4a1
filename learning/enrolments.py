"""Enrolments: which learner is in which class, from when until when. History is kept.

An enrolment counts from ``enrolled_on`` up to, not including, ``unenrolled_on``, by the day that the class
lives at (``learning.classes``). A learner who left may come back: that is a further enrolment, never a
changed one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from learning.classes import VALUE, ClassGroup, SchoolClass, class_day
from runtime.columns import Category, Instant, not_personal, personal
from runtime.database import insert_once, table
from runtime.errors import Conflict, FieldFault, Invalid, NotFound


class Enrolment(SQLModel, table=True):
    """One stay of a learner in a class; ``number`` counts the learner's stays there from 1."""

    __tablename__ = "enrolment"
    __table_args__ = (sa.Index("enrolment_by_subject", "tenant", "subject_ref", "class_id"),)

    tenant: UUID = not_personal("names a school", primary_key=True)
    class_id: UUID = not_personal("names a class", primary_key=True)
    subject_ref: UUID = personal(Category.PSEUDONYM, purpose="administration", primary_key=True)
    number: int = personal(Category.RELATION, purpose="administration", primary_key=True)
    enrolled_on: date = personal(Category.RELATION, purpose="administration")
    unenrolled_on: date | None = personal(Category.RELATION, purpose="administration", default=None)
    recorded_at: datetime = not_personal("when the school told us", sa_type=Instant)


class NotEnrolled(NotFound):
    """The learner is not in this class, or not for this caller."""

    slug = "not-enrolled"
    title = "There is no such learner in this class"


class EnrolledAlready(Conflict):
    """The learner is in the class since another day."""

    slug = "enrolled-already"
    title = "This learner is in this class already, since another day"


class LeftAlready(Conflict):
    """The learner left the class on another day."""

    slug = "left-already"
    title = "This learner left this class already, on another day"


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay of a learner in a class, as stored."""

    class_id: UUID
    subject_ref: UUID
    number: int
    enrolled_on: date
    unenrolled_on: date | None

    def holds(self, day: date) -> bool:
        """Whether the learner is in the class on ``day``."""
        return self.enrolled_on <= day and (self.unenrolled_on is None or day < self.unenrolled_on)


_enrolment = table(Enrolment)
_class = table(ClassGroup)
_STAY = tuple(_enrolment.c[name] for name in Stay.__slots__)


def enrol(tx: Connection, tenant: UUID, class_id: UUID, subject: UUID, on: date, now: datetime) -> Stay:
    """Let a learner into a class from ``on``; the same again changes nothing.

    Raises:
        EnrolledAlready: they are in it since another day.
        Invalid: ``on`` lies before they last left.
    """
    stays = stays_of(tx, tenant, class_id, subject)
    last = stays[-1] if stays else None
    if last is not None and last.unenrolled_on is None:
        if last.enrolled_on == on:
            return last
        raise EnrolledAlready
    if last is not None and last.unenrolled_on is not None and on < last.unenrolled_on:
        raise Invalid(faults=(FieldFault("enrolled_on", "lies before the learner last left this class"),))
    stay = Stay(class_id, subject, len(stays) + 1, on, None)
    key = {"tenant": tenant, "class_id": class_id, "subject_ref": subject, "number": stay.number}
    if not insert_once(tx, Enrolment, {**key, "enrolled_on": on, "unenrolled_on": None, "recorded_at": now}):
        raise EnrolledAlready  # somebody else enrolled them this very moment
    return stay


def unenrol(tx: Connection, tenant: UUID, class_id: UUID, subject: UUID, on: date) -> Stay:
    """End a learner's stay; the same again changes nothing. ``on`` is the first day they are not there.

    Raises:
        NotEnrolled: they never were in this class.
        LeftAlready: they left on another day.
        Invalid: ``on`` lies before the stay began.
    """
    stays = stays_of(tx, tenant, class_id, subject)
    if not stays:
        raise NotEnrolled
    last = stays[-1]
    if last.unenrolled_on == on:
        return last
    if last.unenrolled_on is not None:
        raise LeftAlready
    if on < last.enrolled_on:
        raise Invalid(faults=(FieldFault("unenrolled_on", "lies before the learner was enrolled"),))
    tx.execute(
        sa.update(_enrolment)
        .where(
            _enrolment.c.tenant == tenant,
            _enrolment.c.class_id == class_id,
            _enrolment.c.subject_ref == subject,
            _enrolment.c.number == last.number,
        )
        .values(unenrolled_on=on)
    )
    return Stay(class_id, subject, last.number, last.enrolled_on, on)


def stays_of(tx: Connection, tenant: UUID, class_id: UUID, subject: UUID) -> list[Stay]:
    """Every stay of one learner in one class, oldest first."""
    rows = tx.execute(
        sa.select(*_STAY)
        .where(
            _enrolment.c.tenant == tenant,
            _enrolment.c.class_id == class_id,
            _enrolment.c.subject_ref == subject,
        )
        .order_by(_enrolment.c.number)
    )
    return [Stay(*row) for row in rows]


def stays_on(
    tx: Connection,
    tenant: UUID,
    class_id: UUID,
    day: date,
    *,
    after: UUID | None = None,
    limit: int | None = None,
) -> list[Stay]:
    """Who is in the class on ``day``, by subject; a page of them where ``limit`` says so."""
    start = () if after is None else (_enrolment.c.subject_ref > after,)
    rows = tx.execute(
        sa.select(*_STAY)
        .where(
            _enrolment.c.tenant == tenant,
            _enrolment.c.class_id == class_id,
            enrolled_on(sa.literal(day)),
            *start,
        )
        .order_by(_enrolment.c.subject_ref)
        .limit(limit)
    )
    return [Stay(*row) for row in rows]


def class_of_learner(
    tx: Connection, tenant: UUID, class_id: UUID, subject: UUID, at: datetime
) -> SchoolClass | None:
    """The class, when the learner is in it on the day it lives at."""
    row = tx.execute(
        sa.select(*VALUE).where(
            _class.c.tenant == tenant, _class.c.class_id == class_id, attended_by(subject, at.date())
        )
    ).one_or_none()
    return None if row is None else SchoolClass(*row)


def enrolled_on(day: sa.ColumnElement[date]) -> sa.ColumnElement[bool]:
    """In SQL, of an ``enrolment`` row: that it counts on ``day``. The twin of ``Stay.holds``."""
    return sa.and_(
        _enrolment.c.enrolled_on <= day,
        sa.or_(_enrolment.c.unenrolled_on.is_(None), _enrolment.c.unenrolled_on > day),
    )


def attended_by(
    subject: UUID | sa.ColumnElement[UUID], today: date | sa.ColumnElement[date]
) -> sa.ColumnElement[bool]:
    """In SQL, of a ``class_group`` row: that the learner is in the class on the day it lives at."""
    return (
        sa.exists()
        .where(
            _enrolment.c.tenant == _class.c.tenant,
            _enrolment.c.class_id == _class.c.class_id,
            _enrolment.c.subject_ref == subject,
            enrolled_on(class_day(today)),
        )
        .correlate_except(_enrolment)
    )
