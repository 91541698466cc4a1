"""The baseline: a bare Update, that is the least a durable answer through Temporal can cost.

A workflow that takes an Update under a lock and runs one empty local activity; no codec, no database, gzip
off, sandbox and worker settings as the product's. ``python -m benchmarks.bare_update ADDRESS`` is its worker,
a process of its own as the product's is.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.service import GrpcCompression
from temporalio.worker import Worker

NAMESPACE = "default"
QUEUE = "bare-update"
READY = "bare worker ready"
TIMEOUT = timedelta(seconds=5)


@activity.defn(name="bare.nothing")
async def nothing(text: str) -> str:
    """The empty local activity."""
    return text


@workflow.defn
class BareUpdate:
    """One Update, one lock, one empty local activity."""

    @workflow.init
    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._ended = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._ended)
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.update
    async def answer(self, text: str) -> str:
        async with self._lock:
            return await workflow.execute_local_activity(nothing, text, start_to_close_timeout=TIMEOUT)

    @workflow.signal
    def ended(self) -> None:
        self._ended = True


class BareSessions:
    """Open workflows of the baseline, answered in turn; ``pid`` is the worker's."""

    def __init__(self, pid: int, handles: list[WorkflowHandle[BareUpdate, None]]) -> None:
        self.pid = pid
        self._handles = handles

    async def answer(self, number: int) -> str:
        """One Update to the next workflow; an operation of ``benchmarks.load``."""
        await self._handles[number % len(self._handles)].execute_update(
            BareUpdate.answer, "answer", id=str(uuid4())
        )
        return "bare"


@asynccontextmanager
async def bare_sessions(address: str, count: int) -> AsyncIterator[BareSessions]:
    """``count`` open workflows on a worker process of their own; everything is ended afterwards."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.bare_update", address, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert worker.stdout is not None
        while READY not in (line := (await worker.stdout.readline()).decode()):
            if not line:
                raise RuntimeError("the worker of the bare Update ended before it was ready")
        client = await connect(address)
        handles = [
            await client.start_workflow(BareUpdate.run, id=f"bare.{uuid4()}", task_queue=QUEUE)
            for _ in range(count)
        ]
        yield BareSessions(worker.pid, handles)
        for handle in handles:
            await handle.signal(BareUpdate.ended)
    finally:
        worker.terminate()
        await worker.wait()


async def connect(address: str) -> Client:
    return await Client.connect(address, namespace=NAMESPACE, grpc_compression=GrpcCompression.NONE)


async def main(address: str) -> None:
    worker = Worker(await connect(address), task_queue=QUEUE, workflows=[BareUpdate], activities=[nothing])
    async with worker:
        print(READY, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1]))
    finally:
        os._exit(0)  # the SDK can crash while the interpreter shuts down
