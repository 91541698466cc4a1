"""Nothing that a person typed lies readable anywhere: not in a database, a log, a history or on the screen.

Two learners and a guardian whose every field is a marked value go through the running product; then every
file, table, history and visibility record is searched for the marks (``tests/canary.py``). The same search is
shown to find a mark that is left in any of these places.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.client import Client

from tests.canary import Finding, Scanner
from tests.engine import Engine, located_cli
from tests.journeys.marked import (
    MARKS,
    a_childs_first_day,
    a_learners_weeks,
    namespaces,
    until_listed,
    without_keys,
)
from tests.journeys.product import Product, running_product
from tests.postgres import Cluster, running_cluster

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Journey:
    """What the marked people left behind.

    Attributes:
        home: the installation, stopped.
        running: findings while it ran, with what its databases had not yet moved from their logs.
        engine: findings in the engine's histories and visibility, as who has no keys sees them.
        printed: everything that appeared on the operator's screen.
        reached: where the same search met what may be read: the learner's reference, the name of a refusal.
    """

    home: Path
    running: list[Finding]
    engine: list[Finding]
    printed: str
    reached: list[str]


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(MARKS)


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory, scanner: Scanner) -> Journey:
    """The people have gone through the product on SQLite, and it was stopped."""
    home = tmp_path_factory.mktemp("canary") / "home"
    return go_through(home, scanner, lambda search: scan_home(home, search))


def go_through(
    home: Path, scanner: Scanner, scan: Callable[[Scanner], list[Finding]], **settings: object
) -> Journey:
    """Everybody's way through a new installation, and the search while it runs."""
    with running_product(home, **settings) as product:
        learner = a_learners_weeks(product)
        a_childs_first_day(product)
        engine = asyncio.run(scan_engine(product, scanner))
        running = scan(scanner)
        known = {"reference": str(learner), "reference in hex": learner.hex, "refusal": "response-unfit"}
        reference = Scanner(known)
        reached = asyncio.run(scan_engine(product, reference)) + scan(reference)
    return Journey(home, running, engine, product.output, [f"{hit.mark} in {hit.source}" for hit in reached])


# --- The search -----------------------------------------------------------------------------------------


def scan_home(home: Path, scanner: Scanner) -> list[Finding]:
    """Findings in every file, and in every value of every table."""
    tables = [finding for path in sorted(home.glob("*.db")) for finding in scanner.scan_sqlite(path)]
    return scanner.scan_folder(home) + tables


async def scan_engine(product: Product, scanner: Scanner) -> list[Finding]:
    found = []
    for namespace in namespaces():
        found += await scanner.scan_engine(await without_keys(product, namespace))
    return found


class TestNothingIsLeftReadable:
    def test_in_files_and_tables_while_it_runs(self, journey: Journey) -> None:
        assert list(map(str, journey.running)) == []

    def test_in_files_and_tables_when_it_was_stopped(self, journey: Journey, scanner: Scanner) -> None:
        assert list(map(str, scan_home(journey.home, scanner))) == []

    def test_in_histories_and_visibility(self, journey: Journey) -> None:
        assert list(map(str, journey.engine)) == []

    def test_on_the_screen(self, journey: Journey, scanner: Scanner) -> None:
        assert list(map(str, scanner.scan_text(journey.printed, "screen"))) == []

    def test_and_the_search_was_where_the_learner_is(self, journey: Journey) -> None:
        tables = [f"tutela.db:{name}.subject_ref" for name in TABLES_WITH_LEARNERS]
        assert_reached(journey, *tables, "keys.db:data_key.subject", "tutela.db-wal", "engine.db")


TABLES_WITH_LEARNERS = ("account", "answer", "decision", "learner_state")
IN_THE_ENGINE = (
    "reference in history of tutela-learning/ses.",
    "refusal in history of tutela-learning/ses.",
    "reference in visibility of tutela-learning/ses.",
    "reference in history of tutela-governance/con.",
    "reference in visibility of tutela-governance/con.",
)


def assert_reached(journey: Journey, *places: str) -> None:
    expected = (*places, *IN_THE_ENGINE)
    missed = [place for place in expected if not any(place in reached for reached in journey.reached)]
    assert missed == [], "\n".join(sorted(set(journey.reached)))


@pytest.fixture
def own_postgres() -> Iterator[tuple[Cluster, Path]]:
    """A server that holds nothing but this test's data, and its folder."""
    with (
        tempfile.TemporaryDirectory(prefix="tutela-canary-") as folder,
        running_cluster(Path(folder)) as cluster,
    ):
        yield cluster, Path(folder)


