from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from governance.accounts import Principal
from governance.decisions import Decision, SealedRecord
from governance.gate import move_gate, take_gate
from governance.keys import DataClass, Place
from learning.courses.content import ChoiceResponse, TextResponse
from learning.quizzes import ResponseUnfit
from learning.sessions import answering, closing, opening, profiles
from learning.sessions.errors import (
    AnswerDiffers,
    ClockImpossible,
    SessionClosed,
    SessionUnknown,
    StepNeverOffered,
    StepPassed,
)
from learning.sessions.messages import Cursor, Follow, Lane, Reply, StepView
from learning.sessions.opening import SessionView
from learning.sessions.rows import Answer, LearnerStateRow, Session, Step
from learning.state import LearnerState
from policy.vocabulary import Purpose
from tests.classroom import Classroom, command


async def answer(
    room: Classroom,
    learner: Principal,
    session_id: UUID,
    step: StepView | None,
    option: str = "right",
    **given: object,
) -> Reply:
    return await answering.answer(room.resources, command(learner, session_id, step, option, **given))


def open_step(session: SessionView) -> StepView:
    assert session.step is not None
    return session.step


def give_consent(room: Classroom, subject: UUID) -> None:
    def work(tx: sa.Connection) -> None:
        gate = take_gate(tx, room.school.tenant, subject)
        assert gate is not None
        now = room.resources.clock.now()
        move_gate(tx, gate, now, consents={Purpose.PERSONALISATION: now + timedelta(days=365)})

    room.resources.database.write_now(work, tenant=room.school.tenant)


def withdraw(room: Classroom, subject: UUID) -> None:
    def work(tx: sa.Connection) -> None:
        gate = take_gate(tx, room.school.tenant, subject)
        assert gate is not None
        move_gate(tx, gate, room.resources.clock.now(), consents={})

    room.resources.database.write_now(work, tenant=room.school.tenant)


Before = tuple[Principal, SessionView, tuple[object, ...]]


class TestRefusals:
    """Each leaves everything as it was."""

    @pytest.fixture
    async def before(self, classroom: Classroom) -> Before:
        learner = classroom.learner()
        session = await classroom.start(learner)
        return learner, session, self.counts(classroom)

    @staticmethod
    def counts(room: Classroom) -> tuple[object, ...]:
        session = {row["session_id"]: (row["seq"], row["open_step"]) for row in room.rows(Session)}
        return session, len(room.rows(Answer)), len(room.rows(Step)), len(room.rows(Decision))

    async def test_a_step_of_nowhere(self, classroom: Classroom, before: Before) -> None:
        learner, session, counts = before
        step = open_step(session).model_copy(update={"step_id": uuid4()})
        with pytest.raises(StepNeverOffered) as refused:
            await answer(classroom, learner, session.session_id, step)
        assert refused.value.faults[0].field == "body.step_id"
        assert self.counts(classroom) == counts

    async def test_somebody_elses_session(self, classroom: Classroom, before: Before) -> None:
        _, session, counts = before
        with pytest.raises(SessionUnknown):
            await answer(classroom, classroom.learner(), session.session_id, session.step)
        assert self.counts(classroom) == counts

    async def test_a_session_of_another_school(self, classroom: Classroom, before: Before) -> None:
        _, session, counts = before
        elsewhere = Classroom.open(classroom.resources, classroom.people)
        with pytest.raises(SessionUnknown):
            await answer(elsewhere, elsewhere.learner(), session.session_id, session.step)
        assert self.counts(classroom) == counts

    async def test_a_response_that_does_not_fit_the_item(self, classroom: Classroom, before: Before) -> None:
        learner, session, counts = before
        for response in (TextResponse(text="half"), ChoiceResponse(option="neither")):
            with pytest.raises(ResponseUnfit):
                await answer(classroom, learner, session.session_id, session.step, response=response)
        assert self.counts(classroom) == counts

    @pytest.mark.parametrize("off", [timedelta(minutes=6), timedelta(days=-4)])
    async def test_a_clock_that_cannot_be_right(
        self, classroom: Classroom, before: Before, off: timedelta
    ) -> None:
        learner, session, counts = before
        at = classroom.resources.clock.now() + off
        with pytest.raises(ClockImpossible):
            await answer(classroom, learner, session.session_id, session.step, answered_at=at)
        assert self.counts(classroom) == counts

    async def test_a_closed_session(self, classroom: Classroom, before: Before) -> None:
        learner, session, _ = before
        await closing.end(classroom.resources, learner, session.session_id)
        with pytest.raises(SessionClosed):
            await answer(classroom, learner, session.session_id, session.step)
        assert classroom.rows(Answer) == []

    async def test_an_answered_step(self, classroom: Classroom, before: Before) -> None:
        learner, session, _ = before
        await answer(classroom, learner, session.session_id, session.step)
        with pytest.raises(StepPassed):
            await answer(classroom, learner, session.session_id, session.step)
        assert len(classroom.rows(Answer)) == 1

    async def test_the_same_id_with_other_content(self, classroom: Classroom, before: Before) -> None:
        learner, session, _ = before
        first = command(learner, session.session_id, session.step)
        await answering.answer(classroom.resources, first)
        changed = first.model_copy(update={"response": ChoiceResponse(option="wrong")})
        with pytest.raises(AnswerDiffers):
            await answering.answer(classroom.resources, changed)
        assert len(classroom.rows(Answer)) == 1


