"""The direct lane alone: processor time of a whole request, and where in the API it goes."""

from __future__ import annotations

import json
import sys

from benchmarks.answers import OPEN_SESSIONS, WARM_UP_S, Plan
from benchmarks.classroom import classroom
from benchmarks.load import CpuMeter, Run, evenly, offer
from benchmarks.report import Cell, markdown_table
from benchmarks.stages import ANSWERS
from tests.journeys.product import Product

NO_ENGINE = {"TUTELA_ENGINE_SLOTS": 0}
STAGES_AT_PER_S = 50


async def measure(product: Product, plan: Plan) -> str:
    """Both tables, as Markdown."""
    return "\n\n".join((await _whole_requests(product, plan), await _stages(product, plan)))


async def _whole_requests(product: Product, plan: Plan) -> str:
    rows: list[tuple[Cell, ...]] = []
    with product.another_api(**NO_ENGINE) as api:
        for rate_per_s in (*plan.rates_per_s, 2 * max(plan.rates_per_s)):
            run, cpu_ms = await _offered(product, api.url, api.pid, rate_per_s, plan.block_s * plan.blocks)
            of = run.latency()
            rows.append(
                (f"{rate_per_s:g}/s", of.count, of.p50, of.p95, of.p99, of.maximum, run.errors, cpu_ms)
            )
    head = ("direct lane alone", "count", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors",
            "API CPU ms an answer (budget 2.5)")  # fmt: skip
    return markdown_table(head, rows)


async def _stages(product: Product, plan: Plan) -> str:
    """Where the API's processor time goes, by meters at its stages; the rest is HTTP and the event loop."""
    with product.another_api(sys.executable, "-m", "benchmarks.stages", **NO_ENGINE) as api:
        duration_s = plan.block_s * plan.blocks
        _, whole_ms = await _offered(product, api.url, api.pid, STAGES_AT_PER_S, duration_s)
    metered = json.loads(api.printed.read_text(encoding="utf-8").splitlines()[-1])
    answers = metered.pop(ANSWERS)
    each = {stage: total_ms / answers for stage, total_ms in metered.items()}
    each["HTTP, JSON, validation, event loop, threads"] = whole_ms - sum(each.values())
    rows: list[tuple[Cell, ...]] = [(stage, ms, f"{ms / whole_ms:.0%}") for stage, ms in each.items()]
    rows.append(("the whole request, meters included", whole_ms, "100%"))
    return markdown_table(("stage of an answer in the API", "CPU ms", "share"), rows)


async def _offered(
    product: Product, url: str, pid: int, rate_per_s: float, duration_s: float
) -> tuple[Run, float]:
    """A load on one API process: the samples, and its processor milliseconds per answer."""
    async with classroom(product, url, OPEN_SESSIONS) as room:
        await offer(evenly(rate_per_s, WARM_UP_S), room.answer)
        meter = CpuMeter({"api": [pid]})
        meter.start()
        run = await offer(evenly(rate_per_s, duration_s), room.answer)
        cpu_ms = meter.spent_s()["api"] / max(1, len(run.samples)) * 1000
    return run, cpu_ms
