from __future__ import annotations

import asyncio
import csv
import io
from pathlib import Path

import pytest
import sqlalchemy as sa
from rich.console import Console

from learning.sessions.rows import Answer, Session
from replays.make_sample import sample
from replays.responses import Judged, ResponsesRun, replay
from runtime.clock import SystemClock
from runtime.database import table
from tests.replays.conftest import Product
from tests.replays.killing import killed_often

LEARNERS = 4


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The shipped sample's first learners."""
    rows = list(csv.reader(sample().splitlines()))
    learners = sorted({row[0] for row in rows[1:]})[:LEARNERS]
    path = tmp_path / "few.generated.csv"
    with path.open("w") as file:
        csv.writer(file).writerows([rows[0], *(row for row in rows[1:] if row[0] in learners)])
    return path


def wanted(product: Product, log: Path, journal: Path) -> ResponsesRun:
    return ResponsesRun(log, product.url, product.admin, journal, "secret", SystemClock().now().date())


async def played(product: Product, log: Path, journal: Path) -> tuple[Judged, str]:
    console = Console(file=io.StringIO(), width=160)
    judged = await replay(wanted(product, log, journal), console)
    assert judged is not None
    assert isinstance(console.file, io.StringIO)
    return judged, console.file.getvalue()


def stored(product: Product) -> tuple[int, int, int]:
    """Answers, answers that the sessions count, and sessions that ended."""

    def work(tx: sa.Connection) -> tuple[int, int, int]:
        session = table(Session)
        answers = tx.execute(sa.select(sa.func.count()).select_from(table(Answer))).scalar_one()
        counted = tx.execute(sa.select(sa.func.sum(session.c.seq))).scalar_one()
        closed = sa.select(sa.func.count()).where(session.c.state == "closed")
        return answers, counted, tx.execute(closed).scalar_one()

    return product.resources.database.read_now(work, product.school.tenant)


async def test_a_log_is_answered_as_it_was_and_the_predictions_are_judged(
    product: Product, log: Path, tmp_path: Path
) -> None:
    judged, told = await played(product, log, tmp_path / "journal")
    rows = len(log.read_text().splitlines()) - 1
    assert judged.answers == rows
    assert stored(product)[:2] == (rows, rows)
    assert "generated, not real learners" in told
    assert "graded otherwise than the log says │        0" in told
    assert judged.log_loss < judged.mean_log_loss + 0.2
    again, _ = await played(product, log, tmp_path / "journal")
    assert again == judged
    assert stored(product)[0] == rows


async def test_a_run_that_is_killed_again_and_again_answers_each_row_once(
    product: Product, log: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    run = wanted(product, log, journal)
    program = (
        "import asyncio, io; from datetime import date; from pathlib import Path\n"
        "from rich.console import Console\n"
        "from replays.client import Credentials\n"
        "from replays.responses import ResponsesRun, replay\n"
        f"admin = Credentials({run.admin.school!r}, {run.admin.email!r}, {run.admin.password!r})\n"
        f"log, journal = Path({str(log)!r}), Path({str(journal)!r})\n"
        f"today = date.fromisoformat({run.today.isoformat()!r})\n"
        f"run = ResponsesRun(log, {run.api_url!r}, admin, journal, 'secret', today)\n"
        "asyncio.run(replay(run, Console(file=io.StringIO())))\n"
    )
    kills = await asyncio.to_thread(killed_often, program, journal)
    judged, _ = await played(product, log, journal)
    rows = len(log.read_text().splitlines()) - 1
    assert kills >= 3
    assert judged.answers == rows
    answers, counted, closed = stored(product)
    assert (answers, counted) == (rows, rows)
    assert closed == 3 * LEARNERS  # each of them sat down three times
