"""The gradebook: what is graded, posting grades, and reading them.

A grade's id is minted by whoever posts it: the same id with the same content is taken once, with other
content refused. Learners read their own grades and can never post one.
"""

from __future__ import annotations

from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from sqlalchemy.engine import Connection

from api.classes import ClassId, last_id
from api.days import Day, Title
from api.dependencies import CurrentPrincipal, CurrentResources
from api.ids import ClientId
from api.outcomes import BULK_ITEMS, Outcome, placed, refused
from api.pages import Cursor, Page, PageSize, page, read_cursor
from api.plain import IS_NUMBER
from api.problems import documented
from learning.courses.content import Slug
from learning.gradebook import assessments, posting, reading
from learning.gradebook.assessments import Assessment, AssessmentKind
from learning.gradebook.grades import LONGEST_COMMENT, Grade, GradePost, Standing

router = APIRouter(prefix="/v1/classes/{class_id}", tags=["gradebook"])

AssessmentId = Annotated[Slug, Path(description="The school's name for the assessment.")]
Comment = Annotated[str, Field(max_length=LONGEST_COMMENT, pattern=r"^[^\x00]*$")]
MOST_POINTS = 1_000_000
"""Keeps scores within what a float tells apart."""
Points = Annotated[float, Field(ge=0, le=MOST_POINTS, allow_inf_nan=False), IS_NUMBER]


class NewAssessmentBody(BaseModel):
    """An assessment of the class: an assignment of its course, or a test or exam from elsewhere."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "title": "Spring test",
                    "kind": "test",
                    "weight": 20,
                    "due_on": "2026-03-20",
                    "max_score": 40,
                }
            ]
        },
    )

    title: Title
    kind: AssessmentKind
    weight: Annotated[Points, Field(description="In the school's own unit.")]
    due_on: Day | None = None
    max_score: Annotated[float, Field(gt=0, le=MOST_POINTS, allow_inf_nan=False), IS_NUMBER]


class AssessmentBody(BaseModel):
    """An assessment of the class."""

    model_config = ConfigDict(from_attributes=True)

    assessment_id: str
    title: str
    kind: AssessmentKind
    weight: float
    due_on: date | None
    max_score: float


GRADE_EXAMPLE: JsonDict = {
    "grade_id": "018f3c5b-2222-7c3e-9c55-3f2b8f4c1a02",
    "learner": "5f0c0a5e-6f1e-4c9b-9d7e-0d1c3a0b9a11",
    "assessment": "spring-test",
    "score": 31.5,
    "submitted_on": "2026-03-19",
}


class GradePostBody(BaseModel):
    """A graded submission.

    Leave ``score`` out while it is handed in and not marked. ``standing`` is worked out from the dates where
    you leave it out; ``graded_on`` says from which day the score was known, the class's day if left out.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [GRADE_EXAMPLE]})

    grade_id: ClientId
    learner: UUID
    assessment: Slug
    score: Points | None = None
    submitted_on: Day | None = None
    graded_on: Day | None = None
    standing: Standing | None = None
    comment: Comment = ""

    def post(self) -> GradePost:
        return GradePost(
            self.grade_id,
            self.learner,
            self.assessment,
            self.score,
            self.submitted_on,
            self.graded_on,
            self.standing,
            self.comment,
        )


class GradePostsBody(BaseModel):
    """Graded submissions of any learners of the class, for each learner in the order they were given."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"grades": [GRADE_EXAMPLE]}]})

    grades: list[GradePostBody] = Field(min_length=1, max_length=BULK_ITEMS)


class GradePosted(BaseModel):
    """A grade that stands."""

    grade_id: UUID
    posted: bool = Field(description="False when it stood already.")
    standing: Standing


class GradeOutcome(Outcome):
    """What became of one grade."""

    grade_id: UUID
    posted: bool = Field(description="Whether this request added it.")
    standing: Standing | None = None


class GradeOutcomes(BaseModel):
    """One outcome for each grade, in their order."""

    outcomes: list[GradeOutcome]


class GradeBody(BaseModel):
    """A grade. The one with the highest ``seq`` counts in its assessment."""

    grade_id: UUID
    assessment: str
    seq: int
    score: float | None
    max_score: float
    standing: Standing
    submitted_on: date | None
    graded_on: date
    comment: str
    posted_at: datetime

    @classmethod
    def of(cls, grade: Grade) -> Self:
        return cls(
            grade_id=grade.grade_id,
            assessment=grade.assessment_id,
            seq=grade.seq,
            posted_at=grade.posted_at,
            **grade.record.model_dump(),
        )


class GradebookRow(BaseModel):
    """A learner's counting grades, by assessment."""

    learner: UUID
    display_name: str | None
    grades: dict[str, GradeBody]


