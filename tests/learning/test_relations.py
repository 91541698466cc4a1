from __future__ import annotations

from datetime import date, timedelta
from typing import cast
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from governance.accounts import Principal
from governance.gate import SubjectGate, create_gate
from governance.guardians import Guardianship, Verification, end_link, link_guardian
from governance.keys import KeyRing
from learning.classes import NoSuchClass, SchoolClass, assign_instructor, create_class
from learning.enrolments import enrol, unenrol
from learning.relations import REGISTRY, Standpoint, class_relations, relations, relations_to
from policy.vocabulary import Relation, Role
from runtime.database import Database, table
from tests.clocks import START, SetClock
from tests.people import CHILD, GROWN_UP, People

TODAY = START.date()
NOBODY = frozenset({Relation.NONE})
SCHOOL = frozenset({Relation.TENANT})
OWN = frozenset({Relation.SELF, Relation.TENANT})
TEACHES = frozenset({Relation.INSTRUCTOR_OF, Relation.TENANT})


@pytest.fixture
def people(database: Database, keys: KeyRing, clock: SetClock) -> People:
    return People(database, keys, clock)


def days(number: int) -> date:
    return TODAY + timedelta(days=number)


def put_class(tx: Connection, tenant: UUID, **changes: object) -> UUID:
    values = {"course_id": "fractions", "title": "4b", "starts_on": days(-30), **changes}
    made = SchoolClass(class_id=uuid4(), **values)  # type: ignore[arg-type]  # the test's own values
    create_class(tx, tenant, made, START)
    return made.class_id


def test_a_learner_of_another_school_is_a_stranger(people: People, keys: KeyRing) -> None:
    here, there = people.school(), people.school()
    teacher, learner = people.person(here, Role.INSTRUCTOR), people.person(there, Role.LEARNER)
    held = people.database.read_now(
        lambda tx: relations(tx, teacher, learner.subject_ref, START, keys), teacher.tenant
    )
    assert held == NOBODY


def test_everybody_is_themselves_and_no_query_is_needed(people: People, keys: KeyRing) -> None:
    learner = people.person(people.school(), Role.LEARNER)
    nothing: Connection = None  # type: ignore[assignment]  # would fail on any query
    assert relations(nothing, learner, learner.subject_ref, START, keys) == OWN


@pytest.mark.parametrize(
    ("enrolled", "left", "taught", "until", "ends", "stands", "expected"),
    [
        (-5, None, -5, None, None, None, TEACHES),
        (0, None, 0, 0, 0, None, TEACHES),
        (1, None, -5, None, None, None, SCHOOL),  # the learner comes tomorrow
        (-5, 0, -5, None, None, None, SCHOOL),  # left today
        (-5, 1, -5, None, None, None, TEACHES),  # leaves tomorrow
        (-5, None, 1, None, None, None, SCHOOL),  # begins to teach tomorrow
        (-5, None, -5, -1, None, None, SCHOOL),  # taught until yesterday
        (-5, None, -5, None, -1, None, SCHOOL),  # the class is over
        (-5, None, -5, -1, -1, -2, TEACHES),  # a class of the past stands at a day when all held
        (-1, None, -5, None, None, -2, SCHOOL),  # it stands at a day before the learner came
    ],
)
def test_instructor_of_holds_while_learner_and_teacher_are_in_the_class(
    people: People,
    keys: KeyRing,
    enrolled: int,
    left: int | None,
    taught: int,
    until: int | None,
    ends: int | None,
    stands: int | None,
    expected: frozenset[Relation],
) -> None:
    school = people.school()
    teacher, learner = people.person(school, Role.INSTRUCTOR), people.person(school, Role.LEARNER)

    def work(tx: Connection) -> None:
        class_id = put_class(tx, school.tenant, ends_on=after(ends), stands_on=after(stands))
        assign_instructor(
            tx, school.tenant, class_id, teacher.subject_ref, from_on=days(taught), until_on=after(until)
        )
        enrol(tx, school.tenant, class_id, learner.subject_ref, days(enrolled), START)
        if left is not None:
            unenrol(tx, school.tenant, class_id, learner.subject_ref, days(left))

    people.database.write_now(work, tenant=school.tenant)
    held = people.database.read_now(
        lambda tx: relations(tx, teacher, learner.subject_ref, START, keys), school.tenant
    )
    assert held == expected


def test_nobody_is_their_own_instructor(people: People, keys: KeyRing) -> None:
    school = people.school()
    both = people.person(school, Role.INSTRUCTOR, Role.LEARNER)

    def work(tx: Connection) -> frozenset[Relation]:
        class_id = put_class(tx, school.tenant)
        assign_instructor(tx, school.tenant, class_id, both.subject_ref, days(-1), None)
        enrol(tx, school.tenant, class_id, both.subject_ref, days(-1), START)
        return relations_to(tx, both, [both.subject_ref], START, keys)[both.subject_ref]

    assert people.database.write_now(work, tenant=school.tenant) == OWN


