"""Classes: learners whom instructors teach one course in a period of time.

A class follows the newest version of its course; a session pins the version it starts on. Dates are whole
days in UTC. A class lives at ``day``: today, or ``stands_on`` where a school brings in a class of the past,
whose dates would otherwise all be over. Who teaches whom, and what was known when, is judged by that day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from runtime.columns import Basis, Category, Instant, not_personal, personal
from runtime.database import insert_once, table
from runtime.errors import Conflict, FieldFault, Invalid, NotFound


class ClassGroup(SQLModel, table=True):
    """A class. The three flags are the teacher's hand on every session in it."""

    __tablename__ = "class_group"

    tenant: UUID = not_personal("names a school", primary_key=True)
    class_id: UUID = not_personal("names a class, not a person in it", primary_key=True)
    course_id: str = not_personal("names course content", index=True)
    title: str = not_personal("what staff call the class")
    starts_on: date = not_personal("first day of the class")
    ends_on: date | None = not_personal("last day of the class", default=None)
    stands_on: date | None = not_personal("the day a class of the past stands at", default=None)
    assessment_mode: bool = not_personal("the class sits a test: no hints, nothing adapted")
    lesson_locked: bool = not_personal("nobody goes ahead of the class")
    tutor_off: bool = not_personal("the class gets no tutor prompts")
    created_at: datetime = not_personal("when the class was made", sa_type=Instant)


class Teaching(SQLModel, table=True):
    """That a person teaches a class, from a day until a day (both inclusive). History is kept."""

    __tablename__ = "teaching"
    __table_args__ = (sa.Index("teaching_by_subject", "tenant", "subject_ref", "class_id"),)

    tenant: UUID = not_personal("names a school", primary_key=True)
    class_id: UUID = not_personal("names a class", primary_key=True)
    subject_ref: UUID = personal(
        Category.STAFF, purpose="administration", basis=Basis.PUBLIC_TASK, primary_key=True
    )
    from_on: date = personal(Category.STAFF, purpose="administration", primary_key=True)
    until_on: date | None = personal(Category.STAFF, purpose="administration", default=None)


class NoSuchClass(NotFound):
    """The class does not exist, or not for this caller."""

    slug = "no-such-class"
    title = "There is no such class"


class ClassDiffers(Conflict):
    """A class with this id stands already and is another one."""

    slug = "class-differs"
    title = "A class with this id exists and is not the same"


@dataclass(frozen=True, slots=True)
class SchoolClass:
    """A class as it stands. Dates are days in UTC."""

    class_id: UUID
    course_id: str
    title: str
    starts_on: date
    ends_on: date | None = None
    stands_on: date | None = None
    assessment_mode: bool = False
    lesson_locked: bool = False
    tutor_off: bool = False

    def day(self, today: date) -> date:
        """The day the class lives at."""
        return self.stands_on or today

    def number(self, day: date) -> int:
        """Days from the first day of the class to ``day``; negative before it."""
        return (day - self.starts_on).days


_class = table(ClassGroup)
_teaching = table(Teaching)
VALUE = tuple(_class.c[name] for name in SchoolClass.__slots__)
"""The columns of a ``SchoolClass``, in its order."""
_find = sa.select(*VALUE).where(
    _class.c.tenant == sa.bindparam("tenant"), _class.c.class_id == sa.bindparam("class_id")
)


def create_class(tx: Connection, tenant: UUID, new: SchoolClass, now: datetime) -> bool:
    """Put up a class; again with the same content changes nothing.

    Returns:
        True when this call made it.

    Raises:
        Invalid: it ends before it starts.
        ClassDiffers: the id is taken by another class.
    """
    _check_dates(new)
    if insert_once(tx, ClassGroup, {"tenant": tenant, "created_at": now, **_values(new)}):
        return True
    if find_class(tx, tenant, new.class_id) != new:
        raise ClassDiffers
    return False


def amend_class(tx: Connection, tenant: UUID, class_id: UUID, changes: dict[str, Any]) -> SchoolClass:
    """Change title, dates or locks of a class: ``changes`` are new values by field, neither ids nor course.

    Raises:
        NoSuchClass, Invalid.
    """
    standing = find_class(tx, tenant, class_id)
    amended = SchoolClass(**{**_values(standing), **changes})
    assert (amended.class_id, amended.course_id) == (standing.class_id, standing.course_id)
    _check_dates(amended)
    tx.execute(
        sa.update(_class)
        .where(_class.c.tenant == tenant, _class.c.class_id == class_id)
        .values(**_values(amended))
    )
    return amended


