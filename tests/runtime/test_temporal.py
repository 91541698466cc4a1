"""The plugin over a real server: payloads sealed, refusals final and recognisable, one plugin for all."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import PayloadCodec
from temporalio.plugin import SimplePlugin
from temporalio.service import GrpcCompression, RPCError
from temporalio.worker import Replayer, Worker
from temporalio.worker.workflow_sandbox import UnintentionalPassthroughError

from runtime import temporal
from runtime.errors import FieldFault, Invalid, NotFound, TutelaError
from runtime.settings import Settings
from runtime.temporal import RefusalConverter, connect, is_away, plugin, refusal
from tests.engine import Engine, free_port
from tests.runtime.careless import Careless
from tests.runtime.gate import Gate
from tests.runtime.keeper import Away, Closed, Keeper

MARK = "secret-word-of-this-test"


class Mirror(PayloadCodec):
    """Turns each byte over: no cipher, and yet nothing readable is left."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload(metadata={"encoding": b"test/mirror"}, data=turned(p.SerializeToString()))
            for p in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [Payload.FromString(turned(p.data)) for p in payloads]


def turned(data: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in data)


def over_the_wire(error: BaseException) -> tuple[Failure, BaseException]:
    failure = Failure()
    payloads = PydanticPayloadConverter()
    RefusalConverter().to_failure(error, payloads, failure)
    return failure, RefusalConverter().from_failure(failure, payloads)


class TestRefusalsTravel:
    @given(st.text(), st.lists(st.builds(FieldFault, st.text(), st.text()), max_size=3))
    def test_a_refusal_comes_out_as_it_went_in(self, detail: str, faults: list[FieldFault]) -> None:
        sent = Invalid(detail, faults=tuple(faults))
        failure, arrived = over_the_wire(sent)
        rebuilt = refusal(arrived)
        assert isinstance(rebuilt, Invalid)
        assert (rebuilt.detail, rebuilt.faults) == (sent.detail, sent.faults)
        assert failure.application_failure_info.non_retryable
        assert failure.message == "Encoded failure"

    def test_a_class_with_arguments_of_its_own_comes_out(self) -> None:
        rebuilt = refusal(over_the_wire(Closed(7))[1])
        assert isinstance(rebuilt, Closed)
        assert (rebuilt.status, rebuilt.detail) == (409, "closed at 7")

    def test_a_subclass_that_has_no_slug_of_its_own_is_its_parent(self) -> None:
        class Nothing(NotFound):
            pass

        class SameSlug(NotFound):
            slug = NotFound.slug

        for narrow in (Nothing(), SameSlug()):
            assert type(refusal(over_the_wire(narrow)[1])) is NotFound

    def test_what_could_not_be_served_may_be_tried_again(self) -> None:
        assert not over_the_wire(Away())[0].application_failure_info.non_retryable

    def test_other_errors_are_no_refusals(self) -> None:
        assert refusal(over_the_wire(ValueError("closed"))[1]) is None
        assert refusal(ValueError("closed")) is None

    def test_a_refusal_behind_another_error_is_found(self) -> None:
        outer = RuntimeError()
        outer.__cause__ = Closed(3)
        assert refusal(outer) is outer.__cause__


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@asynccontextmanager
async def gate(
    engine: Engine, keeper: Keeper, *, sandbox: bool = True
) -> AsyncIterator[tuple[Client, WorkflowHandle[Any, Any]]]:
    client = await connect(engine.settings, "tutela-learning", plugin(Mirror(), sandbox=sandbox))
    queue = f"gate-{uuid.uuid4()}"
    async with Worker(client, task_queue=queue, workflows=[Gate], activities=[keeper.ask]):
        handle = await client.start_workflow(Gate.run, id=f"gate-{uuid.uuid4()}", task_queue=queue)
        yield client, handle
        await handle.terminate()


async def knock(handle: WorkflowHandle[Any, Any], word: str, how: str) -> TutelaError | None:
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await handle.execute_update(Gate.knock, args=[word, how])
    return refusal(failed.value)


