"""Lists of what the store holds: the courses of a school, the versions of a course."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from learning.courses.changes import Change, How
from learning.courses.store import CourseVersionRow
from runtime.database import table


@dataclass(frozen=True, slots=True)
class CourseSummary:
    """A course in a list, as of its latest version."""

    course_id: str
    version: int
    title: str
    imported_at: datetime


def list_courses(tx: Connection, tenant: UUID, *, after: str = "", limit: int) -> list[CourseSummary]:
    """Up to ``limit`` courses by id, those behind ``after``, each as of its latest version."""
    versions = table(CourseVersionRow)
    latest = (
        sa.select(versions.c.course_id, sa.func.max(versions.c.version).label("version"))
        .where(versions.c.tenant == tenant, versions.c.course_id > after)
        .group_by(versions.c.course_id)
        .order_by(versions.c.course_id)
        .limit(limit)
        .subquery()
    )
    query = (
        sa.select(versions.c.course_id, versions.c.version, versions.c.title, versions.c.imported_at)
        .join(
            latest,
            (versions.c.course_id == latest.c.course_id) & (versions.c.version == latest.c.version),
        )
        .where(versions.c.tenant == tenant)
        .order_by(versions.c.course_id)
    )
    return [CourseSummary(*row) for row in tx.execute(query)]


@dataclass(frozen=True, slots=True)
class VersionSummary:
    """A version in a course's history, with what it changed."""

    version: int
    digest: str
    imported_at: datetime
    changes: tuple[Change, ...]


def list_versions(
    tx: Connection, tenant: UUID, course_id: str, *, before: int | None = None, limit: int
) -> list[VersionSummary]:
    """Up to ``limit`` versions of a course, newest first, those below ``before``."""
    versions = table(CourseVersionRow)
    query = sa.select(
        versions.c.version, versions.c.digest, versions.c.imported_at, versions.c.changes
    ).where(versions.c.tenant == tenant, versions.c.course_id == course_id)
    if before is not None:
        query = query.where(versions.c.version < before)
    rows = tx.execute(query.order_by(versions.c.version.desc()).limit(limit))
    return [
        VersionSummary(
            row.version,
            row.digest,
            row.imported_at,
            tuple(Change(How(how), kind, name) for how, kind, name in json.loads(row.changes)),
        )
        for row in rows
    ]
