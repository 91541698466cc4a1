"""Courses as they are kept: each import that changes something is a version, and versions never change.

Sessions and decisions name ``(course_id, version)``. Nothing here reads or writes what learners did, so an
import cannot touch their history. The editor who imported stands in a table of their own, which can lose the
person without losing the course.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from threading import Lock
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from learning.courses.changes import Change, changes
from learning.courses.content import Course
from learning.courses.plan import CoursePlan
from learning.courses.recordings import Recording
from learning.courses.teaching import flaws
from runtime.columns import Category, Instant, not_personal, personal
from runtime.database import insert_once, table
from runtime.errors import FieldFault, Invalid, NotFound, TutelaError


class CourseRow(SQLModel, table=True):
    """A course of a school, whatever its version."""

    __tablename__ = "course"

    tenant: UUID = not_personal("names a school", primary_key=True)
    course_id: str = not_personal("its author's name for a course", primary_key=True)
    created_at: datetime = not_personal("when it was first imported", sa_type=Instant)


class CourseVersionRow(SQLModel, table=True):
    """One version of a course, whole."""

    __tablename__ = "course_version"

    tenant: UUID = not_personal("names a school", primary_key=True)
    course_id: str = not_personal("its author's name for a course", primary_key=True)
    version: int = not_personal("counts the versions of a course from 1", primary_key=True)
    title: str = not_personal("title of a course")
    digest: str = not_personal("SHA-256 of the content, hexadecimal")
    content: str = not_personal("teaching material, canonical JSON", sa_type=sa.Text)
    changes: str = not_personal("what this version changed in the material, JSON", sa_type=sa.Text)
    imported_at: datetime = not_personal("when teaching material was imported", sa_type=Instant)


class CourseImportRow(SQLModel, table=True):
    """Who imported a version, where a person did."""

    __tablename__ = "course_import"

    tenant: UUID = not_personal("names a school", primary_key=True)
    course_id: str = not_personal("its author's name for a course", primary_key=True)
    version: int = not_personal("counts the versions of a course from 1", primary_key=True)
    imported_by: UUID = personal(Category.STAFF, purpose="administration", retention="account", index=True)


class CourseRecordingRow(SQLModel, table=True):
    """The bytes of a video or audio, kept once for all versions that show it."""

    __tablename__ = "course_recording"

    tenant: UUID = not_personal("names a school", primary_key=True)
    sha256: str = not_personal("SHA-256 of the content, hexadecimal", primary_key=True)
    media_type: str = not_personal("media type of the content")
    content: bytes = not_personal("teaching material", sa_type=sa.LargeBinary)


class CourseUnknown(NotFound):
    """This school has no such course, or no such version of it."""

    slug = "course-unknown"
    title = "There is no such course here"


class CourseUnsound(Invalid):
    """The course's parts do not fit together; each flaw is named by its path in the course."""

    slug = "course-unsound"
    title = "This course does not hold together"


class CourseDamaged(TutelaError):
    """The stored content is not what its digest says: somebody changed the database by hand."""

    slug = "course-damaged"
    title = "The stored course was altered outside Tutela"


@dataclass(frozen=True, slots=True)
class CourseVersion:
    """A version of a course, ready for use. ``digest`` is the SHA-256 of its canonical JSON, hexadecimal."""

    course: Course
    version: int
    digest: str
    plan: CoursePlan


@dataclass(frozen=True, slots=True)
class Imported:
    """Outcome of an import. ``new`` is False when the content was that of the latest version already."""

    course_id: str
    version: int
    digest: str
    new: bool
    changes: tuple[Change, ...] = ()


def canonical(course: Course) -> str:
    """The course as JSON in the one form that is hashed: sorted keys, no spaces, characters as they are.

    Values that equal their default are left in, floats are Python's shortest form. Stored texts keep their
    digest when the schema grows, because the digest is of the text as stored.
    """
    return json.dumps(
        course.model_dump(mode="json"),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )


def digest_of(content: str) -> str:
    """SHA-256 of a canonical text, hexadecimal."""
    return sha256(content.encode()).hexdigest()


