from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.engine import Connection

from learning.classes import SchoolClass, create_class
from learning.enrolments import (
    EnrolledAlready,
    LeftAlready,
    NotEnrolled,
    Stay,
    class_of_learner,
    enrol,
    stays_of,
    stays_on,
    unenrol,
)
from runtime.database import Database
from runtime.errors import Invalid
from tests.clocks import START

TODAY = START.date()
HERE = uuid4()
CLASS = SchoolClass(UUID(int=4), "fractions", "4b", TODAY)


def on(number: int) -> date:
    return TODAY + timedelta(days=number)


@pytest.fixture
def school(database: Database) -> Database:
    database.write_now(lambda tx: create_class(tx, HERE, CLASS, START), tenant=HERE)
    return database


def do(school: Database, *steps: Callable[[Connection], object]) -> object:
    return [school.write_now(step, tenant=HERE) for step in steps][-1]


def enrolling(learner: UUID, day: int) -> Callable[[Connection], Stay]:
    return lambda tx: enrol(tx, HERE, CLASS.class_id, learner, on(day), START)


def unenrolling(learner: UUID, day: int) -> Callable[[Connection], Stay]:
    return lambda tx: unenrol(tx, HERE, CLASS.class_id, learner, on(day))


def history(learner: UUID) -> Callable[[Connection], list[tuple[date, date | None]]]:
    return lambda tx: [
        (stay.enrolled_on, stay.unenrolled_on) for stay in stays_of(tx, HERE, CLASS.class_id, learner)
    ]


def test_who_is_not_in_the_class_cannot_leave_it(school: Database) -> None:
    with pytest.raises(NotEnrolled):
        do(school, unenrolling(uuid4(), 0))


def test_nobody_leaves_before_they_came_or_comes_back_before_they_left(school: Database) -> None:
    learner = uuid4()
    do(school, enrolling(learner, 3))
    with pytest.raises(Invalid):
        do(school, unenrolling(learner, 2))
    do(school, unenrolling(learner, 5))
    with pytest.raises(Invalid):
        do(school, enrolling(learner, 4))
    assert do(school, history(learner)) == [(on(3), on(5))]


def test_the_same_again_changes_nothing_and_another_day_is_refused(school: Database) -> None:
    learner = uuid4()
    assert do(school, enrolling(learner, 0)) == do(school, enrolling(learner, 0))
    with pytest.raises(EnrolledAlready):
        do(school, enrolling(learner, 1))
    assert do(school, unenrolling(learner, 7)) == do(school, unenrolling(learner, 7))
    with pytest.raises(LeftAlready):
        do(school, unenrolling(learner, 8))
    assert do(school, history(learner)) == [(on(0), on(7))]


def test_who_comes_back_has_two_stays(school: Database) -> None:
    learner = uuid4()
    do(school, enrolling(learner, 0), unenrolling(learner, 7), enrolling(learner, 7))
    assert do(school, history(learner)) == [(on(0), on(7)), (on(7), None)]
    assert [stay.holds(on(7)) for stay in stays_of_now(school, learner)] == [False, True]


def stays_of_now(school: Database, learner: UUID) -> list[Stay]:
    return school.read_now(lambda tx: stays_of(tx, HERE, CLASS.class_id, learner), HERE)


def test_a_day_s_class_is_who_came_and_has_not_left(school: Database) -> None:
    early, late, gone = sorted(uuid4() for _ in range(3))
    do(school, enrolling(early, -9), enrolling(late, 2), enrolling(gone, -9), unenrolling(gone, 2))

    def there(day: int, after: UUID | None = None, limit: int | None = None) -> list[UUID]:
        def work(tx: Connection) -> list[UUID]:
            stays = stays_on(tx, HERE, CLASS.class_id, on(day), after=after, limit=limit)
            return [stay.subject_ref for stay in stays]

        return school.read_now(work, HERE)

    assert there(-10) == []
    assert there(1) == [early, gone]
    assert there(2) == [early, late]
    assert there(2, limit=1) == [early]
    assert there(2, after=early) == [late]


def test_the_class_of_a_learner_is_there_while_they_are_in_it(school: Database) -> None:
    learner = uuid4()
    do(school, enrolling(learner, 0), unenrolling(learner, 1))

    def found(who: UUID, day: int, tenant: UUID = HERE) -> SchoolClass | None:
        at = START + timedelta(days=day)
        return school.read_now(lambda tx: class_of_learner(tx, tenant, CLASS.class_id, who, at), tenant)

    assert found(learner, 0) == CLASS
    assert found(learner, 1) is None
    assert found(uuid4(), 0) is None
    assert found(learner, 0, uuid4()) is None
