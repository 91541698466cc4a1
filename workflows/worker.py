"""``build_worker``: which workflows and activities each task queue runs. The only place that says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from activities.consent import ConsentActivities
from activities.sessions import SessionActivities
from governance.workflow_ids import GOVERNANCE_QUEUE, SESSIONS_QUEUE
from learning.resources import Resources
from workflows.consent import ConsentLifecycle
from workflows.sessions import LearnerSession

CACHED_WORKFLOWS = 12_000
"""At least the open sessions of a worker (80 KB each): one evicted is replayed at its next answer."""
SLOTS = 16
DRAIN = timedelta(seconds=10)


@dataclass(frozen=True)
class Queue:
    """What one task queue runs, and in which of the two namespaces."""

    governance: bool
    workflows: Sequence[type]
    activities: Callable[[Resources], Sequence[Callable[..., Any]]]


def _session_activities(resources: Resources) -> Sequence[Callable[..., Any]]:
    made = SessionActivities(resources)
    return (made.answer, made.follow, made.close_if_idle, made.note_run)


def _consent_activities(resources: Resources) -> Sequence[Callable[..., Any]]:
    return ConsentActivities(resources).all()


QUEUES = {
    SESSIONS_QUEUE: Queue(governance=False, workflows=[LearnerSession], activities=_session_activities),
    GOVERNANCE_QUEUE: Queue(governance=True, workflows=[ConsentLifecycle], activities=_consent_activities),
}


def build_worker(client: Client, queue: str, resources: Resources) -> Worker:
    """A worker of one queue; the client brings the plugin with codec and sandbox."""
    runs = QUEUES[queue]
    return Worker(
        client,
        task_queue=queue,
        workflows=list(runs.workflows),
        activities=list(runs.activities(resources)),
        max_cached_workflows=CACHED_WORKFLOWS,
        max_concurrent_workflow_tasks=SLOTS,
        max_concurrent_local_activities=SLOTS,
        max_concurrent_activities=SLOTS,
        graceful_shutdown_timeout=DRAIN,
    )
