"""``answer``: the only code that creates an answer. Both lanes call it, and may race.

1. Read, in one snapshot: permit (decision point, gate, consent), session, step, learner state, or the outcome
   an earlier try of this answer already had.
2. Compute, holding nothing: grade, then decide (features, knowledge, risk, move).
3. Write, in one transaction that first compares: the gate stands as it was (``FOR SHARE``), the session is
   open at the order number and step that were read, the learner state has the version that was read. Answer,
   decision, state and next step are committed together or not at all.

Where something moved between 1 and 3 (a withdrawal, the other lane, another tab), it starts again from 1 and
finds either the winner's outcome or the new truth. Nothing is computed while the database waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from governance import decisions
from governance.permits import GateMoved, Permit, permit
from learning import item_times
from learning.adaptation import decide
from learning.classes import ClassGroup
from learning.courses.plan import CoursePlan
from learning.decisions import Decided, DecisionInputs, Gates, TextKind, graded
from learning.features.times import ItemTimes, hesitation_ln, response_ln
from learning.quizzes import Grade, grade
from learning.resources import Resources
from learning.sessions import chain, views
from learning.sessions.deciding import (
    decision_record,
    read_state,
    seal_state,
    write_state,
)
from learning.sessions.errors import (
    AnswerDiffers,
    ClockImpossible,
    SessionClosed,
    SessionMoved,
    SessionUnknown,
    StepNeverOffered,
    StepPassed,
)
from learning.sessions.messages import AnswerCommand, Evidence, GradeView, Reply
from learning.sessions.rows import Answer, Session, SessionState, Step
from learning.state import LearnerState
from policy.vocabulary import Action, ObjectType, Purpose, Relation
from runtime.database import insert_once, table
from runtime.errors import FieldFault

ATTEMPTS = 8
CLOCK_AHEAD = timedelta(minutes=5)
CLOCK_BEHIND = timedelta(days=3)
"""Answers may arrive late (a bus without network), never from the future."""
SELF = frozenset({Relation.SELF, Relation.TENANT})

_session, _step, _answer, _class = table(Session), table(Step), table(Answer), table(ClassGroup)
_CONTENT = {"step_id", "response", "response_ms", "hesitation_ms", "answered_at"}
"""What makes two commands of one answer id the same answer; the lane is not part of it."""

Row = sa.Row[Any]


@dataclass(frozen=True)
class _Seen:
    """What one snapshot showed."""

    permit: Permit
    scene: Row
    """The session's row, with the step's item and hints."""
    plan: CoursePlan
    state: LearnerState
    state_version: int
    times: tuple[ItemTimes, ItemTimes]
    gates: Gates
    mac: bytes


@dataclass(frozen=True)
class _Made:
    """Everything step 3 writes."""

    reply: Reply
    at: datetime
    digest: bytes
    answer: dict[str, Any]
    next_step: dict[str, Any] | None
    sealed_state: bytes
    decision: decisions.DecisionRecord
    counted: tuple[float | None, float | None] | None
    """ln ms to add to the item's times."""


class _Moved(Exception):  # never leaves this file
    """What was read no longer stands; read again."""


async def answer(resources: Resources, command: AnswerCommand) -> Reply:
    """Grade an answer, decide what comes next, and record both.

    Returns:
        The reply; for an answer id that was answered before, the reply it had then.

    Raises:
        SessionUnknown, SessionClosed, StepNeverOffered, StepPassed: as they say.
        AnswerDiffers, ClockImpossible: as they say.
        ResponseUnfit, EffortUnfit: the response does not fit the item, or its times cannot be true.
        SessionMoved: others kept changing the session; nothing was stored.
    """
    tenant = command.principal.tenant
    for _ in range(ATTEMPTS):
        found = await resources.database.read(lambda tx: _look(tx, resources, command), tenant=tenant)
        if isinstance(found, Reply):
            return found
        made = _make(resources, command, found)
        try:
            await resources.database.write(
                lambda tx: _record(tx, found, made),  # noqa: B023  # awaited before the names change
                tenant=tenant,
            )
        except (_Moved, GateMoved):
            continue
        return made.reply
    raise SessionMoved


_of_session = (_step.c.tenant == _session.c.tenant, _step.c.session_id == _session.c.session_id)
_scene = (
    sa.select(
        _session,
        _step.c.step_id,
        _step.c.item_id,
        _step.c.hints_shown,
        _answer.c.content_mac,
        _answer.c.sealed_reply,
        _class.c.assessment_mode,
        _class.c.lesson_locked,
        _class.c.tutor_off,
    )
    .select_from(
        _session.join(
            _class, sa.and_(_class.c.tenant == _session.c.tenant, _class.c.class_id == _session.c.class_id)
        )
        .outerjoin(_step, sa.and_(*_of_session, _step.c.step_id == sa.bindparam("step")))
        .outerjoin(
            _answer,
            sa.and_(
                _answer.c.tenant == _session.c.tenant,
                _answer.c.session_id == _session.c.session_id,
                _answer.c.answer_id == sa.bindparam("answer"),
            ),
        )
    )
    .where(
        _session.c.tenant == sa.bindparam("tenant_"),
        _session.c.session_id == sa.bindparam("session"),
        _session.c.subject_ref == sa.bindparam("subject"),
    )
)
"""Session, class, step, and what this answer id came to before, in one look; built once."""


