"""What becomes due in the life of a person's consents, and doing it: one thing at a time.

Three things fall due: a consent runs out; a person is to be asked again, before it does or once they are
old enough to decide alone; a learner comes of age, and what a guardian agreed to needs their own yes.

Everything is computed from the events, the gate and the birth date each time, and nothing is remembered
elsewhere: a late, repeated or missing call changes nothing but the moment. And it is tidying up only: the
gate itself refuses a consent that ran out, whether or not anybody has closed it.

Source: GDPR Art. 7(3), 8(1); EDPB Guidelines 05/2020 §§ 110-111, 149-150; 34 CFR 99.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from governance.accounts import Maturity, maturity
from governance.consent import TERMS, ConsentTerms
from governance.consent_events import GRANTS, Act, ConsentEvent, GivenBy, append, history, last_notice
from governance.gate import GateState
from governance.permits import WORKER_RELATIONS, Governor, Permit, permit, worker
from policy.vocabulary import Action, ObjectType, Purpose
from runtime.carriers import payload
from runtime.columns import Basis, Category


@payload(Category.CONSENT, purpose="compliance", basis=Basis.LEGAL_OBLIGATION, retention="evidence")
class LifecycleInput(BaseModel):
    """Whose consents to look after, and by which terms."""

    model_config = ConfigDict(frozen=True)

    tenant: UUID
    subject_ref: UUID
    terms: ConsentTerms = TERMS
    steps_per_run: int = Field(default=200, ge=1)
    """About ten events of history a step; then a new run begins, and nothing has to be carried into it."""


@payload(Category.CONSENT, purpose="compliance", basis=Basis.LEGAL_OBLIGATION, retention="evidence")
class LifecycleStep(BaseModel):
    """What one step did (None: nothing was due), and in how many seconds to come back (None: never)."""

    model_config = ConfigDict(frozen=True)

    done: Act | None
    wait_s: float | None


class DueKind(IntEnum):
    """What falls due; at one instant in this order."""

    EXPIRE = 1
    COME_OF_AGE = 2
    ASK_AGAIN = 3


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that falls due at an instant."""

    at: datetime
    kind: DueKind
    purpose: Purpose | None


def schedule(
    live: Mapping[Purpose, datetime],
    events: Sequence[ConsentEvent],
    grown: Maturity,
    terms: ConsentTerms,
) -> list[Due]:
    """Everything that is due or will be, in order; past things first.

    Args:
        live: purposes in the gate and until when each is valid.
        events: the person's consent events in order.
        grown: from when the person decides alone; ``grown.at`` is now.
        terms: the school's terms.
    """
    due = [Due(until, DueKind.EXPIRE, purpose) for purpose, until in live.items()]
    for purpose, until in live.items():
        if until > grown.at:
            due += [
                Due(at, DueKind.ASK_AGAIN, purpose) for at in _asking(purpose, until, events, grown, terms)
            ]
    transferred = any(event.act is Act.RIGHTS_TRANSFERRED for event in events)
    if events and not transferred and grown.of_age_at is not None and grown.of_age_at > events[0].at:
        due.append(Due(grown.of_age_at, DueKind.COME_OF_AGE, None))
    return sorted(due, key=lambda one: (one.at, one.kind, one.purpose or ""))


def advance(tx: Connection, governor: Governor, begin: LifecycleInput) -> LifecycleStep:
    """Do the first thing that is due, if anything is, and say when to come back.

    Raises:
        UnknownSubject: this school has no such person.
    """
    leave = permit(
        tx,
        worker(begin.tenant),
        WORKER_RELATIONS,
        Action.WITHDRAW,
        ObjectType.CONSENT,
        Purpose.COMPLIANCE,
        subject=begin.subject_ref,
        governor=governor,
        exclusive=True,
    )
    if leave.subject_gate.state is GateState.ERASED:
        return LifecycleStep(done=None, wait_s=None)
    now = governor.clock.now()
    events = history(tx, leave)
    grown = maturity(tx, governor.keyring, begin.tenant, begin.subject_ref, now)
    coming = schedule(leave.subject_gate.consents(), events, grown, begin.terms)
    if not coming:
        return LifecycleStep(done=None, wait_s=None)
    first = coming[0]
    if first.at > now:
        wait_s = min((first.at - now).total_seconds(), begin.terms.recheck_s)
        return LifecycleStep(done=None, wait_s=wait_s)
    return LifecycleStep(done=_perform(tx, leave, first, events, now, begin.terms).act, wait_s=0.0)


def _asking(
    purpose: Purpose,
    until: datetime,
    events: Sequence[ConsentEvent],
    grown: Maturity,
    terms: ConsentTerms,
) -> list[datetime]:
    """When to ask again for one live purpose, without what was asked already."""
    yes = _last_yes(events, purpose)
    if yes is None:
        return []
    instants = {until - timedelta(seconds=terms.ask_again_s)}
    if yes.given_by is GivenBy.GUARDIAN and grown.decides_alone_at is not None:
        instants.add(grown.decides_alone_at)
    asked = [
        event.at
        for event in events
        if event.purpose is purpose and event.act is Act.RECONFIRMATION_DUE and event.seq > yes.seq
    ]
    # What was due before the last yes was answered by it.
    return [at for at in instants if at > yes.at and not any(when >= at for when in asked)]


def _perform(
    tx: Connection,
    leave: Permit,
    due: Due,
    events: list[ConsentEvent],
    now: datetime,
    terms: ConsentTerms,
) -> ConsentEvent:
    event_id, live = leave.governor.clock.new_id(), leave.subject_gate.consents()
    if due.purpose is None:
        end = now + timedelta(seconds=terms.grace_s)
        shortened = {
            purpose: min(until, end)
            for purpose, until in live.items()
            if (yes := _last_yes(events, purpose)) is not None and yes.given_by is GivenBy.GUARDIAN
        }
        return append(
            tx,
            leave,
            event_id,
            Act.RIGHTS_TRANSFERRED,
            None,
            GivenBy.TIMER,
            now,
            notice=None,
            valid_until=None,
            shortened=shortened,
        )
    expires = due.kind is DueKind.EXPIRE
    return append(
        tx,
        leave,
        event_id,
        Act.EXPIRED if expires else Act.RECONFIRMATION_DUE,
        due.purpose,
        GivenBy.TIMER,
        now,
        notice=last_notice(events, due.purpose),
        valid_until=None if expires else live[due.purpose],
    )


def _last_yes(events: Sequence[ConsentEvent], purpose: Purpose) -> ConsentEvent | None:
    return next((one for one in reversed(events) if one.purpose is purpose and one.act in GRANTS), None)
