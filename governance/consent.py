"""Consent: said yes to and taken back in one step each.

The gate holds what is live, the events hold how it came about; both change in one transaction that holds the
gate ``FOR UPDATE``. From that commit on no decision can be written under an older epoch.

Nothing is ever pre-ticked: a purpose is off until somebody says yes to the notice in force. Below the age of
digital consent a guardian says yes; from that age on the learner alone does. Taking back needs no age, no
notice and no reason, and works while data is restricted.

Source: GDPR Art. 7, 8, 25(2); recitals 32, 42; EDPB Guidelines 05/2020 §§ 104-150.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from governance.accounts import Principal, maturity
from governance.consent_events import (
    GRANTS,
    REFUSALS,
    Act,
    ConsentEvent,
    EventIdTaken,
    GivenBy,
    NoticeRef,
    append,
    find_event,
    history,
    last_notice,
)
from governance.gate import GateState
from governance.notices import Notice, Notices
from governance.permits import (
    Forbidden,
    Governor,
    Permit,
    Refusal,
    SubjectErased,
    SubjectRestricted,
    permit,
)
from policy.vocabulary import Action, ObjectType, Purpose, Relation
from runtime.errors import FieldFault, Invalid


class GuardianNeeded(Refusal):
    """The learner is below the age of digital consent, or nobody knows their age."""

    slug = "guardian-needed"
    title = "You are too young to agree to this alone, or your age is not known; ask a parent or guardian"


class OwnDecision(Refusal):
    """The learner has reached the age of digital consent; a guardian's yes counts no more."""

    slug = "own-decision"
    title = "The learner is old enough to decide this alone"


class ConsentTerms(BaseModel):
    """How long a consent lasts and when people are asked again; durations in seconds."""

    model_config = ConfigDict(frozen=True)

    valid_s: float = Field(default=365 * 86_400.0, gt=0)
    """A consent runs out so long after it was given."""
    ask_again_s: float = Field(default=30 * 86_400.0, ge=0)
    """People are asked again so long before it runs out."""
    grace_s: float = Field(default=30 * 86_400.0, gt=0)
    """At majority, what a guardian agreed to lasts at most so much longer without the learner's own yes."""
    recheck_s: float = Field(default=30 * 86_400.0, gt=0)
    """The schedule is read anew at least this often: law and birth dates get corrected."""


TERMS = ConsentTerms()


@dataclass(frozen=True, slots=True)
class GrantCommand:
    """Say yes to a purpose, having read a notice. The id is minted by the client."""

    event_id: UUID
    subject: UUID
    purpose: Purpose
    notice_id: str
    notice_version: int
    notice_language: str


@dataclass(frozen=True, slots=True)
class WithdrawCommand:
    """Say no to a purpose. The id is minted by the client."""

    event_id: UUID
    subject: UUID
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Standing:
    """How a purpose stands for a person; ``last`` is None where nobody ever said anything."""

    purpose: Purpose
    live: bool
    valid_until: datetime | None
    last: ConsentEvent | None


def give(
    tx: Connection,
    governor: Governor,
    notices: Notices,
    principal: Principal,
    relations: frozenset[Relation],
    command: GrantCommand,
    terms: ConsentTerms = TERMS,
) -> ConsentEvent:
    """Say yes. The same command again returns the same event.

    Raises:
        Invalid: the purpose needs no consent, or the notice is not about it.
        NoSuchNotice, NoticeOutdated: the notice is not the one in force.
        GuardianNeeded, OwnDecision: somebody else has to decide.
        SubjectRestricted: nothing may be begun while the person's data is restricted.
        EventIdTaken: the id names another event.
        Refusal: any other refusal of a permit.
    """
    leave = _leave(tx, governor, principal, relations, Action.GRANT, command.subject)
    notice = notices.get(command.notice_id, command.notice_version, command.notice_language)
    giver = _giver(leave)
    _check_purpose(governor, command.purpose)
    if command.purpose not in notice.purposes:
        raise Invalid(faults=(FieldFault("notice_id", "this notice is not about this purpose"),))
    stands = find_event(tx, principal.tenant, command.event_id)
    if stands is not None:
        return _same(leave, stands, GRANTS, command.purpose, _ref(notice))
    if leave.subject_gate.state is GateState.RESTRICTED:
        raise SubjectRestricted(leave.request, leave.rule)
    notices.to_decide_on(*notice.key)
    now = governor.clock.now()
    _check_age(tx, leave, giver, now)
    live = leave.allows(command.purpose)
    return append(
        tx,
        leave,
        command.event_id,
        Act.RECONFIRMED if live else Act.GIVEN,
        command.purpose,
        giver,
        now,
        notice=_ref(notice),
        valid_until=now + timedelta(seconds=terms.valid_s),
    )