def _look(tx: Connection, resources: Resources, command: AnswerCommand) -> _Seen | Reply:
    """Step 1: everything the decision will rest on, or the reply that stands already."""
    principal, tenant = command.principal, command.principal.tenant
    scene = tx.execute(
        _scene,
        {
            "tenant_": tenant,
            "session": command.session_id,
            "subject": principal.subject_ref,
            "step": command.step_id,
            "answer": command.answer_id,
        },
    ).one_or_none()
    if scene is None:
        raise SessionUnknown
    allowed = permit(
        tx,
        principal,
        SELF,
        Action.ANSWER,
        ObjectType.SESSION,
        Purpose.TEACHING,
        subject=principal.subject_ref,
        governor=resources.governor,
    )
    mac = allowed.mac(
        "answer", "content", str(command.answer_id), command.model_dump_json(include=_CONTENT).encode()
    )
    if scene.content_mac is not None:
        return _standing_reply(allowed, command, scene, mac)
    _check_open(scene, command.step_id)
    _check_clock(command.answered_at, resources.clock.now())
    state, version = read_state(tx, allowed, tenant, principal.subject_ref, scene.course_id)
    return _Seen(
        permit=allowed,
        scene=scene,
        plan=resources.courses.get(tx, tenant, scene.course_id, scene.course_version).plan,
        state=state,
        state_version=version,
        times=resources.times.of(tx, tenant, scene.course_id, scene.item_id),
        gates=Gates(
            assessment=scene.assessment_mode, lesson_locked=scene.lesson_locked, tutor_off=scene.tutor_off
        ),
        mac=mac,
    )


def _standing_reply(allowed: Permit, command: AnswerCommand, scene: Row, mac: bytes) -> Reply:
    """What this answer id came to before."""
    if scene.content_mac != mac:
        raise AnswerDiffers(faults=(FieldFault("body.answer_id", "used before for another answer"),))
    return Reply.model_validate_json(
        allowed.open("answer", "sealed_reply", str(command.answer_id), scene.sealed_reply)
    )


def _check_open(scene: Row, step_id: UUID) -> None:
    if scene.step_id is None:
        raise StepNeverOffered(faults=(FieldFault("body.step_id", "this session never offered that step"),))
    if scene.state != SessionState.OPEN:
        raise SessionClosed
    if scene.open_step != step_id:
        raise StepPassed(
            faults=(FieldFault("body.step_id", "answered already, or replaced by a newer step"),)
        )


def _check_clock(answered_at: datetime | None, now: datetime) -> None:
    if answered_at is not None and not now - CLOCK_BEHIND <= answered_at <= now + CLOCK_AHEAD:
        message = "more than 5 minutes ahead of our clock, or more than 3 days behind it"
        raise ClockImpossible(faults=(FieldFault("body.answered_at", message),))


def _make(resources: Resources, command: AnswerCommand, seen: _Seen) -> _Made:
    """Step 2: grade and decide. Nothing is read or written here."""
    session, item = seen.scene, seen.plan.item(seen.scene.item_id).item
    now = resources.clock.now()
    mark = grade(item, command.response)
    inputs = DecisionInputs(
        decision_id=chain.decision_id(session.session_id, command.answer_id),
        decided_at=now,
        course_digest=seen.plan.digest,
        personalised=seen.permit.allows(Purpose.PERSONALISATION),
        gates=seen.gates,
        state=seen.state,
        attempt=graded(
            item,
            mark,
            hints_used=seen.scene.hints_shown,
            response_ms=command.response_ms,
            hesitation_ms=command.hesitation_ms,
        ),
        item_times=seen.times[0],
        course_times=seen.times[1],
    )
    decided = decide(inputs, seen.plan, resources.rules, resources.models)
    next_step = _next_step(resources, seen, decided, now)
    reply = _reply(command, seen, mark, decided, next_step)
    digest = chain.extend(session.digest, command.answer_id, inputs.decision_id)
    return _Made(
        reply=reply,
        at=now,
        digest=digest,
        answer=_answer_row(command, seen, reply, digest, now),
        next_step=next_step,
        sealed_state=seal_state(seen.permit, session.course_id, decided.state),
        decision=decision_record(resources, seen.permit, session.session_id, command.lane, inputs, decided),
        counted=_counted(command, seen, mark, inputs),
    )


