"""The features of a learner's answers, each defined once.

``FEATURES`` is the order of the session-risk model's input vector; a model made for another order refuses to
load. All are derived from answers a learner gave on purpose: no camera, no microphone, no key or pointer
timing, nothing about who the learner is. Times count visible page time and come from the client with the
answer; a client that reports none leaves the time features unknown.

Computing any of them is profiling (GDPR Art. 4(4)), so it needs live consent to ``Feature.purpose``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from learning.features.feature import NEVER_NULL, Feature
from learning.features.times import Z_LIMIT
from learning.state import LearnerState

MIN_FOR_LEVEL: Final = 3
MIN_FOR_TREND: Final = 5
MIN_FOR_RAPID: Final = 5
WINDOW: Final = 10
HESITATION_WINDOW: Final = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """What features are computed from: the state after the answer, the skill in focus, the item answered."""

    state: LearnerState
    skill: str
    item: str | None


def _accuracy_level(seen: Seen) -> float | None:
    averages = seen.state.averages
    return averages.accuracy if averages.first_attempts >= MIN_FOR_LEVEL else None


def _accuracy_trend(seen: Seen) -> float | None:
    averages = seen.state.averages
    if averages.first_attempts < MIN_FOR_TREND:
        return None
    assert averages.residual_fast is not None
    assert averages.residual_slow is not None
    return averages.residual_fast - averages.residual_slow


def _hesitation_index(seen: Seen) -> float | None:
    known = [r.hesitation_z for r in seen.state.recent[-HESITATION_WINDOW:] if r.hesitation_z is not None]
    return sum(known) / len(known) if known else None


def _hints_used(seen: Seen) -> float | None:
    recent = seen.state.recent[-WINDOW:]
    return sum(r.hints_used for r in recent) / len(recent) if recent else None


def _rapid_guess_share(seen: Seen) -> float | None:
    known = [r.rapid for r in seen.state.recent[-WINDOW:] if r.rapid is not None]
    return sum(known) / len(known) if len(known) >= MIN_FOR_RAPID else None


def _misconception_repeats(seen: Seen) -> float | None:
    return max(seen.state.skill(seen.skill).misconceptions.values(), default=0)


def _item_attempts(seen: Seen) -> float | None:
    memory = seen.state.items.get(seen.item) if seen.item is not None else None
    return memory.attempts if memory is not None else None


FEATURES: Final[tuple[Feature[Seen], ...]] = (
    Feature(
        name="accuracy_level",
        title="Accuracy",
        formula="running mean (newest weighs 0.3) of credit on first attempts: all of the item's credit "
        "unaided, half with a hint, none after the last hint",
        unit="share",
        low=0,
        high=1,
        window="about the last 6 items",
        null_rule=f"fewer than {MIN_FOR_LEVEL} first attempts",
        neutral=0.7,
        source="first attempts: OLI Torus proficiency; hint as assistance: ASSISTments",
        compute=_accuracy_level,
    ),
    Feature(
        name="accuracy_trend",
        title="Accuracy trend",
        formula="running means, newest weighing 0.5 less newest weighing 0.15, of credit less the credit "
        "that the knowledge model expected",
        unit="share, difference",
        low=-2,
        high=2,
        window="about the last 12 items",
        null_rule=f"fewer than {MIN_FOR_TREND} first attempts",
        neutral=0.0,
        source="adjusted for difficulty, so that easier items do not look like improvement",
        compute=_accuracy_trend,
    ),
    Feature(
        name="response_time_z",
        title="Response time",
        formula="running mean (newest weighs 1/3) of (ln ms - item mean) / item spread; item mean and "
        "spread of ln ms, with the course's as 20 more answers; above 10 medians counts as 10 medians",
        unit="z",
        low=-Z_LIMIT,
        high=Z_LIMIT,
        window="about the last 5 answers",
        null_rule="no answer with a reported time",
        neutral=0.0,
        source="lognormal response times, van der Linden 2006",
        compute=lambda seen: seen.state.averages.response_time,
    ),
    Feature(
        name="hesitation_index",
        title="Hesitation",
        formula="mean of (ln(1 + ms to first input beyond reading) - item mean - learner's habit) / item "
        "spread; reading at 200 words per minute; habit is a running mean (newest weighs 0.1)",
        unit="z",
        low=-Z_LIMIT,
        high=Z_LIMIT,
        window=f"last {HESITATION_WINDOW} answers",
        null_rule="none of them with a reported time",
        neutral=0.0,
        source="first-action latency in ASSISTments logs; whether the learner looked on is not known here",
        compute=_hesitation_index,
    ),
    Feature(
        name="knowledge",
        title="Knowledge of the skill",
        formula="probability that the skill in focus is known, after the answer, by the knowledge model",
        unit="probability",
        low=0,
        high=1,
        window="all answers",
        null_rule=NEVER_NULL,
        neutral=0.6,
        source="Corbett & Anderson 1995",
        compute=lambda seen: seen.state.skill(seen.skill).p,
    ),
    Feature(
        name="opportunities",
        title="Answers on the skill",
        formula="answers with this skill in focus",
        unit="count",
        low=0,
        high=10_000,
        window="all answers",
        null_rule=NEVER_NULL,
        neutral=3.0,
        source="opportunity count of learning-curve analysis",
        compute=lambda seen: float(seen.state.skill(seen.skill).opportunities),
    ),
    Feature(
        name="hints_used",
        title="Hints used",
        formula="hints used per answer",
        unit="hints per answer",
        low=0,
        high=100,
        window=f"last {WINDOW} answers",
        null_rule="no answer",
        neutral=0.0,
        source="Aleven et al. 2016 on help seeking",
        compute=_hints_used,
    ),
    Feature(
        name="rapid_guess_share",
        title="Rapid guesses",
        formula="share of answers faster than 10 % of the item's mean time, within 2 s to 10 s",
        unit="share",
        low=0,
        high=1,
        window=f"last {WINDOW} answers",
        null_rule=f"fewer than {MIN_FOR_RAPID} with a reported time",
        neutral=0.0,
        source="Wise & Kong 2005 (response-time effort); NT10 threshold of Wise & Ma 2012",
        compute=_rapid_guess_share,
    ),
    Feature(
        name="wrong_streak",
        title="Wrong in a row",
        formula="wrong answers in a row with this skill in focus",
        unit="count",
        low=0,
        high=10_000,
        window="until a right answer",
        null_rule=NEVER_NULL,
        neutral=0.0,
        source="HelpNeeded rule of Kolibri",
        compute=lambda seen: float(seen.state.skill(seen.skill).wrong_streak),
    ),
    Feature(
        name="right_streak",
        title="Right in a row",
        formula="right answers without a hint in a row with this skill in focus",
        unit="count",
        low=0,
        high=10_000,
        window="until a wrong or helped answer",
        null_rule=NEVER_NULL,
        neutral=0.0,
        source="n-in-a-row mastery of Kolibri and ASSISTments",
        compute=lambda seen: float(seen.state.skill(seen.skill).unaided_streak),
    ),
    Feature(
        name="item_attempts",
        title="Attempts at the item",
        formula="attempts at the item just answered, this one included",
        unit="count",
        low=1,
        high=10_000,
        window="as long as the item is remembered",
        null_rule="no item was answered",
        neutral=1.0,
        source="attempt count of ASSISTments logs",
        compute=_item_attempts,
    ),
    Feature(
        name="misconception_repeats",
        title="Same slip again",
        formula="how often the most frequent misconception on this skill has shown",
        unit="count",
        low=0,
        high=10_000,
        window="all answers",
        null_rule=NEVER_NULL,
        neutral=0.0,
        source="authored wrong answers, as in Oppia's misconceptions",
        compute=_misconception_repeats,
    ),
    Feature(
        name="stuck",
        title="Tries without a run of success",
        formula="answers with this skill in focus since 3 were right in a row or the teacher was told",
        unit="count",
        low=0,
        high=10_000,
        window="all answers",
        null_rule=NEVER_NULL,
        neutral=3.0,
        source="wheel-spinning, Beck & Gong 2013",
        compute=lambda seen: float(seen.state.skill(seen.skill).stuck),
    ),
)

FEATURE_NAMES: Final = tuple(feature.name for feature in FEATURES)
