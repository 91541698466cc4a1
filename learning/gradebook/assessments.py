"""What is graded in a class: its course's assignments, and tests and exams from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from governance.accounts import Principal
from governance.permits import Governor, permit
from learning.courses.content import Course
from learning.gradebook.rows import AssessmentRow, GradeRow
from learning.relations import class_relations
from policy.vocabulary import Action, ObjectType, Purpose
from runtime.database import insert_once, table
from runtime.errors import Conflict, FieldFault, NotFound


class AssessmentKind(StrEnum):
    """What is graded."""

    ASSIGNMENT = "assignment"
    TEST = "test"
    EXAM = "exam"


class NoSuchAssessment(NotFound):
    """The class has no such assessment."""

    slug = "no-such-assessment"
    title = "This class has no such assessment"


class AssessmentDiffers(Conflict):
    """Grades stand on this assessment, and they were given out of another best score."""

    slug = "assessment-differs"
    title = "This assessment has grades already, out of another best score"


@dataclass(frozen=True, slots=True)
class Assessment:
    """One column of a class's gradebook. ``weight`` is in the school's own unit; dates are days in UTC."""

    assessment_id: str
    title: str
    kind: AssessmentKind
    weight: float
    due_on: date | None
    max_score: float


_assessment, _grade = table(AssessmentRow), table(GradeRow)
_VALUE = tuple(_assessment.c[name] for name in Assessment.__slots__)


def put_assessment(
    tx: Connection, governor: Governor, principal: Principal, class_id: UUID, new: Assessment
) -> Assessment:
    """Add an assessment to a class's gradebook, or change it.

    Raises:
        NoSuchClass, Forbidden: not in this class, not for this caller.
        AssessmentDiffers: it has grades out of another best score.
    """
    gradebook_permit(tx, governor, principal, class_id, Action.UPDATE)
    stands = assessments(tx, principal.tenant, class_id).get(new.assessment_id)
    if stands is None:
        add_assessments(tx, principal.tenant, class_id, [new])
        return new
    if stands.max_score != new.max_score and _is_graded(tx, principal.tenant, class_id, new.assessment_id):
        fault = FieldFault("body.max_score", f"there are grades out of {stands.max_score:g}")
        raise AssessmentDiffers(faults=(fault,))
    tx.execute(
        sa.update(_assessment)
        .where(
            _assessment.c.tenant == principal.tenant,
            _assessment.c.class_id == class_id,
            _assessment.c.assessment_id == new.assessment_id,
        )
        .values(**_columns(new))
    )
    return new


def add_assessments(tx: Connection, tenant: UUID, class_id: UUID, new: Iterable[Assessment]) -> None:
    """Add assessments that the class does not have yet. The caller holds the permit."""
    for assessment in new:
        insert_once(tx, AssessmentRow, {"tenant": tenant, "class_id": class_id, **_columns(assessment)})


def of_course(course: Course, starts_on: date) -> list[Assessment]:
    """A course's assignments as assessments of a class that starts on that day."""
    return [
        Assessment(
            assignment.id,
            assignment.title,
            AssessmentKind.ASSIGNMENT,
            assignment.weight,
            None if assignment.due_day is None else starts_on + timedelta(days=assignment.due_day),
            assignment.max_score,
        )
        for assignment in course.assignments
    ]


def assessments(tx: Connection, tenant: UUID, class_id: UUID) -> dict[str, Assessment]:
    """A class's assessments by id, in the order of their deadlines, those without one last."""
    rows = tx.execute(
        sa.select(*_VALUE)
        .where(_assessment.c.tenant == tenant, _assessment.c.class_id == class_id)
        .order_by(_assessment.c.due_on.is_(None), _assessment.c.due_on, _assessment.c.assessment_id)
    )
    found = (Assessment(*row) for row in rows)
    return {one.assessment_id: replace(one, kind=AssessmentKind(one.kind)) for one in found}


def gradebook_permit(
    tx: Connection, governor: Governor, principal: Principal, class_id: UUID, action: Action
) -> None:
    """Make sure that the principal may do this to the class's gradebook, whosever grades are in it.

    Raises:
        NoSuchClass, Forbidden.
    """
    permit(
        tx,
        principal,
        class_relations(tx, principal, class_id, governor.clock.now()),
        action,
        ObjectType.GRADEBOOK,
        Purpose.ASSESSMENT,
        subject=None,
        governor=governor,
    )


def _is_graded(tx: Connection, tenant: UUID, class_id: UUID, assessment_id: str) -> bool:
    mine = sa.and_(
        _grade.c.tenant == tenant, _grade.c.class_id == class_id, _grade.c.assessment_id == assessment_id
    )
    return tx.execute(sa.select(sa.literal(1)).where(mine).limit(1)).first() is not None


def _columns(assessment: Assessment) -> dict[str, Any]:
    return {**asdict(assessment), "kind": assessment.kind.value}
