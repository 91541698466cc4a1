from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
import sqlalchemy as sa
from rich.console import Console

from learning.courses.package import read_package
from learning.courses.store import import_course
from learning.sessions.rows import Answer
from replays.demo import DemoRun, play
from replays.simulated import Mind
from runtime.clock import SystemClock
from runtime.database import table
from tests.replays.conftest import Product
from tests.replays.killing import killed_often

FRACTIONS = Path(__file__).parents[2] / "courses" / "fractions"


@pytest.fixture
def school(product: Product) -> Product:
    course, now = read_package(FRACTIONS).course, product.resources.clock.now()
    product.resources.database.write_now(
        lambda tx: import_course(tx, product.school.tenant, course, now, None), tenant=product.school.tenant
    )
    return product


async def played(product: Product, journal: Path) -> str:
    console = Console(file=io.StringIO(), width=160)
    today = SystemClock().now().date()
    await play(DemoRun(3, 12, 1, product.url, product.admin, journal, "secret", today), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def test_simulated_learners_take_the_course_once_and_are_called_simulated(
    school: Product, tmp_path: Path
) -> None:
    told = await played(school, tmp_path / "journal")
    assert "simulated learners: no evidence about people" in told
    assert "Decisions by move and lane" in told

    def count(tx: sa.Connection) -> int:
        return tx.execute(sa.select(sa.func.count()).select_from(table(Answer))).scalar_one()

    answers = school.resources.database.read_now(count, school.school.tenant)
    assert 3 <= answers <= 36
    await played(school, tmp_path / "journal")
    assert school.resources.database.read_now(count, school.school.tenant) == answers


def test_every_item_of_the_shipped_course_gets_a_response_that_fits_it() -> None:
    course = read_package(FRACTIONS).course.model_dump(mode="json")
    skills = [skill["id"] for skill in course["skills"]]
    for knows in (set(skills), set[str]()):
        mind = Mind("seed", knows, {one["id"] for one in course["misconceptions"]}, 0.1, 9_000)
        for item in course["items"]:
            mind.begin(item["id"])
            said = mind.answer(item)
            assert said["response"]["kind"] == item["kind"]
            assert 0 < said["hesitation_ms"] <= said["response_ms"]


def test_the_same_turn_of_the_same_mind_says_the_same() -> None:
    course = read_package(FRACTIONS).course.model_dump(mode="json")
    item = course["items"][0]
    said = []
    for earlier in (0, 5):
        mind = Mind.of("seed", ["a", "b"], [])
        for _ in range(earlier):
            mind.draw.random()
        mind.begin("turn")
        said.append(mind.answer(item))
    assert said[0] == said[1]


async def test_a_demonstration_that_is_killed_again_and_again_answers_each_step_once(
    school: Product, tmp_path: Path
) -> None:
    journal, admin = tmp_path / "journal", school.admin
    program = (
        "import asyncio, io; from datetime import date; from pathlib import Path\n"
        "from rich.console import Console\n"
        "from replays.client import Credentials\n"
        "from replays.demo import DemoRun, play\n"
        f"admin = Credentials({admin.school!r}, {admin.email!r}, {admin.password!r})\n"
        f"today = date.fromisoformat({SystemClock().now().date().isoformat()!r})\n"
        f"run = DemoRun(3, 12, 1, {school.url!r}, admin, Path({str(journal)!r}), 'secret', today)\n"
        "asyncio.run(play(run, Console(file=io.StringIO())))\n"
    )
    assert await asyncio.to_thread(killed_often, program, journal, 5) >= 2
    await played(school, journal)
    rows = school.resources.database.read_now(
        lambda tx: tx.execute(sa.select(table(Answer).c.answer_id, table(Answer).c.session_id)).all(),
        school.school.tenant,
    )
    noted = [line for line in journal.read_text().splitlines() if '"kind":"answer"' in line]
    assert len(noted) == len(rows) == len({row.answer_id for row in rows})
    assert len({row.session_id for row in rows}) == 3
