"""Tables of the gradebook. What a grade says is sealed under the learner's key; that there is one is not."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import SQLModel

from runtime.columns import Category, EraseBy, Instant, not_personal, personal


class AssessmentRow(SQLModel, table=True):
    """One column of a class's gradebook."""

    __tablename__ = "assessment"

    tenant: UUID = not_personal("names a school", primary_key=True)
    class_id: UUID = not_personal("names a class", primary_key=True)
    assessment_id: str = not_personal("names an assignment or a test", primary_key=True)
    title: str = not_personal("what staff call the assessment")
    kind: str = not_personal("assignment, test or exam")
    weight: float = not_personal("share of the final mark, in the school's own unit")
    due_on: date | None = not_personal("deadline of the whole class", default=None)
    max_score: float = not_personal("the best score there is")


class GradeRow(SQLModel, table=True):
    """One graded submission; ``seq`` orders the grades of one learner in one assessment, the last counts."""

    __tablename__ = "grade"
    __table_args__ = (sa.UniqueConstraint("tenant", "class_id", "subject_ref", "assessment_id", "seq"),)

    tenant: UUID = not_personal("names a school", primary_key=True)
    grade_id: UUID = personal(Category.PSEUDONYM, purpose="assessment", primary_key=True)
    class_id: UUID = not_personal("names a class")
    subject_ref: UUID = personal(Category.PSEUDONYM, purpose="assessment")
    assessment_id: str = personal(
        Category.ASSESSMENT,
        purpose="assessment",
        clear="the name of an assignment or a test, of course content",
    )
    seq: int = personal(Category.ASSESSMENT, purpose="assessment")
    posted_by: UUID = personal(Category.STAFF, purpose="assessment")
    posted_at: datetime = personal(Category.ASSESSMENT, purpose="assessment", sa_type=Instant)
    sealed_record: bytes = personal(
        Category.ASSESSMENT,
        purpose="assessment",
        sealed=True,
        erase_by=EraseBy.DELETE_AND_SHRED,
        sa_type=sa.LargeBinary,
    )
