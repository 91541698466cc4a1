from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.worker import Replayer, Worker

from activities.outbox import Outbox, SessionDeliveries
from api.lanes import Lanes
from governance.accounts import Principal
from governance.codec import SubjectCodec
from governance.workflow_ids import session_workflow_id
from learning.sessions import answering, closing
from learning.sessions.errors import StepPassed
from learning.sessions.messages import Lane, SessionInput, StepView
from learning.sessions.rows import Session
from runtime.runs import RunRecord
from runtime.temporal import plugin
from tests.canary import Scanner
from tests.classroom import Classroom, command
from tests.engine import Engine
from workflows.sessions import LearnerSession

pytestmark = pytest.mark.engine


async def follow_up(room: Classroom, client: Client) -> None:
    """What the stream role does once."""
    await Outbox(room.resources, SessionDeliveries(room.resources, client).by_kind()).deliver_due()


async def begin(
    room: Classroom, client: Client
) -> tuple[Principal, UUID, StepView, WorkflowHandle[Any, Any]]:
    learner = room.learner()
    session = await room.start(learner)
    assert session.step is not None
    await follow_up(room, client)
    handle = client.get_workflow_handle(session_workflow_id(learner.subject_ref, session.session_id))
    return learner, session.session_id, session.step, handle


async def kinds_of_events(handle: WorkflowHandle[Any, Any]) -> list[str]:
    history = await handle.fetch_history()
    return [event.WhichOneof("attributes") or "" for event in history.events]


async def test_an_answer_through_the_engine_costs_six_events(
    room: Classroom, client: Client, worker: Worker
) -> None:
    learner, session_id, step, handle = await begin(room, client)
    lanes = Lanes(room.resources, client)
    first = await lanes.answer(command(learner, session_id, step))
    assert first.lane is Lane.ENGINE
    before = await kinds_of_events(handle)
    second = await lanes.answer(command(learner, session_id, first.next_step))
    assert second.lane is Lane.ENGINE
    after = await kinds_of_events(handle)
    assert len(after) - len(before) == 6


async def test_a_refusal_comes_back_as_itself_through_the_engine(
    room: Classroom, client: Client, worker: Worker
) -> None:
    learner, session_id, step, _ = await begin(room, client)
    lanes = Lanes(room.resources, client)
    await lanes.answer(command(learner, session_id, step))
    with pytest.raises(StepPassed) as refused:
        await lanes.answer(command(learner, session_id, step))
    assert [fault.field for fault in refused.value.faults] == ["body.step_id"]


async def test_the_workflow_catches_up_on_direct_answers_and_ends_with_the_row(
    room: Classroom, client: Client, worker: Worker
) -> None:
    learner, session_id, step, handle = await begin(room, client)
    direct = await answering.answer(room.resources, command(learner, session_id, step))
    through = await Lanes(room.resources, client).answer(command(learner, session_id, direct.next_step))
    assert through.lane is Lane.ENGINE
    last = await answering.answer(room.resources, command(learner, session_id, through.next_step))
    await closing.end(room.resources, learner, session_id)
    await follow_up(room, client)
    result = await handle.result()
    (row,) = room.rows(Session)
    assert last.seq == 3
    assert (row["engine_seq"], row["digest"].hex()) == (3, result["cursor"]["digest"])


async def test_without_a_workflow_the_answer_is_direct(
    room: Classroom, client: Client, worker: Worker
) -> None:
    learner = room.learner()
    session = await room.start(learner)
    reply = await Lanes(room.resources, client).answer(command(learner, session.session_id, session.step))
    assert reply.lane is Lane.DIRECT


async def test_an_idle_session_is_closed_by_its_workflow(
    room: Classroom, client: Client, worker: Worker
) -> None:
    quick = replace(room.resources, settings=room.resources.settings.model_copy(update={"inactivity_s": 1}))
    hasty = replace(room, resources=quick)
    _, _, _, handle = await begin(hasty, client)
    await asyncio.wait_for(handle.result(), 30)
    (row,) = room.rows(Session)
    assert (row["state"], row["end_reason"]) == ("closed", "idle")


