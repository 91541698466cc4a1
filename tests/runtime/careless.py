"""A workflow file that imports what nobody meant to load into a sandbox."""

from __future__ import annotations

import yaml
from temporalio import workflow


@workflow.defn
class Careless:
    @workflow.run
    async def run(self) -> str:
        return str(yaml.safe_load("a: b"))
