"""What the platform remembers of one learner in one course, between two answers.

Two parts. *Progress* (which items were answered, where in the course the learner is) is kept for every
learner. The *profile* (knowledge, running averages, recent attempts, past moves) is kept only while consent
to personalisation is live; ``forget_profile`` drops it.

Stored as JSON, sealed, one row per learner and course, and inside each decision record, where replay reads
it. The format grows only by appending fields whose defaults mean "as before" and never change: fields at
their default are not written. Sizes are bounded, whatever a learner does (``MAX_*``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from learning.moves import INTERVENTIONS, Move
from learning.reviews import Memory, practised
from runtime.errors import TutelaError

PRIOR_KNOWLEDGE: Final = 0.3
"""Probability that a skill is known before it was ever practised (p(L0) of Corbett & Anderson 1995)."""
IN_A_ROW: Final = 3
"""Right answers without help in a row that end wheel-spinning (Beck & Gong 2013)."""

MAX_RECENT: Final = 20
MAX_ITEMS: Final = 1000
MAX_SKILLS: Final = 500
MAX_MISCONCEPTIONS: Final = 8
"""Per skill. Of everything, what was touched longest ago goes first."""

LEVEL_WEIGHT: Final = 0.3
FAST_WEIGHT: Final = 0.5
SLOW_WEIGHT: Final = 0.15
TIME_WEIGHT: Final = 1 / 3
HABIT_WEIGHT: Final = 0.1
"""Weights of the newest value in the running averages below."""

_V = TypeVar("_V")


class StateUnreadable(TutelaError):
    """Stored bytes are no learner state that this release can read (corrupted, or of a newer release)."""

    status = 500
    slug = "state-unreadable"
    title = "What is stored about this course cannot be read"


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SkillState(_Stored):
    """One skill. ``p`` is the probability that it is known; streaks count answers where it was in focus."""

    p: float = Field(default=PRIOR_KNOWLEDGE, gt=0, lt=1)
    opportunities: int = 0
    unaided_streak: int = 0
    """Right answers without a hint in a row."""
    wrong_streak: int = 0
    stuck: int = 0
    """Opportunities since the last time ``IN_A_ROW`` were right in a row, or since the teacher was told."""
    misconceptions: dict[str, int] = Field(default_factory=dict)
    """How often each misconception showed; the one seen last stands last."""
    memory: Memory | None = None


class Recent(NamedTuple):
    """One recent attempt. Written as a JSON array: append fields with defaults only."""

    item: str
    skill: str
    correct: bool
    credit: float
    hints_used: int
    first: bool
    """First attempt of this learner at this item."""
    response_time_z: float | None = None
    hesitation_z: float | None = None
    rapid: bool | None = None
    """Faster than the item can be read; None when no time was reported."""


class ItemMemory(NamedTuple):
    """What is left of a learner's attempts at one item. ``last`` is the count of answers at the last one."""

    attempts: int
    right: bool
    """The last attempt was right."""
    last: int


class Averages(_Stored):
    """Running averages. Each starts at its first value; None is "nothing yet"."""

    first_attempts: int = 0
    accuracy: float | None = None
    """Credit of first attempts at items."""
    residual_fast: float | None = None
    residual_slow: float | None = None
    """Credit of first attempts less what the knowledge model expected."""
    response_time: float | None = None
    """z of the response time."""
    hesitation: float | None = None
    """Hesitation above the item's norm in ln ms: the learner's own habit, taken out of later measurements."""


class Interventions(_Stored):
    """Memory of moves, for rate limits and for noticing that one did not help."""

    last_move: Move | None = None
    answers_since: int | None = None
    """Answers since the last intervention; None before the first."""
    tutor_prompted_at: datetime | None = None
    declined: int = 0
    """Offers turned down in this session."""
    explained: str | None = None
    """Skill that was explained more simply, until an answer on it is right."""