async def test_a_long_session_goes_on_in_new_runs_and_each_is_on_record(
    room: Classroom, client: Client, worker: Worker
) -> None:
    learner = room.learner()
    session = await room.start(learner)
    workflow_id = session_workflow_id(learner.subject_ref, session.session_id)
    await client.start_workflow(
        LearnerSession.run,
        SessionInput(
            tenant=room.school.tenant,
            session_id=session.session_id,
            subject_ref=learner.subject_ref,
            inactivity_s=600,
            answers_per_run=2,
        ),
        id=workflow_id,
        task_queue="sessions",
    )
    lanes, step = Lanes(room.resources, client), session.step
    for _ in range(5):
        reply = await lanes.answer(command(learner, session.session_id, step))
        step = reply.next_step
    await closing.end(room.resources, learner, session.session_id)
    await client.get_workflow_handle(workflow_id).signal("ended")
    await asyncio.wait_for(client.get_workflow_handle(workflow_id).result(), 30)
    assert len({row["run_id"] for row in room.rows(RunRecord)}) >= 2
    (row,) = room.rows(Session)
    assert row["engine_seq"] == 5


async def test_a_frozen_engine_holds_a_slot_and_nobody_else(
    room: Classroom, client: Client, worker: Worker, engine: Engine
) -> None:
    settings = room.resources.settings.model_copy(update={"engine_deadline_ms": 100, "engine_slots": 1})
    lanes = Lanes(replace(room.resources, settings=settings), client)
    sessions = [await begin(room, client) for _ in range(3)]
    engine.freeze()
    try:
        replies = [await lanes.answer(command(who, at, step)) for who, at, step, _ in sessions]
    finally:
        engine.thaw()
    assert [reply.lane for reply in replies] == [Lane.DIRECT] * 3
    await lanes.drain()
    assert [row["seq"] for row in room.rows(Session)] == [1, 1, 1]


async def test_what_happened_replays(room: Classroom, client: Client, worker: Worker) -> None:
    learner, session_id, step, handle = await begin(room, client)
    lanes = Lanes(room.resources, client)
    reply = await lanes.answer(command(learner, session_id, step))
    await lanes.answer(command(learner, session_id, reply.next_step))
    codec = SubjectCodec(room.resources.keyring)
    replayer = Replayer(workflows=[LearnerSession], namespace=client.namespace, plugins=[plugin(codec)])
    await replayer.replay_workflow(await handle.fetch_history())


async def test_the_engine_never_learns_what_was_answered(
    room: Classroom, client: Client, worker: Worker, engine: Engine
) -> None:
    learner, session_id, step, handle = await begin(room, client)
    reply = await Lanes(room.resources, client).answer(command(learner, session_id, step, "wrong"))
    assert reply.lane is Lane.ENGINE
    assert reply.next_step is not None
    plain = await Client.connect(engine.address, namespace=client.namespace)
    raw = await plain.get_workflow_handle(handle.id).fetch_history()
    marks = {
        "command": "response_ms",
        "step": str(step.step_id),
        "reply": reply.move.why,
        "feedback": reply.grade.feedback,
        "item": reply.next_step.item.stem,
        "tenant": str(room.school.tenant),
    }
    scanner = Scanner(marks)
    assert scanner.scan_json(raw.to_json(), "history") == []
    opened = await SubjectCodec(room.resources.keyring, client.namespace).decode(list(payloads_of(raw)))
    found = scanner.scan_bytes(b"".join(payload.data for payload in opened), "opened")
    assert {finding.mark for finding in found} == set(marks)


def payloads_of(history: WorkflowHistory) -> Iterator[Payload]:
    """What the engine was given to keep: the session's input, the command, and what the activities said."""
    for event in history.events:
        yield from event.workflow_execution_started_event_attributes.input.payloads
        accepted = event.workflow_execution_update_accepted_event_attributes
        yield from accepted.accepted_request.input.args.payloads
        yield from event.workflow_execution_update_completed_event_attributes.outcome.success.payloads
