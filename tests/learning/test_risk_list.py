from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from governance.accounts import Principal
from governance.gate import GateState, move_gate, take_gate
from governance.keys import DataClass, Place
from governance.permits import Forbidden, SubjectRestricted
from learning import register
from learning.enrolments import NotEnrolled
from learning.gradebook.grades import GradePost
from learning.gradebook.posting import post_grades
from learning.resources import Resources
from learning.risk import Band
from learning.risk_facts import RiskFacts
from learning.risk_list import OwnRisk, RiskList, RiskRow, risk_list, risk_of
from learning.sessions.answering import answer
from learning.sessions.closing import end
from learning.sessions.profiles import forget_unless_consented
from policy.vocabulary import Role
from runtime.database import table
from runtime.errors import Invalid
from tests.classroom import Classroom, command
from tests.clocks import START, SetClock
from tests.households import Household
from tests.learning.school import LearningSchool, day


async def graded(
    resources: Resources, school: LearningSchool, learner: Principal, score: float, **changes: Any
) -> None:
    post = replace(GradePost(uuid4(), learner.subject_ref, "essay", score, day(-20), day(-19)), **changes)
    (outcome,) = await post_grades(resources, school.teacher, school.class_id, [post])
    assert outcome.refusal is None


def listed(
    resources: Resources, school: LearningSchool, who: Principal | None = None, **days: Any
) -> RiskList:
    return school.read(lambda tx: risk_list(tx, resources, who or school.teacher, school.class_id, **days))


def one(
    resources: Resources, school: LearningSchool, who: Principal, learner: Principal, **days: Any
) -> OwnRisk:
    return school.read(lambda tx: risk_of(tx, resources, who, school.class_id, learner.subject_ref, **days))


def names(found: RiskList) -> list[UUID]:
    return [row.subject_ref for row in found.rows]


@pytest.mark.parametrize("role", [Role.INSTRUCTOR, Role.LEARNER, Role.ADMIN, Role.EDITOR, Role.AUDITOR])
def test_the_list_is_for_who_teaches_the_class(
    resources: Resources, school: LearningSchool, role: Role
) -> None:
    school.learner()
    with pytest.raises(Forbidden):
        listed(resources, school, school.person(role))
    with pytest.raises(Forbidden):
        listed(resources, school, school.system)


async def test_a_learner_sees_the_own_score_as_the_teacher_does_and_nobody_else_s(
    resources: Resources, school: LearningSchool
) -> None:
    learner, other = school.learner(), school.learner()
    await graded(resources, school, learner, 3.0)
    mine, theirs = one(resources, school, learner, learner), one(resources, school, school.teacher, learner)
    assert mine == theirs
    assert mine.risk == next(
        row.risk for row in listed(resources, school).rows if row.subject_ref == learner.subject_ref
    )
    with pytest.raises(Forbidden):
        one(resources, school, other, learner)
    stranger = school.person(Role.LEARNER)
    with pytest.raises(NotEnrolled):
        one(resources, school, stranger, stranger)


async def test_who_needs_help_stands_first_with_reasons_and_ties_are_stable(
    resources: Resources, school: LearningSchool
) -> None:
    good, bad, silent = school.learner(), school.learner(), school.learner()
    await graded(resources, school, good, 20.0)
    await graded(resources, school, bad, 2.0, submitted_on=day(-10), graded_on=day(-9))
    found = listed(resources, school)
    assert names(found)[-1] == good.subject_ref
    first = found.rows[0]
    assert first.risk.score > found.rows[-1].risk.score
    assert all(reason.words for row in found.rows for reason in row.risk.reasons)
    missing = next(row for row in found.rows if row.subject_ref == silent.subject_ref)
    assert [reason.words for reason in missing.risk.reasons][:1] == ["1 of 1 piece of work due is missing"]
    assert [row.key for row in found.rows] == sorted(row.key for row in found.rows)
    assert names(found) == names(listed(resources, school))


def test_before_anything_is_due_it_is_too_early_to_say(resources: Resources, school: LearningSchool) -> None:
    school.learner(-29)
    (row,) = listed(resources, school, as_of=day(-20)).rows
    assert row.risk.band is Band.TOO_EARLY


async def test_a_list_as_of_a_day_does_not_know_what_came_later(
    resources: Resources, school: LearningSchool
) -> None:
    learner = school.learner()
    before = listed(resources, school, as_of=day(-12)).rows[0]
    await graded(resources, school, learner, 1.0, submitted_on=day(-11), graded_on=day(-3))
    assert listed(resources, school, as_of=day(-12)).rows[0] == before
    handed_in = listed(resources, school, as_of=day(-11)).rows[0].risk
    assert handed_in.features["missing_share"] == 0
    assert handed_in.features["score"] is None
    assert listed(resources, school, as_of=day(-3)).rows[0].risk.features["score"] == pytest.approx(0.05)


async def test_what_changed_since_a_day_is_told(resources: Resources, school: LearningSchool) -> None:
    learner = school.learner()
    await graded(resources, school, learner, 1.0, submitted_on=day(-2), graded_on=day(-1))
    (row,) = listed(resources, school, since=day(-5)).rows
    assert "score" in {shift.feature for shift in row.changed}
    assert listed(resources, school, since=day(0)).rows[0].changed == ()


