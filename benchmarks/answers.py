"""Answer -> decision over real HTTP, beside the bare Update in the same run.

Blocks of both alternate, at the same due instants, so that whatever else the machine does falls on both. The
product is what ``tutela up`` starts; learners are real accounts, each in one session of the shipped course.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.bare_update import BareSessions, bare_sessions
from benchmarks.classroom import Classroom, classroom
from benchmarks.load import CpuMeter, Operation, Run, evenly, offer
from benchmarks.report import Cell, markdown_table
from tests.journeys.product import Product

Comparison = Sequence["tuple[float, Side, Side]"]

RATES_PER_S = (10, 25, 50)
JUDGED_BELOW_MS = 40
ENGINE, WORKER, API = "engine", "worker sessions", "api"
WARM_UP_S = 3.0
SETTLE_S = 8.0
OPEN_SESSIONS = 100


@dataclass(frozen=True)
class Plan:
    """How long to measure: at each rate, ``blocks`` of ``block_s`` seconds for each side."""

    rates_per_s: Sequence[float] = RATES_PER_S
    block_s: float = 10.0
    blocks: int = 3


@dataclass
class Side:
    """One side of the comparison at one rate: its samples and the processor seconds of its processes."""

    name: str
    operation: Operation
    meter: CpuMeter
    run: Run = field(default_factory=Run)
    cpu_s: dict[str, float] = field(default_factory=dict)
    others_cores: float = 0.0

    async def block(self, rate_per_s: float, duration_s: float) -> None:
        self.meter.start()
        measured = await offer(evenly(rate_per_s, duration_s), self.operation)
        spent = self.meter.spent_s()
        for group, seconds in spent.items():
            self.cpu_s[group] = self.cpu_s.get(group, 0.0) + seconds
        ours = sum(spent.values()) + measured.own_cpu_s
        self.others_cores = max(self.others_cores, (self.meter.machine_spent_s() - ours) / measured.elapsed_s)
        self.run += measured

    def cpu_ms(self, *groups: str) -> float:
        """Processor milliseconds per operation of some groups."""
        return sum(self.cpu_s[group] for group in groups) / max(1, len(self.run.samples)) * 1000

    def own_ms(self) -> float:
        """Of the generator, which is also the caller of the bare Update."""
        return self.run.own_cpu_s / max(1, len(self.run.samples)) * 1000


async def measure(product: Product, plan: Plan) -> str:
    """All tables of answers, as Markdown."""
    async with (
        bare_sessions(product.engine_address, OPEN_SESSIONS) as bare,
        classroom(product, product.url, OPEN_SESSIONS) as room,
    ):
        await asyncio.sleep(SETTLE_S)  # the outbox starts the sessions' workflows
        compared = await compare(plan, bare, room, await asyncio.to_thread(product.pids))
    return "\n\n".join((latency_table(compared), ratio_table(compared), cpu_table(compared)))


async def compare(
    plan: Plan, bare: BareSessions, classroom: Classroom, pids: dict[str, int]
) -> list[tuple[float, Side, Side]]:
    """Both sides at each rate, in alternating blocks.

    Args:
        pids: processes of the product by role, ``engine`` among them; the bare Update uses that engine too.
    """
    compared = []
    for rate_per_s in plan.rates_per_s:
        left = Side("bare Update", bare.answer, CpuMeter({"engine": [pids["engine"]], "worker": [bare.pid]}))
        right = Side("product", classroom.answer, CpuMeter({role: [pid] for role, pid in pids.items()}))
        for side in (left, right):
            await offer(evenly(rate_per_s, WARM_UP_S), side.operation)
        for _ in range(plan.blocks):
            for side in (left, right):
                await side.block(rate_per_s, plan.block_s)
        compared.append((rate_per_s, left, right))
        await asyncio.sleep(1)  # what was late settles before the next rate
    return compared


def latency_table(compared: Comparison) -> str:
    """Milliseconds from the instant an answer was due; the product also by lane."""
    rows: list[tuple[Cell, ...]] = []
    for rate_per_s, bare, product in compared:
        rows.append((f"{rate_per_s:g}/s bare Update", *_latencies(bare), bare.run.errors))
        rows.append((f"{rate_per_s:g}/s answer -> decision", *_latencies(product), product.run.errors))
        lanes = sorted(product.run.outcomes())
        rows += ((f"{rate_per_s:g}/s of these: {lane}", *_latencies(product, lane), 0) for lane in lanes)
    return markdown_table(("load", "count", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors"), rows)


def _latencies(side: Side, *outcomes: str) -> tuple[Cell, ...]:
    of = side.run.latency(*outcomes)
    return of.count, of.p50, of.p95, of.p99, of.maximum


def cpu_table(compared: Comparison) -> str:
    """Processor milliseconds per answer by process. The generator is the bare Update's caller."""
    rows: list[tuple[Cell, ...]] = []
    for rate_per_s, bare, product in compared:
        name = f"{rate_per_s:g}/s bare Update"
        parts = (bare.cpu_ms(ENGINE), bare.cpu_ms("worker"), bare.own_ms(), 0.0)
        rows.append((name, *parts, _bare_ms(bare), bare.others_cores))
        name = f"{rate_per_s:g}/s answer -> decision"
        others = product.cpu_ms(*(product.cpu_s.keys() - {ENGINE, WORKER, API}))
        parts = (product.cpu_ms(ENGINE), product.cpu_ms(WORKER), product.cpu_ms(API), others)
        rows.append((name, *parts, _product_ms(product), product.others_cores))
    head = ("load", "engine", "session worker", "caller: generator, API", "other roles", "together",
            "cores used by others, at most")  # fmt: skip
    return markdown_table(head, rows)


def ratio_table(compared: Comparison) -> str:
    """The product over the bare Update: what durability through the engine costs beyond the engine itself."""
    rows = [
        (
            f"{rate_per_s:g}/s",
            product.run.latency("engine").p50 / bare.run.latency().p50,
            _product_ms(product) / _bare_ms(bare),
            f"{product.run.outcomes()['engine'] / max(1, len(product.run.samples)):.0%}",
            "yes" if bare.run.latency().p99 <= JUDGED_BELOW_MS else "no",
        )
        for rate_per_s, bare, product in compared
    ]
    head = ("load", "p50, engine lane (budget 1.5)", "CPU (budget 1.5)", "through the engine",
            f"bare p99 <= {JUDGED_BELOW_MS} ms, so judged")  # fmt: skip
    return markdown_table(head, rows)


def _bare_ms(side: Side) -> float:
    return side.cpu_ms("engine", "worker") + side.own_ms()


def _product_ms(side: Side) -> float:
    return side.cpu_ms(*side.cpu_s)
