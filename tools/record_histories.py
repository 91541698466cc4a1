"""Records workflow histories for ``tests/histories``, on a real engine: ``python -m tools.record_histories``.

Run it when the order of a workflow changes on purpose, and give new recordings new names (``--suffix=-2``):
the old ones stay, since runs that began under the old code go on. Every run of a life is kept, as
``<workflow>.<life>-<run>.json``.

Payloads are sealed, as in operation, for people who were invented for the recording. What opens them lies
beside them and is for tests alone: the root key in hexadecimal, and the key store as SQL.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from temporalio.client import Client, WorkflowHandle

from api.lanes import Lanes
from governance.accounts import Principal
from governance.codec import SubjectCodec
from governance.consent import ConsentTerms
from governance.consent_lifecycle import LifecycleInput
from governance.keys import open_key_ring
from governance.passwords import Passwords
from governance.workflow_ids import (
    GOVERNANCE_QUEUE,
    SESSIONS_QUEUE,
    consent_workflow_id,
    session_workflow_id,
)
from learning.adaptation import Rules
from learning.courses.store import CourseCache
from learning.item_times import TimesCache
from learning.models.runner import Models
from learning.resources import Resources
from learning.sessions import answering, opening
from learning.sessions import closing as endings
from learning.sessions.errors import StepPassed
from learning.sessions.messages import SessionInput
from policy.decision_point import DecisionPoint
from runtime.database import Database
from runtime.kms import RootKey
from runtime.settings import Settings
from runtime.temporal import connect, plugin
from tests.classroom import Classroom, command
from tests.clocks import RunningClock
from tests.conftest import create_schema
from tests.engine import Engine, running_engine
from tests.households import Household
from tests.people import GROWN_UP, People
from tests.workflows.histories import HISTORIES, KEYS, ROOT_KEY, restore_keys
from workflows.consent import ConsentLifecycle
from workflows.sessions import LearnerSession
from workflows.worker import build_worker

BRIEF = ConsentTerms(valid_s=3.0, ask_again_s=1.5)
LONG_S = 600
SLOW_ENOUGH_MS = 20_000
LIMIT_S = 60


@dataclass(frozen=True)
class Studio:
    """Clients of both namespaces, and a class to record."""

    learning: Client
    governance: Client
    room: Classroom
    suffix: str

    @property
    def resources(self) -> Resources:
        return self.room.resources

    async def keep(self, name: str, handle: WorkflowHandle[Any, Any]) -> None:
        """Write every run of a workflow that ended."""
        client = self.learning if name.startswith("learner_session") else self.governance
        run, number = handle.first_execution_run_id, 1
        while run:
            history = await client.get_workflow_handle(handle.id, run_id=run).fetch_history()
            path = HISTORIES / f"{name}{self.suffix}-{number}.json"
            path.write_text(json.dumps(json.loads(history.to_json()), indent=1) + "\n", "utf-8")
            end = history.events[-1]
            following = end.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
            run, number = following, number + 1

    async def session(
        self, *, inactivity_s: int = LONG_S, answers_per_run: int = 200
    ) -> tuple[Principal, opening.SessionView, WorkflowHandle[Any, Any]]:
        """A session with its workflow."""
        learner = self.room.learner()
        settings = self.resources.settings.model_copy(update={"inactivity_s": inactivity_s})
        here = replace(self.room, resources=replace(self.resources, settings=settings))
        session = await here.start(learner)
        begin = SessionInput(
            tenant=learner.tenant,
            session_id=session.session_id,
            subject_ref=learner.subject_ref,
            inactivity_s=inactivity_s,
            answers_per_run=answers_per_run,
        )
        handle = await self.learning.start_workflow(
            LearnerSession.run,
            begin,
            id=session_workflow_id(learner.subject_ref, session.session_id),
            task_queue=SESSIONS_QUEUE,
        )
        return learner, session, handle


async def whole_session(studio: Studio) -> None:
    """Answers on both lanes, a hint, a refused answer, consent moving, the end."""
    learner, session, handle = await studio.session()
    lanes = Lanes(studio.resources, studio.learning)
    first = await lanes.answer(command(learner, session.session_id, session.step))
    assert first.next_step is not None
    await opening.hint(studio.resources, learner, session.session_id, first.next_step.step_id)
    direct = await answering.answer(
        studio.resources, command(learner, session.session_id, first.next_step, "wrong")
    )
    await handle.signal(LearnerSession.consent_changed, 1)
    try:
        await lanes.answer(command(learner, session.session_id, session.step))
    except StepPassed:
        pass
    else:
        raise AssertionError("a step was answered twice")
    await lanes.answer(command(learner, session.session_id, direct.next_step))
    await _end(studio, learner, session.session_id, handle)
    await studio.keep("learner_session.whole", handle)


async def rolled_session(studio: Studio) -> None:
    """Five answers, two a run."""
    learner, session, handle = await studio.session(answers_per_run=2)
    lanes, step = Lanes(studio.resources, studio.learning), session.step
    for _ in range(5):
        step = (await lanes.answer(command(learner, session.session_id, step))).next_step
    await _end(studio, learner, session.session_id, handle)
    await studio.keep("learner_session.rolled", handle)


async def idle_session(studio: Studio) -> None:
    """One answer, then nothing: looked at while it may still be idle, and closed when it may not."""
    learner, session, handle = await studio.session(inactivity_s=2)
    await asyncio.sleep(1)
    await Lanes(studio.resources, studio.learning).answer(command(learner, session.session_id, session.step))
    await asyncio.wait_for(handle.result(), LIMIT_S)
    await studio.keep("learner_session.idle", handle)


async def _end(studio: Studio, learner: Principal, session: UUID, handle: WorkflowHandle[Any, Any]) -> None:
    await endings.end(studio.resources, learner, session)
    # The newest run, whichever that is.
    newest = studio.learning.get_workflow_handle(handle.id)
    await newest.signal(LearnerSession.ended)
    await asyncio.wait_for(newest.result(), LIMIT_S)


async def _consents(
    studio: Studio, terms: ConsentTerms, *, steps_per_run: int = 200
) -> tuple[Household, WorkflowHandle[Any, Any]]:
    """A household that said yes, with its lifecycle."""
    people, resources = studio.room.people, studio.resources
    clock = resources.clock
    assert isinstance(clock, RunningClock)
    household = Household.of(people, resources.governor, clock, born=GROWN_UP)
    household.give(terms=terms)
    begin = LifecycleInput(
        tenant=household.school.tenant,
        subject_ref=household.learner.subject_ref,
        terms=terms,
        steps_per_run=steps_per_run,
    )
    handle = await studio.governance.start_workflow(
        ConsentLifecycle.run,
        begin,
        id=consent_workflow_id(begin.subject_ref),
        task_queue=GOVERNANCE_QUEUE,
    )
    await asyncio.sleep(1)
    return household, handle


async def whole_consents(studio: Studio) -> None:
    """Given, given again under way, asked about, run out; in one run, and in runs of two steps."""
    for name, steps in (("whole", 200), ("rolled", 2)):
        household, handle = await _consents(studio, BRIEF, steps_per_run=steps)
        household.give(terms=BRIEF)
        newest = studio.governance.get_workflow_handle(handle.id)
        await newest.signal(ConsentLifecycle.changed)
        await asyncio.wait_for(newest.result(), LIMIT_S)
        await studio.keep(f"consent_lifecycle.{name}", handle)


async def withdrawn_consents(studio: Studio) -> None:
    """Given for a year, and withdrawn."""
    household, handle = await _consents(studio, ConsentTerms())
    household.withdraw()
    await handle.signal(ConsentLifecycle.changed)
    await asyncio.wait_for(handle.result(), LIMIT_S)
    await studio.keep("consent_lifecycle.withdrawn", handle)


LIVES: tuple[Callable[[Studio], Awaitable[None]], ...] = (
    whole_session,
    rolled_session,
    idle_session,
    whole_consents,
    withdrawn_consents,
)


@asynccontextmanager
async def studio_in(folder: Path, engine: Engine, suffix: str) -> AsyncIterator[Studio]:
    """Everything that a life needs, over files in ``folder``."""
    url, clock = f"sqlite:///{folder / 'tutela.db'}", RunningClock()
    create_schema(url)
    resources = Resources(
        settings=Settings(home=folder, engine_deadline_ms=SLOW_ENOUGH_MS),
        clock=clock,
        database=Database.open(url),
        keyring=open_key_ring(f"sqlite:///{folder / 'keys.db'}", RootKey.load(folder / "root.key"), clock),
        passwords=Passwords(1),
        entropy=secrets.token_bytes,
        decision_point=DecisionPoint.load(),
        models=Models.load(),
        rules=Rules.load(),
        courses=CourseCache(),
        times=TimesCache(clock),
    )
    shared = plugin(SubjectCodec(resources.keyring))
    learning = await connect(engine.settings, engine.settings.learning_namespace, shared)
    governance = await connect(engine.settings, engine.settings.governance_namespace, shared)
    room = Classroom.open(resources, People(resources.database, resources.keyring, clock))
    async with AsyncExitStack() as running:
        await running.enter_async_context(build_worker(learning, SESSIONS_QUEUE, resources))
        await running.enter_async_context(build_worker(governance, GOVERNANCE_QUEUE, resources))
        yield Studio(learning, governance, room, suffix)
    resources.passwords.close()
    resources.keyring.close()
    resources.database.close()


async def record(folder: Path, engine: Engine, suffix: str) -> None:
    async with studio_in(folder, engine, suffix) as studio:
        for life in LIVES:
            await life(studio)


def main() -> None:
    parser = argparse.ArgumentParser(description="Record workflow histories for tests/histories.")
    parser.add_argument(
        "--suffix",
        default="",
        help="put behind each name, so that older recordings stay: -2, say (write --suffix=-2)",
    )
    suffix: str = parser.parse_args().suffix
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if ROOT_KEY.exists():
            restore_keys(folder)  # the older recordings go on opening with what is kept now
        else:
            RootKey.create(folder / "root.key")
        with running_engine(folder / "engine") as engine:
            asyncio.run(record(folder, engine, suffix))
        ROOT_KEY.write_text((folder / "root.key").read_bytes().hex() + "\n", "ascii")
        with closing(sqlite3.connect(folder / "keys.db")) as store:
            KEYS.write_text("\n".join(store.iterdump()) + "\n", "utf-8")


if __name__ == "__main__":
    main()
