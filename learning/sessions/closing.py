"""Ending a session, and following it from the workflow.

A session closes once: ``open -> closing`` only if no answer came after the one seen, then the summary is
written and ``closing -> closed``. A crash in between leaves ``closing``, which takes no answers and which
the next ``end``, idle check or delivery finishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy.engine import Connection

from governance.accounts import Principal
from governance.permits import Permit, permit, worker
from learning import risk_list
from learning.relations import relations
from learning.resources import Resources
from learning.sessions.chain import follow as follow_chain
from learning.sessions.errors import SessionMoved, SessionUnknown
from learning.sessions.messages import Cursor, Follow, Followed, Reply
from learning.sessions.rows import Answer, EndReason, Session, SessionState
from policy.vocabulary import Action, ObjectType, Purpose
from runtime.database import table
from runtime.outbox import post

SESSION_ENDED = "session.ended"
ATTEMPTS = 8

_session = table(Session)
_answer = table(Answer)
Row = sa.Row[Any]


class Summary(BaseModel):
    """What a session came to. Shares are 0-1, times in seconds."""

    model_config = ConfigDict(frozen=True)

    answers: int
    correct: int
    accuracy: float | None
    duration_s: float
    lessons: tuple[str, ...]
    moves: dict[str, int]
    mastery: dict[str, float]
    lanes: dict[str, int]


@dataclass(frozen=True)
class Ended:
    """A closed session's outcome."""

    session_id: UUID
    class_id: UUID
    subject_ref: UUID
    reason: str
    closed_at: datetime
    summary: Summary


async def end(resources: Resources, principal: Principal, session_id: UUID) -> Ended:
    """End a learner's session; ending a closed one returns the summary it has.

    Raises:
        SessionUnknown: no such session for this caller.
    """
    for _ in range(ATTEMPTS):
        seen = await resources.database.read(
            lambda tx: read_session(tx, principal.tenant, session_id), tenant=principal.tenant
        )
        if await _close(resources, principal, seen, EndReason.LEARNER):
            return await _finish(resources, principal, session_id)
    raise SessionMoved


async def close_if_idle(resources: Resources, ask: Follow) -> Followed:
    """Close the session unless something happened within its inactivity limit."""
    principal = worker(ask.tenant)
    for _ in range(ATTEMPTS):
        seen = await resources.database.read(
            lambda tx: read_session(tx, ask.tenant, ask.session_id), tenant=ask.tenant
        )
        idle_s = (resources.clock.now() - seen.active_at).total_seconds()
        if seen.state == SessionState.OPEN and idle_s < seen.inactivity_s:
            followed = await follow(resources, ask)
            return followed.model_copy(update={"wait_s": seen.inactivity_s - idle_s})
        if await _close(resources, principal, seen, EndReason.IDLE):
            await _finish(resources, principal, ask.session_id)
            return await follow(resources, ask)
    raise SessionMoved


async def follow(resources: Resources, ask: Follow) -> Followed:
    """Catch a cursor up with the row: every answer after it, chained to the row's own digest.

    Raises:
        ChainBroken: the record contradicts itself.
    """

    def work(tx: Connection) -> Followed:
        row = read_session(tx, ask.tenant, ask.session_id)
        later = tx.execute(
            sa.select(_answer.c.seq, _answer.c.answer_id, _answer.c.decision_id)
            .where(
                _answer.c.tenant == ask.tenant,
                _answer.c.session_id == ask.session_id,
                _answer.c.seq > ask.cursor.seq,
                _answer.c.seq
                <= row.seq,  # the row is read first: an answer after it belongs to the next pull
            )
            .order_by(_answer.c.seq)
        )
        cursor = follow_chain(ask.cursor, [tuple(found) for found in later], row.seq, row.digest)
        return Followed(cursor=cursor, closed=row.state == SessionState.CLOSED)

    return await resources.database.read(work, tenant=ask.tenant)


async def note_followed(resources: Resources, ask: Follow, cursor: Cursor) -> None:
    """Write on the row how far the engine has followed."""
    await resources.database.write(
        lambda tx: (
            tx.execute(
                sa.update(_session)
                .where(_session.c.tenant == ask.tenant, _session.c.session_id == ask.session_id)
                .values(engine_seq=cursor.seq)
            ).rowcount
        ),
        tenant=ask.tenant,
    )


def read_session(tx: Connection, tenant: UUID, session_id: UUID) -> Row:
    """The session's row.

    Raises:
        SessionUnknown: there is none in this school.
    """
    row = tx.execute(
        sa.select(_session).where(_session.c.tenant == tenant, _session.c.session_id == session_id)
    ).one_or_none()
    if row is None:
        raise SessionUnknown
    return row