def import_course(
    tx: Connection,
    tenant: UUID,
    course: Course,
    at: datetime,
    by: UUID | None,
    recordings: Iterable[Recording] = (),
) -> Imported:
    """Keep ``course`` as its next version, unless the latest one is the same.

    ``by`` is the subject reference of the person who imports, None when the installation itself does;
    ``recordings`` are the bytes that the course's media name.

    Raises:
        CourseUnsound: with every flaw; nothing is kept.
    """
    found = tuple(FieldFault(".".join(map(str, flaw.path)), flaw.message) for flaw in flaws(course))
    if found:
        raise CourseUnsound(faults=found)
    insert_once(tx, CourseRow, {"tenant": tenant, "course_id": course.id, "created_at": at})
    latest = _locked_latest(tx, tenant, course.id)
    if latest is not None and latest.course == course:
        return Imported(course.id, latest.version, latest.digest, new=False)
    changed = () if latest is None else changes(latest.course, course)
    version = 1 if latest is None else latest.version + 1
    content = canonical(course)
    digest = digest_of(content)
    tx.execute(
        sa.insert(table(CourseVersionRow)).values(
            tenant=tenant,
            course_id=course.id,
            version=version,
            title=course.title,
            digest=digest,
            content=content,
            changes=json.dumps([[change.how, change.kind, change.id] for change in changed]),
            imported_at=at,
        )
    )
    if by is not None:
        whose = {"tenant": tenant, "course_id": course.id, "version": version, "imported_by": by}
        tx.execute(sa.insert(table(CourseImportRow)).values(**whose))
    for recording in recordings:
        kept = {"sha256": recording.sha256, "media_type": recording.media_type, "content": recording.content}
        insert_once(tx, CourseRecordingRow, {"tenant": tenant, **kept})
    return Imported(course.id, version, digest, new=True, changes=changed)


def _locked_latest(tx: Connection, tenant: UUID, course_id: str) -> CourseVersion | None:
    """The latest version, with the course locked: two imports at once must not make the same version."""
    courses = table(CourseRow)
    tx.execute(
        sa.select(courses.c.course_id)
        .where(courses.c.tenant == tenant, courses.c.course_id == course_id)
        .with_for_update()
    )
    try:
        return load_course(tx, tenant, course_id)
    except CourseUnknown:
        return None


def load_course(tx: Connection, tenant: UUID, course_id: str, version: int | None = None) -> CourseVersion:
    """A version of a course; the latest when ``version`` is None.

    Raises:
        CourseUnknown: there is none.
        CourseDamaged: the stored text does not have the stored digest.
    """
    versions = table(CourseVersionRow)
    query = sa.select(versions.c.version, versions.c.digest, versions.c.content).where(
        versions.c.tenant == tenant, versions.c.course_id == course_id
    )
    if version is not None:
        query = query.where(versions.c.version == version)
    row = tx.execute(query.order_by(versions.c.version.desc()).limit(1)).one_or_none()
    if row is None:
        raise CourseUnknown
    if digest_of(row.content) != row.digest:
        raise CourseDamaged
    course = Course.model_validate_json(row.content)
    return CourseVersion(course, row.version, row.digest, CoursePlan.of(course, row.digest))


def latest_version(tx: Connection, tenant: UUID, course_id: str) -> int:
    """Number of the latest version; raises ``CourseUnknown`` where there is none."""
    versions = table(CourseVersionRow)
    latest: int | None = tx.execute(
        sa.select(sa.func.max(versions.c.version)).where(
            versions.c.tenant == tenant, versions.c.course_id == course_id
        )
    ).scalar_one()
    if latest is None:
        raise CourseUnknown
    return latest


def load_recording(tx: Connection, tenant: UUID, digest: str) -> Recording:
    """The bytes of a medium; raises ``CourseUnknown`` where there are none."""
    kept = table(CourseRecordingRow)
    row = tx.execute(
        sa.select(kept.c.sha256, kept.c.media_type, kept.c.content).where(
            kept.c.tenant == tenant, kept.c.sha256 == digest
        )
    ).one_or_none()
    if row is None:
        raise CourseUnknown
    return Recording(row.sha256, row.media_type, row.content)


class CourseCache:
    """Versions that were used lately. They never change, so nothing is ever invalidated. Thread-safe."""

    CAPACITY: Final = 64

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[tuple[UUID, str, int], CourseVersion] = OrderedDict()
        self._lock = Lock()

    def get(self, tx: Connection, tenant: UUID, course_id: str, version: int) -> CourseVersion:
        """The version, read through ``tx`` when it is not at hand; ``tx`` must not have imported it itself.

        Raises:
            CourseUnknown: there is no such version in this school.
        """
        key = (tenant, course_id, version)
        with self._lock:
            if kept := self._kept.get(key):
                self._kept.move_to_end(key)
                return kept
        loaded = load_course(tx, tenant, course_id, version)  # outside the lock: others need not wait
        with self._lock:
            self._kept[key] = loaded
            self._kept.move_to_end(key)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return loaded
