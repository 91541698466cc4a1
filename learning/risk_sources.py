"""Collects the dated facts of one learner in one class out of gradebook, sessions and learner state."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from governance.permits import Permit
from learning.features.definitions import FEATURES, Seen
from learning.gradebook.reading import grades_in_clear
from learning.resources import Resources
from learning.risk_facts import DatedAccuracy, DatedGrade, DatedSession, RiskFacts
from learning.sessions.deciding import read_state
from learning.sessions.messages import Reply
from learning.sessions.rows import Answer, Session, SessionState, Step
from policy.vocabulary import Purpose
from runtime.database import table

MOST_SESSIONS = 500
"""Of a learner in a class; older ones no longer count."""
STUCK_AFTER = 3
"""Wrong answers in a row."""

_session, _answer, _step = table(Session), table(Answer), table(Step)
_ACCURACY = {feature.name: feature.compute for feature in FEATURES if feature.name.startswith("accuracy_")}


def gather(
    tx: Connection,
    resources: Resources,
    allowed: Permit,
    class_id: UUID,
    course_id: str,
    on: date,
    before: RiskFacts,
) -> RiskFacts:
    """Every dated fact of the permit's subject in a class.

    Args:
        tx: the transaction in which they are true.
        resources: courses, to know an item's last hint.
        allowed: the permit for the learner's risk.
        class_id: the class.
        course_id: its course.
        on: the day that the learner's profile is noted under.
        before: what was gathered the last time: how a session ended is looked up once.
    """
    return RiskFacts(
        grades=tuple(
            DatedGrade(
                assessment=grade.assessment_id,
                seq=grade.seq,
                standing=grade.record.standing,
                submitted_on=grade.record.submitted_on,
                graded_on=grade.record.graded_on,
                share=grade.record.share,
            )
            for grade in grades_in_clear(tx, allowed, class_id)
        ),
        sessions=_sessions(tx, resources, allowed, class_id, before),
        accuracy=_accuracy(tx, allowed, course_id, on),
    )


def _sessions(
    tx: Connection, resources: Resources, allowed: Permit, class_id: UUID, before: RiskFacts
) -> tuple[DatedSession, ...]:
    known = {session.session_id: session.stuck for session in before.sessions if session.stuck is not None}
    rows = tx.execute(
        sa.select(_session)
        .where(
            _session.c.tenant == allowed.request.principal.tenant,
            _session.c.subject_ref == allowed.request.subject,
            _session.c.class_id == class_id,
            _session.c.seq > 0,
        )
        .order_by(_session.c.opened_at.desc())
        .limit(MOST_SESSIONS)
    )
    dated = []
    for row in rows.all():
        stuck = known.get(row.session_id)
        if stuck is None and row.state == SessionState.CLOSED:
            stuck = _ended_stuck(tx, resources, allowed, row)
        dated.append(DatedSession(session_id=row.session_id, opened_on=row.opened_at.date(), stuck=stuck))
    return tuple(reversed(dated))


def _ended_stuck(tx: Connection, resources: Resources, allowed: Permit, session: sa.Row[Any]) -> bool:
    """Whether the learner left after ``STUCK_AFTER`` wrong answers in a row, or at an item's last hint."""
    mine = (_answer.c.tenant == session.tenant, _answer.c.session_id == session.session_id)
    rows = tx.execute(
        sa.select(_answer.c.answer_id, _answer.c.sealed_reply)
        .where(*mine, _answer.c.seq > session.seq - STUCK_AFTER)
        .order_by(_answer.c.seq.desc())
    )
    last = [
        Reply.model_validate_json(
            allowed.open("answer", "sealed_reply", str(row.answer_id), row.sealed_reply)
        ).grade.correct
        for row in rows
    ]
    if len(last) == STUCK_AFTER and not any(last):
        return True
    step = tx.execute(
        sa.select(_step.c.item_id, _step.c.hints_shown)
        .where(_step.c.tenant == session.tenant, _step.c.session_id == session.session_id)
        .order_by(_step.c.number.desc())
        .limit(1)
    ).one()
    course = resources.courses.get(tx, session.tenant, session.course_id, session.course_version)
    hints = course.plan.item(step.item_id).item.hints
    return bool(hints) and step.hints_shown == len(hints)


def _accuracy(tx: Connection, allowed: Permit, course_id: str, on: date) -> DatedAccuracy | None:
    """What the profile says now; nothing without live consent to personalisation."""
    if not allowed.allows(Purpose.PERSONALISATION):
        return None
    request = allowed.request
    assert request.subject is not None
    state, _ = read_state(tx, allowed, request.principal.tenant, request.subject, course_id)
    seen = Seen(state=state, skill="", item=None)
    return DatedAccuracy(
        on=on,
        consent_epoch=allowed.consent_epoch,
        level=_ACCURACY["accuracy_level"](seen),
        trend=_ACCURACY["accuracy_trend"](seen),
    )
