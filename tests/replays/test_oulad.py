from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
import sqlalchemy as sa
from rich.console import Console

from learning.gradebook.rows import GradeRow
from replays.oulad import Look, OuladRun, replay
from runtime.clock import SystemClock
from runtime.database import table
from tests.replays.conftest import Product
from tests.replays.datasets import LEARNERS, LEFT, university
from tests.replays.killing import killed_often


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return university(tmp_path / "oulad")


def wanted(product: Product, folder: Path, journal: Path) -> OuladRun:
    return OuladRun(
        folder, "XYZ-2013J", product.url, product.admin, journal, "secret", SystemClock().now().date()
    )


async def played(product: Product, folder: Path, journal: Path) -> tuple[list[Look], str]:
    console = Console(file=io.StringIO(), width=160)
    looks = await replay(wanted(product, folder, journal), console)
    assert isinstance(console.file, io.StringIO)
    return looks, console.file.getvalue()


def counts(told: str) -> str:
    """The table of what was replayed."""
    return told.partition("What was replayed")[2].partition("Requests")[0]


async def test_a_presentation_is_replayed_and_its_list_judged(
    product: Product, folder: Path, tmp_path: Path
) -> None:
    looks, told = await played(product, folder, tmp_path / "journal")
    assert [(look.day, look.learners) for look in looks] == [(14, 18), (28, 16), (56, 13)]
    assert [look.left_later for look in looks] == [6, 4, 1]
    last = looks[-1].auc
    assert last is not None
    assert last.value > 0.9  # who hands nothing in leaves, in this dataset
    assert "never saw" in told


async def test_a_second_run_adds_nothing_and_says_the_same(
    product: Product, folder: Path, tmp_path: Path
) -> None:
    first, told = await played(product, folder, tmp_path / "journal")
    again, told_again = await played(product, folder, tmp_path / "journal")
    assert first == again
    assert counts(told) == counts(told_again)


async def test_a_run_that_is_killed_again_and_again_posts_each_grade_once(
    product: Product, folder: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    run = wanted(product, folder, journal)
    program = (
        "import asyncio, io; from datetime import date; from pathlib import Path\n"
        "from rich.console import Console\n"
        "from replays.client import Credentials\n"
        "from replays.oulad import OuladRun, replay\n"
        f"admin = Credentials({run.admin.school!r}, {run.admin.email!r}, {run.admin.password!r})\n"
        f"folder, journal = Path({str(folder)!r}), Path({str(journal)!r})\n"
        f"today = date.fromisoformat({run.today.isoformat()!r})\n"
        f"run = OuladRun(folder, 'XYZ-2013J', {run.api_url!r}, admin, journal, 'secret', today)\n"
        "asyncio.run(replay(run, Console(file=io.StringIO())))\n"
    )
    kills = await asyncio.to_thread(killed_often, program, journal)
    looks, told = await played(product, folder, journal)
    assert kills >= 3
    assert [(look.day, look.learners, look.left_later) for look in looks] == [
        (14, 18, 6),
        (28, 16, 4),
        (56, 13, 1),
    ]
    assert "refused" not in counts(told)
    stored = product.resources.database.read_now(
        lambda tx: tx.execute(sa.select(sa.func.count()).select_from(table(GradeRow))).scalar_one(),
        product.school.tenant,
    )
    assert stored == (LEARNERS - 2 - LEFT) * 3