class LearnerState(_Stored):
    """One learner in one course. ``LearnerState.new()`` is somebody who has not started."""

    format: Literal["tutela.learner-state/1"]
    answers: int = 0
    right: int = 0
    lesson: str | None = None
    """The level the learner is at."""
    passed: tuple[str, ...] = ()
    """Lessons the learner has been moved on from, in that order."""
    offered: str | None = None
    """Item that was offered last and not answered yet: where to resume."""
    items: dict[str, ItemMemory] = Field(default_factory=dict)

    skills: dict[str, SkillState] = Field(default_factory=dict)
    recent: tuple[Recent, ...] = ()
    averages: Averages = Averages()
    interventions: Interventions = Interventions()

    @classmethod
    def new(cls) -> Self:
        return cls(format="tutela.learner-state/1")

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        """Read what ``to_bytes`` of this or an earlier release wrote.

        Raises:
            StateUnreadable: it is something else.
        """
        try:
            return cls.model_validate_json(stored)
        except ValidationError:
            # The validator's message quotes the stored values.
            raise StateUnreadable from None

    def to_bytes(self) -> bytes:
        """Compact JSON: fields in the order declared here, without those at their default."""
        return self.model_dump_json(exclude_defaults=True).encode()

    def skill(self, skill: str) -> SkillState:
        """The skill's state; a skill never practised is at its prior."""
        return self.skills.get(skill, _UNPRACTISED)


_UNPRACTISED: Final = SkillState()


class Attempt(_Stored):
    """One graded answer, reduced to what a state remembers of it."""

    item: str
    lesson: str
    correct: bool
    credit: float = Field(ge=0, le=1)
    """Share of the item's score, whatever help was used."""
    hints_used: int = Field(ge=0)
    bottomed_out: bool = False
    """All of the item's hints were seen, so that the answer says nothing about the learner."""
    misconception: str | None = None
    at: datetime

    @property
    def unaided(self) -> bool:
        return self.hints_used == 0

    @property
    def assisted_credit(self) -> float:
        """Credit for accuracy: all of it unaided, half with a hint, none after the last hint."""
        return self.credit * (1.0 if self.unaided else 0.0 if self.bottomed_out else 0.5)


class Measured(_Stored):
    """What personalisation makes of an attempt; without consent there is none."""

    skill: str
    """The skill in focus: of those the item is tagged with, the one known least."""
    knowledge: dict[str, float]
    """Probability after the answer, for each skill the item is tagged with."""
    expected: float = Field(ge=0, le=1)
    """Credit that the knowledge model expected before the answer."""
    response_time_z: float | None = None
    hesitation_ln: float | None = None
    """Hesitation above the item's norm, ln ms."""
    hesitation_z: float | None = None
    """The same, less the learner's habit, in units of the item's spread."""
    rapid: bool | None = None


def advance(state: LearnerState, attempt: Attempt, measured: Measured | None) -> LearnerState:
    """The state after ``attempt``; with ``measured`` None only progress moves, never the profile."""
    first = attempt.item not in state.items
    answers = state.answers + 1
    remembered = ItemMemory(
        attempts=1 if first else state.items[attempt.item].attempts + 1, right=attempt.correct, last=answers
    )
    progress: dict[str, object] = {
        "answers": answers,
        "right": state.right + attempt.correct,
        "lesson": state.lesson or attempt.lesson,
        "offered": None,
        "items": _newest(state.items, attempt.item, remembered, MAX_ITEMS),
    }
    if measured is not None:
        progress |= _profile(state, attempt, measured, first=first)
    return state.model_copy(update=progress)


def _profile(state: LearnerState, attempt: Attempt, measured: Measured, *, first: bool) -> dict[str, object]:
    skills = state.skills
    for skill, p in measured.knowledge.items():
        before = state.skill(skill)
        after = before.model_copy(update={"p": p})
        if skill == measured.skill:
            after = _in_focus(after, attempt)
        if skill == measured.skill or attempt.correct:  # a right answer needed every skill of the item
            memory = practised(before.memory, right=attempt.correct, aided=not attempt.unaided, at=attempt.at)
            after = after.model_copy(update={"memory": memory})
        skills = _newest(skills, skill, after, MAX_SKILLS)
    recent = Recent(
        item=attempt.item,
        skill=measured.skill,
        correct=attempt.correct,
        credit=attempt.credit,
        hints_used=attempt.hints_used,
        first=first,
        response_time_z=measured.response_time_z,
        hesitation_z=measured.hesitation_z,
        rapid=measured.rapid,
    )
    interventions = state.interventions
    since = interventions.answers_since
    helped = attempt.correct and interventions.explained == measured.skill
    return {
        "skills": skills,
        "recent": (*state.recent, recent)[-MAX_RECENT:],
        "averages": _averages(state.averages, attempt, measured, first=first),
        "interventions": interventions.model_copy(
            update={
                "answers_since": None if since is None else since + 1,
                "explained": None if helped else interventions.explained,
            }
        ),
    }