@pytest.mark.parametrize(
    ("days", "field"),
    [({"as_of": day(1)}, "query.as_of"), ({"as_of": day(-3), "since": day(-2)}, "query.since")],
)
def test_impossible_days_are_named(
    resources: Resources, school: LearningSchool, days: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        listed(resources, school, **days)
    assert [fault.field for fault in refused.value.faults] == [field]


def test_who_left_or_came_later_or_is_restricted_is_not_listed(
    resources: Resources, school: LearningSchool
) -> None:
    here, left, late, restricted = school.learner(), school.learner(), school.learner(-5), school.learner()

    def work(tx: sa.Connection) -> None:
        register.unenrol(tx, school.governor, school.admin, school.class_id, left.subject_ref, day(0))
        gate = take_gate(tx, school.tenant, restricted.subject_ref)
        assert gate is not None
        move_gate(tx, gate, START, state=GateState.RESTRICTED)

    school.write(work)
    assert set(names(listed(resources, school))) == {here.subject_ref, late.subject_ref}
    assert names(listed(resources, school, as_of=day(-6))) == [here.subject_ref]
    with pytest.raises(SubjectRestricted):
        one(resources, school, school.teacher, restricted)


async def test_the_row_keeps_the_last_two_scores_and_nothing_in_clear(
    resources: Resources, school: LearningSchool, clock: SetClock
) -> None:
    learner = school.learner()
    await graded(resources, school, learner, 19.0)
    clock.advance(3600)
    await graded(resources, school, learner, 2.0, submitted_on=day(-5), graded_on=day(-4))
    found = one(resources, school, learner, learner)
    assert found.current is not None
    assert found.previous is not None
    assert found.current.computed_at > found.previous.computed_at
    assert found.current.risk.score > found.previous.risk.score
    assert len(found.current.inputs_digest) == 64
    row = school.read(lambda tx: tx.execute(sa.select(table(RiskRow))).one())
    assert row.version == 2
    assert b"score" not in row.sealed_scores
    assert b"essay" not in row.sealed_facts


async def test_a_class_of_the_past_is_judged_at_the_day_it_stands_at(
    resources: Resources, school: LearningSchool
) -> None:
    learner = school.learner()
    school.write(
        lambda tx: register.amend_class(
            tx, school.governor, school.admin, school.class_id, {"stands_on": day(-18)}
        )
    )
    assert listed(resources, school).as_of == day(-18)
    await graded(resources, school, learner, 20.0)
    current = one(resources, school, learner, learner).current
    assert current is not None
    assert current.as_of == day(-18)


async def test_a_session_s_end_refreshes_the_score_and_being_stuck_counts(classroom: Classroom) -> None:
    resources, learner = classroom.resources, classroom.learner()
    session = await classroom.start(learner)
    step = session.step
    for _ in range(3):
        reply = await answer(resources, command(learner, session.session_id, step, option="wrong"))
        step = reply.next_step
    await end(resources, learner, session.session_id)

    def look(tx: sa.Connection) -> OwnRisk:
        return risk_of(tx, resources, learner, classroom.class_id, learner.subject_ref)

    found = resources.database.read_now(look, classroom.school.tenant)
    assert found.current is not None
    assert found.risk.features["stuck_exits"] == 1
    assert found.risk.features["days_idle"] == 0
    assert found.risk.features["accuracy_level"] is None  # nobody consented to personalisation


async def test_a_withdrawn_consent_takes_the_profile_out_of_what_is_kept(
    classroom: Classroom, clock: SetClock
) -> None:
    resources, learner = classroom.resources, classroom.learner()
    household = Household(resources.database, resources.governor, clock, classroom.school, learner, learner)
    household.give()
    session = await classroom.start(learner)
    step = session.step
    for _ in range(5):
        step = (await answer(resources, command(learner, session.session_id, step))).next_step
    await end(resources, learner, session.session_id)

    def look(tx: sa.Connection) -> OwnRisk:
        return risk_of(tx, resources, learner, classroom.class_id, learner.subject_ref)

    before = resources.database.read_now(look, classroom.school.tenant)
    assert before.risk.features["accuracy_level"] == 1
    assert before.current is not None
    household.withdraw()
    resources.database.write_now(
        lambda tx: forget_unless_consented(tx, resources, learner.tenant, learner.subject_ref),
        tenant=learner.tenant,
    )
    after = resources.database.read_now(look, classroom.school.tenant)
    assert after.risk.features["accuracy_level"] is None
    assert after.current is None
    row = resources.database.read_now(
        lambda tx: tx.execute(sa.select(table(RiskRow))).one(), classroom.school.tenant
    )
    place = Place(learner.tenant, learner.subject_ref, "risk", "sealed_facts", str(classroom.class_id))
    kept = resources.keyring.open(place, DataClass.LEARNING, row.sealed_facts)
    assert RiskFacts.model_validate_json(kept).accuracy is None
    assert len(RiskFacts.model_validate_json(kept).sessions) == 1


async def test_whom_nobody_can_judge_yet_stands_before_whom_nobody_need_worry_about(
    resources: Resources, school: LearningSchool
) -> None:
    early, silent = school.learner(), school.learner()
    await graded(resources, school, early, 20.0, submitted_on=day(-28), graded_on=day(-27))
    found = listed(resources, school, as_of=day(-20))
    assert [row.risk.band for row in found.rows] == [Band.TOO_EARLY, Band.LOW]
    assert names(found) == [silent.subject_ref, early.subject_ref]
