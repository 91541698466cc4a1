from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import TypeVar
from uuid import uuid4

import pytest
from sqlalchemy.engine import Connection

from learning.classes import (
    ClassDiffers,
    NoSuchClass,
    SchoolClass,
    amend_class,
    assign_instructor,
    create_class,
    find_class,
    instructors,
    list_classes,
)
from runtime.database import Database
from runtime.errors import Invalid
from tests.clocks import START

T = TypeVar("T")
TODAY = START.date()
HERE, ELSEWHERE = uuid4(), uuid4()


def a_class() -> SchoolClass:
    return SchoolClass(uuid4(), "fractions", "4b", TODAY, ends_on=TODAY + timedelta(days=90))


@pytest.fixture
def do(database: Database) -> Callable[[Callable[[Connection], T]], T]:
    return lambda work: database.write_now(work, tenant=HERE)


Do = Callable[[Callable[[Connection], object]], object]


def test_a_class_that_ends_before_it_starts_is_refused_and_not_kept(do: Do) -> None:
    bad = replace(a_class(), ends_on=TODAY - timedelta(days=1))
    with pytest.raises(Invalid) as refused:
        do(lambda tx: create_class(tx, HERE, bad, START))
    assert [fault.field for fault in refused.value.faults] == ["body.ends_on"]
    with pytest.raises(NoSuchClass):
        do(lambda tx: find_class(tx, HERE, bad.class_id))


def test_an_id_stands_for_one_class_only(do: Do) -> None:
    made = a_class()
    assert do(lambda tx: create_class(tx, HERE, made, START)) is True
    assert do(lambda tx: create_class(tx, HERE, made, START)) is False
    with pytest.raises(ClassDiffers):
        do(lambda tx: create_class(tx, HERE, replace(made, title="4c"), START))
    assert do(lambda tx: find_class(tx, HERE, made.class_id)) == made


def test_another_school_has_no_such_class(do: Do, database: Database) -> None:
    made = a_class()
    do(lambda tx: create_class(tx, HERE, made, START))
    with pytest.raises(NoSuchClass):
        database.read_now(lambda tx: find_class(tx, ELSEWHERE, made.class_id), ELSEWHERE)
    assert database.read_now(lambda tx: list_classes(tx, ELSEWHERE, after=None, limit=9), ELSEWHERE) == []


def test_a_change_keeps_what_it_does_not_name(do: Do) -> None:
    made = a_class()
    do(lambda tx: create_class(tx, HERE, made, START))
    amended = do(lambda tx: amend_class(tx, HERE, made.class_id, {"lesson_locked": True}))
    assert amended == replace(made, lesson_locked=True) == do(lambda tx: find_class(tx, HERE, made.class_id))
    with pytest.raises(Invalid):
        do(lambda tx: amend_class(tx, HERE, made.class_id, {"ends_on": date(1999, 1, 1)}))
    with pytest.raises(NoSuchClass):
        do(lambda tx: amend_class(tx, HERE, uuid4(), {"title": "4c"}))


def test_a_list_goes_on_after_the_last_id(do: Do) -> None:
    made = sorted((a_class() for _ in range(5)), key=lambda one: one.class_id)

    def create_all(tx: Connection) -> None:
        for one in made:
            create_class(tx, HERE, one, START)

    do(create_all)
    assert do(lambda tx: list_classes(tx, HERE, after=None, limit=2)) == made[:2]
    assert do(lambda tx: list_classes(tx, HERE, after=made[1].class_id, limit=9)) == made[2:]


def test_a_teacher_s_time_can_be_changed_but_not_turned_round(do: Do) -> None:
    made, teacher = a_class(), uuid4()
    do(lambda tx: create_class(tx, HERE, made, START))

    def teach(until: date | None) -> Callable[[Connection], None]:
        return lambda tx: assign_instructor(tx, HERE, made.class_id, teacher, TODAY, until)

    do(teach(None))
    do(teach(TODAY))
    assert do(lambda tx: instructors(tx, HERE, made.class_id)) == [(teacher, TODAY, TODAY)]
    with pytest.raises(Invalid):
        do(teach(TODAY - timedelta(days=1)))
    with pytest.raises(NoSuchClass):
        do(lambda tx: assign_instructor(tx, HERE, uuid4(), teacher, TODAY, None))


def test_a_class_of_the_past_stands_at_its_own_day() -> None:
    past = replace(a_class(), starts_on=date(2014, 2, 1), ends_on=None, stands_on=date(2014, 3, 1))
    assert past.day(TODAY) == date(2014, 3, 1)
    assert past.number(past.day(TODAY)) == 28
    assert a_class().day(TODAY) == TODAY
