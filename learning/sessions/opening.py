"""Starting and resuming a session, choosing an item oneself, and asking for a hint.

All of it commits here; the workflow is started from the outbox when the engine has room, so a class of
thirty, or a school of ten thousand, starts at 08:00 without waiting for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from governance import decisions
from governance.accounts import Principal
from governance.permits import GateMoved, Permit, permit
from learning.adaptation import decide
from learning.classes import NoSuchClass, find_class
from learning.courses.plan import CoursePlan
from learning.courses.store import latest_version
from learning.decisions import Decided, DecisionInputs, Gates
from learning.enrolments import class_of_learner
from learning.relations import relations
from learning.resources import Resources
from learning.sessions import chain, views
from learning.sessions.closing import read_session
from learning.sessions.deciding import (
    class_gates,
    decision_record,
    read_state,
    seal_state,
    write_state,
)
from learning.sessions.errors import (
    ItemUnknown,
    NoMoreHints,
    NotInClass,
    SessionClosed,
    SessionDiffers,
    SessionMoved,
    SessionUnknown,
    StepPassed,
    StepUnknown,
)
from learning.sessions.messages import NO_DIGEST, Lane, StepView
from learning.sessions.rows import Session, SessionState, Step
from learning.state import LearnerState, new_session
from policy.vocabulary import Action, ObjectType, Purpose, Relation
from runtime.database import columns, insert_once, table
from runtime.errors import FieldFault
from runtime.outbox import post

SESSION_STARTED = "session.started"
ATTEMPTS = 8

_session, _step = table(Session), table(Step)
Row = sa.Row[Any]


class _Again(Exception):  # never leaves this file
    """Somebody else was quicker; read again."""


@dataclass(frozen=True)
class SessionView:
    """A session as its learner sees it; ``step`` is what to answer now, None when there is nothing."""

    session_id: UUID
    class_id: UUID
    course_id: str
    course_version: int
    state: str
    seq: int
    opened_at: datetime
    active_at: datetime
    closed_at: datetime | None
    end_reason: str | None
    step: StepView | None


@dataclass(frozen=True)
class _Opening:
    """What a new session will rest on, as one snapshot showed it."""

    permit: Permit
    course_id: str
    version: int
    plan: CoursePlan
    state: LearnerState
    state_version: int
    gates: Gates


async def start(resources: Resources, principal: Principal, session_id: UUID, class_id: UUID) -> SessionView:
    """Start a session in a class; the same id again returns the session it started.

    Read, decide what to begin with, then compare and write, as ``answering.answer`` does.

    Raises:
        NoSuchClass: this school has none.
        NotInClass: the learner is not in this class now.
        SessionDiffers: the id stands for another session.
    """
    tenant = principal.tenant
    for _ in range(ATTEMPTS):
        now = resources.clock.now()
        seen = await resources.database.read(
            lambda tx: _look(tx, resources, principal, session_id, class_id, now),  # noqa: B023  # awaited here
            tenant=tenant,
        )
        if isinstance(seen, SessionView):
            return seen
        inputs = DecisionInputs(
            decision_id=chain.decision_id(session_id, session_id),
            decided_at=now,
            course_digest=seen.plan.digest,
            personalised=seen.permit.allows(Purpose.PERSONALISATION),
            gates=seen.gates,
            state=new_session(seen.state),
        )
        decided = decide(inputs, seen.plan, resources.rules, resources.models)
        session, step = _rows(resources, principal, session_id, class_id, seen, decided, now)
        made = _Made(
            session=session,
            step=step,
            sealed_state=seal_state(seen.permit, seen.course_id, decided.state),
            decision=decision_record(resources, seen.permit, session_id, Lane.DIRECT, inputs, decided),
        )
        try:
            return await resources.database.write(
                lambda tx: _record(tx, resources, seen, made),  # noqa: B023  # awaited here
                tenant=tenant,
            )
        except (_Again, GateMoved):
            continue
    raise SessionMoved


def _no_place(tx: Connection, tenant: UUID, class_id: UUID) -> NoSuchClass | NotInClass:
    try:
        find_class(tx, tenant, class_id)
    except NoSuchClass:
        return NoSuchClass(faults=(FieldFault("body.class_id", "this school has no such class"),))
    return NotInClass(faults=(FieldFault("body.class_id", "you are not enrolled in this class now"),))


def _look(
    tx: Connection,
    resources: Resources,
    principal: Principal,
    session_id: UUID,
    class_id: UUID,
    now: datetime,
) -> _Opening | SessionView:
    tenant, subject = principal.tenant, principal.subject_ref
    allowed = _permit(tx, resources, principal, Action.CREATE, lock=False)
    stands = tx.execute(
        sa.select(_session).where(_session.c.tenant == tenant, _session.c.session_id == session_id)
    ).one_or_none()
    if stands is not None:
        if stands.subject_ref != subject or stands.class_id != class_id:
            raise SessionDiffers(faults=(FieldFault("body.session_id", "used before for another session"),))
        return _view(tx, resources, stands)
    group = class_of_learner(tx, tenant, class_id, subject, now)
    if group is None:
        raise _no_place(tx, tenant, class_id)
    version = latest_version(tx, tenant, group.course_id)
    state, state_version = read_state(tx, allowed, tenant, subject, group.course_id)
    return _Opening(
        permit=allowed,
        course_id=group.course_id,
        version=version,
        plan=resources.courses.get(tx, tenant, group.course_id, version).plan,
        state=state,
        state_version=state_version,
        gates=class_gates(tx, tenant, class_id),
    )


@dataclass(frozen=True)
class _Made:
    """Everything that starting writes."""

    session: dict[str, Any]
    step: dict[str, Any] | None
    sealed_state: bytes
    decision: decisions.DecisionRecord


def _rows(
    resources: Resources,
    principal: Principal,
    session_id: UUID,
    class_id: UUID,
    seen: _Opening,
    decided: Decided,
    now: datetime,
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The session's row and its first step's; no step where nothing is left to do."""
    target = decided.decision.target
    step = None
    if target.item is not None:
        step = {
            "tenant": principal.tenant,
            "session_id": session_id,
            "step_id": resources.clock.new_id(),
            "number": 1,
            "item_id": target.item,
            "lesson_id": target.lesson or seen.plan.item(target.item).lesson,
            "chosen": False,
            "hints_shown": 0,
            "offered_at": now,
        }
    session = {
        "tenant": principal.tenant,
        "session_id": session_id,
        "subject_ref": principal.subject_ref,
        "class_id": class_id,
        "course_id": seen.course_id,
        "course_version": seen.version,
        "state": SessionState.OPEN.value,
        "seq": 0,
        "digest": NO_DIGEST,
        "open_step": step["step_id"] if step else None,
        "steps": 1 if step else 0,
        "inactivity_s": resources.settings.inactivity_s,
        "opened_at": now,
        "active_at": now,
        "engine_seq": 0,
    }
    return session, step


