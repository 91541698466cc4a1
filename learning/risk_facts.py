"""The dated facts behind a learner's risk, and what of them was known on a day.

Facts carry the day they happened on; whatever the day a list is asked for, only facts dated up to it are
read. So a list as of day 28 does not know what was handed in on day 29, nor a score that was not yet given.

Sealed in the risk row as JSON, and rebuilt from gradebook and sessions whenever it is refreshed. The format
grows by fields with defaults only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from learning.classes import SchoolClass
from learning.enrolments import Stay
from learning.features.withdrawal import EnrolmentFacts, GradeFacts, RiskInputs, SessionFacts
from learning.gradebook.assessments import Assessment
from learning.gradebook.grades import Standing

STUCK_WINDOW_DAYS = 28


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatedGrade(_Fact):
    """A grade, less its comment. ``share`` is the score as a share of the best one (0-1)."""

    assessment: str
    seq: int
    standing: Standing
    submitted_on: date | None = None
    graded_on: date
    share: float | None = None


class DatedSession(_Fact):
    """A session with at least one answer. ``stuck``: it ended after three wrong answers or the last hint."""

    session_id: UUID
    opened_on: date
    stuck: bool | None = None
    """None while the session goes on."""


class DatedAccuracy(_Fact):
    """What the learner's profile said on a day, in a consent epoch; void in any other epoch."""

    on: date
    consent_epoch: int
    level: float | None = None
    trend: float | None = None


class RiskFacts(_Fact):
    """Everything about a learner in a class that a risk score may read."""

    grades: tuple[DatedGrade, ...] = ()
    sessions: tuple[DatedSession, ...] = ()
    accuracy: DatedAccuracy | None = None


def inputs_on(
    day: date,
    school_class: SchoolClass,
    assessments: Mapping[str, Assessment],
    stay: Stay,
    facts: RiskFacts,
    consent_epoch: int | None,
) -> RiskInputs:
    """What was known of a learner on ``day``.

    Args:
        day: the day to judge by.
        school_class: the class; days of the result count from its start.
        assessments: the class's assessments by id.
        stay: the learner's place in the class.
        facts: all dated facts, later ones too.
        consent_epoch: the present epoch while consent to personalisation is live, else None.
    """
    return RiskInputs(
        day=school_class.number(day),
        grades=_grades_on(day, school_class, assessments, facts.grades),
        enrolment=EnrolmentFacts(joined_day=school_class.number(stay.enrolled_on)),
        sessions=_sessions_on(day, school_class, facts, consent_epoch),
    )


def _grades_on(
    day: date, school_class: SchoolClass, assessments: Mapping[str, Assessment], grades: Sequence[DatedGrade]
) -> tuple[GradeFacts, ...]:
    by_assessment: defaultdict[str, list[DatedGrade]] = defaultdict(list)
    for grade in sorted(grades, key=lambda grade: grade.seq):
        by_assessment[grade.assessment].append(grade)
    work = (
        _work_on(day, school_class, one, by_assessment[one.assessment_id]) for one in assessments.values()
    )
    return tuple(found for found in work if found is not None)


def _work_on(
    day: date, school_class: SchoolClass, assessment: Assessment, grades: Sequence[DatedGrade]
) -> GradeFacts | None:
    """One assessment as it stood; None where the learner was excused from it.

    Handed in counts from the first submission, so that doing it again is not being late. The score is the
    newest one that had been given.
    """
    given = [grade for grade in grades if grade.graded_on <= day]
    if given and given[-1].standing is Standing.EXCUSED:
        return None
    missing = bool(given) and given[-1].standing is Standing.MISSING
    scores = [grade.share for grade in given if grade.share is not None]
    days = [
        grade.submitted_on
        for grade in grades
        if grade.standing is not Standing.BANKED and grade.submitted_on and grade.submitted_on <= day
    ]
    return GradeFacts(
        due_day=None if assessment.due_on is None else school_class.number(assessment.due_on),
        weight=assessment.weight,
        score=scores[-1] if scores and not missing else None,
        submitted_day=school_class.number(min(days)) if days and not missing else None,
        attempts=len(days),
        banked=any(grade.standing is Standing.BANKED for grade in given),
    )


def _sessions_on(
    day: date, school_class: SchoolClass, facts: RiskFacts, consent_epoch: int | None
) -> SessionFacts:
    past = [session for session in facts.sessions if session.opened_on <= day]
    since = day - timedelta(days=STUCK_WINDOW_DAYS)
    accuracy = facts.accuracy
    if accuracy is not None and (accuracy.consent_epoch != consent_epoch or accuracy.on > day):
        accuracy = None
    return SessionFacts(
        days=tuple(school_class.number(session.opened_on) for session in past),
        stuck_exits=sum(session.stuck is True for session in past if session.opened_on > since),
        accuracy_level=accuracy.level if accuracy else None,
        accuracy_trend=accuracy.trend if accuracy else None,
    )
