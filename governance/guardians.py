"""Who is whose guardian, how that was verified, and whether it still counts.

A link is a fact that the school established; nobody vouches for their own. It gives a guardian rights only
while the learner is under the age of majority in the school's country, and while no end was set: an end is
how a court order, a dispute or a change of custody is entered.

Source: GDPR Art. 8(2); 34 CFR 99.4, 99.5; 16 CFR 312.5(b)(2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from governance.accounts import Principal, account_of, maturity
from governance.gate import take_gate
from governance.keys import KeyRing
from policy.vocabulary import Role
from runtime.columns import Basis, Category, Instant, not_personal, personal
from runtime.database import table
from runtime.errors import Conflict, FieldFault, Invalid, NotFound

LONGEST = timedelta(days=30 * 366)


class Verification(StrEnum):
    """How the school made sure of a guardian (16 CFR 312.5(b)(2), and its own register)."""

    SCHOOL_RECORD = "school_record"
    SIGNED_FORM = "signed_form"
    IN_PERSON = "in_person"
    VIDEO = "video"
    GOVERNMENT_ID = "government_id"
    PAYMENT_CARD = "payment_card"
    COURT_ORDER = "court_order"


class LinkStands(Conflict):
    """The two are linked already, and the link has not ended."""

    slug = "guardian-link-stands"
    title = "This guardian is already linked to this learner"


class LinkIdTaken(Conflict):
    """The link id stands already, with other content."""

    slug = "guardian-link-id-taken"
    title = "This id was already used for another guardian link"


class GuardianLink(SQLModel, table=True):
    """One verified guardianship."""

    __tablename__ = "guardian_link"
    tenant: UUID = not_personal("names a school", primary_key=True)
    link_id: UUID = not_personal("random; names the link", primary_key=True)
    guardian_ref: UUID = personal(
        Category.PSEUDONYM, purpose="compliance", basis=Basis.LEGAL_OBLIGATION, retention="evidence"
    )
    learner_ref: UUID = personal(
        Category.PSEUDONYM,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        index=True,
    )
    method: str = personal(
        Category.RELATION,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        clear="one of the ways to verify a guardian",
    )
    verified_by: UUID = personal(
        Category.STAFF, purpose="compliance", basis=Basis.LEGAL_OBLIGATION, retention="evidence"
    )
    verified_at: datetime = personal(
        Category.RELATION,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        sa_type=Instant,
    )
    until: datetime | None = personal(
        Category.RELATION,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        sa_type=Instant,
        nullable=True,
    )


@dataclass(frozen=True, slots=True)
class Guardianship:
    """A link as it stands; without ``until`` it runs until the learner is of age."""

    link_id: UUID
    guardian: UUID
    learner: UUID
    method: Verification
    verified_by: UUID
    verified_at: datetime
    until: datetime | None


_link = table(GuardianLink)


def link_guardian(tx: Connection, tenant: UUID, link: Guardianship) -> Guardianship:
    """Enter a verified link. The same link under the same id again is the one that stands.

    Raises:
        NotFound: guardian or learner is not of this school.
        Invalid: the one is no guardian, the other no learner, they are one person, the guardian vouches for
            themselves, or the end is past.
        LinkIdTaken: the id names another link.
        LinkStands: they are linked already.
    """
    stands = next(iter(_links(tx, tenant, _link.c.link_id == link.link_id)), None)
    if stands is not None:
        asked = replace(link, verified_at=stands.verified_at, verified_by=stands.verified_by)
        if asked != stands:
            raise LinkIdTaken
        return stands
    faults = _faults(tx, tenant, link)
    if faults:
        raise Invalid(faults=tuple(faults))
    # The learner's gate makes two administrators take turns: two standing links would survive one ending.
    take_gate(tx, tenant, link.learner)
    if _standing(tx, tenant, link.guardian, link.learner, link.verified_at):
        raise LinkStands
    values = {
        "tenant": tenant,
        "link_id": link.link_id,
        "guardian_ref": link.guardian,
        "learner_ref": link.learner,
        "method": link.method.value,
        "verified_by": link.verified_by,
        "verified_at": link.verified_at,
        "until": link.until,
    }
    tx.execute(sa.insert(_link).values(**values))
    return link


def find_link(tx: Connection, tenant: UUID, link_id: UUID) -> Guardianship:
    """A link by its id.

    Raises:
        NotFound: this school has no such link.
    """
    for link in _links(tx, tenant, _link.c.link_id == link_id):
        return link
    raise NotFound


def end_link(tx: Connection, tenant: UUID, link_id: UUID, now: datetime) -> None:
    """Let a link count no more, from now on. Ending an ended link changes nothing.

    Raises:
        NotFound: this school has no such link.
    """
    find_link(tx, tenant, link_id)
    mine = sa.and_(_link.c.tenant == tenant, _link.c.link_id == link_id)
    tx.execute(
        sa.update(_link).where(mine, sa.or_(_link.c.until.is_(None), _link.c.until > now)).values(until=now)
    )


def links_of_learner(tx: Connection, tenant: UUID, learner: UUID) -> list[Guardianship]:
    """Every link of a learner, ended ones too, oldest first. The caller holds the permit to read them."""
    return _links(tx, tenant, _link.c.learner_ref == learner)


def links_of_guardian(tx: Connection, tenant: UUID, guardian: UUID) -> list[Guardianship]:
    """Every link of a guardian, ended ones too, oldest first. The caller holds the permit to read them."""
    return _links(tx, tenant, _link.c.guardian_ref == guardian)


def is_guardian_of_minor(
    tx: Connection, keyring: KeyRing, principal: Principal, subject: UUID, at: datetime
) -> bool:
    """Whether the principal is, at ``at``, a verified guardian of a subject under the age of majority.

    A learner whose birth date is unknown counts as a minor. False where there is no such person.
    """
    if Role.GUARDIAN not in principal.roles:
        return False
    if not _standing(tx, principal.tenant, principal.subject_ref, subject, at):
        return False
    return not maturity(tx, keyring, principal.tenant, subject, at).of_age


def _faults(tx: Connection, tenant: UUID, link: Guardianship) -> list[FieldFault]:
    faults = []
    if Role.GUARDIAN not in account_of(tx, tenant, link.guardian).roles:
        faults.append(FieldFault("guardian", "must have the role guardian"))
    if Role.LEARNER not in account_of(tx, tenant, link.learner).roles:
        faults.append(FieldFault("learner", "must have the role learner"))
    if link.guardian == link.learner:
        faults.append(FieldFault("guardian", "must be another person than the learner"))
    if link.guardian == link.verified_by:
        faults.append(FieldFault("guardian", "nobody vouches for themselves"))
    if link.until is not None and link.until <= link.verified_at:
        faults.append(FieldFault("until", "must be later than the verification"))
    if link.until is not None and link.until - link.verified_at > LONGEST:
        faults.append(FieldFault("until", "must be within 30 years: a guardianship ends with majority"))
    return faults


def _standing(tx: Connection, tenant: UUID, guardian: UUID, learner: UUID, at: datetime) -> bool:
    standing = sa.select(sa.literal(1)).where(
        _link.c.tenant == tenant,
        _link.c.guardian_ref == guardian,
        _link.c.learner_ref == learner,
        sa.or_(_link.c.until.is_(None), _link.c.until > at),
    )
    return tx.execute(standing).first() is not None


def _links(tx: Connection, tenant: UUID, condition: sa.ColumnElement[bool]) -> list[Guardianship]:
    rows = tx.execute(
        sa.select(_link)
        .where(_link.c.tenant == tenant, condition)
        .order_by(_link.c.verified_at, _link.c.link_id)
    )
    return [
        Guardianship(
            row.link_id,
            row.guardian_ref,
            row.learner_ref,
            Verification(row.method),
            row.verified_by,
            row.verified_at,
            row.until,
        )
        for row in rows
    ]
