"""Reading grades: a learner's own, one learner's for the teacher, and a class's gradebook."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from governance.accounts import Principal
from governance.permits import Governor, Permit, permit, permits
from learning.classes import find_class
from learning.enrolments import stays_on
from learning.gradebook.assessments import Assessment, assessments, gradebook_permit
from learning.gradebook.grades import Grade, GradeRecord, counting
from learning.gradebook.rows import GradeRow
from learning.names import names_of
from learning.register import see_class
from learning.relations import relations, relations_to
from policy.vocabulary import Action, ObjectType, Purpose, Relation
from runtime.database import table

SEALED = ("grade", "sealed_record")

_grade = table(GradeRow)


@dataclass(frozen=True, slots=True)
class GradebookRow:
    """A learner's counting grades, by assessment; without a name where the caller may not see it."""

    subject_ref: UUID
    display_name: str | None = field(repr=False)
    grades: dict[str, Grade] = field(repr=False)


def grades_in_clear(tx: Connection, allowed: Permit, class_id: UUID) -> list[Grade]:
    """Every grade of the permit's subject in a class, oldest first within each assessment."""
    request = allowed.request
    assert request.subject is not None
    rows = tx.execute(
        sa.select(_grade)
        .where(
            _grade.c.tenant == request.principal.tenant,
            _grade.c.class_id == class_id,
            _grade.c.subject_ref == request.subject,
        )
        .order_by(_grade.c.assessment_id, _grade.c.seq)
    )
    return [_in_clear(allowed, row) for row in rows]


def grades_of(
    tx: Connection,
    governor: Governor,
    principal: Principal,
    class_id: UUID,
    subject: UUID,
    *,
    after: tuple[Any, ...] | None = None,
) -> list[Grade]:
    """A learner's grades in a class with their history, by assessment: for learner, guardian and teacher.

    A list goes on after the grade that ``after`` names: ``(assessment_id, seq)``.

    Raises:
        NoSuchClass, Forbidden, UnknownSubject, SubjectRestricted, SubjectErased.
    """
    find_class(tx, principal.tenant, class_id)
    standing = relations(tx, principal, subject, governor.clock.now(), governor.keyring)
    allowed = permit(
        tx,
        principal,
        standing,
        Action.LIST,
        ObjectType.GRADE,
        Purpose.TRANSPARENCY if Relation.GUARDIAN_OF_MINOR in standing else Purpose.ASSESSMENT,
        subject=subject,
        governor=governor,
    )
    grades = grades_in_clear(tx, allowed, class_id)
    return [grade for grade in grades if after is None or (grade.assessment_id, grade.seq) > after]


def gradebook(
    tx: Connection,
    governor: Governor,
    principal: Principal,
    class_id: UUID,
    *,
    after: UUID | None,
    limit: int,
) -> list[GradebookRow]:
    """Who is in the class, by subject, each with the grade that counts in each assessment.

    Whoever may not be shown (restricted, erased) is left out.

    Raises:
        NoSuchClass, Forbidden: the caller does not keep this class's gradebook.
    """
    gradebook_permit(tx, governor, principal, class_id, Action.LIST)
    now = governor.clock.now()
    day = find_class(tx, principal.tenant, class_id).day(now.date())
    subjects = [
        stay.subject_ref for stay in stays_on(tx, principal.tenant, class_id, day, after=after, limit=limit)
    ]
    allowed = permits(
        tx,
        principal,
        relations_to(tx, principal, subjects, now, governor.keyring),
        Action.LIST,
        ObjectType.GRADE,
        Purpose.ASSESSMENT,
        governor=governor,
    )
    grades = grades_by_learner(tx, allowed, principal.tenant, class_id)
    names = names_of(tx, governor, principal, subjects, Purpose.TEACHING)
    return [
        GradebookRow(subject, names.get(subject), counting(grades[subject]))
        for subject in subjects
        if subject in allowed
    ]


def see_assessments(
    tx: Connection, governor: Governor, principal: Principal, class_id: UUID, *, after: str, limit: int
) -> list[Assessment]:
    """Assessments of a class that the caller keeps, teaches or attends, by id.

    Raises:
        NoSuchClass, Forbidden.
    """
    see_class(tx, governor, principal, class_id)
    found = assessments(tx, principal.tenant, class_id)
    return [found[name] for name in sorted(found) if name > after][:limit]


def grades_by_learner(
    tx: Connection, allowed: Mapping[UUID, Permit], tenant: UUID, class_id: UUID
) -> defaultdict[UUID, list[Grade]]:
    """Grades in clear by subject, of those whom a permit was given for."""
    rows = tx.execute(
        sa.select(_grade).where(
            _grade.c.tenant == tenant,
            _grade.c.class_id == class_id,
            _grade.c.subject_ref.in_(sorted(allowed)),
        )
    )
    found: defaultdict[UUID, list[Grade]] = defaultdict(list)
    for row in rows:
        found[row.subject_ref].append(_in_clear(allowed[row.subject_ref], row))
    return found


def _in_clear(allowed: Permit, row: sa.Row[Any]) -> Grade:
    return Grade(
        row.grade_id,
        row.subject_ref,
        row.assessment_id,
        row.seq,
        row.posted_by,
        row.posted_at,
        GradeRecord.model_validate_json(allowed.open(*SEALED, str(row.grade_id), row.sealed_record)),
    )
