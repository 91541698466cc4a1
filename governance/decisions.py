"""Decision records: what was decided about a person, and everything needed to decide it again.

The record is sealed under the person's evidence key. In clear stand only what names the rules of the day
(digests, build, epoch, lane): enough to count and to find, nothing about the person.

Source: GDPR Art. 13(2)(f), 15(1)(h), 22; EU AI Act Art. 12.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from runtime.columns import Basis, Category, EraseBy, Instant, not_personal, personal
from runtime.database import table


class Decision(SQLModel, table=True):
    """One decision. ``fact_ref`` names what it was about (a session)."""

    __tablename__ = "decision"
    __table_args__ = (sa.Index("decision_by_subject", "tenant", "subject_ref", "made_at"),)

    tenant: UUID = not_personal("names a school", primary_key=True)
    decision_id: UUID = personal(
        Category.PSEUDONYM, purpose="teaching", retention="evidence", primary_key=True
    )
    subject_ref: UUID = personal(Category.PSEUDONYM, purpose="teaching", retention="evidence")
    kind: str = not_personal("name of a kind of decision")
    fact_ref: UUID = personal(Category.PSEUDONYM, purpose="teaching", retention="evidence")
    lane: str = not_personal("which way through the system it took")
    consent_epoch: int = personal(Category.CONSENT, purpose="teaching", retention="evidence")
    model_digests: str = not_personal("names model artefacts")
    rules_digest: str = not_personal("names a rules artefact")
    policy_digest: str = not_personal("names a policy artefact")
    build_id: str = not_personal("names a build of Tutela")
    made_at: datetime = personal(
        Category.BEHAVIOUR, purpose="teaching", retention="evidence", sa_type=Instant
    )
    sealed_record: bytes = personal(
        Category.PROFILING,
        purpose="teaching",
        basis=Basis.PUBLIC_TASK,
        retention="evidence",
        erase_by=EraseBy.DELETE_AND_SHRED,
        sealed=True,
        sa_type=sa.LargeBinary,
    )


@dataclass(frozen=True)
class SealedRecord:
    """What is under the seal: everything the decision read, and everything it said. JSON objects."""

    inputs: dict[str, Any]
    outcome: dict[str, Any]

    def to_bytes(self) -> bytes:
        return json.dumps(vars(self), separators=(",", ":"), sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        return cls(**json.loads(stored))


@dataclass(frozen=True)
class DecisionRecord:
    """A decision on its way to its row; ``sealed_record`` is sealed for this very row."""

    tenant: UUID
    decision_id: UUID
    subject_ref: UUID
    kind: str
    fact_ref: UUID
    lane: str
    consent_epoch: int
    model_digests: str
    rules_digest: str
    policy_digest: str
    build_id: str
    made_at: datetime
    sealed_record: bytes


_decision = table(Decision)
_insert = sa.insert(_decision)


def record(tx: Connection, made: DecisionRecord) -> None:
    """Write a decision in the transaction of the fact it decides. Its id is unique: it is made once."""
    tx.execute(_insert, vars(made))
