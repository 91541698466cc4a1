"""The library: who may look at courses, at what is inside them, and who may bring one in.

Each function asks for a permit, then reads or writes the store in the caller's transaction. A course is about
no person, so the only tie that counts is the school.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy.engine import Connection

from governance.accounts import Principal
from governance.permits import Governor, permit
from learning.courses import catalogue, store
from learning.courses.catalogue import CourseSummary, VersionSummary
from learning.courses.package import Package
from learning.courses.recordings import Recording
from learning.courses.store import CourseCache, CourseUnknown, CourseVersion, Imported
from policy.vocabulary import Action, ObjectType, Purpose, Relation, Role

_SCHOOL: Final = frozenset({Relation.TENANT})
_TEACHING: Final = frozenset({Role.LEARNER, Role.INSTRUCTOR})


def see_courses(
    tx: Connection, governor: Governor, principal: Principal, *, after: str, limit: int
) -> list[CourseSummary]:
    """The school's courses by id, those behind ``after``; raises ``Forbidden``."""
    _permit(tx, governor, principal, Action.LIST, ObjectType.COURSE)
    return catalogue.list_courses(tx, principal.tenant, after=after, limit=limit)


def see_course(
    tx: Connection,
    governor: Governor,
    courses: CourseCache,
    principal: Principal,
    course_id: str,
    version: int | None,
    *,
    inside: bool = False,
) -> CourseVersion:
    """A version of a course, the latest when ``version`` is None.

    With ``inside`` it is asked for as a package, right answers and solutions included. What others may not
    see is for the caller to leave out.

    Raises:
        Forbidden, CourseUnknown.
    """
    what = ObjectType.COURSE_PACKAGE if inside else ObjectType.COURSE
    _permit(tx, governor, principal, Action.READ, what)
    tenant = principal.tenant
    number = store.latest_version(tx, tenant, course_id) if version is None else version
    return courses.get(tx, tenant, course_id, number)


def see_versions(
    tx: Connection,
    governor: Governor,
    principal: Principal,
    course_id: str,
    *,
    before: int | None,
    limit: int,
) -> list[VersionSummary]:
    """The versions of a course, newest first, those below ``before``.

    Raises:
        Forbidden, CourseUnknown.
    """
    _permit(tx, governor, principal, Action.READ, ObjectType.COURSE)
    store.latest_version(tx, principal.tenant, course_id)
    return catalogue.list_versions(tx, principal.tenant, course_id, before=before, limit=limit)


def hear_recording(
    tx: Connection,
    governor: Governor,
    courses: CourseCache,
    principal: Principal,
    course_id: str,
    version: int | None,
    medium_id: str,
) -> Recording:
    """The recording of a medium.

    Raises:
        Forbidden.
        CourseUnknown: no such course, medium or recording.
    """
    course = see_course(tx, governor, courses, principal, course_id, version).course
    digests = {medium.id: medium.sha256 for medium in course.media}
    if medium_id not in digests:
        raise CourseUnknown("There is no such medium in this course")
    return store.load_recording(tx, principal.tenant, digests[medium_id])


def check_may_import(tx: Connection, governor: Governor, principal: Principal) -> None:
    """Refuse before a package is unpacked; raises ``Forbidden``."""
    _permit(tx, governor, principal, Action.IMPORT, ObjectType.COURSE_PACKAGE)


def bring_in(tx: Connection, governor: Governor, principal: Principal, package: Package) -> Imported:
    """Import a package for the caller's school; raises ``Forbidden``."""
    check_may_import(tx, governor, principal)
    now, by = governor.clock.now(), principal.subject_ref
    return store.import_course(tx, principal.tenant, package.course, now, by, package.recordings)


def _permit(
    tx: Connection, governor: Governor, principal: Principal, action: Action, what: ObjectType
) -> None:
    purpose = _purpose(principal, action)
    permit(tx, principal, _SCHOOL, action, what, purpose, subject=None, governor=governor)


def _purpose(principal: Principal, action: Action) -> Purpose:
    """What the caller's roles need courses for."""
    if action is Action.IMPORT:
        return Purpose.ADMINISTRATION
    if principal.roles & _TEACHING:
        return Purpose.TEACHING
    return Purpose.TRANSPARENCY if Role.GUARDIAN in principal.roles else Purpose.ADMINISTRATION
