from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from governance.accounts import Principal
from governance.keys import DataClass, Place
from governance.permits import Forbidden
from learning import register
from learning.classes import NoSuchClass
from learning.enrolments import NotEnrolled
from learning.gradebook.assessments import (
    Assessment,
    AssessmentDiffers,
    AssessmentKind,
    NoSuchAssessment,
    put_assessment,
)
from learning.gradebook.grades import GradeDiffers, GradePost, Outcome, Standing
from learning.gradebook.posting import post_grades
from learning.gradebook.reading import gradebook, grades_of
from learning.gradebook.rows import GradeRow
from learning.resources import Resources
from learning.risk_facts import RiskFacts
from learning.risk_list import RiskRow
from policy.vocabulary import Role
from runtime.database import table
from runtime.errors import Invalid
from tests.clocks import SetClock
from tests.learning.school import LearningSchool, day


def essay(learner: Principal, score: float | None = 15.0, **changes: Any) -> GradePost:
    post = GradePost(uuid4(), learner.subject_ref, "essay", score, day(-20))
    return replace(post, **changes)


async def posted(
    resources: Resources, school: LearningSchool, posts: Sequence[GradePost], who: Principal | None = None
) -> list[Outcome]:
    return await post_grades(resources, who or school.teacher, school.class_id, posts)


def stored(school: LearningSchool) -> int:
    return school.read(
        lambda tx: tx.execute(sa.select(sa.func.count()).select_from(table(GradeRow))).scalar_one()
    )


async def test_a_learner_can_never_post_a_grade(resources: Resources, school: LearningSchool) -> None:
    learner, other = school.learner(), school.learner()
    for target in (learner, other):
        with pytest.raises(Forbidden):
            await posted(resources, school, [essay(target)], who=learner)
    assert stored(school) == 0


async def test_a_teacher_who_sits_in_the_own_class_cannot_grade_themselves(
    resources: Resources, school: LearningSchool
) -> None:
    both = school.person(Role.INSTRUCTOR, Role.LEARNER)

    def work(tx: sa.Connection) -> None:
        register.assign_instructor(
            tx, school.governor, school.admin, school.class_id, both.subject_ref, day(-9), None
        )
        register.enrol(tx, school.governor, school.admin, school.class_id, both.subject_ref, day(-9))

    school.write(work)
    (outcome,) = await posted(resources, school, [essay(both)], who=both)
    assert isinstance(outcome.refusal, Forbidden)
    assert stored(school) == 0


@pytest.mark.parametrize("role", [Role.INSTRUCTOR, Role.EDITOR, Role.ADMIN, Role.GUARDIAN, Role.AUDITOR])
async def test_nobody_else_grades_in_a_class_they_do_not_teach(
    resources: Resources, school: LearningSchool, role: Role
) -> None:
    with pytest.raises(Forbidden):
        await posted(resources, school, [essay(school.learner())], who=school.person(role))
    assert stored(school) == 0


async def test_a_class_that_does_not_exist_is_told_at_once(
    resources: Resources, school: LearningSchool
) -> None:
    with pytest.raises(NoSuchClass):
        await post_grades(resources, school.teacher, uuid4(), [essay(school.learner())])


async def test_who_is_not_in_the_class_gets_no_grade(resources: Resources, school: LearningSchool) -> None:
    gone, never = school.learner(), school.person(Role.LEARNER)
    school.write(
        lambda tx: register.unenrol(
            tx, school.governor, school.admin, school.class_id, gone.subject_ref, day(0)
        )
    )
    by_teacher = await posted(resources, school, [essay(gone), essay(never)])
    assert [type(one.refusal) for one in by_teacher] == [Forbidden, Forbidden]
    by_system = await posted(resources, school, [essay(gone), essay(never)], who=school.system)
    assert [type(one.refusal) for one in by_system] == [NotEnrolled, NotEnrolled]
    assert stored(school) == 0


async def test_each_post_stands_or_falls_by_itself_and_in_its_place(
    resources: Resources, school: LearningSchool
) -> None:
    one, two = school.learner(), school.learner()
    posts = [
        essay(one),
        essay(two, 21.0),
        essay(two),
        essay(one, assessment_id="riddle"),
        essay(one, assessment_id="project", score=None),
    ]
    outcomes = await posted(resources, school, posts)
    assert [outcome.index for outcome in outcomes] == [0, 1, 2, 3, 4]
    assert [outcome.grade_id for outcome in outcomes] == [post.grade_id for post in posts]
    assert [outcome.posted for outcome in outcomes] == [True, False, True, False, True]
    assert isinstance(outcomes[1].refusal, Invalid)
    assert [fault.field for fault in outcomes[1].refusal.faults] == ["score"]
    assert isinstance(outcomes[3].refusal, NoSuchAssessment)
    assert stored(school) == 3


async def test_the_same_post_again_changes_nothing(resources: Resources, school: LearningSchool) -> None:
    post = essay(school.learner())
    (first,) = await posted(resources, school, [post])
    (again,) = await posted(resources, school, [post])
    assert (first.posted, again.posted) == (True, False)
    assert first.standing is again.standing is Standing.ON_TIME
    assert stored(school) == 1


