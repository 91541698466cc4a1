"""A prepared school with everybody who may knock, and the request that each operation is tried with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from governance.accounts import Principal
from governance.consent import GrantCommand, give
from governance.guardians import Guardianship, Verification, link_guardian
from governance.notices import shipped_notices
from learning.classes import SchoolClass, assign_instructor, create_class
from learning.courses.package import parse
from learning.courses.store import import_course
from learning.gradebook.assessments import Assessment, AssessmentKind, add_assessments
from learning.resources import Resources
from policy.vocabulary import Purpose, Relation, Role
from tests.api.callers import Caller, Callers
from tests.classroom import Classroom
from tests.clocks import START
from tests.learning.courses.packages import example_package, zipped
from tests.people import CHILD, GROWN_UP, People

PASSWORD: Final = "sieben blaue Drachen"
EVERY_ROLE: Final = tuple(role for role in Role if role not in (Role.WORKER, Role.AUDITOR))
"""An auditor writes nothing, whatever else they are, so that one would hide what the others may do."""

UUID_FORM: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
EMAIL: Final = "robin@linden.example"

CALLERS: Final = (
    "nobody",
    "learner",  # a child with a guardian, in the class, with an open session
    "classmate",
    "guardian",  # of the learner
    "instructor",  # of the class
    "colleague",  # teaches another class of the school
    "editor",
    "admin",
    "officer",
    "auditor",
    "school_system",
    "stranger",  # a learner of another school
    "elsewhere",  # has every role that can act, in another school
)


@dataclass(frozen=True)
class Everybody:
    """The school, its people, and the ids that requests name."""

    resources: Resources
    callers: Mapping[str, Caller]
    tenants: tuple[UUID, ...]
    names: Mapping[str, str]

    def unheard_of(self) -> dict[str, str]:
        """As ``names``, with ids that nobody ever gave out in the places of this school's."""
        return {
            name: str(uuid4()) if UUID_FORM.fullmatch(value) else value for name, value in self.names.items()
        }

    def everything(self) -> list[str]:
        """Each row of each table that is of these schools or of none."""
        return sorted(row for tenant in self.tenants for row in self._rows(tenant))

    def _rows(self, tenant: UUID) -> list[str]:
        def work(tx: Connection) -> list[str]:
            tables = SQLModel.metadata.sorted_tables
            return [f"{one.name} {row}" for one in tables for row in tx.execute(sa.select(one)).all()]

        return self.resources.database.read_now(work, tenant)


async def gather(callers: Callers, password_hash: str) -> Everybody:
    """Found the school and let everybody in."""
    resources = callers.resources
    people = People(resources.database, resources.keyring, resources.clock)
    room = Classroom.open(resources, people)
    school, other, now = room.school, people.school(), resources.clock.now()

    def person(role: Role) -> Principal:
        return people.person(school, role, born=GROWN_UP, password_hash=password_hash)

    learner = room.learner(born=CHILD, email=EMAIL, password_hash=password_hash)
    guardian, admin = person(Role.GUARDIAN), person(Role.ADMIN)
    instructor, colleague = person(Role.INSTRUCTOR), person(Role.INSTRUCTOR)
    link_id, event_id, other_class, sharing = uuid4(), uuid4(), uuid4(), parse(example_package())

    def work(tx: Connection) -> None:
        import_course(tx, school.tenant, sharing.course, now, None, sharing.recordings)
        exam = Assessment("exam", "Exam", AssessmentKind.EXAM, 20.0, None, 40.0)
        add_assessments(tx, school.tenant, room.class_id, [exam])
        assign_instructor(tx, school.tenant, room.class_id, instructor.subject_ref, now.date(), None)
        create_class(tx, school.tenant, SchoolClass(other_class, "small", "Another", now.date()), now)
        assign_instructor(tx, school.tenant, other_class, colleague.subject_ref, now.date(), None)
        ends = Guardianship(
            link_id,
            guardian.subject_ref,
            learner.subject_ref,
            Verification.SIGNED_FORM,
            admin.subject_ref,
            now,
            None,
        )
        link_guardian(tx, school.tenant, ends)
        asked = GrantCommand(
            event_id, learner.subject_ref, Purpose.PERSONALISATION, "personalisation", 1, "en"
        )
        ties = frozenset({Relation.GUARDIAN_OF_MINOR, Relation.TENANT})
        give(tx, resources.governor, shipped_notices(), guardian, ties, asked)

    resources.database.write_now(work, tenant=school.tenant)
    session = await room.start(learner)
    assert session.step is not None
    persons = {
        "learner": learner,
        "classmate": room.learner(password_hash=password_hash),
        "guardian": guardian,
        "instructor": instructor,
        "colleague": colleague,
        "editor": person(Role.EDITOR),
        "admin": admin,
        "officer": person(Role.OFFICER),
        "auditor": person(Role.AUDITOR),
        "school_system": person(Role.SCHOOL_SYSTEM),
        "stranger": people.person(other, Role.LEARNER, password_hash=password_hash),
        "elsewhere": people.person(other, *EVERY_ROLE, born=GROWN_UP, password_hash=password_hash),
    }
    found = {name: callers.caller(who) for name, who in persons.items()}
    names = {
        "school": school.slug,
        "slug": "forbidden",
        "session_ref": str(found["learner"].principal.session_ref),
        "account_id": str(learner.account_id),
        "class_id": str(room.class_id),
        "other_class": str(other_class),
        "subject_ref": str(learner.subject_ref),
        "learner": str(learner.subject_ref),
        "notice_id": "personalisation",
        "version": "1",
        "language": "en",
        "purpose": "personalisation",
        "event_id": str(event_id),
        "link_id": str(link_id),
        "course_id": "sharing",
        "medium_id": "folding",
        "assessment_id": "exam",
        "session_id": str(session.session_id),
        "step_id": str(session.step.step_id),
    }
    references = {f"{name}_ref": caller.ref for name, caller in found.items()}
    return Everybody(
        resources,
        {"nobody": found["learner"].nobody(), **found},
        (school.tenant, other.tenant),
        references | names,
    )