@router.put("/assessments/{assessment_id}", operation_id="putAssessment", responses=documented(409))
async def put_assessment(
    class_id: ClassId,
    assessment_id: AssessmentId,
    body: NewAssessmentBody,
    principal: CurrentPrincipal,
    resources: CurrentResources,
) -> AssessmentBody:
    """Add an assessment to the class, or change it."""
    new = Assessment(assessment_id=assessment_id, **body.model_dump())
    await resources.database.write(
        lambda tx: assessments.put_assessment(tx, resources.governor, principal, class_id, new),
        tenant=principal.tenant,
    )
    return AssessmentBody.model_validate(new)


@router.get("/assessments", operation_id="listAssessments", responses=documented())
async def list_assessments(
    class_id: ClassId,
    principal: CurrentPrincipal,
    resources: CurrentResources,
    limit: PageSize = 50,
    cursor: Cursor = None,
) -> Page[AssessmentBody]:
    """What is graded in the class, by id."""
    key = read_cursor(cursor, str)
    found = await resources.database.read(
        lambda tx: reading.see_assessments(
            tx, resources.governor, principal, class_id, after=str(key[0]) if key else "", limit=limit + 1
        ),
        tenant=principal.tenant,
    )
    return page(
        [AssessmentBody.model_validate(one) for one in found], limit, lambda one: (one.assessment_id,)
    )


@router.post("/grades", status_code=201, operation_id="postGrade", responses=documented(409))
async def post_grade(
    class_id: ClassId,
    body: GradePostBody,
    principal: CurrentPrincipal,
    resources: CurrentResources,
    response: Response,
) -> GradePosted:
    """Post one graded submission; 200 instead of 201 when it stood already."""
    (outcome,) = await posting.post_grades(resources, principal, class_id, [body.post()])
    if outcome.refusal is not None:
        outcome.refusal.faults = placed(outcome.refusal, "body")
        raise outcome.refusal
    response.status_code = HTTPStatus.CREATED if outcome.posted else HTTPStatus.OK
    assert outcome.standing is not None
    return GradePosted(grade_id=outcome.grade_id, posted=outcome.posted, standing=outcome.standing)


@router.post("/grades/bulk", operation_id="postGrades", responses=documented())
async def post_grades(
    class_id: ClassId, body: GradePostsBody, principal: CurrentPrincipal, resources: CurrentResources
) -> GradeOutcomes:
    """Post many graded submissions. Each stands or falls by itself; the request can be repeated whole."""
    posts = [one.post() for one in body.grades]
    outcomes = await posting.post_grades(resources, principal, class_id, posts)
    return GradeOutcomes(
        outcomes=[
            GradeOutcome(
                index=one.index,
                grade_id=one.grade_id,
                posted=one.posted,
                standing=one.standing,
                problem=refused(one.refusal, f"body.grades.{one.index}") if one.refusal else None,
            )
            for one in outcomes
        ]
    )


@router.get("/grades", operation_id="listGrades", responses=documented())
async def list_grades(
    class_id: ClassId,
    principal: CurrentPrincipal,
    resources: CurrentResources,
    learner: Annotated[UUID | None, Query(description="Whose; your own if left out.")] = None,
    limit: PageSize = 50,
    cursor: Cursor = None,
) -> Page[GradeBody]:
    """A learner's grades with their history: your own, or those of a learner you teach."""
    key = read_cursor(cursor, str, int)
    found = await resources.database.read(
        lambda tx: reading.grades_of(
            tx, resources.governor, principal, class_id, learner or principal.subject_ref, after=key
        ),
        tenant=principal.tenant,
    )
    shown = [GradeBody.of(one) for one in found[: limit + 1]]
    return page(shown, limit, lambda one: (one.assessment, one.seq))


@router.get("/gradebook", operation_id="readGradebook", responses=documented())
async def read_gradebook(
    class_id: ClassId,
    principal: CurrentPrincipal,
    resources: CurrentResources,
    limit: PageSize = 50,
    cursor: Cursor = None,
) -> Page[GradebookRow]:
    """Who is in the class, each with the grade that counts in each assessment."""
    after = last_id(cursor)

    def work(tx: Connection) -> list[GradebookRow]:
        found = reading.gradebook(tx, resources.governor, principal, class_id, after=after, limit=limit + 1)
        return [
            GradebookRow(
                learner=row.subject_ref,
                display_name=row.display_name,
                grades={name: GradeBody.of(grade) for name, grade in row.grades.items()},
            )
            for row in found
        ]

    rows = await resources.database.read(work, tenant=principal.tenant)
    return page(rows, limit, lambda row: (str(row.learner),))
