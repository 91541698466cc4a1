"""How good a ranking and a probability were, and how long things took.

Sources: DeLong, DeLong, Clarke-Pearson (1988) for the interval of an AUC, by midranks as Sun and Xu (2014);
Naeini, Cooper, Hauskrecht (2015) for the expected calibration error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

Z_95 = 1.959963984540054
LEAST_CHANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Auc:
    """Area under the ROC curve with its 95 % interval; ``positives`` of ``n`` had the outcome."""

    value: float
    low: float
    high: float
    positives: int
    n: int


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a calibration table: mean chance said and share that happened, of ``n`` cases."""

    said: float
    happened: float
    n: int


def auc(scores: Sequence[float], outcomes: Sequence[bool]) -> Auc | None:
    """Chance that a case with the outcome got the higher score (ties count half), with DeLong's interval.

    Returns:
        None when every case, or none, had the outcome: then there is nothing to rank.
    """
    with_it = [score for score, outcome in zip(scores, outcomes, strict=True) if outcome]
    without = [score for score, outcome in zip(scores, outcomes, strict=True) if not outcome]
    m, n = len(with_it), len(without)
    if not m or not n:
        return None
    among_all = _midranks(with_it + without)
    placed_with = [(rank - own) / n for rank, own in zip(among_all[:m], _midranks(with_it), strict=True)]
    placed_without = [
        1 - (rank - own) / m for rank, own in zip(among_all[m:], _midranks(without), strict=True)
    ]
    value = sum(placed_with) / m
    spread = math.sqrt(_variance(placed_with, value) / m + _variance(placed_without, value) / n)
    return Auc(value, max(0.0, value - Z_95 * spread), min(1.0, value + Z_95 * spread), m, m + n)


def log_loss(chances: Sequence[float], outcomes: Sequence[bool]) -> float:
    """Mean negative log-likelihood, in nats."""
    total = 0.0
    for chance, outcome in zip(chances, outcomes, strict=True):
        kept = min(max(chance, LEAST_CHANCE), 1 - LEAST_CHANCE)
        total -= math.log(kept if outcome else 1 - kept)
    return total / len(chances)


def calibration(chances: Sequence[float], outcomes: Sequence[bool], bins: int = 10) -> list[Bin]:
    """Cases by the chance that was said, in bins of equal width; empty bins are left out."""
    cases = sorted(
        (min(int(chance * bins), bins - 1), chance, outcome)
        for chance, outcome in zip(chances, outcomes, strict=True)
    )
    table = []
    for _, found in groupby(cases, key=lambda case: case[0]):
        group = list(found)
        said = sum(chance for _, chance, _ in group) / len(group)
        table.append(Bin(said, sum(outcome for _, _, outcome in group) / len(group), len(group)))
    return table


def calibration_error(table: Sequence[Bin]) -> float:
    """Mean distance between what was said and what happened, weighted by cases (ECE)."""
    return sum(abs(row.said - row.happened) * row.n for row in table) / sum(row.n for row in table)


def running_means(outcomes: Sequence[bool], prior: float = 0.5) -> list[float]:
    """For each case the mean of all before it, ``prior`` counting as one: what a constant guesser says."""
    means, total = [], prior
    for number, outcome in enumerate(outcomes, start=1):
        means.append(total / number)
        total += outcome
    return means


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` (0-1) of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _midranks(values: Sequence[float]) -> list[float]:
    """Rank of each value from 1; equal values share the mean of their ranks."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    for _, tied in groupby(order, key=values.__getitem__):
        group = list(tied)
        for index in group:
            ranks[index] = start + (len(group) + 1) / 2
        start += len(group)
    return ranks


def _variance(values: Sequence[float], mean: float) -> float:
    if len(values) == 1:
        return 0.0
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)
