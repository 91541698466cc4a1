"""ConsentLifecycle: the time in the life of one person's consents.

It waits for the next thing that falls due (a consent runs out, the person is to be asked again, majority) and
has it done; a signal says that something changed, and the schedule is read anew. It remembers nothing: events
and gate hold the facts, and the gate refuses a consent that ran out whether or not this workflow is alive.

It ends when nothing is left to wait for; the next consent event starts it again.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from activities.consent import ConsentActivities
from governance.consent_lifecycle import LifecycleInput, LifecycleStep

STEP_TIMEOUT = timedelta(seconds=30)
STEP_RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=5))


# It lives for years, always on the newest code: a change of its order needs workflow.patched and a recorded
# history. That behaviour (AUTO_UPGRADE) is a deployment's to declare: said here, a worker without versions is
# never given a task.
@workflow.defn
class ConsentLifecycle:
    """One per person. Id: ``con.<subject_ref>``."""

    @workflow.init
    def __init__(self, begin: LifecycleInput) -> None:
        self._begin = begin
        self._changed = False

    @workflow.run
    async def run(self, begin: LifecycleInput) -> None:
        for _ in range(begin.steps_per_run):
            self._changed = False
            step = await self._step()
            if step.wait_s is None and not self._changed:
                await workflow.wait_condition(workflow.all_handlers_finished)
                return
            if step.wait_s:
                with suppress(TimeoutError):
                    await workflow.wait_condition(
                        lambda: self._changed, timeout=timedelta(seconds=step.wait_s)
                    )
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(begin)

    @workflow.signal
    def changed(self) -> None:
        """A consent was given or withdrawn, or a birth date corrected: read the schedule anew."""
        self._changed = True

    async def _step(self) -> LifecycleStep:
        return await workflow.execute_activity_method(
            ConsentActivities.advance,
            self._begin,
            start_to_close_timeout=STEP_TIMEOUT,
            retry_policy=STEP_RETRY,
        )
