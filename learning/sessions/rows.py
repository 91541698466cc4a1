"""The tables of a session.

Keys decide races: an answer id has one outcome (primary key), an order number one answer, and a step, one
offered instance of an item, is answered once whatever two tabs do.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import SQLModel

from runtime.columns import Category, EraseBy, Instant, not_personal, personal


class SessionState(StrEnum):
    """``closing`` stands while the summary is written; it takes no more answers."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class EndReason(StrEnum):
    """Who or what ended a session."""

    LEARNER = "learner"
    IDLE = "idle"


class Session(SQLModel, table=True):
    """One learner working on one course version. ``seq`` counts its answers; ``digest`` chains them."""

    __tablename__ = "session"
    __table_args__ = (sa.Index("session_by_subject", "tenant", "subject_ref", "session_id"),)

    tenant: UUID = not_personal("names a school", primary_key=True)
    session_id: UUID = personal(
        Category.PSEUDONYM, purpose="teaching", retention="enrolment", primary_key=True
    )
    subject_ref: UUID = personal(Category.PSEUDONYM, purpose="teaching")
    class_id: UUID = not_personal("names a class, not a person in it")
    course_id: str = not_personal("names course content")
    course_version: int = not_personal("names course content")
    state: str = not_personal("how far any session has come")
    seq: int = personal(Category.BEHAVIOUR, purpose="teaching")
    digest: bytes = personal(
        Category.PSEUDONYM, purpose="teaching", sa_type=sa.LargeBinary, clear="a hash over ids"
    )
    open_step: UUID | None = personal(Category.PSEUDONYM, purpose="teaching", default=None)
    steps: int = personal(Category.BEHAVIOUR, purpose="teaching")
    inactivity_s: int = not_personal("a setting of the installation")
    opened_at: datetime = personal(Category.BEHAVIOUR, purpose="teaching", sa_type=Instant)
    active_at: datetime = personal(Category.BEHAVIOUR, purpose="teaching", sa_type=Instant)
    closed_at: datetime | None = personal(
        Category.BEHAVIOUR, purpose="teaching", sa_type=Instant, default=None
    )
    end_reason: str | None = personal(
        Category.BEHAVIOUR, purpose="teaching", default=None, clear="learner or idle"
    )
    engine_seq: int = not_personal("how far the engine has followed")
    summary: bytes | None = personal(
        Category.LEARNING,
        purpose="teaching",
        default=None,
        sealed=True,
        sa_type=sa.LargeBinary,
        erase_by=EraseBy.DELETE_AND_SHRED,
    )


class Step(SQLModel, table=True):
    """One offered instance of an item."""

    __tablename__ = "step"
    __table_args__ = (sa.UniqueConstraint("tenant", "session_id", "number"),)

    tenant: UUID = not_personal("names a school", primary_key=True)
    session_id: UUID = personal(Category.PSEUDONYM, purpose="teaching", primary_key=True)
    step_id: UUID = personal(Category.PSEUDONYM, purpose="teaching", primary_key=True)
    number: int = not_personal("counts offers within a session")
    item_id: str = personal(Category.BEHAVIOUR, purpose="teaching", clear="name of course content")
    lesson_id: str = personal(Category.BEHAVIOUR, purpose="teaching", clear="name of course content")
    chosen: bool = personal(Category.BEHAVIOUR, purpose="teaching")
    hints_shown: int = personal(Category.BEHAVIOUR, purpose="teaching")
    offered_at: datetime = personal(Category.BEHAVIOUR, purpose="teaching", sa_type=Instant)


class Answer(SQLModel, table=True):
    """One graded answer. What was said and what came back are sealed; order and identity are not."""

    __tablename__ = "answer"
    __table_args__ = (
        sa.UniqueConstraint("tenant", "session_id", "seq"),
        sa.UniqueConstraint("tenant", "session_id", "step_id"),
    )

    tenant: UUID = not_personal("names a school", primary_key=True)
    session_id: UUID = personal(Category.PSEUDONYM, purpose="teaching", primary_key=True)
    answer_id: UUID = personal(Category.PSEUDONYM, purpose="teaching", primary_key=True)
    subject_ref: UUID = personal(Category.PSEUDONYM, purpose="teaching")
    seq: int = personal(Category.BEHAVIOUR, purpose="teaching")
    step_id: UUID = personal(Category.PSEUDONYM, purpose="teaching")
    decision_id: UUID = personal(Category.PSEUDONYM, purpose="teaching")
    lane: str = not_personal("which way through the system an answer took")
    content_mac: bytes = personal(
        Category.PSEUDONYM, purpose="teaching", sa_type=sa.LargeBinary, clear="a keyed hash"
    )
    digest: bytes = personal(
        Category.PSEUDONYM, purpose="teaching", sa_type=sa.LargeBinary, clear="a hash over ids"
    )
    received_at: datetime = personal(Category.BEHAVIOUR, purpose="teaching", sa_type=Instant)
    sealed_response: bytes = personal(
        Category.ASSESSMENT,
        purpose="teaching",
        sealed=True,
        sa_type=sa.LargeBinary,
        erase_by=EraseBy.DELETE_AND_SHRED,
    )
    sealed_reply: bytes = personal(
        Category.ASSESSMENT,
        purpose="teaching",
        sealed=True,
        sa_type=sa.LargeBinary,
        erase_by=EraseBy.DELETE_AND_SHRED,
    )


class LearnerStateRow(SQLModel, table=True):
    """What is known of a learner in one course; ``version`` counts its writes, so none is lost."""

    __tablename__ = "learner_state"

    tenant: UUID = not_personal("names a school", primary_key=True)
    subject_ref: UUID = personal(Category.PSEUDONYM, purpose="teaching", primary_key=True)
    course_id: str = not_personal("names course content", primary_key=True)
    version: int = not_personal("counts writes of this row")
    updated_at: datetime = personal(Category.BEHAVIOUR, purpose="teaching", sa_type=Instant)
    sealed_state: bytes = personal(
        Category.PROFILING,
        purpose="teaching",
        sealed=True,
        sa_type=sa.LargeBinary,
        erase_by=EraseBy.DELETE_AND_SHRED,
    )
