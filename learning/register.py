"""The register: who makes classes, puts learners into them and takes them out, and who may look.

Each function asks for a permit, then changes or reads ``classes`` and ``enrolments`` in the caller's
transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from governance.accounts import Principal, account_of
from governance.permits import Governor, permit
from learning import classes, enrolments
from learning.classes import NoSuchClass, SchoolClass
from learning.courses.store import CourseUnknown, load_course
from learning.enrolments import Stay
from learning.gradebook.assessments import add_assessments, of_course
from learning.names import names_of
from learning.relations import class_relations, relations
from policy.vocabulary import Action, ObjectType, Purpose, Relation, Role
from runtime.errors import FieldFault, Invalid

_SCHOOL = frozenset({Relation.TENANT})
LOCKS = frozenset({"assessment_mode", "lesson_locked", "tutor_off"})
_KEEPERS = frozenset({Role.ADMIN, Role.SCHOOL_SYSTEM})
"""Who sees every class of the school; everybody else those they teach or attend."""


@dataclass(frozen=True, slots=True)
class RosterRow:
    """A learner of a class; without a name where the caller may not see it."""

    subject_ref: UUID
    enrolled_on: date
    display_name: str | None = field(repr=False)


def create_class(tx: Connection, governor: Governor, principal: Principal, new: SchoolClass) -> bool:
    """Put up a class of a course, its gradebook holding the course's assignments.

    Returns:
        True when this call made it; False when the same class stood already.

    Raises:
        Forbidden, ClassDiffers.
        Invalid: no such course, or it ends before it starts.
    """
    _class_permit(tx, governor, principal, Action.CREATE)
    try:
        course = load_course(tx, principal.tenant, new.course_id).course
    except CourseUnknown as unknown:
        raise Invalid(faults=(FieldFault("body.course_id", "there is no such course here"),)) from unknown
    created = classes.create_class(tx, principal.tenant, new, governor.clock.now())
    if created:
        add_assessments(tx, principal.tenant, new.class_id, of_course(course, new.starts_on))
    return created


def amend_class(
    tx: Connection, governor: Governor, principal: Principal, class_id: UUID, changes: dict[str, Any]
) -> SchoolClass:
    """Change title, dates or locks of a class; its locks are its instructors' too.

    Raises:
        Forbidden, NoSuchClass, Invalid.
    """
    if changes.keys() <= LOCKS:
        standing = class_relations(tx, principal, class_id, governor.clock.now())
        purpose = Purpose.TEACHING if Relation.INSTRUCTOR_OF in standing else Purpose.ADMINISTRATION
        permit(
            tx, principal, standing, Action.UPDATE, ObjectType.CLASS, purpose, subject=None, governor=governor
        )
    else:
        _class_permit(tx, governor, principal, Action.UPDATE)
    return classes.amend_class(tx, principal.tenant, class_id, changes)


def assign_instructor(
    tx: Connection,
    governor: Governor,
    principal: Principal,
    class_id: UUID,
    instructor: UUID,
    from_on: date,
    until_on: date | None,
) -> None:
    """Let an instructor teach a class in a period, or change its end.

    Raises:
        Forbidden, UnknownSubject, NoSuchClass.
        Invalid: the person is no instructor, or the period ends before it begins.
    """
    _person_permit(tx, governor, principal, Action.UPDATE, ObjectType.CLASS, instructor)
    _require_role(tx, principal.tenant, instructor, Role.INSTRUCTOR, "path.subject_ref")
    classes.assign_instructor(tx, principal.tenant, class_id, instructor, from_on, until_on)


def enrol(
    tx: Connection, governor: Governor, principal: Principal, class_id: UUID, learner: UUID, on: date | None
) -> Stay:
    """Let a learner into a class from ``on``, or from the day it lives at; the same again changes nothing.

    Raises:
        Forbidden, UnknownSubject, NoSuchClass, EnrolledAlready.
        Invalid: the person is no learner, or the day lies before they last left.
    """
    _person_permit(tx, governor, principal, Action.CREATE, ObjectType.ENROLMENT, learner)
    _require_role(tx, principal.tenant, learner, Role.LEARNER, "learner")
    now = governor.clock.now()
    day = classes.find_class(tx, principal.tenant, class_id).day(now.date())
    return enrolments.enrol(tx, principal.tenant, class_id, learner, on or day, now)


def unenrol(
    tx: Connection, governor: Governor, principal: Principal, class_id: UUID, learner: UUID, on: date | None
) -> Stay:
    """End a learner's stay; the same again changes nothing. ``on`` is the first day they are not there.

    Raises:
        Forbidden, UnknownSubject, NoSuchClass, NotEnrolled, LeftAlready.
        Invalid: the day lies before the stay began.
    """
    _person_permit(tx, governor, principal, Action.UPDATE, ObjectType.ENROLMENT, learner)
    day = classes.find_class(tx, principal.tenant, class_id).day(governor.clock.now().date())
    return enrolments.unenrol(tx, principal.tenant, class_id, learner, on or day)


def see_class(tx: Connection, governor: Governor, principal: Principal, class_id: UUID) -> SchoolClass:
    """A class, for who keeps the register, teaches it or attends it.

    Raises:
        NoSuchClass: there is none, or not for this caller.
        Forbidden.
    """
    found = see_classes(tx, governor, principal, only=class_id, after=None, limit=1)
    if not found:
        raise NoSuchClass
    return found[0]


def see_classes(
    tx: Connection,
    governor: Governor,
    principal: Principal,
    *,
    only: UUID | None = None,
    after: UUID | None,
    limit: int,
) -> list[SchoolClass]:
    """The classes that the caller keeps, teaches or attends, by id.

    Raises:
        Forbidden.
    """
    keeps = bool(principal.roles & _KEEPERS)
    purpose = Purpose.ADMINISTRATION if keeps else Purpose.TEACHING
    _class_permit(tx, governor, principal, Action.LIST, purpose)
    today, me = governor.clock.now().date(), principal.subject_ref
    conditions = [] if keeps else [sa.or_(classes.taught_by(me, today), enrolments.attended_by(me, today))]
    if only is not None:
        conditions.append(classes.has_id(only))
    return classes.list_classes(tx, principal.tenant, *conditions, after=after, limit=limit)


def roster(
    tx: Connection,
    governor: Governor,
    principal: Principal,
    class_id: UUID,
    *,
    after: UUID | None,
    limit: int,
) -> list[RosterRow]:
    """Who is in the class on the day it lives at, by reference.

    Raises:
        NoSuchClass, Forbidden.
    """
    now = governor.clock.now()
    standing = class_relations(tx, principal, class_id, now)
    purpose = Purpose.TEACHING if Relation.INSTRUCTOR_OF in standing else Purpose.ADMINISTRATION
    permit(
        tx,
        principal,
        standing,
        Action.LIST,
        ObjectType.ENROLMENT,
        purpose,
        subject=None,
        governor=governor,
    )
    day = classes.find_class(tx, principal.tenant, class_id).day(now.date())
    stays = enrolments.stays_on(tx, principal.tenant, class_id, day, after=after, limit=limit)
    names = names_of(tx, governor, principal, [stay.subject_ref for stay in stays], purpose)
    return [RosterRow(stay.subject_ref, stay.enrolled_on, names.get(stay.subject_ref)) for stay in stays]


def _class_permit(
    tx: Connection,
    governor: Governor,
    principal: Principal,
    action: Action,
    purpose: Purpose = Purpose.ADMINISTRATION,
) -> None:
    permit(tx, principal, _SCHOOL, action, ObjectType.CLASS, purpose, subject=None, governor=governor)


def _person_permit(
    tx: Connection,
    governor: Governor,
    principal: Principal,
    action: Action,
    object_: ObjectType,
    subject: UUID,
) -> None:
    permit(
        tx,
        principal,
        relations(tx, principal, subject, governor.clock.now(), governor.keyring),
        action,
        object_,
        Purpose.ADMINISTRATION,
        subject=subject,
        governor=governor,
        lock=True,
    )


def _require_role(tx: Connection, tenant: UUID, subject: UUID, role: Role, field: str) -> None:
    if role not in account_of(tx, tenant, subject).roles:
        raise Invalid(faults=(FieldFault(field, f"this person has no account as {role.value}"),))