def open_sessions(tx: Connection, tenant: UUID, subject: UUID) -> list[UUID]:
    """Sessions of a person that are not closed."""
    query = sa.select(_session.c.session_id).where(
        _session.c.tenant == tenant,
        _session.c.subject_ref == subject,
        _session.c.state != SessionState.CLOSED.value,
    )
    return list(tx.execute(query).scalars())


async def _close(resources: Resources, principal: Principal, seen: Row, reason: EndReason) -> bool:
    """``open -> closing`` if nothing moved since ``seen``; True as well when it is past that already."""
    now = resources.clock.now()

    def work(tx: Connection) -> bool:
        _permit(tx, resources, principal, seen.subject_ref, now, lock=True)
        if seen.state != SessionState.OPEN:
            return True
        return (
            tx.execute(
                sa.update(_session)
                .where(
                    _session.c.tenant == principal.tenant,
                    _session.c.session_id == seen.session_id,
                    _session.c.state == SessionState.OPEN.value,
                    _session.c.seq == seen.seq,
                    _session.c.active_at == seen.active_at,
                )
                .values(
                    state=SessionState.CLOSING.value, end_reason=reason.value, closed_at=now, open_step=None
                )
            ).rowcount
            == 1
        )

    return await resources.database.write(work, tenant=principal.tenant)


async def _finish(resources: Resources, principal: Principal, session_id: UUID) -> Ended:
    """``closing -> closed``: summary, the learner's risk and notice to the engine in one transaction.

    The summary is made before: a closing session takes no more answers.
    """
    tenant = principal.tenant

    def look(tx: Connection) -> Ended:
        row = read_session(tx, tenant, session_id)
        allowed = _permit(tx, resources, principal, row.subject_ref, row.closed_at, lock=False)
        if row.state == SessionState.CLOSED:
            stored = allowed.open("session", "summary", str(session_id), row.summary)
            summary = Summary.model_validate_json(stored)
        else:
            summary = _summary(_replies(tx, allowed, tenant, session_id), row)
        return Ended(session_id, row.class_id, row.subject_ref, row.end_reason, row.closed_at, summary)

    ended = await resources.database.read(look, tenant=tenant)

    def record(tx: Connection) -> None:
        allowed = _permit(tx, resources, principal, ended.subject_ref, ended.closed_at, lock=True)
        text = ended.summary.model_dump_json().encode()
        closed = tx.execute(
            sa.update(_session)
            .where(
                _session.c.tenant == tenant,
                _session.c.session_id == session_id,
                _session.c.state == SessionState.CLOSING.value,
            )
            .values(
                state=SessionState.CLOSED.value,
                summary=allowed.seal("session", "summary", str(session_id), text),
            )
        ).rowcount
        if closed:
            risk_list.refresh(tx, resources, tenant, ended.class_id, ended.subject_ref, ended.closed_at)
            post(tx, tenant, SESSION_ENDED, session_id, ended.closed_at)

    await resources.database.write(record, tenant=tenant)
    return ended


def _permit(
    tx: Connection,
    resources: Resources,
    principal: Principal,
    subject: UUID,
    at: datetime,
    *,
    lock: bool,
) -> Permit:
    return permit(
        tx,
        principal,
        relations(tx, principal, subject, at, resources.keyring),
        Action.END,
        ObjectType.SESSION,
        Purpose.TEACHING,
        subject=subject,
        governor=resources.governor,
        lock=lock,
    )


def _replies(tx: Connection, allowed: Permit, tenant: UUID, session_id: UUID) -> list[Reply]:
    rows = tx.execute(
        sa.select(_answer.c.answer_id, _answer.c.sealed_reply)
        .where(_answer.c.tenant == tenant, _answer.c.session_id == session_id)
        .order_by(_answer.c.seq)
    )
    return [
        Reply.model_validate_json(
            allowed.open("answer", "sealed_reply", str(row.answer_id), row.sealed_reply)
        )
        for row in rows
    ]


def _summary(replies: Sequence[Reply], row: Row) -> Summary:
    correct = sum(reply.grade.correct for reply in replies)
    moves = [reply.move.kind for reply in replies]
    lanes = [reply.lane.value for reply in replies]
    lessons = dict.fromkeys(reply.move.lesson_id for reply in replies if reply.move.lesson_id)
    return Summary(
        answers=len(replies),
        correct=correct,
        accuracy=round(correct / len(replies), 4) if replies else None,
        duration_s=(row.closed_at - row.opened_at).total_seconds(),
        lessons=tuple(lessons),
        moves={kind: moves.count(kind) for kind in sorted(set(moves))},
        mastery={skill: p for reply in replies for skill, p in reply.evidence.mastery.items()},
        lanes={lane: lanes.count(lane) for lane in sorted(set(lanes))},
    )
