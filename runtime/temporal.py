"""The one way to the engine: connection, plugin, and errors that survive the journey.

Client, worker and replayer are given the same plugin, so that payloads, failures and sandbox cannot drift
apart. A ``TutelaError`` raised by an activity or a workflow travels as a failure whose type is its slug and
comes out as the same error class (``refusal``), so that the edge answers alike whichever lane was taken.

Plaintext for ever, in histories and visibility: workflow ids, update ids, queues, signal names, failure
types, search attributes, the worker's identity. Only random references go into them.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
from collections.abc import Iterator
from typing import Any

from temporalio.api.failure.v1 import Failure
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    PayloadConverter,
)
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import ApplicationError
from temporalio.plugin import SimplePlugin
from temporalio.service import ConnectConfig, GrpcCompression, RPCError, RPCStatusCode, ServiceClient
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

from runtime.errors import FieldFault, TutelaError
from runtime.settings import Settings

TENANT = SearchAttributeKey.for_keyword("TutelaTenant")
STAGE = SearchAttributeKey.for_keyword("TutelaStage")
SEARCH_ATTRIBUTES = (TENANT, STAGE)

FIRST_FAULT_OF_OURS = 500
"""HTTP statuses below say that the request cannot be granted; from here on, that we could not serve it."""

BELOW_WORKFLOWS = ("activities", "learning", "governance", "policy", "runtime")
"""Rooms that every sandbox shares with its process: loading them anew costs 98 ms and 1.3 MB a workflow."""


log = logging.getLogger(__name__)
RETRY_S = 1.0

NO_ANSWER = frozenset({RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED})


class EngineUnreachable(TutelaError):
    """No Temporal server answers at the address."""

    status = 503
    slug = "engine-unreachable"
    title = "The workflow engine cannot be reached just now"


class RefusalConverter(DefaultFailureConverterWithEncodedAttributes):
    """Failures with encrypted texts, in which a ``TutelaError`` keeps its slug and the fields at fault.

    What we refuse (4xx) is final. What we could not do (5xx: a database away) may be tried again.
    """

    def to_failure(
        self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure
    ) -> None:
        if isinstance(exception, TutelaError):
            faults = [dataclasses.asdict(fault) for fault in exception.faults]
            failed = ApplicationError(
                exception.detail,
                *faults,
                type=exception.slug,
                non_retryable=exception.status < FIRST_FAULT_OF_OURS,
            )
            exception = failed.with_traceback(exception.__traceback__)
        super().to_failure(exception, payload_converter, failure)


def refusal(error: BaseException) -> TutelaError | None:
    """The ``TutelaError`` behind an error of the engine's client, found along its causes, if there is one."""
    known: dict[str, type[TutelaError]] = {}
    for kind in _kinds(TutelaError):
        known.setdefault(kind.slug, kind)  # classes that share a slug are one to the edge: the widest
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TutelaError):
            return cause
        if isinstance(cause, ApplicationError) and cause.type in known:
            kind = known[cause.type]
            rebuilt = kind.__new__(kind)  # a subclass's own arguments did not travel; what the edge needs did
            TutelaError.__init__(
                rebuilt, cause.message, faults=tuple(FieldFault(**fault) for fault in cause.details)
            )
            return rebuilt
        cause = cause.__cause__
    return None


def _kinds(kind: type[TutelaError]) -> Iterator[type[TutelaError]]:
    """Each error class that has a slug of its own."""
    if "slug" in vars(kind):
        yield kind
    for narrower in kind.__subclasses__():
        yield from _kinds(narrower)


def plugin(codec: PayloadCodec, *, sandbox: bool = True) -> SimplePlugin:
    """What client, worker and replayer share. A worker made from a client that has it needs no second one.

    Args:
        codec: seals every payload.
        sandbox: run workflows in the SDK's sandbox, where imports that nobody meant to reload are errors.
    """
    return SimplePlugin(
        "tutela",
        data_converter=DataConverter(
            payload_converter_class=PydanticPayloadConverter,
            failure_converter_class=RefusalConverter,
            payload_codec=codec,
        ),
        workflow_runner=_sandbox() if sandbox else UnsandboxedWorkflowRunner(),
        workflow_failure_exception_types=[TutelaError],
    )


def _sandbox() -> WorkflowRunner:
    return SandboxedWorkflowRunner(
        SandboxRestrictions.default.with_passthrough_modules(
            *BELOW_WORKFLOWS
        ).with_import_notification_policy(
            SandboxImportNotificationPolicy.WARN_ON_DYNAMIC_IMPORT
            | SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
        )
    )


async def connect(settings: Settings, namespace: str, plugin: SimplePlugin, *, lazy: bool = False) -> Client:
    """A client of one namespace.

    A lazy one connects at its first call, so that its owner starts and serves though the engine is away.

    Raises:
        EngineUnreachable: nobody answers (never with ``lazy``).
    """
    try:
        return await Client.connect(**_connection(settings), namespace=namespace, plugins=[plugin], lazy=lazy)
    except (RPCError, RuntimeError) as failed:
        if is_away(failed):
            raise unreachable(settings) from failed
        raise


async def connect_when_up(settings: Settings, namespace: str, plugin: SimplePlugin) -> Client:
    """A connected client, however long the engine is away; a worker cannot be made of a lazy one."""
    while True:
        try:
            return await connect(settings, namespace, plugin)
        except EngineUnreachable as away:
            log.warning("%s", away.detail)
            await asyncio.sleep(RETRY_S)


async def connect_service(settings: Settings) -> ServiceClient:
    """A bare service client, for administration; connects at its first call."""
    return await ServiceClient.connect(ConnectConfig(**_connection(settings), lazy=True))


def is_away(error: BaseException) -> bool:
    """Whether an error of a client means that no server answered, and nothing about the request itself.

    A lazy client that cannot connect raises a bare RuntimeError of the SDK's core, not an ``RPCError``.
    """
    if isinstance(error, RPCError):
        return error.status in NO_ANSWER
    return isinstance(error, RuntimeError) and str(error).startswith("Failed client connect")


def unreachable(settings: Settings) -> EngineUnreachable:
    if settings.temporal_address:
        return EngineUnreachable(
            f"No Temporal server answers at {settings.temporal_address}, which TEMPORAL_ADDRESS names:"
            " start it, or unset TEMPORAL_ADDRESS to run one here."
        )
    return EngineUnreachable(
        f"No Temporal server answers at {settings.engine}: `tutela up` starts one,"
        " or name a running cluster with TEMPORAL_ADDRESS."
    )


def _connection(settings: Settings) -> dict[str, Any]:
    """Address, credentials and encryption. Without gzip: it costs 1.5 ms of processor time an answer."""
    options: dict[str, Any] = {}
    if settings.temporal_address:  # Temporal's own variables describe the cluster: TLS, API key, metadata
        options.update(ClientConfig.load_client_connect_config(disable_file=True))
        options.pop("namespace", None)
    return options | {
        "target_host": settings.engine,
        "grpc_compression": GrpcCompression.NONE,
        "identity": f"tutela-{os.getpid()}",  # the default would write the machine's name into histories
    }
