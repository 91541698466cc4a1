from __future__ import annotations

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from temporalio import workflow
from temporalio.api.common.v1 import Payload, Payloads, WorkflowType
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.client import WorkflowHistory
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    NexusSerializationContext,
    WorkflowSerializationContext,
)
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer

from governance.codec import (
    ENCODING,
    KEY_METADATA,
    PLATFORM,
    NamespaceMissing,
    SubjectCodec,
    WorkflowIdUnfit,
    key_of,
    nothing,
)
from governance.keys import DataClass, KeyMissing, KeyRing, SealBroken
from runtime.temporal import plugin

NAMESPACE = "tutela-learning"
TENANT = UUID("00000000-0000-4000-8000-00000000000a")
SECRET = "canary-free-text-7f3a"


class Word(BaseModel):
    text: str
    weight: float = 0.5


@pytest.fixture
def subject(keys: KeyRing) -> UUID:
    made = uuid4()
    keys.create_subject(TENANT, made)
    return made


@pytest.fixture
def session_id(subject: UUID) -> str:
    return f"ses.{subject}.{uuid4()}"


def contexts(workflow_id: str, namespace: str = NAMESPACE) -> WorkflowSerializationContext:
    return WorkflowSerializationContext(namespace=namespace, workflow_id=workflow_id)


def unplaced(keys: KeyRing) -> DataConverter:
    """The data converter of the product's plugin, before it is told what it converts for."""
    made = plugin(SubjectCodec(keys)).data_converter
    assert isinstance(made, DataConverter)
    return made


def converter(keys: KeyRing, workflow_id: str, namespace: str = NAMESPACE) -> DataConverter:
    return unplaced(keys).with_context(contexts(workflow_id, namespace))


# --- which key ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "workflow_id",
    [
        "ses.ann.1",
        "ses.",
        "ses",
        f"ses.{uuid4()}",
        f"ses.{uuid4()}.1.2",
        "con.ann",
        f"con.{uuid4()}.1",
        "era.7",
    ],
)
def test_an_id_that_only_looks_like_one_about_a_person_is_refused(workflow_id: str) -> None:
    with pytest.raises(WorkflowIdUnfit):
        key_of(workflow_id)


def test_an_erasure_is_sealed_with_its_cases_key_not_the_persons() -> None:
    case = uuid4()
    assert key_of(f"era.{case}") == (case, DataClass.EVIDENCE)


def test_sessions_consents_and_the_platform_each_have_their_key() -> None:
    subject = uuid4()
    assert key_of(f"ses.{subject}.{uuid4()}") == (subject, DataClass.LEARNING)
    assert key_of(f"con.{subject}") == (subject, DataClass.EVIDENCE)
    assert key_of("training.2026-09") == (PLATFORM, DataClass.EVIDENCE)
    assert key_of("session-like") == (PLATFORM, DataClass.EVIDENCE)


# --- sealing and opening --------------------------------------------------------------------------------


async def test_a_payload_of_an_unknown_subject_is_not_sealed(keys: KeyRing) -> None:
    with pytest.raises(KeyMissing):
        await converter(keys, f"ses.{uuid4()}.{uuid4()}").encode([SECRET])


async def test_without_a_namespace_nothing_is_sealed_or_opened(keys: KeyRing, session_id: str) -> None:
    with pytest.raises(NamespaceMissing):
        await unplaced(keys).encode([SECRET])
    payloads = await converter(keys, session_id).encode([SECRET])
    with pytest.raises(NamespaceMissing):
        await unplaced(keys).decode(payloads)
    nexus = NexusSerializationContext(endpoint="e", service="s", operation="o")
    with pytest.raises(NamespaceMissing):
        await unplaced(keys).with_context(nexus).encode([SECRET])


async def test_a_payload_moved_to_another_namespace_or_person_does_not_open(
    keys: KeyRing, subject: UUID, session_id: str
) -> None:
    payloads = await converter(keys, session_id).encode([SECRET])
    neighbour = uuid4()
    keys.create_subject(TENANT, neighbour)
    for elsewhere in (
        converter(keys, session_id, "tutela-governance"),
        converter(keys, f"ses.{neighbour}.{uuid4()}"),
        converter(keys, f"con.{subject}"),
        converter(keys, "training.1"),
    ):
        with pytest.raises(SealBroken):
            await elsewhere.decode(payloads)