async def test_an_id_that_says_something_else_is_refused_and_the_first_stays(
    resources: Resources, school: LearningSchool
) -> None:
    learner, other = school.learner(), school.learner()
    post = essay(learner)
    await posted(resources, school, [post])
    changed = [replace(post, score=20.0), replace(post, subject_ref=other.subject_ref)]
    for outcome in await posted(resources, school, changed):
        assert isinstance(outcome.refusal, GradeDiffers)
    assert [grade.record.score for grade in own(school, learner)] == [15.0]
    assert own(school, other) == []


async def test_forty_equal_posts_at_once_make_one_grade(resources: Resources, school: LearningSchool) -> None:
    post = essay(school.learner())
    outcomes = await asyncio.gather(*(posted(resources, school, [post]) for _ in range(40)))
    assert [one.posted for (one,) in outcomes].count(True) == 1
    assert all(one.refusal is None for (one,) in outcomes)
    assert stored(school) == 1


async def test_different_grades_at_once_all_stand_in_one_order(
    resources: Resources, school: LearningSchool
) -> None:
    learner = school.learner()
    posts = [essay(learner, float(score)) for score in range(8)]
    outcomes = await asyncio.gather(*(posted(resources, school, [post]) for post in posts))
    assert all(one.posted for (one,) in outcomes)
    assert [grade.seq for grade in own(school, learner)] == list(range(1, 9))


async def test_grades_that_come_at_once_are_all_in_the_risk_facts(
    resources: Resources, school: LearningSchool
) -> None:
    learner = school.learner()
    posts = [essay(learner, float(score)) for score in range(6)]
    await asyncio.gather(*(posted(resources, school, [post]) for post in posts))
    row = school.read(lambda tx: tx.execute(sa.select(table(RiskRow))).one())
    place = Place(school.tenant, learner.subject_ref, "risk", "sealed_facts", str(school.class_id))
    facts = RiskFacts.model_validate_json(resources.keyring.open(place, DataClass.LEARNING, row.sealed_facts))
    assert sorted(grade.seq for grade in facts.grades) == [1, 2, 3, 4, 5, 6]
    assert row.version == 6


async def test_late_resubmitted_banked_and_missing_are_kept_with_their_history(
    resources: Resources, school: LearningSchool
) -> None:
    learner = school.learner()
    await posted(
        resources,
        school,
        [
            essay(learner, None, submitted_on=None, standing=Standing.MISSING),
            essay(learner, 8.0, submitted_on=day(-10), comment="Too short."),
            essay(learner, 14.0, submitted_on=day(-5)),
            essay(learner, 40.0, assessment_id="project", standing=Standing.BANKED, submitted_on=day(-300)),
        ],
    )
    kept = [
        (grade.assessment_id, grade.seq, grade.record.standing, grade.record.score)
        for grade in own(school, learner)
    ]
    assert kept == [
        ("essay", 1, Standing.MISSING, None),
        ("essay", 2, Standing.LATE, 8.0),
        ("essay", 3, Standing.RESUBMITTED, 14.0),
        ("project", 1, Standing.BANKED, 40.0),
    ]
    (row,) = school.read(
        lambda tx: gradebook(tx, school.governor, school.teacher, school.class_id, after=None, limit=9)
    )
    assert {name: grade.record.score for name, grade in row.grades.items()} == {
        "essay": 14.0,
        "project": 40.0,
    }
    assert row.display_name == "Robin Beech"


async def test_nothing_of_a_grade_is_stored_in_clear(resources: Resources, school: LearningSchool) -> None:
    await posted(resources, school, [essay(school.learner(), 17.25, comment="Canary comment")])
    row = school.read(lambda tx: tx.execute(sa.select(table(GradeRow))).one())
    assert b"Canary" not in row.sealed_record
    assert "17.25" not in str(row)


async def test_a_learner_reads_own_grades_and_nobody_else_s(
    resources: Resources, school: LearningSchool, clock: SetClock
) -> None:
    one, two = school.learner(), school.learner()
    await posted(resources, school, [essay(one), essay(two)])
    assert len(own(school, one)) == 1
    with pytest.raises(Forbidden):
        school.read(lambda tx: grades_of(tx, school.governor, one, school.class_id, two.subject_ref))
    with pytest.raises(Forbidden):
        school.read(lambda tx: gradebook(tx, school.governor, one, school.class_id, after=None, limit=9))


def test_an_assessment_with_grades_keeps_its_best_score(school: LearningSchool, resources: Resources) -> None:
    test = Assessment("test-1", "Test 1", AssessmentKind.TEST, 1.0, None, 40.0)

    def put(changed: Assessment) -> Assessment:
        return school.write(
            lambda tx: put_assessment(tx, school.governor, school.teacher, school.class_id, changed)
        )

    put(test)
    put(replace(test, max_score=50.0))
    learner = school.learner()
    asyncio.run(posted(resources, school, [essay(learner, 45.0, assessment_id="test-1")]))
    put(replace(test, max_score=50.0, weight=3.0, due_on=day(3)))
    with pytest.raises(AssessmentDiffers):
        put(replace(test, max_score=60.0))
    with pytest.raises(Forbidden):
        school.write(lambda tx: put_assessment(tx, school.governor, learner, school.class_id, test))


def own(school: LearningSchool, learner: Principal) -> list[Any]:
    return school.read(
        lambda tx: grades_of(tx, school.governor, learner, school.class_id, learner.subject_ref)
    )
