"""A class of 300 with twelve assessments: posting grades, the gradebook and the risk list, in process."""

from __future__ import annotations

import asyncio
import random
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy.engine import Connection

from benchmarks.load import Percentiles
from benchmarks.report import markdown_table
from governance.accounts import Principal
from governance.keys import open_key_ring
from governance.passwords import Passwords
from learning.adaptation import Rules
from learning.courses.store import CourseCache
from learning.gradebook.assessments import Assessment, AssessmentKind, put_assessment
from learning.gradebook.grades import GradePost
from learning.gradebook.posting import post_grades
from learning.gradebook.reading import gradebook
from learning.item_times import TimesCache
from learning.models.runner import Models
from learning.resources import Resources
from learning.risk_list import risk_list
from policy.decision_point import DecisionPoint
from runtime.database import Database
from runtime.kms import RootKey
from runtime.settings import Settings
from tests.clocks import SetClock
from tests.conftest import create_schema
from tests.learning.school import LearningSchool, day

LEARNERS = 300
ASSESSMENTS = 12
PAGE = 50
LOOKS = 40


def table_of_a_class() -> str:
    """Every operation in turn, as Markdown: time and this process's own processor time."""
    with tempfile.TemporaryDirectory(prefix="tutela-bench-") as folder, _resources(Path(folder)) as resources:
        school = LearningSchool.of(resources)
        learners = [school.learner() for _ in range(LEARNERS)]
        for number in range(ASSESSMENTS):
            _put(school, number)
        rows = [
            _row("a grade, its learner scored anew; one at a time", _grades(resources, school, learners)),
            _row(
                f"risk list, its first {PAGE} rows",
                _looks(
                    school,
                    lambda tx: risk_list(tx, resources, school.teacher, school.class_id, limit=PAGE),
                ),
            ),
            _row(
                f"gradebook, {PAGE} rows",
                _looks(
                    school,
                    lambda tx: gradebook(
                        tx, school.governor, school.teacher, school.class_id, after=None, limit=PAGE
                    ),
                ),
            ),
        ]
    head = (f"a class of {LEARNERS}, {ASSESSMENTS} assessments", "count", "p50 ms", "p99 ms", "CPU ms each")
    return markdown_table(head, rows)


Spent = list[tuple[float, float]]
"""Milliseconds passed and milliseconds of processor time, of each operation."""


def _row(what: str, spent: Spent) -> tuple[str, int, float, float, float]:
    of = Percentiles.of(passed for passed, _ in spent)
    return what, of.count, of.p50, of.p99, sum(cpu for _, cpu in spent) / len(spent)


def _spent(operation: Callable[[], object]) -> tuple[float, float]:
    began, cpu = time.perf_counter(), time.process_time()
    operation()
    return (time.perf_counter() - began) * 1000, (time.process_time() - cpu) * 1000


def _looks(school: LearningSchool, look: Callable[[Connection], object]) -> Spent:
    return [_spent(lambda: school.read(look)) for _ in range(LOOKS)]


def _grades(resources: Resources, school: LearningSchool, learners: list[Principal]) -> Spent:
    """Seven in eight hand in each assessment; the times are those of the last one, when the book is full."""
    draw = random.Random(1)
    spent: Spent = []
    for number in range(ASSESSMENTS):
        on = _due(number)
        posts = [
            GradePost(
                school.governor.clock.new_id(), one.subject_ref, f"test-{number}", draw.uniform(0, 100), on
            )
            for one in learners
            if draw.random() < 7 / 8
        ]
        spent = [_spent(partial(_post, resources, school, post)) for post in posts]
    return spent


def _post(resources: Resources, school: LearningSchool, post: GradePost) -> None:
    (outcome,) = asyncio.run(post_grades(resources, school.teacher, school.class_id, [post]))
    assert outcome.posted, outcome.refusal


def _put(school: LearningSchool, number: int) -> None:
    due, kind = _due(number), AssessmentKind.TEST
    test = Assessment(f"test-{number}", f"Test {number}", kind, 1.0, due, 100.0)
    school.write(lambda tx: put_assessment(tx, school.governor, school.teacher, school.class_id, test))


def _due(number: int) -> date:
    return day(-28) + timedelta(days=2 * number)


@contextmanager
def _resources(folder: Path) -> Iterator[Resources]:
    url, clock = f"sqlite:///{folder / 'tutela.db'}", SetClock()
    create_schema(url)
    keys = open_key_ring(f"sqlite:///{folder / 'keys.db'}", RootKey.create(folder / "root.key"), clock)
    database, passwords = Database.open(url), Passwords(1)
    yield Resources(
        settings=Settings(home=folder),
        clock=clock,
        database=database,
        keyring=keys,
        passwords=passwords,
        entropy=secrets.token_bytes,
        decision_point=DecisionPoint.load(),
        models=Models.load(),
        rules=Rules.load(),
        courses=CourseCache(),
        times=TimesCache(clock),
    )
    passwords.close()
    database.close()
    keys.close()


if __name__ == "__main__":
    print(table_of_a_class())
