"""Fixtures that every room shares. Databases are real: SQLite files and a PostgreSQL 15 server."""

from __future__ import annotations

import importlib
import pkgutil
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel

from governance.keys import KeyRing, open_key_ring
from governance.passwords import Passwords
from learning.adaptation import Rules
from learning.courses.store import CourseCache
from learning.item_times import TimesCache
from learning.models.runner import Models
from learning.resources import Resources
from policy.decision_point import DecisionPoint
from runtime.database import Database
from runtime.kms import RootKey
from runtime.settings import Settings
from runtime.tenancy import enable_row_security, grant_use, tenant_tables
from tests.classroom import Classroom
from tests.clocks import SetClock
from tests.engine import Engine, running_engine
from tests.people import People
from tests.postgres import Cluster, running_cluster

ROOMS_WITH_TABLES = ("runtime", "governance", "learning")


def import_every_table() -> None:
    """Import each module that may declare a table, so that the schema is whole whatever ran before."""
    for room in ROOMS_WITH_TABLES:
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            importlib.import_module(module.name)


def create_schema(url: str, app_role: str | None = None) -> None:
    import_every_table()
    engine = sa.create_engine(url)
    with engine.begin() as tx:
        SQLModel.metadata.create_all(tx)
        enable_row_security(tx, tenant_tables(SQLModel.metadata))
        if app_role:
            grant_use(tx, app_role)
    engine.dispose()


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The one Temporal server of this test run. Tests that stop or freeze one start their own."""
    with running_engine(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """The one PostgreSQL server of this test run."""
    # Not in pytest's own folder: a second run closes that to other accounts, and the server's is another.
    with (
        tempfile.TemporaryDirectory(prefix="tutela-postgres-") as folder,
        running_cluster(Path(folder)) as cluster,
    ):
        yield cluster


@pytest.fixture(scope="session")
def postgres_template(postgres: Cluster) -> str:
    """A database with the whole schema, copied for each test that wants one."""
    name = postgres.create_database()
    create_schema(postgres.url(name, "owner"), app_role="app")
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    create_schema(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a fresh database with the whole schema; the test runs once on each engine."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        path = tmp_path / "tutela.db"
        path.write_bytes(template.read_bytes())
        yield f"sqlite:///{path}"
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    name = cluster.create_database(request.getfixturevalue("postgres_template"))
    yield cluster.url(name)
    cluster.drop_database(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open ``Database`` on each engine in turn."""
    opened = Database.open(database_url)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> SetClock:
    """A clock that the test moves."""
    return SetClock()


@pytest.fixture
def keys(tmp_path: Path, clock: SetClock) -> Iterator[KeyRing]:
    """A key ring over its own new key store, on SQLite."""
    root = RootKey.create(tmp_path / "root.key")
    ring = open_key_ring(f"sqlite:///{tmp_path / 'keys.db'}", root, clock)
    yield ring
    ring.close()


@pytest.fixture(scope="session")
def artefacts() -> tuple[DecisionPoint, Models, Rules]:
    """What every process loads once and nothing changes."""
    return DecisionPoint.load(), Models.load(), Rules.load()


@pytest.fixture
def resources(
    database: Database,
    keys: KeyRing,
    clock: SetClock,
    artefacts: tuple[DecisionPoint, Models, Rules],
    tmp_path: Path,
) -> Iterator[Resources]:
    """What a process holds open, over a fresh database on each engine in turn."""
    decision_point, models, rules = artefacts
    passwords = Passwords(1)
    yield Resources(
        settings=Settings(home=tmp_path),
        clock=clock,
        database=database,
        keyring=keys,
        passwords=passwords,
        entropy=secrets.token_bytes,
        decision_point=decision_point,
        models=models,
        rules=rules,
        courses=CourseCache(),
        times=TimesCache(clock),
    )
    passwords.close()


@pytest.fixture
def classroom(resources: Resources) -> Classroom:
    """A class at work on the small course."""
    return Classroom.open(resources, People(resources.database, resources.keyring, resources.clock))