@dataclass(frozen=True)
class Ask:
    """What to send to one operation: in texts of ``body`` and ``query`` ``{name}`` stands for an id of the
    school and ``{new}`` for a new one; ``names`` puts the ids of other names into the path.
    """

    body: Any = None
    names: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    sent: Mapping[str, Any] = field(default_factory=dict)

    async def __call__(
        self, names: Mapping[str, str], caller: Caller, method: str, path: str
    ) -> httpx.Response:
        names = {**names, "new": str(uuid4())}
        here = path.format(**names | {name: names[other] for name, other in self.names.items()})
        query = _filled(dict(self.query), names)
        return await caller.send(method, here, _filled(self.body, names), params=query, **self.sent)


def _filled(body: Any, names: Mapping[str, str]) -> Any:
    match body:
        case str():
            return body.format(**names)
        case dict():
            return {key: _filled(value, names) for key, value in body.items()}
        case list():
            return [_filled(value, names) for value in body]
    return body


_GRADE: Final = {
    "grade_id": "{new}",
    "learner": "{learner}",
    "assessment": "exam",
    "score": 1.5,
    "submitted_on": START.date().isoformat(),
}
_ZIP: Final = {"content": zipped(example_package()), "headers": {"Content-Type": "application/zip"}}

ASKS: Final[Mapping[str, Ask]] = {
    "signIn": Ask({"school": "{school}", "email": EMAIL, "password": PASSWORD}),
    "changePassword": Ask({"current": PASSWORD, "password": "acht rote Drachen"}),
    "createAccount": Ask(
        {
            "account_id": "{new}",
            "email": "{new}@linden.example",
            "display_name": "Wren Alder",
            "roles": ["learner"],
        }
    ),
    "amendAccount": Ask({"state": "suspended"}),
    "createClass": Ask({"class_id": "{new}", "course_id": "small", "title": "5a", "starts_on": "2026-09-01"}),
    "amendClass": Ask({"title": "5b"}),
    "assignInstructor": Ask({"from_on": "2026-09-01"}, names={"subject_ref": "colleague_ref"}),
    "enrolLearners": Ask({"enrolments": [{"learner": "{learner}"}]}, names={"class_id": "other_class"}),
    "unenrolLearners": Ask({"unenrolments": [{"learner": "{learner}"}]}),
    "giveConsent": Ask(
        {
            "event_id": "{new}",
            "notice_id": "personalisation",
            "notice_version": 1,
            "notice_language": "en",
        }
    ),
    "withdrawConsent": Ask({"event_id": "{new}"}),
    "importCourse": Ask(sent=_ZIP),
    "putAssessment": Ask({"title": "Exam", "kind": "exam", "weight": 10, "max_score": 40}),
    "postGrade": Ask(_GRADE),
    "listGrades": Ask(query={"learner": "{learner}"}),
    "postGrades": Ask({"grades": [_GRADE]}),
    "linkGuardian": Ask(
        {
            "link_id": "{new}",
            "guardian": "{guardian_ref}",
            "learner": "{classmate_ref}",
            "method": "school_record",
        }
    ),
    "startSession": Ask({"session_id": "{new}", "class_id": "{class_id}"}),
    "answerStep": Ask(
        {
            "answer_id": "{new}",
            "step_id": "{step_id}",
            "response": {"kind": "choice", "option": "right"},
        }
    ),
    "chooseStep": Ask({"step_id": "{new}", "item_id": "halves-3"}),
}
"""Operations that are asked for more than their path says; every other one is called as it stands."""
