from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from governance.codec import SubjectCodec
from governance.keys import KeyRing
from governance.permits import Governor
from policy.decision_point import DecisionPoint
from runtime.database import Database
from runtime.temporal import connect, plugin
from tests.classroom import Classroom
from tests.clocks import RunningClock
from tests.engine import Engine
from tests.people import People
from workflows.worker import build_worker

SLOW_ENOUGH_MS = 20_000


@pytest.fixture
def clock() -> RunningClock:
    """Workflows wait for real: time has to pass."""
    return RunningClock()


@pytest.fixture
def database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """One database is enough to see what a workflow does; the rules run on both elsewhere."""
    path = tmp_path / "tutela.db"
    path.write_bytes(sqlite_template.read_bytes())
    opened = Database.open(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.fixture
def people(database: Database, keys: KeyRing, clock: RunningClock) -> People:
    return People(database, keys, clock)


@pytest.fixture
def governor(keys: KeyRing, clock: RunningClock) -> Governor:
    return Governor(DecisionPoint.load(), keys, clock)


@pytest.fixture
def room(classroom: Classroom) -> Classroom:
    """The classroom, with time for the engine to answer on a busy machine."""
    settings = classroom.resources.settings.model_copy(update={"engine_deadline_ms": SLOW_ENOUGH_MS})
    return replace(classroom, resources=replace(classroom.resources, settings=settings))


@pytest.fixture
async def client(engine: Engine, room: Classroom) -> Client:
    """A client of the learning namespace that seals as the product does."""
    codec = SubjectCodec(room.resources.keyring)
    return await connect(engine.settings, engine.settings.learning_namespace, plugin(codec))


@pytest.fixture
async def worker(client: Client, room: Classroom) -> AsyncIterator[Worker]:
    """A worker of the sessions queue over the room's resources."""
    async with build_worker(client, "sessions", room.resources) as running:
        yield running