def _next_step(resources: Resources, seen: _Seen, decided: Decided, now: datetime) -> dict[str, Any] | None:
    target = decided.decision.target
    if target.item is None:
        return None
    prompted = target.text is not None and (target.text.kind, target.text.id) == (TextKind.HINT, target.item)
    return {
        "tenant": seen.scene.tenant,
        "session_id": seen.scene.session_id,
        "step_id": resources.clock.new_id(),
        "number": seen.scene.steps + 1,
        "item_id": target.item,
        "lesson_id": target.lesson or seen.plan.item(target.item).lesson,
        "chosen": False,
        # A hint that came as the tutor's prompt was seen: the answer after it is not unaided.
        "hints_shown": (target.text.tier or 0) + 1 if prompted and target.text else 0,
        "offered_at": now,
    }


def _reply(
    command: AnswerCommand, seen: _Seen, mark: Grade, decided: Decided, next_step: dict[str, Any] | None
) -> Reply:
    decision = decided.decision
    item = seen.plan.item(seen.scene.item_id).item
    return Reply(
        session_id=command.session_id,
        answer_id=command.answer_id,
        decision_id=decision.decision_id,
        seq=seen.scene.seq + 1,
        lane=command.lane,
        grade=GradeView(
            correct=mark.correct,
            credit=mark.credit,
            feedback=mark.feedback,
            misconception=views.misconception_title(seen.plan, mark.misconception),
            solution=item.solution,
        ),
        move=views.move_view(seen.plan, decision),
        next_step=views.step_view(seen.plan, next_step) if next_step else None,
        evidence=Evidence(p_correct=decision.scores.expected, mastery=decision.scores.knowledge),
        course_complete=decision.target.course_complete,
    )


def _answer_row(
    command: AnswerCommand, seen: _Seen, reply: Reply, digest: bytes, now: datetime
) -> dict[str, Any]:
    row = str(command.answer_id)
    return {
        "tenant": seen.scene.tenant,
        "session_id": command.session_id,
        "answer_id": command.answer_id,
        "subject_ref": seen.scene.subject_ref,
        "seq": reply.seq,
        "step_id": command.step_id,
        "decision_id": reply.decision_id,
        "lane": command.lane.value,
        "content_mac": seen.mac,
        "digest": digest,
        "received_at": now,
        "sealed_response": seen.permit.seal(
            "answer", "sealed_response", row, command.response.model_dump_json().encode()
        ),
        "sealed_reply": seen.permit.seal("answer", "sealed_reply", row, reply.model_dump_json().encode()),
    }


def _counted(
    command: AnswerCommand, seen: _Seen, mark: Grade, inputs: DecisionInputs
) -> tuple[float | None, float | None] | None:
    """Times to count: of right first attempts without a hint, by learners who agreed to be measured."""
    first = seen.scene.item_id not in seen.state.items
    if not (inputs.personalised and mark.correct and first and seen.scene.hints_shown == 0):
        return None
    response = None if command.response_ms is None else response_ln(command.response_ms)
    hesitation = None
    if command.hesitation_ms is not None:
        hesitation = hesitation_ln(command.hesitation_ms, seen.plan.item(seen.scene.item_id).reading_ms)
    return None if response is None and hesitation is None else (response, hesitation)


_advance = (
    sa.update(_session)
    .where(
        _session.c.tenant == sa.bindparam("tenant_"),
        _session.c.session_id == sa.bindparam("session"),
        _session.c.state == SessionState.OPEN.value,
        _session.c.seq == sa.bindparam("seen_seq"),
        _session.c.open_step == sa.bindparam("seen_step"),
    )
    .values({name: sa.bindparam(name) for name in ("seq", "digest", "open_step", "steps", "active_at")})
)


def _record(tx: Connection, seen: _Seen, made: _Made) -> None:
    """Step 3: compare, then write everything or nothing."""
    session = seen.scene
    seen.permit.confirm(tx)
    moved = tx.execute(
        _advance,
        {
            "tenant_": session.tenant,
            "session": session.session_id,
            "seen_seq": session.seq,
            "seen_step": session.step_id,
            "seq": session.seq + 1,
            "digest": made.digest,
            "open_step": made.next_step["step_id"] if made.next_step else None,
            "steps": session.steps + (1 if made.next_step else 0),
            "active_at": made.at,
        },
    ).rowcount
    if moved != 1 or not write_state(
        tx,
        session.tenant,
        session.subject_ref,
        session.course_id,
        seen.state_version,
        made.sealed_state,
        made.at,
    ):
        raise _Moved
    if not insert_once(tx, Answer, made.answer):
        raise _Moved
    if made.next_step is not None and not insert_once(tx, Step, made.next_step):
        raise _Moved
    decisions.record(tx, made.decision)
    if made.counted is not None:
        item_times.count_answer(tx, session.tenant, session.course_id, seen.scene.item_id, *made.counted)