def _record(tx: Connection, resources: Resources, seen: _Opening, made: _Made) -> SessionView:
    """Compare, then write everything or nothing."""
    row = made.session
    seen.permit.confirm(tx)
    stored = write_state(
        tx,
        row["tenant"],
        row["subject_ref"],
        seen.course_id,
        seen.state_version,
        made.sealed_state,
        row["opened_at"],
    )
    if not stored or not insert_once(tx, Session, row):
        raise _Again
    if made.step is not None:
        insert_once(tx, Step, made.step)
    decisions.record(tx, made.decision)
    post(tx, row["tenant"], SESSION_STARTED, row["session_id"], row["opened_at"])
    return _view(tx, resources, read_session(tx, row["tenant"], row["session_id"]))


async def resume(resources: Resources, principal: Principal, session_id: UUID) -> SessionView:
    """Come back to an open session: it counts as activity, and the step to answer is where it was."""
    now = resources.clock.now()

    def work(tx: Connection) -> SessionView:
        _permit(tx, resources, principal, Action.RESUME)
        _touch(tx, _own(tx, principal, session_id), now)
        return _view(tx, resources, read_session(tx, principal.tenant, session_id))

    return await resources.database.write(work, tenant=principal.tenant)


async def choose(
    resources: Resources, principal: Principal, session_id: UUID, step_id: UUID, item_id: str
) -> SessionView:
    """The learner picks an item: it becomes the step to answer, in place of the one that was offered."""
    now = resources.clock.now()

    def work(tx: Connection) -> SessionView:
        _permit(tx, resources, principal, Action.UPDATE)
        row = _own(tx, principal, session_id)
        plan = resources.courses.get(tx, row.tenant, row.course_id, row.course_version).plan
        if item_id not in plan.items:
            raise ItemUnknown(faults=(FieldFault("body.item_id", "this course has no such item"),))
        if row.open_step == step_id and read_step(tx, row, step_id).item_id == item_id:
            return _view(tx, resources, row)  # the same request again
        _touch(tx, row, now, open_step=step_id, steps=row.steps + 1)
        lesson = plan.items[item_id].lesson
        made = insert_step(
            tx, row.tenant, session_id, step_id, row.steps + 1, item_id, lesson, now, chosen=True
        )
        if not made:
            raise StepPassed(faults=(FieldFault("body.step_id", "this step id was used before"),))
        return _view(tx, resources, read_session(tx, principal.tenant, session_id))

    return await resources.database.write(work, tenant=principal.tenant)


async def hint(resources: Resources, principal: Principal, session_id: UUID, step_id: UUID) -> StepView:
    """Show the next hint tier of the open step. It is counted here: credit depends on it."""
    now = resources.clock.now()

    def work(tx: Connection) -> StepView:
        _permit(tx, resources, principal, Action.UPDATE)
        row = _own(tx, principal, session_id)
        step = read_step(tx, row, step_id)
        if row.open_step != step_id:
            raise StepPassed(
                faults=(FieldFault("path.step_id", "answered already, or replaced by a newer step"),)
            )
        plan = resources.courses.get(tx, row.tenant, row.course_id, row.course_version).plan
        shown = step.hints_shown + 1
        if shown > len(plan.item(step.item_id).item.hints):
            raise NoMoreHints
        _touch(tx, row, now)
        tx.execute(
            sa.update(_step)
            .where(
                _step.c.tenant == row.tenant,
                _step.c.session_id == session_id,
                _step.c.step_id == step_id,
            )
            .values(hints_shown=shown)
        )
        return views.step_view(plan, {**columns(step), "hints_shown": shown})

    return await resources.database.write(work, tenant=principal.tenant)


