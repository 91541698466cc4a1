"""What a feature's definition says: meaning, formula, unit, window, who may see it and what it is for.

The definition is the metric card that people see and the function that computes the value, so the two cannot
drift apart. Online and replayed values come from the same function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from policy.vocabulary import Purpose, Role

NEVER_NULL: Final = "never null"
DIGITS: Final = 4
"""Values are rounded to 1e-4 before anything reads them."""

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Feature(Generic[S]):
    """One feature, computed from an ``S``. ``compute`` gives None exactly in the case ``null_rule`` names.

    ``neutral`` is what a model reads instead of None: the centre of its scale there, so that not knowing
    neither raises nor lowers a score. ``purpose``: computing the value needs this purpose to be lawful, by
    consent where the purpose asks for it.
    """

    name: str
    title: str
    formula: str
    unit: str
    low: float
    high: float
    window: str
    null_rule: str
    neutral: float
    source: str
    compute: Callable[[S], float | None]
    visible_to: frozenset[Role] = frozenset({Role.LEARNER, Role.GUARDIAN, Role.INSTRUCTOR, Role.AUDITOR})
    purpose: Purpose = Purpose.PERSONALISATION


def values(features: Sequence[Feature[S]], source: S) -> dict[str, float | None]:
    """Each feature's value by name, in the order of ``features``, rounded to 1e-4."""
    computed: dict[str, float | None] = {}
    for feature in features:
        value = feature.compute(source)
        computed[feature.name] = None if value is None else round(float(value), DIGITS)
    return computed


def vector(features: Sequence[Feature[S]], computed: Mapping[str, float | None]) -> tuple[float, ...]:
    """A model's input row: the values in the order of ``features``, unknown ones at their neutral."""
    return tuple(
        feature.neutral if (value := computed[feature.name]) is None else value for feature in features
    )
