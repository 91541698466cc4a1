"""A class at work, for tests: a small course, an instructor, learners; made by the product itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import SQLModel

from governance.accounts import Principal
from governance.schools import School
from learning.classes import SchoolClass, assign_instructor, create_class
from learning.courses.content import ChoiceItem, ChoiceResponse, Course, Lesson, Misconception, Option, Skill
from learning.courses.store import import_course
from learning.enrolments import enrol
from learning.resources import Resources
from learning.sessions import opening
from learning.sessions.messages import AnswerCommand, Lane, StepView
from learning.sessions.opening import SessionView
from policy.vocabulary import Role
from runtime.database import table
from tests.people import GROWN_UP, People

ITEMS_PER_LESSON = 8


def small_course() -> Course:
    """Two lessons of eight choice items each; option ``right`` is right, ``wrong`` shows a misconception."""
    skills = (
        Skill(id="halves", title="Halves"),
        Skill(id="thirds", title="Thirds", prerequisites=("halves",)),
    )
    return Course(
        id="small",
        title="Small course",
        licence="CC0-1.0",
        skills=skills,
        misconceptions=(
            Misconception(id="more-is-more", title="More is more", explanation="Count the parts."),
        ),
        items=tuple(_item(skill.id, number) for skill in skills for number in range(ITEMS_PER_LESSON)),
        lessons=tuple(
            Lesson(
                id=f"lesson-{skill.id}",
                title=skill.title,
                skills=(skill.id,),
                body=f"All about {skill.id}.",
                simpler=f"{skill.title}, more simply.",
                items=tuple(f"{skill.id}-{number}" for number in range(ITEMS_PER_LESSON)),
            )
            for skill in skills
        ),
    )


def _item(skill: str, number: int) -> ChoiceItem:
    return ChoiceItem(
        id=f"{skill}-{number}",
        stem=f"Question {number} on {skill}?",
        skills=(skill,),
        template=f"{skill}-{number // 3}",
        solution="Because it is.",
        hints=("Look again.", "Count the parts."),
        simpler="Cut it in equal parts.",
        options=(
            Option(id="right", text="The right one", correct=True, feedback="Yes."),
            Option(id="wrong", text="The wrong one", feedback="Not this.", misconception="more-is-more"),
        ),
    )


@dataclass(frozen=True)
class Classroom:
    """A school with one class on the small course, taught by one instructor."""

    resources: Resources
    people: People
    school: School
    class_id: UUID
    instructor: Principal

    @classmethod
    def open(cls, resources: Resources, people: People) -> Classroom:
        school = people.school()
        instructor = people.person(school, Role.INSTRUCTOR, born=GROWN_UP)
        room = cls(resources, people, school, uuid4(), instructor)
        now = resources.clock.now()

        def work(tx: sa.Connection) -> None:
            import_course(tx, school.tenant, small_course(), now, None)
            create_class(tx, school.tenant, SchoolClass(room.class_id, "small", "A class", now.date()), now)
            assign_instructor(tx, school.tenant, room.class_id, instructor.subject_ref, now.date(), None)

        resources.database.write_now(work, tenant=school.tenant)
        return room

    def learner(self, **person: Any) -> Principal:
        """A grown-up learner of the class."""
        learner = self.people.person(self.school, Role.LEARNER, **{"born": GROWN_UP, **person})
        now = self.resources.clock.now()
        self.resources.database.write_now(
            lambda tx: enrol(tx, self.school.tenant, self.class_id, learner.subject_ref, now.date(), now),
            tenant=self.school.tenant,
        )
        return learner

    async def start(self, learner: Principal, session_id: UUID | None = None) -> SessionView:
        return await opening.start(self.resources, learner, session_id or uuid4(), self.class_id)

    def rows(self, model: type[SQLModel]) -> list[dict[str, Any]]:
        """Every row of the school in a table."""
        rows = self.resources.database.read_now(
            lambda tx: (
                tx.execute(sa.select(table(model)).where(table(model).c.tenant == self.school.tenant))
                .mappings()
                .all()
            ),
            tenant=self.school.tenant,
        )
        return [dict(row) for row in rows]


def command(
    learner: Principal, session: UUID, step: StepView | None, option: str = "right", **given: Any
) -> AnswerCommand:
    """An answer to a step."""
    assert step is not None
    return AnswerCommand(
        **{
            "principal": learner,
            "session_id": session,
            "answer_id": uuid4(),
            "step_id": step.step_id,
            "response": ChoiceResponse(option=option),
            "response_ms": 9_000,
            "hesitation_ms": 3_000,
            "lane": Lane.DIRECT,
            **given,
        }
    )
