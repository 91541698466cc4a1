"""A small workflow for the tests of the plugin: it asks an activity and passes on what comes."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from runtime.errors import FieldFault, Invalid

with workflow.unsafe.imports_passed_through():
    from tests.runtime.keeper import Keeper


@workflow.defn
class Gate:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)

    @workflow.update
    async def knock(self, word: str, how: str) -> str:
        if how == "itself":
            raise Invalid("unreadable", faults=(FieldFault("body.word", "is not a word"),))
        call = workflow.execute_local_activity_method if how == "local" else workflow.execute_activity_method
        result: str = await call(
            Keeper.ask,
            word,
            start_to_close_timeout=timedelta(seconds=5),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=5),
        )
        return result
