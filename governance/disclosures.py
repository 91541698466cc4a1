"""Who was shown a person's data: one row for each look that law wants recorded, in the look's transaction.

A permit whose rule obliges to ``record`` writes the row itself, so there is no disclosure without its record,
and no record of a disclosure that was rolled back. Ordinary teaching is not recorded here: a school's own
staff with a legitimate educational interest need no entry (34 CFR 99.32(d)(2)).

Source: 34 CFR 99.32(a)(1)-(3); GDPR Art. 15(1)(c).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from runtime.columns import Basis, Category, Instant, not_personal, personal
from runtime.database import table


class DisclosureRecord(SQLModel, table=True):
    """One look. ``reader_ref`` is the subject reference of whoever looked; ``rule`` says by what right."""

    __tablename__ = "disclosure"

    tenant: UUID = not_personal("names a school", primary_key=True)
    disclosure_id: UUID = not_personal("random; names the record", primary_key=True)
    subject_ref: UUID = personal(
        Category.PSEUDONYM,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        index=True,
    )
    reader_ref: UUID = personal(
        Category.STAFF, purpose="compliance", basis=Basis.LEGAL_OBLIGATION, retention="evidence"
    )
    reader_roles: str = personal(
        Category.STAFF,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        clear="names of roles",
    )
    object: str = not_personal("kind of thing that was shown")
    action: str = not_personal("what was done with it")
    purpose: str = not_personal("what for: the legitimate interest (34 CFR 99.32(a)(3)(ii))")
    rule: str = not_personal("name of the rule that allowed it")
    at: datetime = personal(
        Category.STAFF,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        sa_type=Instant,
    )


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One recorded look."""

    disclosure_id: UUID
    subject: UUID
    reader: UUID
    reader_roles: tuple[str, ...]
    object: str
    action: str
    purpose: str
    rule: str
    at: datetime


_disclosure = table(DisclosureRecord)


def record(tx: Connection, tenant: UUID, disclosure: Disclosure) -> None:
    """Write one look down."""
    tx.execute(
        sa.insert(_disclosure).values(
            tenant=tenant,
            disclosure_id=disclosure.disclosure_id,
            subject_ref=disclosure.subject,
            reader_ref=disclosure.reader,
            reader_roles=" ".join(disclosure.reader_roles),
            object=disclosure.object,
            action=disclosure.action,
            purpose=disclosure.purpose,
            rule=disclosure.rule,
            at=disclosure.at,
        )
    )


def disclosures_of(tx: Connection, tenant: UUID, subject: UUID) -> list[Disclosure]:
    """Every recorded look at a person's data, oldest first. The caller holds the permit to read it."""
    rows = tx.execute(
        sa.select(_disclosure)
        .where(_disclosure.c.tenant == tenant, _disclosure.c.subject_ref == subject)
        .order_by(_disclosure.c.at, _disclosure.c.disclosure_id)
    )
    return [
        Disclosure(
            row.disclosure_id,
            row.subject_ref,
            row.reader_ref,
            tuple(row.reader_roles.split()),
            row.object,
            row.action,
            row.purpose,
            row.rule,
            row.at,
        )
        for row in rows
    ]
