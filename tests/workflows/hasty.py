"""Workflows whose order was changed: they ask for nothing that the recorded ones asked for."""

from __future__ import annotations

from temporalio import workflow

from governance.consent_lifecycle import LifecycleInput
from learning.sessions.messages import SessionInput


@workflow.defn(name="ConsentLifecycle")
class HastyLifecycle:
    """Asks for nothing and ends."""

    @workflow.run
    async def run(self, begin: LifecycleInput) -> None:
        return

    @workflow.signal
    def changed(self) -> None:
        return


@workflow.defn(name="LearnerSession")
class HastySession:
    """Waits for its end without a note of its run."""

    @workflow.run
    async def run(self, start: SessionInput) -> None:
        await workflow.wait_condition(lambda: False, timeout=start.inactivity_s)
