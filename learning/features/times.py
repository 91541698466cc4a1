"""What answer times say, measured against how long the item usually takes.

Usual is a running mean and spread of ln(milliseconds) over all learners.

Answer times are close to lognormal, so their logarithm is averaged (van der Linden 2006, "A lognormal model
for response times on test items"). An item with few answers is pulled towards its course, and a course with
few towards a general prior, which is a guess until there is data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

PSEUDO_OBSERVATIONS: Final = 20
"""Weight of the prior, in answers."""
ENOUGH: Final = 20
"""Answers after which a course's own times replace the general prior."""
MIN_SPREAD: Final = 0.1

RAPID_SHARE_OF_MEAN: Final = 0.1
RAPID_FLOOR_MS: Final = 2_000
RAPID_CEILING_MS: Final = 10_000
Z_LIMIT: Final = 4.0
WINSOR: Final = 10.0
"""A response time above this many times the item's median counts as that many."""


class Moments(BaseModel):
    """Count, mean and sum of squared deviations of ln ms (Welford 1962). Holds nothing about one person."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    count: int = Field(default=0, ge=0)
    mean: float = 0.0
    squares: float = Field(default=0.0, ge=0)

    def including(self, value: float) -> Moments:
        """With one more value."""
        count = self.count + 1
        off = value - self.mean
        mean = self.mean + off / count
        return Moments(count=count, mean=mean, squares=self.squares + off * (value - mean))


class ItemTimes(BaseModel):
    """Times of one item or of a whole course: to the answer, and of hesitating beyond reading."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    response: Moments = Moments()
    hesitation: Moments = Moments()


class Norm(NamedTuple):
    """What is usual: mean and standard deviation of ln ms."""

    mean: float
    spread: float


GENERAL_RESPONSE: Final = Norm(mean=math.log(20_000), spread=0.8)
"""About 20 s, two thirds between 9 s and 45 s. Uncalibrated."""
GENERAL_HESITATION: Final = Norm(mean=math.log(3_000), spread=1.2)
"""About 3 s beyond reading. Uncalibrated."""


def norm(item: Moments, course: Moments, general: Norm) -> Norm:
    """What is usual for an item: its own times, with the course's as ``PSEUDO_OBSERVATIONS`` more answers."""
    prior = general
    if course.count >= ENOUGH:
        prior = Norm(mean=course.mean, spread=math.sqrt(course.squares / course.count))
    total = item.count + PSEUDO_OBSERVATIONS
    mean = (item.count * item.mean + PSEUDO_OBSERVATIONS * prior.mean) / total
    variance = (
        item.squares
        + item.count * (item.mean - mean) ** 2
        + PSEUDO_OBSERVATIONS * (prior.spread**2 + (prior.mean - mean) ** 2)
    ) / total
    return Norm(mean=mean, spread=max(MIN_SPREAD, math.sqrt(variance)))


def response_ln(response_ms: int) -> float:
    """Natural logarithm of a response time; times under 1 ms count as 1 ms."""
    return math.log(max(1, response_ms))


def hesitation_ln(hesitation_ms: int, reading_ms: float) -> float:
    """``ln(1 + ms)`` of hesitating beyond reading; 0 when input came before reading could be done."""
    return math.log1p(max(0.0, hesitation_ms - reading_ms))


@dataclass(frozen=True, slots=True)
class Timing:
    """What one attempt's times say, measured against what is usual. Unknown where no time was reported."""

    response_time_z: float | None
    hesitation_ln: float | None
    hesitation_z: float | None
    rapid: bool | None


def timing(
    *,
    response_ms: int | None,
    hesitation_ms: int | None,
    reading_ms: float,
    item_times: ItemTimes,
    course_times: ItemTimes,
    habit: float | None,
) -> Timing:
    """Measure one attempt's times. ``habit``: the learner's own average of ``Timing.hesitation_ln``."""
    usual = norm(item_times.response, course_times.response, GENERAL_RESPONSE)
    response_z = rapid = hesitated = hesitation_z = None
    if response_ms is not None:
        capped = min(response_ln(response_ms), usual.mean + math.log(WINSOR))
        response_z = _limited((capped - usual.mean) / usual.spread)
        rapid = response_ms < rapid_threshold_ms(usual)
    if hesitation_ms is not None:
        usual = norm(item_times.hesitation, course_times.hesitation, GENERAL_HESITATION)
        hesitated = hesitation_ln(hesitation_ms, reading_ms) - usual.mean
        hesitation_z = _limited((hesitated - (habit or 0.0)) / usual.spread)
        hesitated = round(hesitated, 4)
    return Timing(response_z, hesitated, hesitation_z, rapid)


def rapid_threshold_ms(usual: Norm) -> float:
    """Milliseconds under which an answer counts as a rapid guess."""
    mean_ms = math.exp(usual.mean + usual.spread**2 / 2)
    return min(max(RAPID_SHARE_OF_MEAN * mean_ms, RAPID_FLOOR_MS), RAPID_CEILING_MS)


def _limited(z: float) -> float:
    return round(min(max(z, -Z_LIMIT), Z_LIMIT), 4)