async def test_a_payload_that_names_another_key_does_not_open(
    keys: KeyRing, subject: UUID, session_id: str
) -> None:
    [payload] = await converter(keys, session_id).encode([SECRET])
    other = keys.owner(subject, DataClass.IDENTITY)
    assert other is not None
    payload.metadata[KEY_METADATA] = other.key_id
    with pytest.raises(SealBroken):
        await SubjectCodec(keys, NAMESPACE).decode([payload])
    payload.metadata[KEY_METADATA] = b"?" * 16
    with pytest.raises(KeyMissing):
        await SubjectCodec(keys, NAMESPACE).decode([payload])
    del payload.metadata[KEY_METADATA]
    with pytest.raises(KeyMissing):
        await SubjectCodec(keys, NAMESPACE).decode([payload])


async def test_a_changed_payload_does_not_open(keys: KeyRing, session_id: str) -> None:
    [payload] = await converter(keys, session_id).encode([SECRET])
    payload.data = payload.data[:-1] + bytes([payload.data[-1] ^ 1])
    with pytest.raises(SealBroken):
        await converter(keys, session_id).decode([payload])


async def test_a_sealed_payload_shows_its_key_and_nothing_of_its_content(
    keys: KeyRing, subject: UUID, session_id: str
) -> None:
    [payload] = await converter(keys, session_id).encode([Word(text=SECRET)])
    owner = keys.owner(subject, DataClass.LEARNING)
    assert owner is not None
    assert dict(payload.metadata) == {"encoding": ENCODING, KEY_METADATA: owner.key_id}
    assert SECRET.encode() not in payload.SerializeToString()
    assert b"json/plain" not in payload.SerializeToString()


async def test_values_come_back_as_they_went_in(keys: KeyRing, session_id: str) -> None:
    values = [Word(text=SECRET), None, b"\x00\xff", {"a": [1, 2]}, uuid4()]
    hints: list[type] = [Word, type(None), bytes, dict[str, list[int]], UUID]
    inside = converter(keys, session_id)
    assert await inside.decode(await inside.encode(values), hints) == values


async def test_an_activity_of_the_workflow_opens_what_the_workflow_sealed(
    keys: KeyRing, session_id: str
) -> None:
    in_activity = unplaced(keys).with_context(
        ActivitySerializationContext(
            namespace=NAMESPACE,
            activity_id="1",
            activity_type=None,
            activity_task_queue=None,
            workflow_id=session_id,
            workflow_type="W",
            is_local=True,
        )
    )
    assert await in_activity.decode(await converter(keys, session_id).encode([SECRET])) == [SECRET]


async def test_whoever_knows_the_namespace_opens_by_the_payloads_own_metadata(
    keys: KeyRing, session_id: str
) -> None:
    payloads = await converter(keys, session_id).encode([SECRET])
    [opened] = await SubjectCodec(keys, NAMESPACE).decode(payloads)
    assert json.loads(opened.data) == SECRET


async def test_payloads_about_nobody_are_sealed_with_the_platforms_key(keys: KeyRing) -> None:
    about_nobody = converter(keys, "training.1")
    payloads = await about_nobody.encode([SECRET])
    assert SECRET.encode() not in payloads[0].SerializeToString()
    assert await about_nobody.decode(payloads) == [SECRET]


async def test_a_second_codec_uses_the_same_platform_key(keys: KeyRing) -> None:
    payloads = await converter(keys, "training.1").encode([SECRET])
    assert await converter(keys, "training.2").decode(payloads) == [SECRET]


async def test_a_sealed_payload_is_not_sealed_again(keys: KeyRing, session_id: str) -> None:
    inside = SubjectCodec(keys).with_context(contexts(session_id))
    [once] = await inside.encode([Payload(metadata={"encoding": b"json/plain"}, data=b"1")])
    assert await inside.encode([once]) == [once]


async def test_a_payload_of_somebody_else_passes_unchanged(keys: KeyRing, session_id: str) -> None:
    inside = SubjectCodec(keys).with_context(contexts(session_id))
    for plain in (Payload(metadata={"encoding": b"json/plain"}, data=b"1"), Payload(data=b"?"), Payload()):
        assert await inside.decode([plain]) == [plain]


