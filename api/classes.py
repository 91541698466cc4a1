"""Classes: who is taught what by whom, and who is in the class.

Ids of classes are minted by the client and days are given by the school: a request sent again changes
nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from api.days import Day, Title
from api.dependencies import CurrentPrincipal, CurrentResources
from api.ids import ClientId
from api.outcomes import BULK_ITEMS, Outcome, refused
from api.pages import Cursor, Page, PageSize, page, read_cursor
from api.plain import Flag
from api.problems import documented
from governance.accounts import Principal
from learning import register
from learning.classes import SchoolClass
from learning.courses.content import Slug
from learning.enrolments import Stay
from learning.resources import Resources
from runtime.errors import FieldFault, Invalid, TutelaError

router = APIRouter(prefix="/v1/classes", tags=["classes"])

ClassId = Annotated[UUID, Path(description="The class, as its client named it.")]
LEARNER = "5f0c0a5e-6f1e-4c9b-9d7e-0d1c3a0b9a11"  # of examples

PersonRef = Annotated[UUID, Path(description="The person's `subject_ref`.")]


class Locks(BaseModel):
    """The teacher's hand on every session of the class."""

    assessment_mode: Flag = Field(default=False, description="A test: no hints, nothing adapted.")
    lesson_locked: Flag = Field(default=False, description="Nobody goes ahead of the class.")
    tutor_off: Flag = Field(default=False, description="No tutor prompts.")


class NewClassBody(Locks):
    """A new class of a course."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "class_id": "018f3c59-0000-7000-8000-000000000001",
                    "course_id": "fractions",
                    "title": "Fractions, class 4b",
                    "starts_on": "2026-09-01",
                    "ends_on": "2027-01-29",
                }
            ]
        },
    )

    class_id: ClientId
    course_id: Slug
    title: Title
    starts_on: Day
    ends_on: Day | None = None
    stands_on: Day | None = Field(
        default=None, description="For a class of the past: the day up to which its facts were brought in."
    )


class ClassBody(Locks):
    """A class as it stands."""

    model_config = ConfigDict(from_attributes=True)

    class_id: UUID
    course_id: str
    title: str
    starts_on: date
    ends_on: date | None
    stands_on: date | None


class AmendedClassBody(BaseModel):
    """What to change; what is left out stays. Null takes a date away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"lesson_locked": True}]})

    title: Title = ""
    ends_on: Day | None = None
    stands_on: Day | None = None
    assessment_mode: Flag = False
    lesson_locked: Flag = False
    tutor_off: Flag = False


class TeachingBody(BaseModel):
    """From when until when somebody teaches the class, both days included."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"from_on": "2026-09-01"}]})

    from_on: Day
    until_on: Day | None = None


class RosterBody(BaseModel):
    """A learner of the class; the name is null where you may not see it."""

    model_config = ConfigDict(from_attributes=True)

    subject_ref: UUID
    enrolled_on: date
    display_name: str | None


class EnrolmentBody(BaseModel):
    """One learner to let into the class, from the class's present day where no day is given."""

    model_config = ConfigDict(extra="forbid")

    learner: UUID
    enrolled_on: Day | None = None


class EnrolmentsBody(BaseModel):
    """Learners to let into the class."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"enrolments": [{"learner": LEARNER, "enrolled_on": "2026-09-01"}]}]},
    )

    enrolments: list[EnrolmentBody] = Field(min_length=1, max_length=BULK_ITEMS)


class UnenrolmentBody(BaseModel):
    """One learner to take out: ``unenrolled_on`` is the first day they are not in the class."""

    model_config = ConfigDict(extra="forbid")

    learner: UUID
    unenrolled_on: Day | None = None


class UnenrolmentsBody(BaseModel):
    """Learners to take out of the class."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"unenrolments": [{"learner": LEARNER, "unenrolled_on": "2026-11-02"}]}]
        },
    )

    unenrolments: list[UnenrolmentBody] = Field(min_length=1, max_length=BULK_ITEMS)


class StayOutcome(Outcome):
    """What became of one enrolment: the learner's stay in the class, or a problem."""

    learner: UUID
    enrolled_on: date | None = None
    unenrolled_on: date | None = None


class StayOutcomes(BaseModel):
    """One outcome for each item, in their order."""

    outcomes: list[StayOutcome]


@router.post("", status_code=201, operation_id="createClass", responses=documented(409))
async def create_class(
    body: NewClassBody, principal: CurrentPrincipal, resources: CurrentResources
) -> ClassBody:
    """Make a class of a course. Its gradebook starts with the course's assignments."""
    new = SchoolClass(**body.model_dump())
    await resources.database.write(
        lambda tx: register.create_class(tx, resources.governor, principal, new), tenant=principal.tenant
    )
    return ClassBody.model_validate(new)


