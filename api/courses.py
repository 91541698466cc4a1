"""Courses: what a school teaches, what is inside, and how an editor brings a package in.

Learners, guardians and instructors see lessons, media and questions; right answers, hints, feedback and
solutions come with the package alone.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import CurrentPrincipal, CurrentResources
from api.pages import Cursor, Page, PageSize, page, read_cursor
from api.problems import documented
from api.ranges import ranged
from learning.courses import library
from learning.courses.changes import How
from learning.courses.content import Assignment, Course, Lesson, Media, Skill, Slug
from learning.courses.package import read_zipped_package
from learning.sessions.messages import ItemView
from learning.sessions.views import item_view

router = APIRouter(prefix="/v1/courses", tags=["courses"])

CourseId = Annotated[Slug, Path(description="The course, as its author named it.", examples=["fractions"])]
MediumId = Annotated[Slug, Path(description="The medium, as the course's author named it.")]
Version = Annotated[
    int | None, Query(ge=1, le=2**31 - 1, description="A version; leave out for the latest one.")
]
Archive = Annotated[
    bytes,
    Body(media_type="application/zip", min_length=1, description="The package's folder as a zip archive."),
]

RECORDED = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("audio/*", "video/*")}


class CourseRow(BaseModel):
    """A course in its latest version."""

    model_config = ConfigDict(from_attributes=True)

    course_id: str = Field(examples=["fractions"])
    version: int
    title: str
    imported_at: datetime


class CourseBody(BaseModel):
    """A version of a course as learners meet it. Items stand in the order of the lessons that list them."""

    course_id: str = Field(examples=["fractions"])
    version: int
    digest: str = Field(description="SHA-256 of the version's content; decisions name it.")
    title: str
    language: str
    licence: str
    summary: str
    imported: bool = Field(description="Rebuilt from a log of responses, not written by an author.")
    skills: tuple[Skill, ...]
    lessons: tuple[Lesson, ...]
    items: tuple[ItemView, ...]
    media: tuple[Media, ...]
    assignments: tuple[Assignment, ...]


class PackageBody(BaseModel):
    """A version of a course with everything in it: right answers, feedback, hints, solutions."""

    version: int
    digest: str
    course: Course


class ChangeBody(BaseModel):
    """One difference to the version before; ``id`` is empty where a whole kind was reordered."""

    model_config = ConfigDict(from_attributes=True)

    how: How
    kind: str = Field(examples=["item"])
    id: str = Field(examples=["half-and-quarter"])


class VersionRow(BaseModel):
    """A version of a course, and what it changed."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    digest: str
    imported_at: datetime
    changes: tuple[ChangeBody, ...]


class ImportedBody(BaseModel):
    """What an import did. ``new`` is false when the package is the latest version already."""

    model_config = ConfigDict(from_attributes=True)

    course_id: str
    version: int
    digest: str
    new: bool
    changes: tuple[ChangeBody, ...]


@router.get("", operation_id="listCourses", responses=documented())
async def list_courses(
    principal: CurrentPrincipal, resources: CurrentResources, limit: PageSize = 50, cursor: Cursor = None
) -> Page[CourseRow]:
    """The courses of your school."""
    key = read_cursor(cursor, str)
    after = str(key[0]) if key else ""
    found = await resources.database.read(
        lambda tx: library.see_courses(tx, resources.governor, principal, after=after, limit=limit + 1),
        tenant=principal.tenant,
    )
    return page([CourseRow.model_validate(row) for row in found], limit, lambda row: (row.course_id,))


@router.post("", operation_id="importCourse", responses=documented())
async def import_course(
    archive: Archive, principal: CurrentPrincipal, resources: CurrentResources
) -> ImportedBody:
    """Bring in a course package, all of it or nothing; every fault is named with its file, line and field.

    The same package again changes nothing, so a request can be sent again safely.
    """
    await resources.database.read(
        lambda tx: library.check_may_import(tx, resources.governor, principal), tenant=principal.tenant
    )
    package = await asyncio.to_thread(read_zipped_package, archive)
    imported = await resources.database.write(
        lambda tx: library.bring_in(tx, resources.governor, principal, package), tenant=principal.tenant
    )
    return ImportedBody.model_validate(imported)


@router.get("/{course_id}", operation_id="readCourse", responses=documented())
async def read_course(
    course_id: CourseId, principal: CurrentPrincipal, resources: CurrentResources, version: Version = None
) -> CourseBody:
    """A course with its lessons and questions, without anything that would answer them."""
    found = await resources.database.read(
        lambda tx: library.see_course(
            tx, resources.governor, resources.courses, principal, course_id, version
        ),
        tenant=principal.tenant,
    )
    course = found.course
    shown: dict[str, Any] = {name: value for name, value in course if name in CourseBody.model_fields}
    shown["items"] = tuple(item_view(planned.item) for planned in found.plan.items.values())
    return CourseBody(course_id=course.id, version=found.version, digest=found.digest, **shown)


@router.get("/{course_id}/versions", operation_id="listCourseVersions", responses=documented())
async def list_versions(
    course_id: CourseId,
    principal: CurrentPrincipal,
    resources: CurrentResources,
    limit: PageSize = 50,
    cursor: Cursor = None,
) -> Page[VersionRow]:
    """The versions of a course, newest first, each with what it changed."""
    key = read_cursor(cursor, int)
    before = int(key[0]) if key else None
    found = await resources.database.read(
        lambda tx: library.see_versions(
            tx, resources.governor, principal, course_id, before=before, limit=limit + 1
        ),
        tenant=principal.tenant,
    )
    return page([VersionRow.model_validate(row) for row in found], limit, lambda row: (row.version,))


@router.get("/{course_id}/package", operation_id="readCoursePackage", responses=documented())
async def read_package(
    course_id: CourseId, principal: CurrentPrincipal, resources: CurrentResources, version: Version = None
) -> PackageBody:
    """A course with everything in it, for those who teach it or write it."""
    found = await resources.database.read(
        lambda tx: library.see_course(
            tx, resources.governor, resources.courses, principal, course_id, version, inside=True
        ),
        tenant=principal.tenant,
    )
    return PackageBody(version=found.version, digest=found.digest, course=found.course)


@router.get(
    "/{course_id}/media/{medium_id}/recording",
    operation_id="readRecording",
    response_class=Response,
    responses={
        **documented(),
        200: {"description": "The recording", "content": RECORDED},
        206: {"description": "The part of it that `Range` asks for", "content": RECORDED},
        416: {"description": "The recording has no such part"},
    },
)
async def read_recording(
    course_id: CourseId,
    medium_id: MediumId,
    principal: CurrentPrincipal,
    resources: CurrentResources,
    version: Version = None,
    wanted: Annotated[str | None, Header(alias="Range", max_length=200)] = None,
) -> Response:
    """The recording of a medium, whole or in part."""
    recording = await resources.database.read(
        lambda tx: library.hear_recording(
            tx, resources.governor, resources.courses, principal, course_id, version, medium_id
        ),
        tenant=principal.tenant,
    )
    kept = {"ETag": f'"{recording.sha256}"', "Cache-Control": "private", "X-Content-Type-Options": "nosniff"}
    return ranged(recording.content, recording.media_type, wanted, kept)
