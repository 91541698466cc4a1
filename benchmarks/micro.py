"""Costs of single parts, in process: seal, policy, models, commits. Budgets are those of DESIGN §9."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import random
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import SQLModel

from benchmarks.load import Percentiles, Run, evenly, in_flight, offer
from benchmarks.report import markdown_table
from governance.keys import DataClass, Place, open_key_ring
from learning.models.roles import INPUT_ORDER, ModelRole
from learning.models.runner import KnowledgeRow, Models
from policy.decision_point import DecisionPoint
from policy.rules import Cell, Effect
from policy.vocabulary import Action, ObjectType, Purpose, Relation, Role
from runtime.clock import SystemClock
from runtime.database import Database, table
from runtime.kms import RootKey
from runtime.outbox import OutboxEntry, post

CLOCK = SystemClock()
FIELD = secrets.token_bytes(1024)
CALLS = 20_000
COLD_CALLS = 1_000
COMMITS_PER_S = 333
SCORECARDS = (ModelRole.SESSION_RISK, ModelRole.WITHDRAWAL_RISK)


@dataclass(frozen=True)
class Cost:
    """What one part costs, in microseconds, and what it may."""

    part: str
    p50: float
    p99: float
    budget: str = "-"


def table_of_costs() -> str:
    """Every part in turn, as Markdown."""
    with tempfile.TemporaryDirectory(prefix="tutela-bench-") as folder:
        costs = [*_keys(Path(folder)), *_policy(), *_models()]
    rows = [(cost.part, cost.p50, cost.p99, cost.budget) for cost in costs]
    return markdown_table(("part", "p50 µs", "p99 µs", "budget µs"), rows)


def timed(part: str, call: Callable[[], object], budget: str = "-") -> Cost:
    """Time each call by itself; the clock's own 0.1 µs is left in."""
    for _ in range(CALLS // 100):
        call()
    return _cost(part, (_once_us(call) for _ in range(CALLS)), budget)


def _once_us(call: Callable[[], object]) -> float:
    start = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - start) / 1000


def _cost(part: str, spent_us: Iterator[float], budget: str) -> Cost:
    of = Percentiles.of(spent_us)
    return Cost(part, of.p50, of.p99, budget)


def _keys(folder: Path) -> Iterator[Cost]:
    ring = open_key_ring(f"sqlite:///{folder / 'keys.db'}", RootKey.create(folder / "root.key"), CLOCK)
    tenant, subject = CLOCK.new_id(), CLOCK.new_id()
    ring.create_subject(tenant, subject)
    place = Place(tenant, subject, "answer", "sealed_reply", str(CLOCK.new_id()))
    sealed = ring.seal(place, DataClass.LEARNING, FIELD)
    yield timed("seal 1 KiB", lambda: ring.seal(place, DataClass.LEARNING, FIELD), "< 10")
    yield timed("open 1 KiB", lambda: ring.open(place, DataClass.LEARNING, sealed), "< 10")
    yield timed("blind index", lambda: ring.blind_index(tenant, "account.email", "a@example.org"))
    ring.close()


def _policy() -> Iterator[Cost]:
    """Warm: asked before. Cold: each cell for the first time, where rules speak and where none does."""
    point = DecisionPoint.load()
    learner, oneself = frozenset({Role.LEARNER}), frozenset({Relation.SELF})
    yield timed(
        "policy decision, warm",
        lambda: point.decide(learner, oneself, ObjectType.SESSION, Action.ANSWER, Purpose.TEACHING),
        "p99 < 5",
    )
    allowed = {cell for rule in point.rules if rule.effect is Effect.ALLOW for cell in rule.cells()}
    every = set(itertools.product(Role, Relation, ObjectType, Action, Purpose))
    for part, cells in (("a rule speaks", allowed), ("no rule speaks", every - allowed)):
        drawn = random.Random(1).sample(sorted(cells), min(COLD_CALLS, len(cells)))
        yield _cost(f"policy decision, cold, {part}", map(_cold_us(), drawn), "p50 < 200")


def _cold_us() -> Callable[[Cell], float]:
    """Times a cell on a decision point that was asked nothing before."""
    fresh = DecisionPoint.load()

    def cold_us(cell: Cell) -> float:
        role, relation, kind, action, purpose = cell
        roles, relations = frozenset({role}), frozenset({relation})
        return _once_us(lambda: fresh.decide(roles, relations, kind, action, purpose))

    return cold_us


def _models() -> Iterator[Cost]:
    models = Models.load()
    row = [KnowledgeRow(p=0.4, guess=0.2, slip=0.1, learn=0.15, correct=1.0)]
    risk, withdrawal = ([0.5] * len(INPUT_ORDER[role]) for role in SCORECARDS)
    yield timed("ONNX knowledge of one skill", lambda: models.knowledge(row), "p99 < 100")
    yield timed("ONNX session risk with reasons", lambda: models.risk(risk), "p99 < 100")
    yield timed("ONNX withdrawal risk with reasons", lambda: models.withdrawal(withdrawal), "p99 < 100")


def table_of_commits(duration_s: float) -> str:
    """What ``Database.write`` costs on SQLite: one row inserted, acknowledged when it is on disk."""
    with tempfile.TemporaryDirectory(prefix="tutela-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'tutela.db'}"
        _create_outbox(url)
        cases = [
            (f"one process, {COMMITS_PER_S}/s", _write(url, COMMITS_PER_S, duration_s)),
            (f"two processes, {COMMITS_PER_S}/s together", _write_from_two(url, duration_s)),
            ("one process, 1 in flight", _write(url, None, duration_s, at_once=1)),
            ("one process, 16 in flight", _write(url, None, duration_s, at_once=16)),
        ]
    rows = [
        (
            case,
            len(run.samples) / run.elapsed_s,
            *_milliseconds(run.latency()),
            run.own_cpu_s / len(run.samples) * 1e6,
        )
        for case, run in cases
    ]
    head = ("commits", "per second", "p50 ms", "p95 ms", "p99 ms", "max ms", "CPU µs each, asyncio included")
    return markdown_table(head, rows)


def _milliseconds(of: Percentiles) -> tuple[float, float, float, float]:
    return of.p50, of.p95, of.p99, of.maximum


def _create_outbox(url: str) -> None:
    engine = sa.create_engine(url)
    SQLModel.metadata.create_all(engine, tables=[table(OutboxEntry)])
    engine.dispose()


def _write(url: str, rate_per_s: float | None, duration_s: float, at_once: int = 0) -> Run:
    """A process's commits: due at a rate, or ``at_once`` always under way."""
    database, tenant = Database.open(url), CLOCK.new_id()

    async def operation(_number: int) -> str:
        fact_id, now = CLOCK.new_id(), CLOCK.now()
        await database.write(lambda tx: post(tx, tenant, "bench", fact_id, now), tenant=tenant)
        return "committed"

    if rate_per_s is None:
        run = asyncio.run(in_flight(at_once, duration_s, operation))
    else:
        run = asyncio.run(offer(evenly(rate_per_s, duration_s), operation))
    database.close()
    return run


def _write_from_two(url: str, duration_s: float) -> Run:
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
        halves = [processes.submit(_write, url, COMMITS_PER_S / 2, duration_s) for _ in range(2)]
        first, second = (half.result() for half in halves)
    first.samples += second.samples
    first.own_cpu_s += second.own_cpu_s
    return first  # they ran side by side: the time that passed is that of one


if __name__ == "__main__":
    print(table_of_costs(), table_of_commits(5.0), sep="\n\n")
