"""Brings the engine up with the facts: what was committed here is told there, at least once, in any order.

An entry names a fact; what is told is the fact as it stands at delivery. So a repeated, late or swapped
delivery says nothing false: starting a workflow that runs is nothing, and so is telling one that is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from governance.consent_events import OUTBOX_KIND, subject_of_event
from governance.consent_lifecycle import LifecycleInput
from governance.schools import tenants
from governance.workflow_ids import (
    GOVERNANCE_QUEUE,
    SESSIONS_QUEUE,
    consent_workflow_id,
    session_workflow_id,
)
from learning.resources import Resources
from learning.sessions import profiles
from learning.sessions.closing import SESSION_ENDED, open_sessions, read_session
from learning.sessions.messages import SessionInput
from learning.sessions.opening import SESSION_STARTED
from learning.sessions.rows import SessionState
from runtime.database import DatabaseUnavailable
from runtime.errors import TutelaError
from runtime.outbox import delivered, due, postpone
from runtime.temporal import is_away

log = logging.getLogger(__name__)

PAGE = 64
AT_ONCE = 8
"""Deliveries under way at once: an engine starts 50-100 workflows a second on two cores, whatever we send."""

IDLE_S = 0.2
AWAY_S = 1.0

Deliver = Callable[[UUID, UUID], Awaitable[None]]


class EngineAway(TutelaError):
    """No engine answers; deliveries wait for it."""

    status = 503
    slug = "engine-away"
    title = "The engine does not answer"


class Outbox:
    """Delivers entries by kind; each kind has one way of being told."""

    def __init__(self, resources: Resources, deliveries: Mapping[str, Deliver]) -> None:
        self._resources = resources
        self._deliveries = deliveries
        self._room = asyncio.Semaphore(AT_ONCE)

    async def keep_delivering(self) -> None:
        """Deliver for as long as the process runs; an engine or a database that is away is waited for."""
        while True:
            try:
                settled = await self.deliver_due()
            except (EngineAway, DatabaseUnavailable) as away:
                log.warning("%s; what is due waits", away.detail)
                await asyncio.sleep(AWAY_S)
            else:
                if not settled:
                    await asyncio.sleep(IDLE_S)

    async def deliver_due(self) -> int:
        """Deliver what is due, a page for each school; returns how many entries were settled.

        Raises:
            EngineAway: nobody took anything; every entry stays due.
        """
        database, now = self._resources.database, self._resources.clock.now()
        kinds = frozenset(self._deliveries)
        settled = 0
        for tenant in await database.read(tenants, tenant=None):
            entries = await database.read(
                lambda tx: due(tx, tenant, kinds, now, PAGE),  # noqa: B023  # awaited before the next school
                tenant=tenant,
            )
            told = await asyncio.gather(*(self._tell(tenant, *entry) for entry in entries))
            settled += told.count(True)
        return settled

    async def _tell(self, tenant: UUID, kind: str, fact_id: UUID, attempts: int) -> bool:
        async with self._room:
            try:
                await self._deliveries[kind](tenant, fact_id)
            except (RPCError, RuntimeError) as error:
                if is_away(error):
                    raise EngineAway from error
                if not isinstance(error, RPCError):
                    raise
                # This one entry was refused (too many at once, say): it waits, the others go on.
                log.warning("the engine did not take %s: %s", kind, error.status.name)
                now = self._resources.clock.now()
                await self._settle(tenant, lambda tx: postpone(tx, tenant, kind, fact_id, attempts, now))
                return False
        await self._settle(tenant, lambda tx: delivered(tx, tenant, kind, fact_id, attempts))
        return True

    async def _settle(self, tenant: UUID, work: Callable[[Connection], None]) -> None:
        await self._resources.database.write(work, tenant=tenant)


class SessionDeliveries:
    """Sessions that started and sessions that ended."""

    def __init__(self, resources: Resources, client: Client) -> None:
        self._resources = resources
        self._client = client

    def by_kind(self) -> dict[str, Deliver]:
        """Which method tells which kind."""
        return {SESSION_STARTED: self.started, SESSION_ENDED: self.ended}

    async def started(self, tenant: UUID, session_id: UUID) -> None:
        """Start the session's workflow, unless the session is over already: then there is no time to keep."""
        row = await self._row(tenant, session_id)
        if row.state == SessionState.CLOSED:
            return
        try:
            await self._client.start_workflow(
                "LearnerSession",
                SessionInput(
                    tenant=tenant,
                    session_id=session_id,
                    subject_ref=row.subject_ref,
                    inactivity_s=row.inactivity_s,
                ),
                id=session_workflow_id(row.subject_ref, session_id),
                task_queue=SESSIONS_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
        except WorkflowAlreadyStartedError:
            return  # it ran and ended: told before

    async def ended(self, tenant: UUID, session_id: UUID) -> None:
        """Tell the session's workflow that its row is closed."""
        row = await self._row(tenant, session_id)
        await tell(self._client, session_workflow_id(row.subject_ref, session_id), "ended")

    async def _row(self, tenant: UUID, session_id: UUID) -> sa.Row[tuple[Any, ...]]:
        return await self._resources.database.read(
            lambda tx: read_session(tx, tenant, session_id), tenant=tenant
        )


class ConsentDeliveries:
    """Consents that were given, withdrawn or ran out."""

    def __init__(self, resources: Resources, learning: Client, governance: Client) -> None:
        self._resources = resources
        self._learning = learning
        self._governance = governance

    def by_kind(self) -> dict[str, Deliver]:
        """Which method tells which kind."""
        return {OUTBOX_KIND: self.changed}

    async def changed(self, tenant: UUID, event_id: UUID) -> None:
        """Drop a profile that nobody consents to any more, tell running sessions, and wake the lifecycle."""
        database = self._resources.database
        subject = await database.read(lambda tx: subject_of_event(tx, tenant, event_id), tenant=tenant)
        if subject is None:
            return  # erased meanwhile
        epoch = await database.write(
            lambda tx: profiles.forget_unless_consented(tx, self._resources, tenant, subject), tenant=tenant
        )
        running = await database.read(lambda tx: open_sessions(tx, tenant, subject), tenant=tenant)
        for session_id in running:
            await tell(self._learning, session_workflow_id(subject, session_id), "consent_changed", epoch)
        await self._governance.start_workflow(
            "ConsentLifecycle",
            LifecycleInput(tenant=tenant, subject_ref=subject),
            id=consent_workflow_id(subject),
            task_queue=GOVERNANCE_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            start_signal="changed",
        )


async def tell(client: Client, workflow_id: str, signal: str, *arguments: Any) -> None:
    """Signal a workflow; one that is not there (closed, or never needed) is told nothing."""
    try:
        await client.get_workflow_handle(workflow_id).signal(signal, args=list(arguments))
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