def test_a_guardian_s_tie_ends_with_majority_and_with_the_link(
    people: People, keys: KeyRing, clock: SetClock
) -> None:
    school = people.school()
    guardian = people.person(school, Role.GUARDIAN)
    child, adult = (
        people.person(school, Role.LEARNER, born=CHILD),
        people.person(school, Role.LEARNER, born=GROWN_UP),
    )
    links = [
        Guardianship(
            uuid4(), guardian.subject_ref, learner.subject_ref, Verification.SIGNED_FORM, uuid4(), START, None
        )
        for learner in (child, adult)
    ]

    def work(tx: Connection) -> None:
        for link in links:
            link_guardian(tx, school.tenant, link)

    def held(learner: Principal) -> frozenset[Relation]:
        return people.database.read_now(
            lambda tx: relations(tx, guardian, learner.subject_ref, clock.now(), keys), school.tenant
        )

    people.database.write_now(work, tenant=school.tenant)
    assert held(child) == frozenset({Relation.GUARDIAN_OF_MINOR, Relation.TENANT})
    assert held(adult) == SCHOOL
    clock.advance(1)
    people.database.write_now(
        lambda tx: end_link(tx, school.tenant, links[0].link_id, clock.now()), tenant=school.tenant
    )
    assert held(child) == SCHOOL


def test_only_who_teaches_a_class_is_its_instructor(people: People) -> None:
    school = people.school()
    teacher, other = people.person(school, Role.INSTRUCTOR), people.person(school, Role.INSTRUCTOR)

    def work(tx: Connection) -> UUID:
        class_id = put_class(tx, school.tenant)
        assign_instructor(tx, school.tenant, class_id, teacher.subject_ref, days(-1), None)
        return class_id

    class_id = people.database.write_now(work, tenant=school.tenant)
    read = people.database.read_now
    assert read(lambda tx: class_relations(tx, teacher, class_id, START), school.tenant) == TEACHES
    assert read(lambda tx: class_relations(tx, other, class_id, START), school.tenant) == SCHOOL
    with pytest.raises(NoSuchClass):
        read(lambda tx: class_relations(tx, teacher, uuid4(), START), school.tenant)


DAY = st.integers(-3, 3)
STAYS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), DAY, st.none() | DAY), max_size=14)
LESSONS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), DAY, st.none() | DAY), max_size=6)
CLASSES = st.lists(st.tuples(st.none() | DAY, st.none() | DAY), min_size=4, max_size=4)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(classes=CLASSES, stays=STAYS, lessons=LESSONS, wards=st.sets(st.integers(0, 5)))
def test_a_list_holds_exactly_whom_a_look_up_allows(
    database: Database,
    classes: list[tuple[int | None, int | None]],
    stays: list[tuple[int, int, int, int | None]],
    lessons: list[tuple[int, int, int, int | None]],
    wards: set[int],
) -> None:
    """For every relation: list(filter) == [x for x in all if check(x)], over two schools."""
    tenant, other = uuid4(), uuid4()
    people = [uuid4() for _ in range(6)]
    strangers = [uuid4(), uuid4()]
    database.write_now(lambda tx: populate(tx, tenant, people, classes, stays, lessons), tenant=tenant)
    database.write_now(lambda tx: populate(tx, other, strangers, [], [], []), tenant=other)
    for me in people[:3]:
        here = Standpoint(
            sa.literal(tenant, sa.Uuid()),
            sa.literal(me, sa.Uuid()),
            sa.literal(TODAY, sa.Date()),
            sa.bindparam("w", [people[number] for number in wards], sa.Uuid(), expanding=True),
        )
        principal = Principal(tenant, uuid4(), me, frozenset({Role.INSTRUCTOR}), uuid4())
        database.read_now(lambda tx: compare(tx, here, principal, [*people, *strangers]), tenant)  # noqa: B023  # run at once


def populate(
    tx: Connection,
    tenant: UUID,
    people: list[UUID],
    classes: list[tuple[int | None, int | None]],
    stays: list[tuple[int, int, int, int | None]],
    lessons: list[tuple[int, int, int, int | None]],
) -> None:
    for person in people:
        create_gate(tx, tenant, person, START)
    made = [put_class(tx, tenant, ends_on=after(ends), stands_on=after(stands)) for ends, stands in classes]
    for which, who, start, until in lessons:
        if until is None or until >= start:
            assign_instructor(tx, tenant, made[which], people[who], days(start), after(until))
    for (which, who), (start, left) in {(one[0], one[1]): one[2:] for one in stays}.items():
        enrol(tx, tenant, made[which], people[who], days(start), START)
        if left is not None and left >= start:
            unenrol(tx, tenant, made[which], people[who], days(left))


def compare(tx: Connection, here: Standpoint, principal: Principal, everybody: list[UUID]) -> None:
    gate, no_keys = table(SubjectGate), cast("KeyRing", None)  # only guardians' ties read keys
    for predicate in REGISTRY.values():
        listed = set(tx.scalars(sa.select(gate.c.subject_ref).where(predicate(here, gate.c.subject_ref))))
        checked = {
            person
            for person in everybody
            if tx.execute(sa.select(predicate(here, sa.literal(person, sa.Uuid())))).scalar_one()
        }
        assert listed == checked
    one_by_one = {person: relations(tx, principal, person, START, no_keys) for person in everybody}
    assert relations_to(tx, principal, everybody, START, no_keys) == {
        person: held for person, held in one_by_one.items() if held != NOBODY
    }


def after(number: int | None) -> date | None:
    return None if number is None else days(number)
