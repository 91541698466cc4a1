"""How well scores ranked and how true probabilities were, against what happened. Pure; no model, no data.

Used by the replays of real learners. Every function refuses (``NothingToEvaluate``) input that has no answer,
instead of returning a number that means nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from runtime.errors import TutelaError

Z_95: Final = 1.959963984540054
LEAST: Final = 1e-15
"""Probabilities are kept this far from 0 and 1 before their logarithm is taken."""


class NothingToEvaluate(TutelaError):
    """The outcomes hold nothing to measure: none at all, or all alike."""

    status = 422
    slug = "nothing-to-evaluate"
    title = "There is nothing to evaluate"


@dataclass(frozen=True, slots=True)
class Auc:
    """Area under the ROC curve, 0-1, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a calibration table: ``count`` predictions, their mean and the share that came true."""

    count: int
    predicted: float
    observed: float


def auc(labels: Sequence[bool], scores: Sequence[float]) -> Auc:
    """The probability that a positive outranks a negative, ties counting half, with DeLong's interval.

    The interval is computed on the logit scale, so that it stays inside 0-1.

    Raises:
        NothingToEvaluate: there is no positive or no negative.

    Source: DeLong, DeLong, Clarke-Pearson 1988; midranks after Sun & Xu 2014, O(n log n).
    """
    positives = [score for score, label in zip(scores, labels, strict=True) if label]
    negatives = [score for score, label in zip(scores, labels, strict=True) if not label]
    m, n = len(positives), len(negatives)
    if m == 0 or n == 0:
        raise NothingToEvaluate("AUC needs learners of both kinds.")
    overall = _midranks(positives + negatives)
    placed_positives = [(rank - own) / n for rank, own in zip(overall[:m], _midranks(positives), strict=True)]
    placed_negatives = [
        1 - (rank - own) / m for rank, own in zip(overall[m:], _midranks(negatives), strict=True)
    ]
    value = math.fsum(placed_positives) / m
    error = math.sqrt(_variance(placed_positives) / m + _variance(placed_negatives) / n)
    return Auc(value, *_logit_interval(value, error))


def _midranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1, equal values sharing the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + 1 + end) / 2
        start = end
    return ranks


def _variance(values: Sequence[float]) -> float:
    if len(values) == 1:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _logit_interval(value: float, error: float) -> tuple[float, float]:
    if value in (0.0, 1.0) or error == 0.0:
        return value, value
    middle = math.log(value / (1 - value))
    reach = Z_95 * error / (value * (1 - value))
    return _logistic(middle - reach), _logistic(middle + reach)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def log_loss(labels: Sequence[bool], probabilities: Sequence[float]) -> float:
    """Mean of -ln(probability given to what happened), nats.

    Raises:
        NothingToEvaluate: there is no outcome.
    """
    if not labels:
        raise NothingToEvaluate("Log-loss needs at least one outcome.")
    total = math.fsum(
        -math.log(min(max(p if label else 1 - p, LEAST), 1.0))
        for label, p in zip(labels, probabilities, strict=True)
    )
    return total / len(labels)


def calibration(labels: Sequence[bool], probabilities: Sequence[float], bins: int = 10) -> list[Bin]:
    """Predictions in ``bins`` equal steps of probability, empty ones left out; 1.0 belongs to the last.

    Raises:
        NothingToEvaluate: there is no outcome.
    """
    if not labels:
        raise NothingToEvaluate("Calibration needs at least one outcome.")
    held: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for label, p in zip(labels, probabilities, strict=True):
        held[min(int(p * bins), bins - 1)].append((p, label))
    return [
        Bin(
            count=len(held_here),
            predicted=math.fsum(p for p, _ in held_here) / len(held_here),
            observed=sum(label for _, label in held_here) / len(held_here),
        )
        for held_here in held
        if held_here
    ]


def calibration_error(table: Sequence[Bin]) -> float:
    """Mean distance between predicted and observed, weighted by count (Naeini et al. 2015), 0-1.

    Raises:
        NothingToEvaluate: the table is empty.
    """
    total = sum(row.count for row in table)
    if total == 0:
        raise NothingToEvaluate("Calibration needs at least one outcome.")
    return math.fsum(row.count * abs(row.predicted - row.observed) for row in table) / total
