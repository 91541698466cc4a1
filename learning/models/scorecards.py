"""The weights of the two default scorecards, where a reader can judge them line by line.

A line adds ``weight * clip((value - centre) / scale, low, high)`` to the logit; ``centre`` is the feature's
neutral, so an unknown value adds nothing. Every line is monotone: a worse value never lowers the score.
The numbers are rounded on purpose; more digits would claim more than is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from learning.features.definitions import FEATURES
from learning.features.withdrawal import WITHDRAWAL_FEATURES
from learning.models.roles import ModelRole

_NEUTRAL: Final = {
    ModelRole.SESSION_RISK: {feature.name: feature.neutral for feature in FEATURES},
    ModelRole.WITHDRAWAL_RISK: {feature.name: feature.neutral for feature in WITHDRAWAL_FEATURES},
}


@dataclass(frozen=True, slots=True)
class Line:
    """One feature's part in a score. ``low`` and ``high`` clip the scaled value."""

    feature: str
    scale: float
    low: float
    high: float
    weight: float


@dataclass(frozen=True, slots=True)
class Scorecard:
    """An additive score on the logit scale. Lines stand in the order of the role's features."""

    role: ModelRole
    bias: float
    lines: tuple[Line, ...]

    def centre(self, line: Line) -> float:
        """The value at which ``line`` adds nothing."""
        return _NEUTRAL[self.role][line.feature]


SESSION_RISK: Final = Scorecard(
    role=ModelRole.SESSION_RISK,
    bias=-0.8,
    lines=(
        Line("accuracy_level", scale=0.2, low=-2, high=1.5, weight=-0.5),
        Line("accuracy_trend", scale=0.2, low=-2, high=2, weight=-0.3),
        Line("response_time_z", scale=1, low=0, high=2, weight=0.15),
        Line("hesitation_index", scale=1, low=0, high=2, weight=0.2),
        Line("knowledge", scale=0.25, low=-2.4, high=1.6, weight=-0.5),
        Line("opportunities", scale=5, low=0, high=2, weight=0.15),
        Line("hints_used", scale=0.5, low=0, high=3, weight=0.15),
        Line("rapid_guess_share", scale=0.2, low=0, high=3, weight=0.25),
        Line("wrong_streak", scale=1, low=0, high=4, weight=0.5),
        Line("right_streak", scale=1, low=0, high=4, weight=-0.3),
        Line("item_attempts", scale=1, low=0, high=3, weight=0.1),
        Line("misconception_repeats", scale=1, low=0, high=3, weight=0.2),
        Line("stuck", scale=3, low=0, high=3, weight=0.3),
    ),
)
"""Set by hand; signs from the sources of each feature. Uncalibrated until a course has data."""

WITHDRAWAL_RISK: Final = Scorecard(
    role=ModelRole.WITHDRAWAL_RISK,
    bias=-2.1,
    lines=(
        Line("score", scale=0.15, low=-3, high=1.5, weight=-0.42),
        Line("missing_share", scale=0.25, low=0, high=3, weight=0.38),
        Line("late_share", scale=0.3, low=-0.7, high=2.7, weight=0.2),
        Line("early_days", scale=8, low=-1.25, high=2, weight=-0.09),
        Line("days_since_submission", scale=14, low=-1, high=3, weight=0.08),
        Line("banked", scale=1, low=0, high=1, weight=0.42),
        Line("credits", scale=30, low=-1, high=3, weight=0.18),
        Line("days_to_first", scale=7, low=-0.4, high=3, weight=0.2),
        Line("days_idle", scale=7, low=-0.4, high=4, weight=0.35),
        Line("sessions_per_week", scale=1, low=-2, high=3, weight=-0.2),
        Line("accuracy_level", scale=0.2, low=-2, high=1.5, weight=-0.25),
        Line("accuracy_trend", scale=0.2, low=-2, high=2, weight=-0.15),
        Line("stuck_exits", scale=1, low=0, high=3, weight=0.25),
    ),
)
"""The first seven lines and the bias are a logistic regression on the Open University's 2013 presentations
(``tools/fit_withdrawal.py`` repeats it); the last six are set by hand, because that data has no sessions."""