def find_class(tx: Connection, tenant: UUID, class_id: UUID) -> SchoolClass:
    """The class with this id.

    Raises:
        NoSuchClass: this school has none.
    """
    row = tx.execute(_find, {"tenant": tenant, "class_id": class_id}).one_or_none()
    if row is None:
        raise NoSuchClass
    return SchoolClass(*row)


def list_classes(
    tx: Connection, tenant: UUID, *conditions: sa.ColumnElement[bool], after: UUID | None, limit: int
) -> list[SchoolClass]:
    """Classes of a school that meet every condition, by id, at most ``limit`` of them."""
    start = () if after is None else (_class.c.class_id > after,)
    rows = tx.execute(
        sa.select(*VALUE)
        .where(_class.c.tenant == tenant, *conditions, *start)
        .order_by(_class.c.class_id)
        .limit(limit)
    )
    return [SchoolClass(*row) for row in rows]


def assign_instructor(
    tx: Connection, tenant: UUID, class_id: UUID, instructor: UUID, from_on: date, until_on: date | None
) -> None:
    """Let a person teach a class, or change until when they do.

    Raises:
        NoSuchClass.
        Invalid: it would end before it begins.
    """
    find_class(tx, tenant, class_id)
    if until_on is not None and until_on < from_on:
        raise Invalid(faults=(FieldFault("body.until_on", "lies before from_on"),))
    key = {"tenant": tenant, "class_id": class_id, "subject_ref": instructor, "from_on": from_on}
    if not insert_once(tx, Teaching, {**key, "until_on": until_on}):
        tx.execute(
            sa.update(_teaching)
            .where(*(_teaching.c[name] == value for name, value in key.items()))
            .values(until_on=until_on)
        )


def instructors(tx: Connection, tenant: UUID, class_id: UUID) -> list[tuple[UUID, date, date | None]]:
    """Who teaches the class: ``(subject_ref, from_on, until_on)``, history included, oldest first."""
    rows = tx.execute(
        sa.select(_teaching.c.subject_ref, _teaching.c.from_on, _teaching.c.until_on)
        .where(_teaching.c.tenant == tenant, _teaching.c.class_id == class_id)
        .order_by(_teaching.c.from_on, _teaching.c.subject_ref)
    )
    return [(row.subject_ref, row.from_on, row.until_on) for row in rows]


def class_day(today: date | sa.ColumnElement[date]) -> sa.ColumnElement[date]:
    """The day a class lives at, in SQL: the twin of ``SchoolClass.day``."""
    return sa.func.coalesce(_class.c.stands_on, today, type_=sa.Date)


def has_id(class_id: UUID) -> sa.ColumnElement[bool]:
    """In SQL, of a ``class_group`` row: that it is this class."""
    return _class.c.class_id == class_id


def taught_by(
    instructor: UUID | sa.ColumnElement[UUID], today: date | sa.ColumnElement[date]
) -> sa.ColumnElement[bool]:
    """In SQL, of a ``class_group`` row: that this person teaches the class on the day it lives at."""
    day = class_day(today)
    return sa.and_(
        sa.or_(_class.c.ends_on.is_(None), _class.c.ends_on >= day),
        sa.exists()
        .where(
            _teaching.c.tenant == _class.c.tenant,
            _teaching.c.class_id == _class.c.class_id,
            _teaching.c.subject_ref == instructor,
            _teaching.c.from_on <= day,
            sa.or_(_teaching.c.until_on.is_(None), _teaching.c.until_on >= day),
        )
        .correlate(_class),
    )


def _values(value: SchoolClass) -> dict[str, Any]:
    return {name: getattr(value, name) for name in SchoolClass.__slots__}


def _check_dates(value: SchoolClass) -> None:
    if value.ends_on is not None and value.ends_on < value.starts_on:
        raise Invalid(faults=(FieldFault("body.ends_on", "lies before starts_on"),))
