"""The generator charges a stall to everything that was due during it, and figures are ones that occurred."""

from __future__ import annotations

import asyncio
import math
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load import CpuMeter, Percentiles, Run, Sample, evenly, in_flight, independently, offer

DURATIONS = st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=300)


async def test_a_stalled_system_makes_every_operation_due_meanwhile_late() -> None:
    """The first operation blocks the loop for 200 ms; the nine due in that time waited, and it shows."""

    async def stall_once(number: int) -> str:
        if number == 0:
            time.sleep(0.2)
        return "done"

    run = await offer(evenly(100, 0.1), stall_once)
    assert len(run.samples) == 10
    for sample in run.samples:
        assert sample.latency_ms >= 200 - sample.due_s * 1000 - 20


async def test_a_slow_operation_does_not_hold_the_next_ones_back() -> None:
    under_way = most = 0

    async def slow(_number: int) -> str:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.2)
        under_way -= 1
        return "done"

    await offer(evenly(200, 0.1), slow)
    assert most == 20


async def test_a_failure_is_counted_and_kept_out_of_the_latencies() -> None:
    async def fail_every_other(number: int) -> str:
        if number % 2:
            raise ConnectionError
        return "engine"

    run = await offer(evenly(1000, 0.02), fail_every_other)
    assert run.outcomes() == {"engine": 10, "error ConnectionError": 10}
    assert run.errors == 10
    assert run.latency().count == 10
    assert run.latency("direct").count == 0


async def test_as_many_are_in_flight_as_were_asked_for() -> None:
    most: list[int] = []
    under_way = 0

    async def operation(_number: int) -> str:
        nonlocal under_way
        under_way += 1
        most.append(under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return "done"

    run = await in_flight(4, 0.05, operation)
    assert max(most) == 4
    assert run.latency().count == len(run.samples) > 4


@given(DURATIONS)
def test_percentiles_are_durations_that_occurred_and_never_fall(durations: list[float]) -> None:
    of = Percentiles.of(durations)
    figures = (of.p50, of.p95, of.p99, of.maximum)
    assert set(figures) <= set(durations)
    assert list(figures) == sorted(figures)
    assert sum(duration <= of.p95 for duration in durations) >= 0.95 * len(durations)


def test_percentiles_of_nothing_are_not_numbers() -> None:
    of = Percentiles.of([])
    assert of.count == 0
    assert math.isnan(of.p50)
    assert math.isnan(of.maximum)


def test_independent_arrivals_are_the_same_for_the_same_seed_and_come_at_the_rate() -> None:
    due = independently(50, 100, seed=7)
    assert due == independently(50, 100, seed=7) != independently(50, 100, seed=8)
    assert due == sorted(due)
    assert len(due) == pytest.approx(5000, rel=0.1)


def test_blocks_of_a_run_add_up() -> None:
    run = Run([Sample(0, 0, 1.0, "engine")], 1.0, 0.5)
    run += Run([Sample(0, 0, 3.0, "direct")], 2.0, 0.25)
    assert (run.elapsed_s, run.own_cpu_s) == (3.0, 0.75)
    assert run.latency().maximum == 3.0
    assert run.latency("engine").maximum == 1.0


def test_processor_time_is_told_by_group() -> None:
    meter = CpuMeter({"this": [os.getpid()], "none": []})
    meter.start()
    sum(number * number for number in range(2_000_000))
    spent = meter.spent_s()
    assert spent["none"] == 0
    assert spent["this"] > 0
