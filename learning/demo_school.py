"""The school that a first start founds, so that there is something to try.

One class on the shipped course, and an account for each role. All of it or nothing; a second start finds it
and changes nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy.engine import Connection

from governance.guardians import Guardianship, Verification, link_guardian
from governance.registration import NewAccount, PreparedAccount, create_account, prepare_account
from governance.schools import School, create_tenant, school_by_slug
from learning.classes import SchoolClass, assign_instructor, create_class
from learning.courses.package import read_package
from learning.courses.store import import_course
from learning.enrolments import enrol
from learning.resources import Resources
from policy.vocabulary import Role

SLUG = "demo"
COURSE = Path(__file__).parents[1] / "courses" / "fractions"
CLASS_TITLE = "Fractions, demo class"

PEOPLE: tuple[tuple[str, Role, str, date | None], ...] = (
    ("Lena Learner", Role.LEARNER, "lena", date(2008, 4, 12)),
    ("Milo Learner", Role.LEARNER, "milo", date(2014, 9, 3)),
    ("Gwen Guardian", Role.GUARDIAN, "gwen", None),
    ("Ines Instructor", Role.INSTRUCTOR, "ines", None),
    ("Edda Editor", Role.EDITOR, "edda", None),
    ("Aino Admin", Role.ADMIN, "aino", None),
    ("Olga Officer", Role.OFFICER, "olga", None),
    ("Arno Auditor", Role.AUDITOR, "arno", None),
    ("School System", Role.SCHOOL_SYSTEM, "sis", None),
)
"""Display name, role, address, birth date. Lena decides for herself; Milo needs Gwen, who is his guardian."""


@dataclass(frozen=True)
class Credential:
    """One account's way in, shown once: only a hash of the password is stored."""

    role: Role
    email: str
    password: str


@dataclass(frozen=True)
class Founded:
    """A school just founded."""

    tenant: UUID
    class_id: UUID
    credentials: tuple[Credential, ...]


Progress = Callable[[str], None]


async def found_demo_school(resources: Resources, told: Progress) -> Founded | None:
    """Found the demo school; None when it stands already. ``told`` hears what is being done."""
    database, now = resources.database, resources.clock.now()
    if await database.read(lambda tx: school_by_slug(tx, SLUG), tenant=None) is not None:
        return None
    school = School(resources.clock.new_id(), SLUG, "Demo School", "DE", adults_only=False)
    credentials, prepared = [], []
    for name, role, address, born in PEOPLE:
        told(f"account for {name}")
        password = base64.b32encode(resources.entropy(10)).decode().lower()
        email = f"{address}@demo.example"
        new = NewAccount(email, name, frozenset({role}), birth_date=born)
        hashed = await resources.passwords.hash(password)
        prepared.append(
            prepare_account(resources.keyring, resources.clock, resources.entropy, school.tenant, new, hashed)
        )
        credentials.append(Credential(role, email, password))
    told("course and class")
    package = read_package(COURSE)
    class_id = resources.clock.new_id()

    def found(tx: Connection) -> None:
        create_tenant(tx, school, now)
        for account in prepared:
            create_account(tx, account, now)
        import_course(tx, school.tenant, package.course, now, None, package.recordings)
        group = SchoolClass(class_id, package.course.id, CLASS_TITLE, now.date())
        create_class(tx, school.tenant, group, now)
        _fill(tx, resources, school.tenant, class_id, prepared, now)

    await database.write(found, tenant=school.tenant)
    return Founded(school.tenant, class_id, tuple(credentials))


def _fill(
    tx: Connection,
    resources: Resources,
    tenant: UUID,
    class_id: UUID,
    people: list[PreparedAccount],
    now: datetime,
) -> None:
    """Put everybody in their place."""
    by_role: dict[Role, list[UUID]] = {}
    for person in people:
        for role in person.roles:
            by_role.setdefault(role, []).append(person.subject_ref)
    for learner in by_role[Role.LEARNER]:
        enrol(tx, tenant, class_id, learner, now.date(), now)
    assign_instructor(tx, tenant, class_id, by_role[Role.INSTRUCTOR][0], now.date(), None)
    link = Guardianship(
        link_id=resources.clock.new_id(),
        guardian=by_role[Role.GUARDIAN][0],
        learner=by_role[Role.LEARNER][1],
        method=Verification.SCHOOL_RECORD,
        verified_by=by_role[Role.ADMIN][0],
        verified_at=now,
        until=None,
    )
    link_guardian(tx, tenant, link)