async def test_an_answer_comes_back_with_grade_move_and_the_next_step(classroom: Classroom) -> None:
    learner = classroom.learner()
    session = await classroom.start(learner)
    reply = await answer(classroom, learner, session.session_id, session.step)
    assert reply.grade.correct
    assert reply.grade.feedback
    assert reply.seq == 1
    assert reply.move.why
    assert reply.next_step is not None
    assert reply.next_step.step_id != open_step(session).step_id
    (row,) = classroom.rows(Session)
    assert (row["seq"], row["open_step"]) == (1, reply.next_step.step_id)


async def test_an_item_is_shown_without_what_would_give_it_away(classroom: Classroom) -> None:
    session = await classroom.start(classroom.learner())
    shown = open_step(session).model_dump_json()
    for secret in ("Because it is.", "correct", "misconception", "Count the parts", "more-is-more"):
        assert secret not in shown


async def test_sending_an_answer_again_returns_the_same_reply_on_either_lane(classroom: Classroom) -> None:
    learner = classroom.learner()
    session = await classroom.start(learner)
    first = command(learner, session.session_id, session.step)
    reply = await answering.answer(classroom.resources, first)
    again = first.model_copy(update={"lane": Lane.ENGINE})
    assert await answering.answer(classroom.resources, again) == reply
    assert len(classroom.rows(Answer)) == 1


async def test_lanes_that_race_end_in_one_answer_and_one_reply(classroom: Classroom) -> None:
    learner = classroom.learner()
    session = await classroom.start(learner)
    first = command(learner, session.session_id, session.step)
    lanes = [first.model_copy(update={"lane": lane}) for lane in (Lane.ENGINE, Lane.DIRECT) * 4]
    replies = await asyncio.gather(*(answering.answer(classroom.resources, each) for each in lanes))
    assert len({reply.model_dump_json() for reply in replies}) == 1
    assert len(classroom.rows(Answer)) == 1
    assert len(classroom.rows(Step)) == 2


async def test_two_tabs_cannot_answer_one_step_twice(classroom: Classroom) -> None:
    learner = classroom.learner()
    session = await classroom.start(learner)
    tabs = [command(learner, session.session_id, session.step) for _ in range(4)]
    outcomes = await asyncio.gather(
        *(answering.answer(classroom.resources, tab) for tab in tabs), return_exceptions=True
    )
    assert sum(isinstance(outcome, Reply) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, StepPassed) for outcome in outcomes) == 3


async def test_without_consent_the_course_goes_in_its_own_order_and_nothing_is_profiled(
    classroom: Classroom,
) -> None:
    learner = classroom.learner()
    session = await classroom.start(learner)
    reply = await answer(classroom, learner, session.session_id, session.step)
    assert reply.evidence.p_correct is None
    assert reply.evidence.mastery == {}
    assert [row["model_digests"] for row in classroom.rows(Decision)] == ["", ""]


async def test_with_consent_the_models_are_asked_and_named(classroom: Classroom) -> None:
    learner = classroom.learner()
    give_consent(classroom, learner.subject_ref)
    session = await classroom.start(learner)
    reply = await answer(classroom, learner, session.session_id, session.step)
    assert reply.evidence.p_correct is not None
    assert set(reply.evidence.mastery) == {"halves"}
    decided = {
        row["fact_ref"]: row for row in classroom.rows(Decision) if row["decision_id"] == reply.decision_id
    }
    assert "knowledge=" in decided[session.session_id]["model_digests"]