@pytest.mark.postgres
def test_nothing_is_left_readable_on_postgresql(
    own_postgres: tuple[Cluster, Path], tmp_path: Path, scanner: Scanner
) -> None:
    server, folder = own_postgres
    name = server.create_database()

    def scan(search: Scanner) -> list[Finding]:
        everything = f"host=127.0.0.1 port={server.port} user=postgres dbname={name}"
        server.admin("CHECKPOINT")  # what is only in memory goes to the files
        files = search.scan_folder(folder)  # with the server's log
        return files + search.scan_postgres(everything) + scan_home(tmp_path / "home", search)

    journey = go_through(
        tmp_path / "home",
        scanner,
        scan,
        TUTELA_DATABASE_URL=server.url(name),
        TUTELA_MIGRATE_URL=server.url(name, "owner"),
        TUTELA_APP_ROLE="app",
    )
    assert list(map(str, journey.running + journey.engine)) == []
    assert list(map(str, scanner.scan_text(journey.printed, "screen"))) == []
    tables = [f"public.{name}.subject_ref" for name in TABLES_WITH_LEARNERS]
    assert_reached(journey, *tables, "keys.db:data_key.subject", "engine.db")


# --- A leak is found ------------------------------------------------------------------------------------

LEAK = MARKS["text, engine"]


@pytest.fixture
def copied(journey: Journey, tmp_path: Path) -> Path:
    """The installation as the people left it, to leak into."""
    return Path(shutil.copytree(journey.home, tmp_path / "home"))


def in_a_row(home: Path) -> None:
    execute(home / "tutela.db", "UPDATE class_group SET title = ?")


def in_a_key(home: Path) -> None:
    execute(home / "keys.db", "UPDATE data_key SET wrapped = CAST(? AS BLOB)")


def in_a_log_line(home: Path) -> None:
    with (home / "logs" / "api.log").open("a") as log:
        log.write(f"2026-03-20 08:00:00 ERROR api: cannot read {LEAK!r}\n")


def in_the_name_of_a_file(home: Path) -> None:
    (home / "run" / f"{LEAK}.alive").touch()


def execute(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as opened, opened:
        assert opened.execute(statement, (LEAK,)).rowcount > 0, "there was nothing to leak into"


@pytest.mark.parametrize(
    ("leak", "source"),
    [
        (in_a_row, "tutela.db:class_group.title"),
        (in_a_key, "keys.db:data_key.wrapped"),
        (in_a_log_line, "logs/api.log"),
        (in_the_name_of_a_file, "name of"),
    ],
)
def test_a_leak_is_found(copied: Path, scanner: Scanner, leak: Callable[[Path], None], source: str) -> None:
    leak(copied)
    found = scan_home(copied, scanner)
    assert {finding.mark for finding in found} == {"text, engine"}
    assert any(source in finding.source for finding in found), list(map(str, found))


def test_a_leak_that_is_still_in_the_databases_log_is_found(copied: Path, scanner: Scanner) -> None:
    with closing(sqlite3.connect(copied / "tutela.db")) as database:
        with database:
            database.execute("UPDATE class_group SET title = ?", (LEAK,))
        assert any(finding.source.endswith("tutela.db-wal") for finding in scanner.scan_folder(copied))


async def test_a_workflow_without_the_codec_is_found(copied: Path, scanner: Scanner) -> None:
    engine = Engine(located_cli(), copied)
    await asyncio.to_thread(engine.start)
    try:
        client = await Client.connect(engine.address, namespace=namespaces()[0])
        await client.start_workflow("Careless", LEAK, id="argument", task_queue="nobody")
        await client.start_workflow("Careless", memo={"note": LEAK}, id="memo", task_queue="nobody")
        await client.start_workflow("Careless", id=LEAK, task_queue="nobody")
        await until_listed(client, 'WorkflowType = "Careless"', 3)
        found = await scanner.scan_engine(client)
    finally:
        await asyncio.to_thread(engine.stop)
    assert {finding.mark for finding in found} == {"text, engine"}
    sources = {finding.source.rsplit("/", 1)[0] for finding in found}
    space = namespaces()[0]
    assert {
        f"history of {space}/argument",
        f"history of {space}/memo",
        f"visibility of {space}/memo",
        f"visibility of {space}/{LEAK}",
    } <= sources
    assert any("engine.db:" in finding.source for finding in scan_home(copied, scanner))
