"""Posting grades: one, or many, each of which stands or falls by itself.

A page of work is one learner's grades: one permit, one lock on the learner's gate, one new risk score. A post
that is repeated changes nothing, and a grade's id stands for one content for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from governance.accounts import Principal
from governance.permits import Permit, permit
from learning import risk_list
from learning.classes import find_class
from learning.enrolments import NotEnrolled, stays_of
from learning.gradebook.assessments import Assessment, NoSuchAssessment, assessments, gradebook_permit
from learning.gradebook.grades import (
    Grade,
    GradeDiffers,
    GradePost,
    GradeRecord,
    Outcome,
    check,
    counting,
    says_the_same,
    standing_of,
)
from learning.gradebook.reading import SEALED, grades_in_clear
from learning.gradebook.rows import GradeRow
from learning.relations import relations
from learning.resources import Resources
from policy.vocabulary import Action, ObjectType, Purpose
from runtime.database import insert_once, table
from runtime.errors import Conflict, FieldFault, Invalid, TutelaError

PAGE_GRADES = 20
ATTEMPTS = 8

Numbered = tuple[int, GradePost]

_grade = table(GradeRow)


class GradeContended(Conflict):
    """Others kept posting grades of the same learner and assessment at the same moment."""

    slug = "grade-contended"
    title = "Others are grading the same work at this moment; try again"


async def post_grades(
    resources: Resources, principal: Principal, class_id: UUID, posts: Sequence[GradePost]
) -> list[Outcome]:
    """Post graded submissions of a class, in the order they were given for each learner.

    Returns:
        One outcome for each post, in their order.

    Raises:
        NoSuchClass, Forbidden: the caller does not keep this class's gradebook; nothing was posted.
    """
    await resources.database.read(
        lambda tx: gradebook_permit(tx, resources.governor, principal, class_id, Action.UPDATE),
        tenant=principal.tenant,
    )

    async def learner(numbered: list[Numbered]) -> list[Outcome]:
        done: list[Outcome] = []
        for start in range(0, len(numbered), PAGE_GRADES):
            page = numbered[start : start + PAGE_GRADES]
            done += await resources.database.write(
                lambda tx: post_page(tx, resources, principal, class_id, page),  # noqa: B023  # awaited here
                tenant=principal.tenant,
            )
        return done

    outcomes = await asyncio.gather(*map(learner, by_learner(posts)))
    return sorted((one for some in outcomes for one in some), key=lambda outcome: outcome.index)


def by_learner(posts: Sequence[GradePost]) -> list[list[Numbered]]:
    """Posts with their index, those of one learner together and in their order."""
    learners: dict[UUID, list[Numbered]] = {}
    for index, post in enumerate(posts):
        learners.setdefault(post.subject_ref, []).append((index, post))
    return list(learners.values())


def post_page(
    tx: Connection, resources: Resources, principal: Principal, class_id: UUID, page: Sequence[Numbered]
) -> list[Outcome]:
    """Post grades of one learner, and score the learner's risk anew if any was added."""
    subject, now = page[0][1].subject_ref, resources.clock.now()
    try:
        desk = _desk(tx, resources, principal, class_id, subject, now)
    except TutelaError as refusal:
        return [Outcome(index, post.grade_id, posted=False, refusal=refusal) for index, post in page]
    standing = grades_in_clear(tx, desk.permit, class_id)
    outcomes = [_post(tx, desk, standing, index, post) for index, post in page]
    if any(outcome.posted for outcome in outcomes):
        risk_list.refresh(tx, resources, principal.tenant, class_id, subject, now)
    return outcomes


@dataclass(frozen=True, slots=True)
class _Desk:
    """What grading one learner of one class needs at hand; ``day`` is the day the class lives at."""

    permit: Permit
    class_id: UUID
    subject: UUID
    assessments: dict[str, Assessment]
    day: date
    now: datetime


