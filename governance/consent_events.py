"""The history of consent: append-only, with a total order for each person.

Each event moves the gate in its own transaction, and its ``seq`` *is* the epoch that it opened: gapless, and
never two alike. What is written here is never changed, and deleted by an erasure only.

Source: GDPR Art. 7(1); ISO/IEC TS 27560:2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel, UniqueConstraint

from governance.gate import move_gate
from governance.permits import Permit
from policy.vocabulary import Purpose
from runtime import outbox
from runtime.columns import Basis, Category, Instant, not_personal, personal
from runtime.database import insert_once, table
from runtime.errors import Conflict

OUTBOX_KIND = "consent"
"""Kind of the outbox entries that tell the engine of consent events; the fact is the event's id."""


class Act(StrEnum):
    """What happened to a consent."""

    GIVEN = "given"
    RECONFIRMED = "reconfirmed"
    """Given again while it was live: it runs anew from here."""
    REFUSED = "refused"
    """Said no to, or taken back when it was not live."""
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    RECONFIRMATION_DUE = "reconfirmation_due"
    """The person is to be asked again; what is live stays so until it runs out."""
    RIGHTS_TRANSFERRED = "rights_transferred"
    """The learner is of age: guardians decide no more, and what they consented to needs the learner's yes."""


GRANTS = frozenset({Act.GIVEN, Act.RECONFIRMED})
"""Acts by which somebody said yes."""

REFUSALS = frozenset({Act.REFUSED, Act.WITHDRAWN})
"""Acts by which somebody said no."""


class GivenBy(StrEnum):
    """Who acted."""

    SELF = "self"
    GUARDIAN = "guardian"
    TIMER = "timer"


class EventIdTaken(Conflict):
    """The event id stands already, with other content."""

    slug = "consent-event-id-taken"
    title = "This id was already used for another consent event"


class ConsentEventRow(SQLModel, table=True):
    """One consent event; never changed, never deleted but by erasure."""

    __tablename__ = "consent_event"
    __table_args__ = (UniqueConstraint("tenant", "event_id"),)

    tenant: UUID = not_personal("names a school", primary_key=True)
    subject_ref: UUID = personal(
        Category.PSEUDONYM,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        primary_key=True,
    )
    seq: int = personal(
        Category.CONSENT,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        primary_key=True,
    )
    event_id: UUID = not_personal("minted by the client; names the event")
    act: str = personal(
        Category.CONSENT,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        clear="one of seven acts",
    )
    purpose: str | None = personal(
        Category.CONSENT,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        clear="name of a purpose",
        nullable=True,
    )
    notice_id: str | None = not_personal("names a published text", nullable=True)
    notice_version: int | None = not_personal("names a published text", nullable=True)
    notice_language: str | None = personal(
        Category.CONSENT,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        clear="two letters of a language",
        nullable=True,
    )
    notice_sha256: str | None = not_personal("names a published text", nullable=True)
    given_by: str = personal(
        Category.RELATION,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        clear="self, guardian or timer",
    )
    given_by_ref: UUID | None = personal(
        Category.PSEUDONYM,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        nullable=True,
    )
    at: datetime = personal(
        Category.CONSENT,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        sa_type=Instant,
    )
    valid_until: datetime | None = personal(
        Category.CONSENT,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        sa_type=Instant,
        nullable=True,
    )


@dataclass(frozen=True, slots=True)
class NoticeRef:
    """The exact wording that was decided on."""

    id: str
    version: int
    language: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ConsentEvent:
    """One event. ``valid_until`` is set where the purpose is live after it."""

    subject: UUID
    seq: int
    event_id: UUID
    act: Act
    purpose: Purpose | None
    notice: NoticeRef | None
    given_by: GivenBy
    given_by_ref: UUID | None
    at: datetime
    valid_until: datetime | None


_event = table(ConsentEventRow)


def append(
    tx: Connection,
    leave: Permit,
    event_id: UUID,
    act: Act,
    purpose: Purpose | None,
    given_by: GivenBy,
    now: datetime,
    *,
    notice: NoticeRef | None,
    valid_until: datetime | None,
    shortened: dict[Purpose, datetime] | None = None,
) -> ConsentEvent:
    """Write one event and move the gate with it; the permit holds the gate exclusively.

    ``valid_until`` makes the purpose live until then; None ends it. ``shortened`` are new ends of other live
    purposes.
    """
    consents = leave.subject_gate.consents() | (shortened or {})
    if purpose is not None:
        consents.pop(purpose, None)
        if valid_until is not None:
            consents[purpose] = valid_until
    moved = move_gate(tx, leave.subject_gate, now, consents=consents)
    actor = None if given_by is GivenBy.TIMER else leave.request.principal.subject_ref
    values = {
        "tenant": moved.tenant,
        "subject_ref": moved.subject_ref,
        "seq": moved.consent_epoch,
        "event_id": event_id,
        "act": act.value,
        "purpose": purpose and purpose.value,
        "notice_id": notice and notice.id,
        "notice_version": notice and notice.version,
        "notice_language": notice and notice.language,
        "notice_sha256": notice and notice.sha256,
        "given_by": given_by.value,
        "given_by_ref": actor,
        "at": now,
        "valid_until": valid_until,
    }
    if not insert_once(tx, ConsentEventRow, values):
        raise EventIdTaken  # by another person of the school, at the same moment
    outbox.post(tx, moved.tenant, OUTBOX_KIND, event_id, now)
    return ConsentEvent(
        moved.subject_ref,
        moved.consent_epoch,
        event_id,
        act,
        purpose,
        notice,
        given_by,
        actor,
        now,
        valid_until,
    )


def history(tx: Connection, leave: Permit) -> list[ConsentEvent]:
    """Every consent event of the permit's subject, in order."""
    gate = leave.subject_gate
    rows = tx.execute(
        sa.select(_event)
        .where(_event.c.tenant == gate.tenant, _event.c.subject_ref == gate.subject_ref)
        .order_by(_event.c.seq)
    )
    return [_value(row) for row in rows]


def find_event(tx: Connection, tenant: UUID, event_id: UUID) -> ConsentEvent | None:
    """The event of this id, whose ever it is."""
    row = tx.execute(
        sa.select(_event).where(_event.c.tenant == tenant, _event.c.event_id == event_id)
    ).one_or_none()
    return None if row is None else _value(row)


def subject_of_event(tx: Connection, tenant: UUID, event_id: UUID) -> UUID | None:
    """Whose event this is: for whoever delivers the outbox."""
    found: UUID | None = tx.execute(
        sa.select(_event.c.subject_ref).where(_event.c.tenant == tenant, _event.c.event_id == event_id)
    ).scalar_one_or_none()
    return found


def last_notice(events: list[ConsentEvent], purpose: Purpose) -> NoticeRef | None:
    """The notice that was decided on last for a purpose."""
    return next(
        (event.notice for event in reversed(events) if event.purpose is purpose and event.notice), None
    )


def _value(row: sa.Row[Any]) -> ConsentEvent:
    notice = (
        NoticeRef(row.notice_id, row.notice_version, row.notice_language, row.notice_sha256)
        if row.notice_id
        else None
    )
    return ConsentEvent(
        row.subject_ref,
        row.seq,
        row.event_id,
        Act(row.act),
        row.purpose and Purpose(row.purpose),
        notice,
        GivenBy(row.given_by),
        row.given_by_ref,
        row.at,
        row.valid_until,
    )