def withdraw(
    tx: Connection,
    governor: Governor,
    principal: Principal,
    relations: frozenset[Relation],
    command: WithdrawCommand,
) -> ConsentEvent:
    """Say no, or take a yes back. The same command again returns the same event.

    Raises:
        Invalid: the purpose needs no consent.
        EventIdTaken: the id names another event.
        Refusal: a refusal of a permit.
    """
    leave = _leave(tx, governor, principal, relations, Action.WITHDRAW, command.subject)
    giver = _giver(leave)
    _check_purpose(governor, command.purpose)
    stands = find_event(tx, principal.tenant, command.event_id)
    if stands is not None:
        return _same(leave, stands, REFUSALS, command.purpose, stands.notice)
    live = leave.allows(command.purpose)
    return append(
        tx,
        leave,
        command.event_id,
        Act.WITHDRAWN if live else Act.REFUSED,
        command.purpose,
        giver,
        governor.clock.now(),
        notice=last_notice(history(tx, leave), command.purpose),
        valid_until=None,
    )


def standings(tx: Connection, leave: Permit) -> list[Standing]:
    """How each purpose that asks for consent stands for the permit's subject."""
    last = {event.purpose: event for event in history(tx, leave)}
    until = {name: end for name, end in leave.subject_gate.consents().items() if leave.allows(name)}
    return [
        Standing(purpose, purpose in until, until.get(purpose), last.get(purpose))
        for purpose in leave.governor.decision_point.purposes.asking_consent
    ]


def _leave(
    tx: Connection,
    governor: Governor,
    principal: Principal,
    relations: frozenset[Relation],
    action: Action,
    subject: UUID,
) -> Permit:
    leave = permit(
        tx,
        principal,
        relations,
        action,
        ObjectType.CONSENT,
        Purpose.COMPLIANCE,
        subject=subject,
        governor=governor,
        exclusive=True,
    )
    if leave.subject_gate.state is GateState.ERASED:
        raise SubjectErased(leave.request, leave.rule)
    return leave


def _giver(leave: Permit) -> GivenBy:
    if leave.request.principal.subject_ref == leave.request.subject:
        return GivenBy.SELF
    if Relation.GUARDIAN_OF_MINOR in leave.request.relations:
        return GivenBy.GUARDIAN
    raise Forbidden(leave.request, "(neither the person nor a guardian)")


def _check_purpose(governor: Governor, purpose: Purpose) -> None:
    if purpose not in governor.decision_point.purposes.asking_consent:
        raise Invalid(faults=(FieldFault("purpose", "nobody is asked for consent to this purpose"),))


def _check_age(tx: Connection, leave: Permit, giver: GivenBy, now: datetime) -> None:
    gate = leave.subject_gate
    alone = maturity(tx, leave.governor.keyring, gate.tenant, gate.subject_ref, now).decides_alone
    if giver is GivenBy.SELF and not alone:
        raise GuardianNeeded(leave.request, leave.rule)
    if giver is GivenBy.GUARDIAN and alone:
        raise OwnDecision(leave.request, leave.rule)


def _same(
    leave: Permit, stands: ConsentEvent, acts: frozenset[Act], purpose: Purpose, notice: NoticeRef | None
) -> ConsentEvent:
    """The event that stands, if it is what this command would have made."""
    asked = (leave.request.subject, leave.request.principal.subject_ref, purpose, notice)
    if stands.act not in acts or asked != (
        stands.subject,
        stands.given_by_ref,
        stands.purpose,
        stands.notice,
    ):
        raise EventIdTaken
    return stands


def _ref(notice: Notice) -> NoticeRef:
    return NoticeRef(notice.id, notice.version, notice.language, notice.sha256)
