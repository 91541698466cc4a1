"""Many learners of a running product, answered in turn over HTTP."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.journeys.enrolment import enrol_learners
from tests.journeys.learners import Learner, Work
from tests.journeys.product import Product

TIMEOUT_S = 30
SEED = 1


class Classroom:
    """Learners in open sessions of the shipped course; whoever rested longest answers next."""

    def __init__(self, begun: list[Work]) -> None:
        self._resting: asyncio.Queue[Work] = asyncio.Queue()
        self._returning: set[asyncio.Task[None]] = set()
        for work in begun:
            self._resting.put_nowait(work)

    async def answer(self, _number: int) -> str:
        """One answer; the lane it took. An operation of ``benchmarks.load``."""
        work = await self._resting.get()
        entry = await work.answer()
        assert entry.reply is not None
        if work.step is None:
            returning = asyncio.create_task(self._go_on(work))
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)
        else:
            self._resting.put_nowait(work)
        lane = str(entry.reply["lane"])
        return lane if entry.sent == 1 else f"error, then {lane}"

    async def _go_on(self, work: Work) -> None:
        """Whoever completed the course practises on; choosing is not part of any answer's time."""
        await work.choose()
        self._resting.put_nowait(work)


@asynccontextmanager
async def classroom(product: Product, url: str, count: int) -> AsyncIterator[Classroom]:
    """``count`` new learners of the demo class, each in a session of their own.

    Args:
        product: whose learners they are.
        url: the API that they talk to, be it the product's own or another over the same databases.
    """
    class_id = product.demo.class_id
    headers = await asyncio.to_thread(enrol_learners, product.home, class_id, count)
    limits = httpx.Limits(max_connections=count, max_keepalive_connections=count)
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, limits=limits) as client:
        learners = [
            Learner(client, one, class_id, random.Random(SEED + number)) for number, one in enumerate(headers)
        ]
        yield Classroom([await Work.start(learner) for learner in learners])
