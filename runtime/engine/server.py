"""Starting the Temporal server of one machine, and making a server ours: namespaces, search attributes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
)
from temporalio.service import RPCError, RPCStatusCode, ServiceClient

from runtime.errors import TutelaError
from runtime.settings import Settings
from runtime.temporal import SEARCH_ATTRIBUTES, connect_service, is_away, unreachable

T = TypeVar("T")

LEARNING_RETENTION = timedelta(hours=72)
GOVERNANCE_RETENTION = timedelta(days=90)
CALL_S = timedelta(seconds=5)
EXISTING_ANSWERS_WITHIN_S = 15.0
OURS_ANSWERS_WITHIN_S = 120.0
SETTLES_WITHIN_S = 30.0
POLL_S = 0.2
UNSETTLED = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT})


class EngineDied(TutelaError):
    """The server ended while we waited for it."""

    status = 503
    slug = "engine-died"
    title = "The Temporal server ended while it was starting"


class EngineUnfit(TutelaError):
    """A server answers, but will not do what we need of it."""

    status = 503
    slug = "engine-unfit"
    title = "The Temporal server cannot be used"


def command(cli: Path, settings: Settings) -> list[str]:
    """How to start the server of this machine; its state is ``home/engine.db``."""
    return [
        str(cli),
        *("server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(settings.temporal_port)),
        *("--db-filename", str(settings.home / "engine.db"), "--log-level", "warn"),
        # It would ask its maker's host about newer versions, and tell it ours.
        *("--dynamic-config-value", "frontend.enableServerVersionCheck=false"),
    ]


async def is_serving(service: ServiceClient) -> bool:
    try:
        return await service.check_health(timeout=CALL_S)
    except (RPCError, RuntimeError) as failed:
        if is_away(failed):
            return False
        raise


async def wait_until_serving(
    service: ServiceClient, settings: Settings, *, exit_status: Callable[[], int | None] = lambda: None
) -> None:
    """Wait for a server to answer, telling one that ended from one that is slow.

    ``exit_status`` is that of the server's process, None while it runs.

    Raises:
        EngineDied: the process ended.
        EngineUnreachable: it did not answer in time.
    """
    patience_s = EXISTING_ANSWERS_WITHIN_S if settings.temporal_address else OURS_ANSWERS_WITHIN_S
    try:
        async with asyncio.timeout(patience_s):
            while not await is_serving(service):
                if (status := exit_status()) is not None:
                    raise EngineDied(f"The Temporal server ended with status {status} while it was starting.")
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise unreachable(settings) from None


async def prepare(settings: Settings) -> None:
    """Both namespaces and our search attributes exist after this, however often it is run.

    What exists is left as it is: an administrator may have chosen another retention.

    Raises:
        EngineUnreachable, EngineUnfit
    """
    service = await connect_service(settings)
    await wait_until_serving(service, settings)
    for namespace, retention in (
        (settings.learning_namespace, LEARNING_RETENTION),
        (settings.governance_namespace, GOVERNANCE_RETENTION),
    ):
        try:
            await _ensure_namespace(service, namespace, retention)
            await _ensure_search_attributes(service, namespace)
        except RPCError as refusal:
            raise EngineUnfit(
                f"The Temporal server at {settings.engine} will not prepare namespace {namespace}"
                f" ({refusal.message}): let its administrator create it with the keyword search attributes"
                f" {', '.join(key.name for key in SEARCH_ATTRIBUTES)}."
            ) from refusal


async def _ensure_namespace(service: ServiceClient, name: str, retention: timedelta) -> None:
    if await _has_namespace(service, name):
        return
    kept = Duration()
    kept.FromTimedelta(retention)
    request = RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=kept)
    try:
        await service.workflow_service.register_namespace(request, retry=True, timeout=CALL_S)
    except RPCError as refusal:
        if refusal.status != RPCStatusCode.ALREADY_EXISTS:  # another process was quicker
            raise


async def _has_namespace(service: ServiceClient, name: str) -> bool:
    request = DescribeNamespaceRequest(namespace=name)
    try:
        await service.workflow_service.describe_namespace(request, retry=True, timeout=CALL_S)
    except RPCError as refusal:
        if refusal.status == RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


async def _ensure_search_attributes(service: ServiceClient, namespace: str) -> None:
    listing = ListSearchAttributesRequest(namespace=namespace)
    listed = await _settled(service.operator_service.list_search_attributes, listing)
    missing = {
        key.name: IndexedValueType.ValueType(key.indexed_value_type)
        for key in SEARCH_ATTRIBUTES
        if key.name not in listed.custom_attributes
    }
    if missing:
        request = AddSearchAttributesRequest(namespace=namespace, search_attributes=missing)
        try:
            await service.operator_service.add_search_attributes(request, retry=True, timeout=CALL_S)
        except RPCError as refusal:
            if refusal.status != RPCStatusCode.ALREADY_EXISTS:
                raise
    query = " AND ".join(f"{key.name} = ''" for key in SEARCH_ATTRIBUTES)
    counting = CountWorkflowExecutionsRequest(namespace=namespace, query=query)
    await _settled(service.workflow_service.count_workflow_executions, counting)


async def _settled(call: Callable[..., Awaitable[T]], request: object) -> T:
    """A server learns of a new namespace and its attributes from its own database, some seconds later."""
    for _ in range(int(SETTLES_WITHIN_S / POLL_S)):
        try:
            return await call(request, timeout=CALL_S)
        except RPCError as refusal:
            if refusal.status not in UNSETTLED:
                raise
        await asyncio.sleep(POLL_S)
    return await call(request, timeout=CALL_S)