def _desk(
    tx: Connection, resources: Resources, principal: Principal, class_id: UUID, subject: UUID, now: datetime
) -> _Desk:
    allowed = permit(
        tx,
        principal,
        relations(tx, principal, subject, now, resources.keyring),
        Action.GRADE,
        ObjectType.GRADE,
        Purpose.ASSESSMENT,
        subject=subject,
        governor=resources.governor,
        lock=True,
    )
    day = find_class(tx, principal.tenant, class_id).day(now.date())
    if not any(stay.holds(day) for stay in stays_of(tx, principal.tenant, class_id, subject)):
        raise NotEnrolled
    return _Desk(allowed, class_id, subject, assessments(tx, principal.tenant, class_id), day, now)


def _post(tx: Connection, desk: _Desk, standing: list[Grade], index: int, post: GradePost) -> Outcome:
    assessment = desk.assessments.get(post.assessment_id)
    if assessment is None:
        refusal = NoSuchAssessment(faults=(FieldFault("assessment", "this class has no such assessment"),))
        return Outcome(index, post.grade_id, posted=False, refusal=refusal)
    if faults := check(post, assessment, desk.day):
        return Outcome(index, post.grade_id, posted=False, refusal=Invalid(faults=faults))
    for _ in range(ATTEMPTS):
        if (same := next((grade for grade in standing if grade.grade_id == post.grade_id), None)) is not None:
            return _again(index, post, same)
        grade = _grade_of(desk, post, assessment, counting(standing).get(post.assessment_id))
        if _insert(tx, desk.permit, desk.class_id, grade):
            standing.append(grade)
            return Outcome(index, post.grade_id, posted=True, standing=grade.record.standing)
        if _stands_elsewhere(tx, desk, post.grade_id):
            return _differs(index, post)
        standing[:] = grades_in_clear(tx, desk.permit, desk.class_id)  # somebody else posted meanwhile
    return Outcome(index, post.grade_id, posted=False, refusal=GradeContended())


def _grade_of(desk: _Desk, post: GradePost, assessment: Assessment, before: Grade | None) -> Grade:
    """The grade that a post makes, after the one that counted so far."""
    record = GradeRecord(
        standing=standing_of(post, assessment, before.record if before else None),
        max_score=assessment.max_score,
        score=post.score,
        submitted_on=post.submitted_on,
        graded_on=post.graded_on or desk.day,
        comment=post.comment,
    )
    seq = 1 + (before.seq if before else 0)
    poster = desk.permit.request.principal.subject_ref
    return Grade(post.grade_id, desk.subject, post.assessment_id, seq, poster, desk.now, record)


def _again(index: int, post: GradePost, stands: Grade) -> Outcome:
    if says_the_same(post, stands):
        return Outcome(index, post.grade_id, posted=False, standing=stands.record.standing)
    return _differs(index, post)


def _differs(index: int, post: GradePost) -> Outcome:
    refusal = GradeDiffers(faults=(FieldFault("grade_id", "used before for another grade"),))
    return Outcome(index, post.grade_id, posted=False, refusal=refusal)


def _insert(tx: Connection, allowed: Permit, class_id: UUID, grade: Grade) -> bool:
    return insert_once(
        tx,
        GradeRow,
        {
            "tenant": allowed.request.principal.tenant,
            "grade_id": grade.grade_id,
            "class_id": class_id,
            "subject_ref": grade.subject_ref,
            "assessment_id": grade.assessment_id,
            "seq": grade.seq,
            "posted_by": grade.posted_by,
            "posted_at": grade.posted_at,
            "sealed_record": allowed.seal(
                *SEALED, str(grade.grade_id), grade.record.model_dump_json().encode()
            ),
        },
    )


def _stands_elsewhere(tx: Connection, desk: _Desk, grade_id: UUID) -> bool:
    """Whether the id stands for a grade of another learner or class."""
    row = tx.execute(
        sa.select(_grade.c.class_id, _grade.c.subject_ref).where(
            _grade.c.tenant == desk.permit.request.principal.tenant, _grade.c.grade_id == grade_id
        )
    ).one_or_none()
    return row is not None and (row.class_id, row.subject_ref) != (desk.class_id, desk.subject)