@router.get("", operation_id="listClasses", responses=documented())
async def list_classes(
    principal: CurrentPrincipal, resources: CurrentResources, limit: PageSize = 50, cursor: Cursor = None
) -> Page[ClassBody]:
    """The classes that you keep, teach or attend."""
    after = last_id(cursor)
    found = await resources.database.read(
        lambda tx: register.see_classes(tx, resources.governor, principal, after=after, limit=limit + 1),
        tenant=principal.tenant,
    )
    return page([ClassBody.model_validate(one) for one in found], limit, lambda one: (str(one.class_id),))


@router.get("/{class_id}", operation_id="readClass", responses=documented())
async def read_class(
    class_id: ClassId, principal: CurrentPrincipal, resources: CurrentResources
) -> ClassBody:
    """A class that you keep, teach or attend."""
    found = await resources.database.read(
        lambda tx: register.see_class(tx, resources.governor, principal, class_id), tenant=principal.tenant
    )
    return ClassBody.model_validate(found)


@router.patch("/{class_id}", operation_id="amendClass", responses=documented())
async def amend_class(
    class_id: ClassId, body: AmendedClassBody, principal: CurrentPrincipal, resources: CurrentResources
) -> ClassBody:
    """Change title, dates or locks. Who teaches the class may set its locks."""
    changes = body.model_dump(exclude_unset=True)
    amended = await resources.database.write(
        lambda tx: register.amend_class(tx, resources.governor, principal, class_id, changes),
        tenant=principal.tenant,
    )
    return ClassBody.model_validate(amended)


@router.put("/{class_id}/instructors/{subject_ref}", operation_id="assignInstructor", responses=documented())
async def assign_instructor(
    class_id: ClassId,
    subject_ref: PersonRef,
    body: TeachingBody,
    principal: CurrentPrincipal,
    resources: CurrentResources,
) -> TeachingBody:
    """Let an instructor teach the class in a period, or change the end of one that starts on that day."""
    await resources.database.write(
        lambda tx: register.assign_instructor(
            tx, resources.governor, principal, class_id, subject_ref, body.from_on, body.until_on
        ),
        tenant=principal.tenant,
    )
    return body


@router.get("/{class_id}/learners", operation_id="listLearners", responses=documented())
async def list_learners(
    class_id: ClassId,
    principal: CurrentPrincipal,
    resources: CurrentResources,
    limit: PageSize = 50,
    cursor: Cursor = None,
) -> Page[RosterBody]:
    """Who is in the class on the day it lives at."""
    after = last_id(cursor)
    found = await resources.database.read(
        lambda tx: register.roster(tx, resources.governor, principal, class_id, after=after, limit=limit + 1),
        tenant=principal.tenant,
    )
    return page([RosterBody.model_validate(one) for one in found], limit, lambda one: (str(one.subject_ref),))


@router.post("/{class_id}/enrolments", operation_id="enrolLearners", responses=documented())
async def enrol_learners(
    class_id: ClassId, body: EnrolmentsBody, principal: CurrentPrincipal, resources: CurrentResources
) -> StayOutcomes:
    """Let learners into the class. Each stands or falls by itself."""

    def work(one: EnrolmentBody) -> Callable[[Connection], Stay]:
        governor = resources.governor
        return lambda tx: register.enrol(tx, governor, principal, class_id, one.learner, one.enrolled_on)

    each = partial(_each, resources, principal, "body.enrolments")
    items = enumerate(body.enrolments)
    return StayOutcomes(
        outcomes=await asyncio.gather(*(each(index, one.learner, work(one)) for index, one in items))
    )


@router.post("/{class_id}/unenrolments", operation_id="unenrolLearners", responses=documented())
async def unenrol_learners(
    class_id: ClassId, body: UnenrolmentsBody, principal: CurrentPrincipal, resources: CurrentResources
) -> StayOutcomes:
    """Take learners out of the class; their history stays. Each stands or falls by itself."""

    def work(one: UnenrolmentBody) -> Callable[[Connection], Stay]:
        governor = resources.governor
        return lambda tx: register.unenrol(tx, governor, principal, class_id, one.learner, one.unenrolled_on)

    each = partial(_each, resources, principal, "body.unenrolments")
    items = enumerate(body.unenrolments)
    return StayOutcomes(
        outcomes=await asyncio.gather(*(each(index, one.learner, work(one)) for index, one in items))
    )


def last_id(cursor: str | None) -> UUID | None:
    """The id that a list goes on after, out of its cursor."""
    key = read_cursor(cursor, str)
    try:
        return UUID(str(key[0])) if key else None
    except ValueError:
        raise Invalid(faults=(FieldFault("query.cursor", "this is not a cursor of this list"),)) from None


async def _each(
    resources: Resources,
    principal: Principal,
    path: str,
    index: int,
    learner: UUID,
    work: Callable[[Connection], Stay],
) -> StayOutcome:
    """One item of a bulk request in a transaction of its own."""
    try:
        stay = await resources.database.write(work, tenant=principal.tenant)
    except TutelaError as error:
        return StayOutcome(index=index, learner=learner, problem=refused(error, f"{path}.{index}"))
    return StayOutcome(
        index=index, learner=learner, enrolled_on=stay.enrolled_on, unenrolled_on=stay.unenrolled_on
    )
