"""A small course to decide on, the shipped rules and models, and a school in which a class is taught."""

from __future__ import annotations

import pytest

from governance.keys import KeyRing
from governance.permits import Governor
from learning.courses.content import (
    ChoiceItem,
    Course,
    Item,
    Lesson,
    Misconception,
    NumericItem,
    Option,
    Skill,
    WrongAnswer,
)
from learning.courses.plan import CoursePlan
from learning.models.runner import Models
from learning.strategy.rules import Rules
from policy.decision_point import DecisionPoint
from runtime.database import Database
from tests.clocks import SetClock
from tests.learning.school import LearningSchool
from tests.people import People

LESSONS = 3
ITEMS = 6


def small_course() -> Course:
    """Three lessons of six items, each lesson's skill built on the one before; some items practise two."""
    items: list[Item] = []
    for lesson in range(LESSONS):
        for n in range(ITEMS):
            skills = (f"s{lesson}",) if n != 5 or lesson == 0 else (f"s{lesson}", f"s{lesson - 1}")
            common = {
                "id": f"i{lesson}-{n}",
                "stem": "How much of the cake is left?",
                "skills": skills,
                "template": f"t{lesson}-{n // 2}",
                "difficulty": n / ITEMS,
                "solution": "Count the parts.",
                "hints": ("Look at the parts.", "Count them."),
            }
            if n % 2:
                wrong = (WrongAnswer(value="4/3", feedback="Upside down.", misconception="upside-down"),)
                items.append(NumericItem.model_validate({**common, "answer": "3/4", "wrong": wrong}))
            else:
                options = [Option(id=o, text=o, correct=o == "a", misconception=None) for o in "abcd"]
                items.append(ChoiceItem.model_validate({**common, "options": options}))
    return Course(
        id="cakes",
        title="Cakes",
        licence="CC0-1.0",
        skills=tuple(
            Skill(id=f"s{n}", title=f"Skill {n}", prerequisites=(f"s{n - 1}",) if n else ())
            for n in range(LESSONS)
        ),
        misconceptions=(
            Misconception(id="upside-down", title="Top and bottom swapped", explanation="Turn it round."),
        ),
        items=tuple(items),
        lessons=tuple(
            Lesson(
                id=f"l{n}",
                title=f"Lesson {n}",
                skills=(f"s{n}",),
                body="Read this.",
                simpler="More simply.",
                items=tuple(f"i{n}-{i}" for i in range(ITEMS)),
            )
            for n in range(LESSONS)
        ),
    )


@pytest.fixture(scope="session")
def plan() -> CoursePlan:
    return CoursePlan.of(small_course(), "c0ffee" + "0" * 58)


@pytest.fixture(scope="session")
def rules() -> Rules:
    return Rules.load()


@pytest.fixture(scope="session")
def models() -> Models:
    return Models.load()


@pytest.fixture(scope="session")
def decision_point() -> DecisionPoint:
    return DecisionPoint.load()


@pytest.fixture
def governor(decision_point: DecisionPoint, keys: KeyRing, clock: SetClock) -> Governor:
    return Governor(decision_point, keys, clock)


@pytest.fixture
def school(database: Database, keys: KeyRing, clock: SetClock, governor: Governor) -> LearningSchool:
    """A school with a course, a class that started 30 days ago, its teacher, and people who keep it."""
    return LearningSchool.founded(People(database, keys, clock), governor)
