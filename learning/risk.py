"""Who may be about to leave a class, why, and what changed since the last look. Pure.

The score and its reasons come from one artefact, the withdrawal scorecard, so what a teacher reads cannot
drift from what was computed. It ranks; it is no probability (see the model's card), so people are shown a
band and words, never a percentage. A person decides what follows; nothing here has a consequence.

Source: Moodle core analytics and Open edX Aspects for the questions; Kuzilek et al. 2017 for the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from statistics import mean
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from learning.features import feature
from learning.features.withdrawal import (
    WITHDRAWAL_FEATURES,
    EnrolmentFacts,
    GradeFacts,
    RiskInputs,
    SessionFacts,
    days_early,
    missing,
)
from learning.models.roles import ModelRole
from learning.models.runner import Models

__all__ = [
    "Band",
    "EnrolmentFacts",
    "GradeFacts",
    "Reason",
    "Risk",
    "RiskInputs",
    "SessionFacts",
    "Shift",
    "assess",
    "shifts",
]

SCORE_DIGITS: Final = 4
HIGH: Final = 0.3
WATCH: Final = 0.2
"""On the Open University's 2014 classes, day 28: at HIGH one learner in ten, of whom 41 % left later; at
WATCH one in four, of whom 33 % left; of all, 19 % left."""
MIN_SESSIONS: Final = 3
NOTABLE: Final = 0.1
"""Least difference of a contribution, in logits, that is worth a word."""


class Band(StrEnum):
    """What a teacher is shown instead of a number. Append, never rename."""

    TOO_EARLY = "too_early"
    """Fewer than ``MIN_SESSIONS`` sessions, and no work graded or due: too early to say."""
    LOW = "low"
    WATCH = "watch"
    HIGH = "high"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Reason(_Value):
    """One thing that raises the score. ``contribution`` is its part of the logit."""

    feature: str
    contribution: float
    words: str


class Risk(_Value):
    """A learner's standing in a class on ``day``. ``score`` 0-1 is for ranking within the class."""

    format: Literal["tutela.risk/1"] = "tutela.risk/1"
    day: int
    score: float = Field(ge=0, le=1)
    band: Band
    reasons: tuple[Reason, ...]
    """What raises the score most, greatest first, as the model's graph says."""
    features: dict[str, float | None]
    contributions: dict[str, float]
    words: dict[str, str]
    """What each known feature says, in plain words."""
    model: str
    """Digest of the scorecard."""


class Shift(_Value):
    """A feature that moved the score since the last look. ``delta`` in logits, positive is worse."""

    feature: str
    delta: float
    words: str


def assess(inputs: RiskInputs, models: Models) -> Risk:
    """Score a learner's place in a class."""
    features = feature.values(WITHDRAWAL_FEATURES, inputs)
    scored = models.withdrawal(feature.vector(WITHDRAWAL_FEATURES, features))
    score = round(scored.p, SCORE_DIGITS)
    words = {name: WORDS[name](inputs, value) for name, value in features.items() if value is not None}
    contributions = {name: round(part, SCORE_DIGITS) for name, part in scored.contributions.items()}
    return Risk(
        day=inputs.day,
        score=score,
        band=_band(inputs, features, score),
        reasons=tuple(
            Reason(feature=name, contribution=contributions[name], words=words[name])
            for name in scored.top
            if name in words and contributions[name] > 0
        ),
        features=features,
        contributions=contributions,
        words=words,
        model=models.digests[ModelRole.WITHDRAWAL_RISK],
    )


def shifts(before: Risk | None, now: Risk) -> tuple[Shift, ...]:
    """What changed the score since ``before``, the greatest change first; nothing where there was no look."""
    if before is None:
        return ()
    found = []
    for name, part in now.contributions.items():
        delta = round(part - before.contributions.get(name, 0.0), SCORE_DIGITS)
        if abs(delta) >= NOTABLE:
            was, is_now = (risk.words.get(name, "not known") for risk in (before, now))
            found.append(Shift(feature=name, delta=delta, words=f"{is_now} (before: {was})"))
    return tuple(sorted(found, key=lambda shift: (-abs(shift.delta), shift.feature)))


def _band(inputs: RiskInputs, features: dict[str, float | None], score: float) -> Band:
    unknown = features["score"] is None and features["missing_share"] is None
    if unknown and len(inputs.session_days()) < MIN_SESSIONS:
        return Band.TOO_EARLY
    return Band.HIGH if score >= HIGH else Band.WATCH if score >= WATCH else Band.LOW


def _late(inputs: RiskInputs, _: float) -> str:
    early = days_early(inputs)
    return f"{sum(days < 0 for days in early)} of {_pieces(len(early))} of work came late"


def _early(inputs: RiskInputs, _: float) -> str:
    return f"work comes in {_days(mean(max(0, days) for days in days_early(inputs)))} before it is due"


WORDS: Final[dict[str, Callable[[RiskInputs, float], str]]] = {
    "score": lambda _, value: f"scores average {value:.0%}",
    "missing_share": lambda i, _: f"{len(missing(i))} of {_pieces(len(i.due()))} of work due is missing",
    "late_share": _late,
    "early_days": _early,
    "days_since_submission": lambda _, value: f"nothing handed in for {_days(value)}",
    "banked": lambda _, value: "scores carried over" if value else "no scores carried over",
    "credits": lambda _, value: f"studies {value:.0f} credits at once",
    "days_to_first": lambda _, value: f"first session {_days(value)} after the start",
    "days_idle": lambda _, value: f"no session for {_days(value)}",
    "sessions_per_week": lambda _, value: f"about {value:.1f} sessions a week",
    "accuracy_level": lambda _, value: f"about {value:.0%} right on first attempts in lessons",
    "accuracy_trend": lambda _, value: (
        "accuracy in lessons is falling" if value < 0 else "accuracy in lessons is not falling"
    ),
    "stuck_exits": lambda _, value: f"left {value:.0f} sessions when stuck in the last four weeks",
}
"""What each feature says, for a teacher."""


def _days(count: float) -> str:
    return f"{count:.0f} day{'' if round(count) == 1 else 's'}"


def _pieces(count: int) -> str:
    return f"{count} piece{'' if count == 1 else 's'}"
