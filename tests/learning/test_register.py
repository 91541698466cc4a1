from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy.engine import Connection

from governance.accounts import Principal
from governance.gate import GateState, move_gate, take_gate
from governance.permits import Forbidden, SubjectErased, UnknownSubject
from learning import register
from learning.classes import NoSuchClass, SchoolClass
from learning.gradebook.assessments import assessments
from policy.vocabulary import Role
from runtime.errors import Invalid
from tests.clocks import START, SetClock
from tests.learning.school import COURSE, LearningSchool, day

EVERY_OTHER_ROLE = [Role.LEARNER, Role.INSTRUCTOR, Role.EDITOR, Role.GUARDIAN, Role.OFFICER, Role.AUDITOR]


def enrolling(
    school: LearningSchool, who: Principal, learner: Principal, on: int = 0
) -> Callable[[Connection], object]:
    return lambda tx: register.enrol(tx, school.governor, who, school.class_id, learner.subject_ref, day(on))


def names(school: LearningSchool, who: Principal) -> dict[object, str | None]:
    def work(tx: Connection) -> list[register.RosterRow]:
        return register.roster(tx, school.governor, who, school.class_id, after=None, limit=50)

    return {row.subject_ref: row.display_name for row in school.read(work)}


@pytest.mark.parametrize("role", EVERY_OTHER_ROLE)
def test_only_who_keeps_the_register_makes_classes_and_enrols(school: LearningSchool, role: Role) -> None:
    somebody, learner = school.person(role), school.person(Role.LEARNER)
    new = replace(school.school_class(), class_id=uuid4())
    with pytest.raises(Forbidden):
        school.write(lambda tx: register.create_class(tx, school.governor, somebody, new))
    with pytest.raises(Forbidden):
        school.write(enrolling(school, somebody, learner))
    with pytest.raises(Forbidden):
        names(school, somebody)
    assert names(school, school.admin) == {}


def test_nobody_of_another_school_is_enrolled_or_found(school: LearningSchool) -> None:
    elsewhere = school.people.school()
    stranger = school.people.person(elsewhere, Role.LEARNER)
    foreign_admin = school.people.person(elsewhere, Role.ADMIN)
    with pytest.raises(UnknownSubject):
        school.write(enrolling(school, school.admin, stranger))
    with pytest.raises(NoSuchClass):
        school.people.database.read_now(
            lambda tx: register.see_class(tx, school.governor, foreign_admin, school.class_id),
            elsewhere.tenant,
        )


def test_only_learners_are_enrolled_and_only_instructors_teach(school: LearningSchool) -> None:
    editor = school.person(Role.EDITOR)
    with pytest.raises(Invalid) as refused:
        school.write(enrolling(school, school.admin, editor))
    assert refused.value.faults[0].field == "learner"
    with pytest.raises(Invalid) as refused:
        school.write(
            lambda tx: register.assign_instructor(
                tx, school.governor, school.admin, school.class_id, editor.subject_ref, day(0), None
            )
        )
    assert refused.value.faults[0].field == "path.subject_ref"


def test_who_was_erased_is_not_enrolled(school: LearningSchool) -> None:
    learner = school.person(Role.LEARNER)

    def erase(tx: Connection) -> None:
        gate = take_gate(tx, school.tenant, learner.subject_ref)
        assert gate is not None
        move_gate(tx, gate, START, state=GateState.ERASED)

    school.write(erase)
    with pytest.raises(SubjectErased):
        school.write(enrolling(school, school.admin, learner))


def test_a_class_needs_a_course_that_exists(school: LearningSchool) -> None:
    new = replace(school.school_class(), class_id=uuid4(), course_id="alchemy")
    with pytest.raises(Invalid) as refused:
        school.write(lambda tx: register.create_class(tx, school.governor, school.admin, new))
    assert refused.value.faults[0].field == "body.course_id"


def test_a_class_starts_with_its_course_s_assignments(school: LearningSchool) -> None:
    found = school.read(lambda tx: assessments(tx, school.tenant, school.class_id))
    assert [(one.assessment_id, one.due_on, one.max_score) for one in found.values()] == [
        (work.id, day(-30) + timedelta(days=work.due_day or 0), work.max_score) for work in COURSE.assignments
    ]


def test_the_same_class_again_is_the_same_class(school: LearningSchool) -> None:
    again = school.write(
        lambda tx: register.create_class(tx, school.governor, school.admin, school.school_class())
    )
    assert again is False


@pytest.mark.parametrize("who", ["admin", "system"])
def test_admins_and_school_systems_keep_the_register(school: LearningSchool, who: str) -> None:
    keeper, learner = getattr(school, who), school.person(Role.LEARNER)
    school.write(enrolling(school, keeper, learner, -3))
    assert list(names(school, keeper)) == [learner.subject_ref]
    school.write(
        lambda tx: register.unenrol(tx, school.governor, keeper, school.class_id, learner.subject_ref, day(0))
    )
    assert names(school, keeper) == {}


def test_names_are_for_teachers_and_admins_alone(school: LearningSchool) -> None:
    learner = school.learner()
    assert names(school, school.teacher) == {learner.subject_ref: "Robin Beech"}
    assert names(school, school.admin) == {learner.subject_ref: "Robin Beech"}
    assert names(school, school.system) == {learner.subject_ref: None}


def test_without_a_day_an_enrolment_counts_from_the_day_the_class_lives_at(school: LearningSchool) -> None:
    past = replace(school.school_class(), class_id=uuid4(), stands_on=day(-400), starts_on=day(-410))
    learner = school.person(Role.LEARNER)

    def work(tx: Connection) -> object:
        register.create_class(tx, school.governor, school.admin, past)
        return register.enrol(tx, school.governor, school.admin, past.class_id, learner.subject_ref, None)

    stay = school.write(work)
    assert getattr(stay, "enrolled_on", None) == day(-400)


def test_everybody_sees_the_classes_they_keep_teach_or_attend(
    school: LearningSchool, clock: SetClock
) -> None:
    other = replace(school.school_class(), class_id=uuid4(), title="5a")
    school.write(lambda tx: register.create_class(tx, school.governor, school.admin, other))
    learner = school.learner()

    def seen(who: Principal) -> set[str]:
        def work(tx: Connection) -> list[SchoolClass]:
            return register.see_classes(tx, school.governor, who, after=None, limit=9)

        return {one.title for one in school.read(work)}

    assert seen(school.admin) == seen(school.system) == {"4b", "5a"}
    assert seen(school.teacher) == seen(learner) == {"4b"}
    assert seen(school.person(Role.LEARNER)) == seen(school.person(Role.INSTRUCTOR)) == set()
    with pytest.raises(NoSuchClass):
        school.read(lambda tx: register.see_class(tx, school.governor, learner, other.class_id))


def test_a_teacher_locks_their_own_class_and_changes_nothing_else(school: LearningSchool) -> None:
    def amending(who: Principal, **changes: object) -> Callable[[Connection], SchoolClass]:
        return lambda tx: register.amend_class(tx, school.governor, who, school.class_id, changes)

    assert school.write(amending(school.teacher, lesson_locked=True)).lesson_locked
    with pytest.raises(Forbidden):
        school.write(amending(school.teacher, lesson_locked=False, ends_on=day(900)))
    with pytest.raises(Forbidden):
        school.write(amending(school.person(Role.INSTRUCTOR), lesson_locked=False))
    with pytest.raises(Forbidden):
        school.write(amending(school.learner(), assessment_mode=True))
    assert school.write(amending(school.admin, title="4c")).lesson_locked
