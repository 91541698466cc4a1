"""A school in which a class is being taught, made by the product's own functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

from sqlalchemy.engine import Connection

from governance.accounts import Principal
from governance.permits import Governor
from governance.schools import school_of
from learning import register
from learning.classes import SchoolClass
from learning.courses.content import (
    Assignment,
    ChoiceItem,
    Course,
    Lesson,
    Option,
    Skill,
)
from learning.courses.store import import_course
from learning.resources import Resources
from policy.vocabulary import Role
from tests.clocks import START
from tests.people import GROWN_UP, People

T = TypeVar("T")
TODAY = START.date()

COURSE = Course(
    id="counting",
    title="Counting",
    licence="CC0-1.0",
    imported=True,
    skills=(Skill(id="count", title="Count"),),
    items=(
        ChoiceItem(
            id="one",
            stem="How many is one?",
            skills=("count",),
            solution="One.",
            options=(
                Option(id="yes", text="1", correct=True),
                Option(id="no", text="2", feedback="That is two."),
            ),
        ),
    ),
    lessons=(
        Lesson(id="start", title="Start", skills=("count",), body="Count.", simpler="Count.", items=("one",)),
    ),
    assignments=(
        Assignment(id="essay", title="Essay", description="Write.", max_score=20, weight=2, due_day=14),
        Assignment(id="project", title="Project", description="Build.", max_score=50, due_day=60),
    ),
)


def day(number: int) -> date:
    return TODAY + timedelta(days=number)


@dataclass(frozen=True)
class LearningSchool:
    """One class, ``class_id``, taught by ``teacher``, that started 30 days ago."""

    people: People
    governor: Governor
    tenant: UUID
    class_id: UUID
    admin: Principal
    teacher: Principal
    system: Principal

    @classmethod
    def founded(cls, people: People, governor: Governor) -> LearningSchool:
        school = people.school()
        tenant = school.tenant
        admin, teacher, system = (
            people.person(school, role) for role in (Role.ADMIN, Role.INSTRUCTOR, Role.SCHOOL_SYSTEM)
        )
        made = cls(people, governor, tenant, uuid4(), admin, teacher, system)
        made.write(lambda tx: import_course(tx, tenant, COURSE, START, None))
        made.write(lambda tx: register.create_class(tx, governor, admin, made.school_class()))
        made.write(
            lambda tx: register.assign_instructor(
                tx, governor, admin, made.class_id, teacher.subject_ref, day(-30), None
            )
        )
        return made

    @classmethod
    def of(cls, resources: Resources) -> LearningSchool:
        return cls.founded(People(resources.database, resources.keyring, resources.clock), resources.governor)

    def school_class(self) -> SchoolClass:
        return SchoolClass(self.class_id, "counting", "4b", day(-30))

    def write(self, work: Callable[[Connection], T]) -> T:
        return self.people.database.write_now(work, tenant=self.tenant)

    def read(self, work: Callable[[Connection], T]) -> T:
        return self.people.database.read_now(work, self.tenant)

    def person(self, *roles: Role) -> Principal:
        """Somebody else of this school."""
        school = self.read(lambda tx: school_of(tx, self.tenant))
        return self.people.person(school, *roles, born=GROWN_UP)

    def learner(self, enrolled: int = -30) -> Principal:
        """A learner who is in the class since that day."""
        learner = self.person(Role.LEARNER)
        self.write(
            lambda tx: register.enrol(
                tx, self.governor, self.admin, self.class_id, learner.subject_ref, day(enrolled)
            )
        )
        return learner