@pytest.mark.engine
class TestOverARealServer:
    @pytest.mark.parametrize("how", ["local", "regular"])
    async def test_an_activity_that_refuses_is_asked_once_and_its_refusal_arrives(
        self, engine: Engine, keeper: Keeper, how: str
    ) -> None:
        async with gate(engine, keeper) as (_, handle):
            refused = await knock(handle, "late", how)
            assert isinstance(refused, Closed)
            assert refused.faults == (FieldFault("body.hour", "is late"),)
            assert keeper.asked["late"] == 1

    async def test_a_workflow_that_refuses_goes_on_and_its_refusal_arrives(
        self, engine: Engine, keeper: Keeper
    ) -> None:
        async with gate(engine, keeper) as (_, handle):
            assert isinstance(await knock(handle, "?", "itself"), Invalid)
            assert await handle.execute_update(Gate.knock, args=["open", "local"]) == "open, please"

    @pytest.mark.parametrize("how", ["local", "regular"])
    async def test_what_could_not_be_served_is_tried_again(
        self, engine: Engine, keeper: Keeper, how: str
    ) -> None:
        async with gate(engine, keeper) as (_, handle):
            assert await handle.execute_update(Gate.knock, args=["away", how]) == "away, please"
            assert keeper.asked["away"] == 3

    async def test_no_payload_and_no_error_text_is_readable_in_the_history(
        self, engine: Engine, keeper: Keeper
    ) -> None:
        async with gate(engine, keeper) as (client, handle):
            await handle.execute_update(Gate.knock, args=[MARK, "local"])
            await knock(handle, "late", "regular")
            raw = (await handle.fetch_history()).to_json()
            plain = await Client.connect(engine.address, namespace=client.namespace)
            assert plain.data_converter.payload_codec is None
            history = str(await plain.get_workflow_handle(handle.id).fetch_history())
            for text in (raw, history):
                assert "gate-closed" in text  # slugs are readable on purpose
                assert MARK not in text
                assert "closed at 23" not in text

    async def test_the_replayer_takes_the_same_plugin(self, engine: Engine, keeper: Keeper) -> None:
        async with gate(engine, keeper) as (client, handle):
            await handle.execute_update(Gate.knock, args=["open", "local"])
            await knock(handle, "late", "local")
            replayer = Replayer(workflows=[Gate], namespace=client.namespace, plugins=[plugin(Mirror())])
            await replayer.replay_workflow(await handle.fetch_history())

    async def test_without_the_sandbox_the_same_workflow_runs(self, engine: Engine, keeper: Keeper) -> None:
        async with gate(engine, keeper, sandbox=False) as (_, handle):
            assert await handle.execute_update(Gate.knock, args=["open", "local"]) == "open, please"

    async def test_the_sandbox_refuses_a_workflow_that_imports_carelessly(self, engine: Engine) -> None:
        client = await connect(engine.settings, "tutela-learning", plugin(Mirror()))
        with pytest.raises(RuntimeError) as failed:
            Worker(client, task_queue="careless", workflows=[Careless])
        assert isinstance(failed.value.__cause__, UnintentionalPassthroughError)
        assert "yaml" in str(failed.value.__cause__)

    async def test_the_identity_names_no_machine_and_nothing_is_compressed(self, engine: Engine) -> None:
        client = await connect(engine.settings, "tutela-learning", plugin(Mirror()))
        config = client.service_client.config
        assert config.identity.startswith("tutela-")
        assert "@" not in config.identity
        assert config.grpc_compression is GrpcCompression.NONE


class TestNobodyAnswers:
    @pytest.fixture
    def nowhere(self) -> Settings:
        return Settings(temporal_port=free_port(), temporal_address=None)

    @pytest.fixture
    def shared(self) -> SimplePlugin:
        return plugin(Mirror())

    async def test_connecting_says_what_to_do(self, nowhere: Settings, shared: SimplePlugin) -> None:
        with pytest.raises(temporal.EngineUnreachable, match="tutela up"):
            await connect(nowhere, "tutela-learning", shared)

    async def test_a_lazy_client_is_made_and_its_calls_are_known_as_unanswered(
        self, nowhere: Settings, shared: SimplePlugin
    ) -> None:
        client = await connect(nowhere, "tutela-learning", shared, lazy=True)
        with pytest.raises((RPCError, RuntimeError)) as failed:
            await client.get_workflow_handle("ses.nobody").describe()
        assert is_away(failed.value)

    def test_an_error_of_the_caller_is_not_taken_for_an_absent_server(self) -> None:
        assert not is_away(RuntimeError("dictionary changed size during iteration"))

    async def test_a_cluster_is_described_by_temporals_own_variables(
        self, monkeypatch: pytest.MonkeyPatch, shared: SimplePlugin
    ) -> None:
        monkeypatch.setenv("TEMPORAL_ADDRESS", "engine.example:7233")
        monkeypatch.setenv("TEMPORAL_API_KEY", "key")
        monkeypatch.setenv("TEMPORAL_NAMESPACE", "somebody-elses")
        client = await connect(Settings(), "tutela-learning", shared, lazy=True)
        config = client.service_client.config
        assert (config.target_host, config.api_key) == ("engine.example:7233", "key")
        assert client.namespace == "tutela-learning"