@given(metadata=st.dictionaries(st.sampled_from(["encoding", KEY_METADATA, "x"]), st.binary(max_size=20)))
def test_reading_metadata_never_changes_a_payload(metadata: dict[str, bytes]) -> None:
    payload = Payload(metadata=metadata)
    payload.metadata.get("encoding")
    payload.metadata.get(KEY_METADATA, b"")
    assert dict(payload.metadata) == metadata


async def test_a_key_in_memory_is_used_on_the_loop_and_any_other_is_read_in_a_thread(
    keys: KeyRing, session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    real = asyncio.to_thread

    async def noted(function: Any, /, *arguments: Any) -> Any:
        threads.append(function.__name__)
        return await real(function, *arguments)

    monkeypatch.setattr(asyncio, "to_thread", noted)
    inside = converter(keys, session_id)
    keys._by_class.clear()
    keys._by_id.clear()
    payloads = await inside.encode([SECRET])
    await inside.decode(payloads)
    assert threads == ["owner"]
    keys._by_class.clear()
    keys._by_id.clear()
    await inside.decode(payloads)
    assert threads == ["owner", "owner_of"]


# --- when the key is gone -------------------------------------------------------------------------------


async def test_after_destruction_payloads_decode_to_nothing_and_encode_to_a_fixed_payload(
    keys: KeyRing, subject: UUID, session_id: str
) -> None:
    inside = converter(keys, session_id)
    payloads = await inside.encode([Word(text=SECRET), SECRET])
    keys.destroy_subject(TENANT, subject)
    assert await inside.decode(payloads, [Word, str]) == [None, None]
    assert await inside.encode([SECRET, Word(text=SECRET)]) == [nothing(), nothing()]


async def test_what_stands_for_nothing_is_never_shared_and_so_cannot_be_changed_for_others() -> None:
    first = nothing()
    first.metadata["x"] = b"y"
    assert nothing() != first


# --- failures -------------------------------------------------------------------------------------------


def refuse() -> None:
    try:
        int(SECRET)
    except ValueError as cause:
        raise ApplicationError(f"about {SECRET}", SECRET, type="Refused") from cause


async def test_a_failures_message_trace_and_details_are_sealed_through_all_its_causes(
    keys: KeyRing, session_id: str
) -> None:
    inside = converter(keys, session_id)
    failure = Failure()
    with pytest.raises(ApplicationError) as caught:
        refuse()
    await inside.encode_failure(caught.value, failure)
    stored = failure.SerializeToString()
    assert SECRET.encode() not in stored
    assert b"test_codec" not in stored
    assert (failure.message, failure.cause.message) == ("Encoded failure", "Encoded failure")
    assert failure.application_failure_info.type == "Refused"
    told = await inside.decode_failure(failure)
    assert isinstance(told, ApplicationError)
    assert (told.message, list(told.details)) == (f"about {SECRET}", [SECRET])


async def test_a_failure_whose_key_is_gone_still_reads_as_a_failure(
    keys: KeyRing, subject: UUID, session_id: str
) -> None:
    inside = converter(keys, session_id)
    failure = Failure()
    await inside.encode_failure(ApplicationError(SECRET, SECRET, type="Refused"), failure)
    keys.destroy_subject(TENANT, subject)
    told = await inside.decode_failure(failure)
    assert isinstance(told, ApplicationError)
    assert told.message == "Encoded failure"
    later = Failure()
    await inside.encode_failure(ApplicationError(SECRET, SECRET, type="Refused"), later)
    assert SECRET.encode() not in later.SerializeToString()


# --- histories ------------------------------------------------------------------------------------------


@workflow.defn(name="Diary", sandboxed=False)
class Diary:
    """Takes a word at the start and more by signal; its order never depends on what they say."""

    seen: ClassVar[list[list[str | None]]] = []

    def __init__(self) -> None:
        self.words: list[str | None] = []

    @workflow.signal
    def add(self, word: str | None) -> None:
        self.words.append(word)

    @workflow.run
    async def run(self, first: Word | None) -> list[str | None]:
        self.words.append(first.text if first else None)
        await workflow.sleep(timedelta(seconds=30))
        self.seen.append(self.words)
        return self.words


def at(second: int) -> Timestamp:
    return Timestamp(seconds=1_790_000_000 + second)


def history_of(workflow_id: str, started: Payload, signalled: Payload, result: Payload) -> WorkflowHistory:
    """A whole run of ``Diary`` as an engine would have stored it."""
    events: list[HistoryEvent] = []

    def add(kind: str, **attributes: Any) -> int:
        number = len(events) + 1
        event = HistoryEvent(
            event_id=number,
            event_time=at(number),
            event_type=EventType.Value(f"EVENT_TYPE_{kind.upper()}"),
        )
        target = getattr(event, f"{kind}_event_attributes")
        target.SetInParent()
        for name, value in attributes.items():
            if isinstance(value, (str, int)):
                setattr(target, name, value)
            else:
                getattr(target, name).CopyFrom(value)
        events.append(event)
        return number

    def task() -> int:
        scheduled = add("workflow_task_scheduled", task_queue=TaskQueue(name="q"))
        began = add("workflow_task_started", scheduled_event_id=scheduled)
        return add("workflow_task_completed", scheduled_event_id=scheduled, started_event_id=began)

    run = str(uuid4())
    add(
        "workflow_execution_started",
        workflow_type=WorkflowType(name="Diary"),
        task_queue=TaskQueue(name="q"),
        input=Payloads(payloads=[started]),
        original_execution_run_id=run,
        first_execution_run_id=run,
        attempt=1,
    )
    timer = add("timer_started", timer_id="1", workflow_task_completed_event_id=task())
    events[timer - 1].timer_started_event_attributes.start_to_fire_timeout.FromSeconds(30)
    add("workflow_execution_signaled", signal_name="add", input=Payloads(payloads=[signalled]))
    task()
    add("timer_fired", timer_id="1", started_event_id=timer)
    add(
        "workflow_execution_completed",
        result=Payloads(payloads=[result]),
        workflow_task_completed_event_id=task(),
    )
    return WorkflowHistory(workflow_id, events)


async def recorded(keys: KeyRing, workflow_id: str) -> WorkflowHistory:
    inside = converter(keys, workflow_id)
    payloads = await inside.encode([Word(text=SECRET), SECRET, [SECRET, SECRET]])
    return history_of(workflow_id, *payloads)


async def replay(keys: KeyRing, history: WorkflowHistory, namespace: str = NAMESPACE) -> None:
    replayer = Replayer(
        workflows=[Diary],
        namespace=namespace,
        plugins=[plugin(SubjectCodec(keys), sandbox=False)],
    )
    await replayer.replay_workflow(history)


async def test_a_sealed_history_shows_nothing_and_replays(keys: KeyRing, session_id: str) -> None:
    history = await recorded(keys, session_id)
    raw = history.to_json()
    assert SECRET not in raw
    assert base64.b64encode(SECRET.encode()).decode()[:-4] not in raw
    Diary.seen.clear()
    await replay(keys, history)
    assert Diary.seen == [[SECRET, SECRET]]


async def test_a_history_whose_key_is_destroyed_replays_clean_and_empty(
    keys: KeyRing, subject: UUID, session_id: str
) -> None:
    history = await recorded(keys, session_id)
    keys.destroy_subject(TENANT, subject)
    Diary.seen.clear()
    await replay(keys, history)
    assert Diary.seen == [[None, None]]


async def test_a_history_whose_key_is_unknown_does_not_replay(
    keys: KeyRing, subject: UUID, session_id: str
) -> None:
    history = await recorded(keys, session_id)
    for event in history.events:
        for payload in event.workflow_execution_started_event_attributes.input.payloads:
            payload.metadata[KEY_METADATA] = b"?" * 16
    with pytest.raises(RuntimeError, match="key-missing"):
        await replay(keys, history)


async def test_a_history_replayed_as_another_namespaces_does_not_open(keys: KeyRing, session_id: str) -> None:
    history = await recorded(keys, session_id)
    with pytest.raises(RuntimeError, match="seal-broken"):
        await replay(keys, history, "tutela-governance")