def _in_focus(skill: SkillState, attempt: Attempt) -> SkillState:
    streak = skill.unaided_streak + 1 if attempt.correct and attempt.unaided else 0
    misconceptions = skill.misconceptions
    if attempt.misconception is not None:
        seen = misconceptions.get(attempt.misconception, 0) + 1
        misconceptions = _newest(misconceptions, attempt.misconception, seen, MAX_MISCONCEPTIONS)
    return skill.model_copy(
        update={
            "opportunities": skill.opportunities + 1,
            "unaided_streak": streak,
            "wrong_streak": 0 if attempt.correct else skill.wrong_streak + 1,
            "stuck": 0 if streak >= IN_A_ROW else skill.stuck + 1,
            "misconceptions": misconceptions,
        }
    )


def _averages(averages: Averages, attempt: Attempt, measured: Measured, *, first: bool) -> Averages:
    update: dict[str, object] = {}
    if first:
        credit = attempt.assisted_credit
        residual = credit - measured.expected
        update = {
            "first_attempts": averages.first_attempts + 1,
            "accuracy": _average(averages.accuracy, credit, LEVEL_WEIGHT),
            "residual_fast": _average(averages.residual_fast, residual, FAST_WEIGHT),
            "residual_slow": _average(averages.residual_slow, residual, SLOW_WEIGHT),
        }
    if measured.response_time_z is not None:
        update["response_time"] = _average(averages.response_time, measured.response_time_z, TIME_WEIGHT)
    if measured.hesitation_ln is not None:
        update["hesitation"] = _average(averages.hesitation, measured.hesitation_ln, HABIT_WEIGHT)
    return averages.model_copy(update=update)


def _average(before: float | None, value: float, weight: float) -> float:
    return round(value if before is None else before + weight * (value - before), 6)


def _newest(entries: dict[str, _V], key: str, value: _V, most: int) -> dict[str, _V]:
    """``entries`` with ``key`` set and standing last; beyond ``most`` the first, touched longest ago, go."""
    kept = {name: entry for name, entry in entries.items() if name != key}
    kept[key] = value
    for name in list(kept)[: max(0, len(kept) - most)]:
        del kept[name]
    return kept


def moved(
    state: LearnerState,
    move: Move,
    *,
    lesson: str | None,
    item: str | None,
    skill: str | None,
    passed: str | None = None,
    at: datetime,
    profiled: bool,
) -> LearnerState:
    """The state after a decision chose ``move`` and offers ``item``; ``passed`` is the lesson left behind."""
    update: dict[str, object] = {"lesson": lesson, "offered": item}
    if passed is not None and passed not in state.passed:
        update["passed"] = (*state.passed, passed)
    if profiled:
        interventions: dict[str, object] = {"last_move": move}
        if move in INTERVENTIONS:
            interventions["answers_since"] = 0
        if move is Move.TUTOR_PROMPT:
            interventions["tutor_prompted_at"] = at
        if move is Move.SIMPLER_EXPLANATION:
            interventions["explained"] = skill
        update["interventions"] = state.interventions.model_copy(update=interventions)
        if move is Move.ASK_TEACHER and skill is not None:
            told = state.skill(skill).model_copy(update={"stuck": 0})
            update["skills"] = {**state.skills, skill: told}
    return state.model_copy(update=update)


def declined(state: LearnerState) -> LearnerState:
    """The learner turned the last offer down."""
    interventions = state.interventions
    quieter = interventions.model_copy(update={"declined": interventions.declined + 1})
    return state.model_copy(update={"interventions": quieter})


def new_session(state: LearnerState) -> LearnerState:
    """What was turned down in an earlier session no longer counts."""
    return state.model_copy(update={"interventions": state.interventions.model_copy(update={"declined": 0})})


def forget_profile(state: LearnerState) -> LearnerState:
    """Only progress is left. For withdrawal of consent to personalisation (GDPR Art. 7(3), 17(1)(b))."""
    return state.model_copy(
        update={
            "skills": {},
            "recent": (),
            "averages": Averages(),
            "interventions": Interventions(),
        }
    )
