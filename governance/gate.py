"""The subject's gate: one row for each person that says whether, and for what, their data may be used now.

Every writer of personal data reads the gate ``FOR SHARE`` in its own transaction; whoever changes it
(consent, restriction, erasure) takes it ``FOR UPDATE``. A plain read loses that race on PostgreSQL: a
decision that read epoch 7 can commit after the withdrawal that made it 8. On SQLite a write transaction
already holds the only write lock, so the same statements suffice. "Before" and "after" mean epoch and commit
order here, never clocks.

A consent that ran out is dead at its instant whether or not anybody has closed it: the gate compares, timers
only tidy up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from policy.vocabulary import Purpose
from runtime.columns import Basis, Category, Instant, not_personal, personal
from runtime.database import insert_once, table


class GateState(StrEnum):
    """What may happen with the person's data at all."""

    OPEN = "open"
    RESTRICTED = "restricted"
    """Stored and nothing else (GDPR Art. 18)."""
    ERASED = "erased"
    """Gone, or going: nothing new is accepted (GDPR Art. 17)."""


class SubjectGate(SQLModel, table=True):
    """The gate's row: ``consent_epoch`` counts the consent events, ``purposes`` holds what is live."""

    __tablename__ = "subject_gate"

    tenant: UUID = not_personal("names a school", primary_key=True)
    subject_ref: UUID = personal(
        Category.PSEUDONYM,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        primary_key=True,
    )
    state: str = personal(
        Category.CONSENT,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        clear="open, restricted or erased",
    )
    consent_epoch: int = personal(
        Category.CONSENT, purpose="compliance", basis=Basis.LEGAL_OBLIGATION, retention="evidence"
    )
    purposes: str = personal(
        Category.CONSENT,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        clear="names of purposes and instants",
    )
    updated_at: datetime = not_personal("when the gate last moved", sa_type=Instant)


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate as one transaction saw it.

    Attributes:
        live: ``purpose=until`` pairs, sorted, separated by spaces; ``until`` in microseconds since 1970.
    """

    tenant: UUID
    subject_ref: UUID
    state: GateState
    consent_epoch: int
    live: str

    def allows(self, purpose: Purpose, at: datetime) -> bool:
        """Whether consent to ``purpose`` is live at ``at``. Says nothing about restriction or erasure."""
        until = self.consents().get(purpose)
        return until is not None and at < until

    def consents(self) -> dict[Purpose, datetime]:
        """Each purpose consented to and the instant until which that is valid."""
        pairs = (pair.split("=") for pair in self.live.split())
        return {Purpose(name): _EPOCH + timedelta(microseconds=int(until)) for name, until in pairs}


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_gate = table(SubjectGate)
_by_subject = sa.select(_gate.c.state, _gate.c.consent_epoch, _gate.c.purposes).where(
    _gate.c.tenant == sa.bindparam("t"), _gate.c.subject_ref == sa.bindparam("s")
)
_shared = _by_subject.with_for_update(read=True)
_exclusive = _by_subject.with_for_update()


def create_gate(tx: Connection, tenant: UUID, subject: UUID, now: datetime) -> None:
    """Put up the gate of a new person: open, and no purpose consented to (GDPR Art. 25(2)). Idempotent."""
    insert_once(
        tx,
        SubjectGate,
        {
            "tenant": tenant,
            "subject_ref": subject,
            "state": GateState.OPEN.value,
            "consent_epoch": 0,
            "purposes": "",
            "updated_at": now,
        },
    )


def read_gate(tx: Connection, tenant: UUID, subject: UUID, *, lock: bool) -> Gate | None:
    """The gate, or None where this school has no such person.

    With ``lock`` it is held ``FOR SHARE`` until the transaction ends: whoever writes personal data must.
    """
    return _read(tx, _shared if lock else _by_subject, tenant, subject)


def read_gates(tx: Connection, tenant: UUID, subjects: Collection[UUID], *, lock: bool) -> dict[UUID, Gate]:
    """As ``read_gate``, for many people in one query; whom this school does not have is left out."""
    wanted = (
        sa.select(_gate.c.subject_ref, _gate.c.state, _gate.c.consent_epoch, _gate.c.purposes)
        .where(_gate.c.tenant == tenant, _gate.c.subject_ref.in_(sorted(subjects)))
        .order_by(_gate.c.subject_ref)  # locks are always taken in one order
    )
    rows = tx.execute(wanted.with_for_update(read=True) if lock else wanted)
    return {row.subject_ref: _gate_of(tenant, row.subject_ref, row) for row in rows}


def take_gate(tx: Connection, tenant: UUID, subject: UUID) -> Gate | None:
    """The gate ``FOR UPDATE``: waits for every transaction that holds it, and makes later ones wait."""
    return _read(tx, _exclusive, tenant, subject)


def move_gate(
    tx: Connection,
    gate: Gate,
    now: datetime,
    *,
    state: GateState | None = None,
    consents: Mapping[Purpose, datetime] | None = None,
) -> Gate:
    """Change a gate that this transaction took. A change of consents is a new epoch."""
    moved = Gate(
        gate.tenant,
        gate.subject_ref,
        gate.state if state is None else state,
        gate.consent_epoch if consents is None else gate.consent_epoch + 1,
        gate.live if consents is None else _packed(consents),
    )
    tx.execute(
        sa.update(_gate)
        .where(_gate.c.tenant == gate.tenant, _gate.c.subject_ref == gate.subject_ref)
        .values(
            state=moved.state.value,
            consent_epoch=moved.consent_epoch,
            purposes=moved.live,
            updated_at=now,
        )
    )
    return moved


def _read(tx: Connection, statement: sa.Select[Any], tenant: UUID, subject: UUID) -> Gate | None:
    row = tx.execute(statement, {"t": tenant, "s": subject}).one_or_none()
    return None if row is None else _gate_of(tenant, subject, row)


def _gate_of(tenant: UUID, subject: UUID, row: Any) -> Gate:
    return Gate(tenant, subject, GateState(row.state), row.consent_epoch, row.purposes)


def _packed(consents: Mapping[Purpose, datetime]) -> str:
    micros = {name: (until - _EPOCH) // timedelta(microseconds=1) for name, until in consents.items()}
    return " ".join(f"{name.value}={micros[name]}" for name in sorted(micros))