async def show(resources: Resources, principal: Principal, session_id: UUID) -> SessionView:
    """A session as it stands, for its learner and for those the rules let see it."""

    def work(tx: Connection) -> SessionView:
        row = read_session(tx, principal.tenant, session_id)
        standing = relations(tx, principal, row.subject_ref, resources.clock.now(), resources.keyring)
        permit(
            tx,
            principal,
            standing,
            Action.READ,
            ObjectType.SESSION,
            Purpose.TRANSPARENCY if Relation.GUARDIAN_OF_MINOR in standing else Purpose.TEACHING,
            subject=row.subject_ref,
            governor=resources.governor,
            lock=False,
        )
        return _view(tx, resources, row)

    return await resources.database.read(work, tenant=principal.tenant)


async def list_own(resources: Resources, principal: Principal, after: UUID | None, limit: int) -> list[Row]:
    """A learner's own sessions by id, highest first, at most ``limit``."""

    def work(tx: Connection) -> list[Row]:
        permit(
            tx,
            principal,
            frozenset({Relation.SELF, Relation.TENANT}),
            Action.LIST,
            ObjectType.SESSION,
            Purpose.TEACHING,
            subject=principal.subject_ref,
            governor=resources.governor,
        )
        return _own_sessions(tx, principal, after, limit)

    return await resources.database.read(work, tenant=principal.tenant)


def _own_sessions(tx: Connection, principal: Principal, after: UUID | None, limit: int) -> list[Row]:
    query = (
        sa.select(_session)
        .where(_session.c.tenant == principal.tenant, _session.c.subject_ref == principal.subject_ref)
        .order_by(_session.c.session_id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(_session.c.session_id < after)
    return list(tx.execute(query))


def insert_step(
    tx: Connection,
    tenant: UUID,
    session_id: UUID,
    step_id: UUID,
    number: int,
    item_id: str,
    lesson_id: str,
    at: datetime,
    *,
    chosen: bool,
) -> bool:
    """Offer an item; False when the step id or number is taken."""
    return insert_once(
        tx,
        Step,
        {
            "tenant": tenant,
            "session_id": session_id,
            "step_id": step_id,
            "number": number,
            "item_id": item_id,
            "lesson_id": lesson_id,
            "chosen": chosen,
            "hints_shown": 0,
            "offered_at": at,
        },
    )


def read_step(tx: Connection, session: Row, step_id: UUID) -> Row:
    """A step of a session.

    Raises:
        StepUnknown: it was never offered there.
    """
    step = tx.execute(
        sa.select(_step).where(
            _step.c.tenant == session.tenant,
            _step.c.session_id == session.session_id,
            _step.c.step_id == step_id,
        )
    ).one_or_none()
    if step is None:
        raise StepUnknown(faults=(FieldFault("step_id", "this session never offered that step"),))
    return step


def _permit(
    tx: Connection, resources: Resources, principal: Principal, action: Action, *, lock: bool = True
) -> Permit:
    return permit(
        tx,
        principal,
        frozenset({Relation.SELF, Relation.TENANT}),
        action,
        ObjectType.SESSION,
        Purpose.TEACHING,
        subject=principal.subject_ref,
        governor=resources.governor,
        lock=lock,
    )


def _own(tx: Connection, principal: Principal, session_id: UUID) -> Row:
    """The caller's own open session, held until this transaction ends."""
    row = tx.execute(
        sa.select(_session)
        .where(
            _session.c.tenant == principal.tenant,
            _session.c.session_id == session_id,
            _session.c.subject_ref == principal.subject_ref,
        )
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise SessionUnknown
    if row.state != SessionState.OPEN:
        raise SessionClosed
    return row


def _touch(tx: Connection, row: Row, at: datetime, **changes: object) -> None:
    tx.execute(
        sa.update(_session)
        .where(_session.c.tenant == row.tenant, _session.c.session_id == row.session_id)
        .values(active_at=at, **changes)
    )


def _view(tx: Connection, resources: Resources, row: Row) -> SessionView:
    step_shown: StepView | None = None
    if row.open_step is not None:
        plan = resources.courses.get(tx, row.tenant, row.course_id, row.course_version).plan
        step_shown = views.step_view(plan, columns(read_step(tx, row, row.open_step)))
    return SessionView(
        row.session_id,
        row.class_id,
        row.course_id,
        row.course_version,
        row.state,
        row.seq,
        row.opened_at,
        row.active_at,
        row.closed_at,
        row.end_reason,
        step_shown,
    )
