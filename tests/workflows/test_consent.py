"""ConsentLifecycle on the real engine; durations come in through its input and last seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.worker import Replayer, Worker

from activities.consent import ConsentActivities
from governance.codec import SubjectCodec
from governance.consent import ConsentTerms
from governance.consent_events import Act
from governance.consent_lifecycle import LifecycleInput
from governance.gate import GateState, move_gate, take_gate
from governance.permits import Governor
from policy.vocabulary import Purpose
from runtime.database import table
from runtime.runs import RunRecord
from runtime.temporal import connect, plugin
from tests.clocks import START, RunningClock
from tests.engine import Engine
from tests.households import Household
from tests.people import GROWN_UP, People
from workflows.consent import ConsentLifecycle

NAMESPACE = "tutela-governance"
BRIEF = ConsentTerms(valid_s=3.0, ask_again_s=1.5, grace_s=1.0)
YEAR = ConsentTerms()

pytestmark = pytest.mark.engine


@dataclass
class Stage:
    """An engine's client and a queue of our own."""

    client: Client
    queue: str
    household: Household

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        made = ConsentActivities(self.household)
        async with Worker(
            self.client, task_queue=self.queue, workflows=[ConsentLifecycle], activities=list(made.all())
        ):
            yield

    async def changed(
        self, terms: ConsentTerms, *, steps_per_run: int = 200
    ) -> WorkflowHandle[ConsentLifecycle, None]:
        """Tell the lifecycle that something changed, and start it where it does not run."""
        begin = LifecycleInput(
            tenant=self.household.school.tenant,
            subject_ref=self.household.learner.subject_ref,
            terms=terms,
            steps_per_run=steps_per_run,
        )
        return await self.client.start_workflow(
            ConsentLifecycle.run,
            begin,
            id=f"con.{self.household.learner.subject_ref}",
            task_queue=self.queue,
            start_signal="changed",
        )

    def acts(self) -> list[Act]:
        return [event.act for event in self.household.history()]


@pytest.fixture
async def stage(engine: Engine, people: People, governor: Governor, clock: RunningClock) -> Stage:
    household = Household.of(people, governor, clock, born=GROWN_UP)
    client = await connect(engine.settings, NAMESPACE, plugin(SubjectCodec(governor.keyring)))
    return Stage(client, f"governance-{uuid4()}", household)


async def test_a_consent_that_nobody_renews_is_asked_about_and_then_ends(stage: Stage) -> None:
    stage.household.give(terms=BRIEF)
    async with stage.worker():
        handle = await stage.changed(BRIEF)
        await handle.result()
    assert stage.acts() == [Act.GIVEN, Act.RECONFIRMATION_DUE, Act.EXPIRED]
    assert not stage.household.standing().live


async def test_a_withdrawal_ends_the_waiting_at_once(stage: Stage) -> None:
    stage.household.give(terms=YEAR)
    async with stage.worker():
        handle = await stage.changed(YEAR)
        stage.household.withdraw()
        assert (await stage.changed(YEAR)).id == handle.id
        await handle.result()
    assert stage.acts() == [Act.GIVEN, Act.WITHDRAWN]


async def test_after_its_end_the_next_consent_starts_it_again(stage: Stage) -> None:
    async with stage.worker():
        for _ in range(2):
            stage.household.give(terms=BRIEF)
            stage.household.withdraw()
            await (await stage.changed(BRIEF)).result()
    assert stage.acts() == [Act.GIVEN, Act.WITHDRAWN] * 2


async def test_what_fell_due_while_nobody_worked_is_done_when_somebody_does(stage: Stage) -> None:
    stage.household.give(terms=YEAR)
    async with stage.worker():
        handle = await stage.changed(YEAR)
        while not await waits(handle):
            await asyncio.sleep(0.05)
    stage.household.clock.advance(YEAR.valid_s)
    async with stage.worker():
        await stage.changed(YEAR)
        await handle.result()
    assert stage.acts() == [Act.GIVEN, Act.EXPIRED]


async def test_at_majority_rights_pass_over(
    stage: Stage, people: People, governor: Governor, clock: RunningClock
) -> None:
    born = date(START.year - 18, START.month, START.day)
    stage.household = Household.of(people, governor, clock, born=born)
    # The birthday counts from noon UTC: begin two seconds before it.
    noon = datetime(START.year, START.month, START.day, 12, tzinfo=START.tzinfo)
    clock.advance((noon - clock.now() - timedelta(seconds=2)).total_seconds())
    stage.household.give(Purpose.TELEMETRY, terms=YEAR)
    async with stage.worker():
        handle = await stage.changed(YEAR)
        while stage.acts() != [Act.GIVEN, Act.RIGHTS_TRANSFERRED]:
            await asyncio.sleep(0.05)
        await handle.terminate()
    assert stage.household.standing(Purpose.TELEMETRY).live


async def test_of_an_erased_person_nothing_is_waited_for(stage: Stage) -> None:
    household = stage.household
    household.give(terms=BRIEF)
    gate = household.gate()
    household.write(lambda tx: take_gate(tx, gate.tenant, gate.subject_ref) and move_gate(
        tx, gate, START, state=GateState.ERASED
    ))  # fmt: skip
    async with stage.worker():
        await (await stage.changed(BRIEF)).result()
    assert household.gate().consent_epoch == 1


async def test_a_long_life_is_cut_into_runs_and_loses_nothing(stage: Stage) -> None:
    stage.household.give(terms=BRIEF)
    async with stage.worker():
        first = await stage.changed(BRIEF, steps_per_run=1)
        await first.result()
    assert stage.acts() == [Act.GIVEN, Act.RECONFIRMATION_DUE, Act.EXPIRED]
    described = await first.describe()
    known = stage.household.read(lambda tx: list(tx.execute(sa.select(table(RunRecord).c.run_id)).scalars()))
    assert {first.first_execution_run_id, described.run_id} <= set(known), "an erasure finds every run"
    assert described.run_id != first.first_execution_run_id
    assert described.status is WorkflowExecutionStatus.COMPLETED


async def test_the_engine_never_learns_what_was_consented_to(stage: Stage, engine: Engine) -> None:
    stage.household.give(terms=BRIEF)
    async with stage.worker():
        handle = await stage.changed(BRIEF)
        await handle.result()
    plain = await Client.connect(engine.address, namespace=NAMESPACE)
    history = str(await plain.get_workflow_handle(handle.id).fetch_history())
    assert "consent.advance" in history
    for word in ("valid_s", "reconfirmation_due", "expired", str(stage.household.school.tenant)):
        assert word not in history


async def test_a_history_sealed_for_the_person_replays(stage: Stage) -> None:
    stage.household.give(terms=BRIEF)
    async with stage.worker():
        handle = await stage.changed(BRIEF)
        await handle.result()
    codec = SubjectCodec(stage.household.governor.keyring)
    sealed = Replayer(workflows=[ConsentLifecycle], namespace=NAMESPACE, plugins=[plugin(codec)])
    await sealed.replay_workflow(await handle.fetch_history())


async def waits(handle: WorkflowHandle[ConsentLifecycle, None]) -> bool:
    """Whether the workflow has read its schedule and set its timer."""
    history = await handle.fetch_history()
    return any(event.HasField("timer_started_event_attributes") for event in history.events)
