"""The real server: started, prepared as often as you like, its state kept, its end noticed."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest

from runtime.engine import server
from runtime.engine.obtain import CLI_VERSION, DOWNLOADER
from runtime.engine.server import (
    EngineDied,
    is_serving,
    prepare,
    wait_until_serving,
)
from runtime.settings import Settings
from runtime.temporal import STAGE, TENANT, EngineUnreachable, connect_service
from tests.engine import Engine, free_port, located_cli

pytestmark = pytest.mark.engine


class TestBeforeItRuns:
    async def test_a_server_that_ends_is_told_from_a_slow_one(self, tmp_path: Path) -> None:
        settings = Settings(home=tmp_path, temporal_port=free_port(), temporal_address=None)
        with pytest.raises(EngineDied, match="status 7"):
            await wait_until_serving(await connect_service(settings), settings, exit_status=lambda: 7)

    async def test_a_server_that_does_not_answer_in_time_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "OURS_ANSWERS_WITHIN_S", 0.3)
        settings = Settings(home=tmp_path, temporal_port=free_port(), temporal_address=None)
        with pytest.raises(EngineUnreachable, match="tutela up"):
            await wait_until_serving(await connect_service(settings), settings)

    async def test_a_cluster_that_does_not_answer_is_named_as_the_operator_named_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "EXISTING_ANSWERS_WITHIN_S", 0.3)
        settings = Settings(home=tmp_path, temporal_address=f"127.0.0.1:{free_port()}")
        with pytest.raises(EngineUnreachable, match="which TEMPORAL_ADDRESS names"):
            await prepare(settings)


async def retention_s(settings: Settings, namespace: str) -> int:
    service = await connect_service(settings)
    described = await service.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=namespace)
    )
    return described.config.workflow_execution_retention_ttl.seconds


async def test_namespaces_and_search_attributes_are_created_once_and_then_left_alone(engine: Engine) -> None:
    settings = engine.settings.model_copy(
        update={"learning_namespace": "l-once", "governance_namespace": "g-once"}
    )
    await asyncio.gather(prepare(settings), prepare(settings))  # two processes may start at once
    assert await retention_s(settings, "l-once") == 72 * 3600
    assert await retention_s(settings, "g-once") == 90 * 24 * 3600
    service = await connect_service(settings)
    for namespace in ("l-once", "g-once"):
        listed = await service.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=namespace)
        )
        assert {TENANT.name, STAGE.name} <= set(listed.custom_attributes)

    changed = UpdateNamespaceRequest(namespace="l-once")
    changed.config.workflow_execution_retention_ttl.seconds = 24 * 3600
    await service.workflow_service.update_namespace(changed)
    await prepare(settings)
    assert await retention_s(settings, "l-once") == 24 * 3600


def test_state_survives_a_stop_and_a_kill(tmp_path: Path) -> None:
    engine = Engine(located_cli(), tmp_path)
    try:
        engine.start()
        asyncio.run(prepare(engine.settings.model_copy(update={"learning_namespace": "kept"})))
        engine.stop()
        engine.start()
        assert asyncio.run(retention_s(engine.settings, "kept")) == 72 * 3600
        engine.kill()
        engine.start()
        assert asyncio.run(retention_s(engine.settings, "kept")) == 72 * 3600
        assert asyncio.run(serving(engine.settings))
    finally:
        engine.kill()


async def serving(settings: Settings) -> bool:
    return await is_serving(await connect_service(settings))


def test_the_downloader_leaves_the_program_where_it_is_looked_for(tmp_path: Path) -> None:
    """The SDK finds its download in place, starts and stops it: all but the network, with the real SDK."""
    shutil.copy(located_cli(), tmp_path / f"temporal-v{CLI_VERSION}")
    done = subprocess.run(
        [*DOWNLOADER, str(tmp_path), f"v{CLI_VERSION}"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
