"""What a grade says, and the rules about it. Values and pure functions: no database.

Sources of the standings: what school systems send (1EdTech OneRoster 1.2, gradebook service) and what open
universities do (banked scores).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from learning.gradebook.assessments import Assessment
from runtime.errors import Conflict, FieldFault, TutelaError

LONGEST_COMMENT = 2000


class Standing(StrEnum):
    """How a submission stands towards its deadline. Wire and sealed format: append only."""

    ON_TIME = "on_time"
    LATE = "late"
    RESUBMITTED = "resubmitted"
    """Handed in again after an earlier grade."""
    BANKED = "banked"
    """Carried over from an earlier class; the learner need not hand it in again."""
    MISSING = "missing"
    """Not handed in, and the school says so."""
    EXCUSED = "excused"
    """The learner need not hand it in; it counts for nothing."""

    @property
    def handed_in(self) -> bool:
        return self not in (Standing.MISSING, Standing.EXCUSED)


class GradeDiffers(Conflict):
    """A grade with this id stands already and says something else."""

    slug = "grade-differs"
    title = "A grade with this id exists and says something else; to correct a grade, post a new one"


@dataclass(frozen=True, slots=True)
class GradePost:
    """A graded submission on its way in.

    Attributes:
        score: points out of the assessment's ``max_score``; None while it is handed in and not yet marked.
        submitted_on: the day it was handed in.
        graded_on: from which day the score was known; the class's day where the poster does not say.
        standing: the school's word; worked out from the dates where there is none.
    """

    grade_id: UUID
    subject_ref: UUID
    assessment_id: str
    score: float | None = field(default=None, repr=False)
    submitted_on: date | None = None
    graded_on: date | None = None
    standing: Standing | None = None
    comment: str = field(default="", repr=False)


class GradeRecord(BaseModel):
    """What is sealed of a grade. Stored for years: append fields with defaults only."""

    model_config = ConfigDict(frozen=True)

    standing: Standing
    max_score: float
    score: float | None = None
    submitted_on: date | None = None
    graded_on: date
    comment: str = ""

    @property
    def share(self) -> float | None:
        """The score as a share of the best one (0-1)."""
        return None if self.score is None else self.score / self.max_score


@dataclass(frozen=True, slots=True)
class Grade:
    """A grade in clear, for those who may see it."""

    grade_id: UUID
    subject_ref: UUID
    assessment_id: str
    seq: int
    posted_by: UUID
    posted_at: datetime
    record: GradeRecord


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one post: exactly one of ``standing`` and ``refusal`` is set."""

    index: int
    grade_id: UUID
    posted: bool
    """Whether this call added it; False as well when the same grade stood already."""
    standing: Standing | None = None
    refusal: TutelaError | None = None


def check(post: GradePost, assessment: Assessment, day: date) -> tuple[FieldFault, ...]:
    """What is wrong with a post, by field name; ``day`` is the day the class lives at."""
    faults = []
    handed_in = post.standing is None or post.standing.handed_in
    if post.score is not None and not (math.isfinite(post.score) and 0 <= post.score <= assessment.max_score):
        faults.append(FieldFault("score", f"must lie between 0 and {assessment.max_score:g}"))
    if post.score is not None and not handed_in:
        faults.append(FieldFault("score", "work that was not handed in has none"))
    if handed_in and post.submitted_on is None:
        faults.append(FieldFault("submitted_on", "must say when the work was handed in"))
    if not handed_in and post.submitted_on is not None:
        faults.append(FieldFault("submitted_on", "work that was not handed in has none"))
    for name, on in (("submitted_on", post.submitted_on), ("graded_on", post.graded_on)):
        if on is not None and on > day + timedelta(days=1):  # a day ahead: it is tomorrow somewhere already
            faults.append(FieldFault(name, "lies in the future of this class"))
    return tuple(faults)


def standing_of(post: GradePost, assessment: Assessment, before: GradeRecord | None) -> Standing:
    """The school's word, or else what the dates say; ``before`` is the grade that counted so far."""
    if post.standing is not None:
        return post.standing
    assert post.submitted_on is not None
    if before and before.submitted_on and before.submitted_on < post.submitted_on:
        return Standing.RESUBMITTED
    if assessment.due_on is not None and post.submitted_on > assessment.due_on:
        return Standing.LATE
    return Standing.ON_TIME


def counting(grades: Iterable[Grade]) -> dict[str, Grade]:
    """The grade that counts in each assessment: the newest by order."""
    newest: dict[str, Grade] = {}
    for grade in sorted(grades, key=lambda grade: grade.seq):
        newest[grade.assessment_id] = grade
    return newest


def says_the_same(post: GradePost, stands: Grade) -> bool:
    """Whether a post repeats a grade. What the poster left to us counts as said."""
    record = stands.record
    return (
        (post.assessment_id, post.score, post.submitted_on, post.comment)
        == (stands.assessment_id, record.score, record.submitted_on, record.comment)
        and post.graded_on in (None, record.graded_on)
        and post.standing in (None, record.standing)
    )
