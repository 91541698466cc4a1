"""Open-loop load and the meters beside it.

Operations are due at instants fixed before the run starts, and latency runs from the due instant to the
outcome. A generator that waited for slow answers before it sent the next ones would measure the system only
while it is quick (coordinated omission, Gil Tene); here a stall is charged to every operation due during it.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import psutil

Operation = Callable[[int], Awaitable[str]]
"""Does the n-th operation; returns its outcome in a word (``engine``, ``direct``, ``error 503``)."""


@dataclass(frozen=True)
class Percentiles:
    """Of some durations, in milliseconds."""

    count: int
    p50: float
    p95: float
    p99: float
    maximum: float

    @classmethod
    def of(cls, durations_ms: Iterable[float]) -> Self:
        """Nearest rank: each figure is a duration that occurred. NaN where there is none."""
        ranked = sorted(durations_ms)
        if not ranked:
            return cls(0, math.nan, math.nan, math.nan, math.nan)
        p50, p95, p99 = (ranked[math.ceil(len(ranked) * share) - 1] for share in (0.50, 0.95, 0.99))
        return cls(len(ranked), p50, p95, p99, ranked[-1])


@dataclass(frozen=True)
class Sample:
    """One operation: when it was due (seconds into the run), how late it was sent, and when it was done."""

    due_s: float
    late_ms: float
    latency_ms: float
    outcome: str


@dataclass
class Run:
    """Samples of one or more blocks of the same load."""

    samples: list[Sample] = field(default_factory=list)
    elapsed_s: float = 0.0
    own_cpu_s: float = 0.0

    def __iadd__(self, other: Run) -> Self:
        self.samples += other.samples
        self.elapsed_s += other.elapsed_s
        self.own_cpu_s += other.own_cpu_s
        return self

    def latency(self, *outcomes: str) -> Percentiles:
        """Of the named outcomes, or of all that are not errors."""
        return Percentiles.of(
            sample.latency_ms
            for sample in self.samples
            if (sample.outcome in outcomes if outcomes else not sample.outcome.startswith("error"))
        )

    def lateness(self) -> Percentiles:
        """How late operations were sent: the generator's own fault, contained in their latency."""
        return Percentiles.of(sample.late_ms for sample in self.samples)

    def outcomes(self) -> Counter[str]:
        return Counter(sample.outcome for sample in self.samples)

    @property
    def errors(self) -> int:
        return sum(sample.outcome.startswith("error") for sample in self.samples)


def evenly(rate_per_s: float, duration_s: float) -> list[float]:
    """Due instants in seconds, one every ``1 / rate``."""
    return [number / rate_per_s for number in range(round(rate_per_s * duration_s))]


def independently(rate_per_s: float, duration_s: float, seed: int) -> list[float]:
    """Due instants of people who know nothing of each other (a Poisson process)."""
    draw = random.Random(seed)
    due_s: list[float] = []
    at = draw.expovariate(rate_per_s)
    while at < duration_s:
        due_s.append(at)
        at += draw.expovariate(rate_per_s)
    return due_s


async def offer(due_s: Sequence[float], operation: Operation) -> Run:
    """Start the n-th operation at its due instant whatever became of those before; wait for all.

    An operation that raises is a sample too: ``error`` and the name of what it raised.
    """
    run = Run()
    own_cpu_s, start = time.process_time(), time.perf_counter()

    async def one(number: int, due: float) -> None:
        late_ms = (time.perf_counter() - start - due) * 1000
        try:
            outcome = await operation(number)
        except Exception as error:  # noqa: BLE001  # a failure is a figure of the table
            outcome = f"error {type(error).__name__}"
        run.samples.append(Sample(due, late_ms, (time.perf_counter() - start - due) * 1000, outcome))

    async with asyncio.TaskGroup() as under_way:
        for number, due in enumerate(due_s):
            await asyncio.sleep(max(0.0, start + due - time.perf_counter()))
            under_way.create_task(one(number, due))
    run.elapsed_s = time.perf_counter() - start
    run.own_cpu_s = time.process_time() - own_cpu_s
    return run


async def in_flight(count: int, duration_s: float, operation: Operation) -> Run:
    """Closed loop, for capacity only: ``count`` operations under way at any time. Latency from sending."""
    run = Run()
    own_cpu_s, start = time.process_time(), time.perf_counter()
    numbers = iter(range(1_000_000_000))

    async def one_after_another() -> None:
        while (sent := time.perf_counter() - start) < duration_s:
            try:
                outcome = await operation(next(numbers))
            except Exception as error:  # noqa: BLE001  # a failure is a figure of the table
                outcome = f"error {type(error).__name__}"
            latency_ms = (time.perf_counter() - start - sent) * 1000
            run.samples.append(Sample(sent, 0.0, latency_ms, outcome))

    await asyncio.gather(*(one_after_another() for _ in range(count)))
    run.elapsed_s = time.perf_counter() - start
    run.own_cpu_s = time.process_time() - own_cpu_s
    return run


class CpuMeter:
    """Processor seconds of named groups of processes, each with its children, between two readings.

    Children that came and went between readings are not seen; roles of the product live long.
    """

    def __init__(self, roots: Mapping[str, Sequence[int]]) -> None:
        self._roots = roots
        self._before: dict[str, float] = {}
        self._whole_before = 0.0

    def start(self) -> None:
        self._before = {name: _cpu_s(pids) for name, pids in self._roots.items()}
        self._whole_before = _machine_cpu_s()

    def spent_s(self) -> dict[str, float]:
        """Seconds since ``start`` by group."""
        return {name: _cpu_s(pids) - self._before[name] for name, pids in self._roots.items()}

    def machine_spent_s(self) -> float:
        """Seconds that all cores together were busy since ``start``, whoever used them."""
        return _machine_cpu_s() - self._whole_before


def _cpu_s(pids: Sequence[int]) -> float:
    total = 0.0
    for pid in pids:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _machine_cpu_s() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)