async def test_no_decision_is_stamped_with_an_epoch_that_was_over_when_it_committed(
    classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The withdrawal commits between reading and writing: the answer starts again and profiles nothing."""
    learner = classroom.learner()
    give_consent(classroom, learner.subject_ref)
    session = await classroom.start(learner)
    made = answering._make

    def withdrawn_meanwhile(*args: Any) -> object:
        monkeypatch.setattr(answering, "_make", made)
        withdraw(classroom, learner.subject_ref)
        return made(*args)

    monkeypatch.setattr(answering, "_make", withdrawn_meanwhile)
    reply = await answer(classroom, learner, session.session_id, session.step)
    (row,) = [row for row in classroom.rows(Decision) if row["decision_id"] == reply.decision_id]
    assert (row["consent_epoch"], row["model_digests"]) == (2, "")
    assert reply.evidence.p_correct is None


async def test_the_record_holds_everything_the_decision_read(classroom: Classroom) -> None:
    learner = classroom.learner()
    give_consent(classroom, learner.subject_ref)
    session = await classroom.start(learner)
    reply = await answer(classroom, learner, session.session_id, session.step)
    (row,) = [row for row in classroom.rows(Decision) if row["decision_id"] == reply.decision_id]
    place = Place(
        classroom.school.tenant, learner.subject_ref, "decision", "sealed_record", str(reply.decision_id)
    )
    opened = SealedRecord.from_bytes(
        classroom.resources.keyring.open(place, DataClass.EVIDENCE, row["sealed_record"])
    )
    assert opened.inputs["attempt"]["item"] == open_step(session).item.id
    assert opened.outcome["sentence"] == reply.move.why


async def test_a_hint_is_counted_by_the_server(classroom: Classroom) -> None:
    learner = classroom.learner()
    session = await classroom.start(learner)
    shown = await opening.hint(classroom.resources, learner, session.session_id, open_step(session).step_id)
    assert shown.hints_shown == ("Look again.",)
    (row,) = classroom.rows(Step)
    assert row["hints_shown"] == 1


async def test_a_chosen_item_takes_the_place_of_the_offered_one(classroom: Classroom) -> None:
    learner = classroom.learner()
    session = await classroom.start(learner)
    chosen = await opening.choose(classroom.resources, learner, session.session_id, uuid4(), "thirds-5")
    assert chosen.step is not None
    assert (chosen.step.item.id, chosen.step.chosen) == ("thirds-5", True)
    with pytest.raises(StepPassed):
        await answer(classroom, learner, session.session_id, session.step)
    assert (await answer(classroom, learner, session.session_id, chosen.step)).seq == 1


async def test_the_cursor_follows_answers_that_the_engine_never_saw(classroom: Classroom) -> None:
    learner = classroom.learner()
    session = await classroom.start(learner)
    step = session.step
    for _ in range(3):
        step = (await answer(classroom, learner, session.session_id, step)).next_step
    ask = Follow(tenant=classroom.school.tenant, session_id=session.session_id, cursor=Cursor())
    followed = await closing.follow(classroom.resources, ask)
    (row,) = classroom.rows(Session)
    assert (followed.cursor.seq, followed.cursor.digest, followed.closed) == (3, row["digest"].hex(), False)


async def test_starting_again_with_the_same_id_returns_the_same_session(classroom: Classroom) -> None:
    learner = classroom.learner()
    first = await classroom.start(learner)
    assert await classroom.start(learner, first.session_id) == first
    assert len(classroom.rows(Session)) == 1


async def test_ending_twice_gives_one_summary(classroom: Classroom) -> None:
    learner = classroom.learner()
    session = await classroom.start(learner)
    step = (await answer(classroom, learner, session.session_id, session.step)).next_step
    await answer(classroom, learner, session.session_id, step, "wrong")
    first = await closing.end(classroom.resources, learner, session.session_id)
    assert (first.summary.answers, first.summary.correct, first.summary.accuracy) == (2, 1, 0.5)
    assert await closing.end(classroom.resources, learner, session.session_id) == first


async def test_a_session_is_not_idle_while_answers_come(classroom: Classroom) -> None:
    learner = classroom.learner()
    session = await classroom.start(learner)
    ask = Follow(tenant=classroom.school.tenant, session_id=session.session_id, cursor=Cursor())
    classroom.resources.clock.advance(1_000)  # type: ignore[attr-defined]  # the test's clock
    await answer(classroom, learner, session.session_id, session.step)
    classroom.resources.clock.advance(1_000)  # type: ignore[attr-defined]  # the test's clock
    active = await closing.close_if_idle(classroom.resources, ask)
    assert (active.closed, active.wait_s) == (False, 800)
    classroom.resources.clock.advance(801)  # type: ignore[attr-defined]  # the test's clock
    assert (await closing.close_if_idle(classroom.resources, ask)).closed
    (row,) = classroom.rows(Session)
    assert (row["state"], row["end_reason"]) == ("closed", "idle")


async def test_a_profile_is_forgotten_when_consent_to_it_is_withdrawn(classroom: Classroom) -> None:
    learner = classroom.learner()
    give_consent(classroom, learner.subject_ref)
    session = await classroom.start(learner)
    await answer(classroom, learner, session.session_id, session.step)
    state = state_of(classroom, learner)
    assert state.skills
    withdraw(classroom, learner.subject_ref)
    classroom.resources.database.write_now(
        lambda tx: profiles.forget_unless_consented(
            tx, classroom.resources, classroom.school.tenant, learner.subject_ref
        ),
        tenant=classroom.school.tenant,
    )
    left = state_of(classroom, learner)
    assert (left.answers, left.items) == (state.answers, state.items)
    assert (left.skills, left.recent) == ({}, ())


def state_of(room: Classroom, learner: Principal) -> LearnerState:
    (row,) = room.rows(LearnerStateRow)
    place = Place(room.school.tenant, learner.subject_ref, "learner_state", "sealed_state", "small")
    return LearnerState.from_bytes(
        room.resources.keyring.open(place, DataClass.LEARNING, row["sealed_state"])
    )
