"""What a decision reads and what it says: the values that are recorded, replayed, shown and contested.

``DecisionInputs`` is everything that ``learning.adaptation.decide`` reads about the learner and the moment;
course, rules and models are named by digest. Both formats only grow by fields with defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from learning.courses.content import Item
from learning.features.times import ItemTimes
from learning.moves import Move
from learning.quizzes import Grade
from learning.state import LearnerState
from runtime.errors import FieldFault, Invalid

MAX_RESPONSE_MS: Final = 6 * 60 * 60 * 1000
"""Six hours of visible time on one item; more is a broken clock."""


class EffortUnfit(Invalid):
    """Reported times or hints cannot be true; the field at fault is named."""

    slug = "effort-unfit"
    title = "The reported time or hints cannot be right"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class GradedAttempt(_Value):
    """A graded answer. Times are of visible page time and None when the client reported none.

    ``response_ms``: item shown to answer sent. ``hesitation_ms``: item shown to first input.
    """

    item: str
    correct: bool
    credit: float = Field(ge=0, le=1)
    misconception: str | None = None
    hints_used: int = Field(default=0, ge=0)
    response_ms: int | None = Field(default=None, ge=0, le=MAX_RESPONSE_MS)
    hesitation_ms: int | None = Field(default=None, ge=0, le=MAX_RESPONSE_MS)


def graded(
    item: Item,
    grade: Grade,
    *,
    hints_used: int = 0,
    response_ms: int | None = None,
    hesitation_ms: int | None = None,
) -> GradedAttempt:
    """The attempt as a decision reads it.

    Raises:
        EffortUnfit: more hints than the item has, a time out of bounds, or a first input after the answer.
    """
    if not 0 <= hints_used <= len(item.hints):
        raise _unfit("hints_used", f"This item has {len(item.hints)} hints.")
    for field, value in (("response_ms", response_ms), ("hesitation_ms", hesitation_ms)):
        if value is not None and not 0 <= value <= MAX_RESPONSE_MS:
            raise _unfit(field, f"Give milliseconds from 0 to {MAX_RESPONSE_MS}.")
    if response_ms is not None and hesitation_ms is not None and hesitation_ms > response_ms:
        raise _unfit("hesitation_ms", "The first input cannot come after the answer.")
    return GradedAttempt(
        item=item.id,
        correct=grade.correct,
        credit=grade.credit,
        misconception=grade.misconception,
        hints_used=hints_used,
        response_ms=response_ms,
        hesitation_ms=hesitation_ms,
    )


def _unfit(field: str, message: str) -> EffortUnfit:
    return EffortUnfit(message, faults=(FieldFault(field, message),))


class Gates(_Value):
    """What people and circumstances forbid before anything is weighed."""

    assessment: bool = False
    """A test: items come in their fixed order, nothing helps, nothing is profiled."""
    lesson_locked: bool = False
    """The teacher keeps the learner at the present lesson."""
    tutor_off: bool = False
    """The course or the learner wants no tutor prompts."""


class DecisionInputs(_Value):
    """Everything about learner and moment that a decision reads.

    ``decision_id`` also seeds the choice among equals. ``attempt`` None: a session begins or resumes.
    """

    format: Literal["tutela.decision-inputs/1"] = "tutela.decision-inputs/1"
    decision_id: UUID
    decided_at: AwareDatetime
    course_digest: str
    personalised: bool
    """Consent to personalisation is live."""
    gates: Gates = Gates()
    state: LearnerState
    attempt: GradedAttempt | None = None
    item_times: ItemTimes = ItemTimes()
    course_times: ItemTimes = ItemTimes()
    """Response times of all learners: of the item, and over the course."""


class Condition(StrEnum):
    """What a rule may ask of the evidence. Append, never rename: rules and records hold these."""

    RIGHT = "right"
    WRONG = "wrong"
    STUCK = "stuck"
    RAPID = "rapid"
    MISCONCEPTION_REPEATED = "misconception_repeated"
    WRONG_AFTER_EXPLANATION = "wrong_after_explanation"
    HESITANT = "hesitant"
    WRONG_IN_A_ROW = "wrong_in_a_row"
    STRUGGLING = "struggling"
    RISK_HIGH = "risk_high"
    REVIEW_DUE = "review_due"
    LESSON_READY = "lesson_ready"
    LEVEL_OPEN = "level_open"
    OFFERED_BEFORE = "offered_before"


class Due(_Value):
    """A mastered skill that is fading. ``retrievability`` 0-1, ``days`` since it was last practised."""

    skill: str
    retrievability: float
    days: int


class Evidence(_Value):
    """The facts that rules read, as of after the answer, rounded. Counts are of answers."""

    skill: str
    """The skill in focus."""
    lesson: str
    """The learner's level."""
    correct: bool | None = None
    """None when no answer was given: a session begins."""
    hints_used: int = 0
    p: float
    """Probability that the skill in focus is known."""
    p_correct_next: float
    """Probability that the next unaided answer on it is right."""
    opportunities: int
    unaided_streak: int
    wrong_streak: int
    stuck: int
    recent_right: int
    recent_count: int
    """Of the last few answers on the skill in focus, how many were right."""
    rapid: int
    rapid_of: int
    last_rapid: bool = False
    hesitant: int
    hesitant_of: int
    misconception: str | None = None
    misconception_times: int = 0
    explained: bool = False
    """The skill was explained more simply and no answer on it has been right since."""
    risk: float | None = None
    risk_drivers: tuple[str, ...] = ()
    """Features that raise the risk most, as the model's own graph says."""
    due: tuple[Due, ...] = ()
    """Most faded first."""
    unready: tuple[str, ...] = ()
    """Skills of the present lesson that are not ready to move on from."""
    next_lesson: str | None = None
    missing: tuple[str, ...] = ()
    """Prerequisites of the lesson ahead that are not ready."""
    finished: bool = False
    """No lesson is left after the present one."""
    offered: str | None = None
    """Item offered before and not answered."""


class Gate(StrEnum):
    """Why a move is closed. Append, never rename."""

    LESSON_LOCKED = "lesson_locked"
    """The teacher keeps the learner at this lesson."""
    TUTOR_OFF = "tutor_off"
    TOO_SOON = "too_soon"
    """The last interruption was too few answers, or too little time, ago."""
    QUIET = "quiet"
    """The learner turned offers down in this session."""
    NO_TEXT = "no_text"
    """The course has nothing to show for it here."""
    JUST_EXPLAINED = "just_explained"
    """The skill was explained more simply already, and no answer on it has been right since."""
    JUST_REVIEWED = "just_reviewed"
    """The last item was a review already."""


class ChangeKind(StrEnum):
    """Ways in which the evidence could have been different. Append, never rename."""

    ANSWER_RIGHT = "answer_right"
    """This answer had been right, without a hint."""
    ANSWER_WRONG = "answer_wrong"
    """This answer had been wrong."""
    ANSWER_UNAIDED = "answer_unaided"
    """This answer had been given without a hint."""
    MORE_RIGHT = "more_right"
    """``count`` more unaided right answers on ``skill`` just before."""
    MORE_WRONG = "more_wrong"
    """``count`` more wrong answers on ``skill`` just before."""
    NOT_RAPID = "not_rapid"
    """The recent answers had taken longer."""
    NOT_HESITANT = "not_hesitant"
    """The recent answers had been begun sooner."""
    REVIEWED = "reviewed"
    """``skill`` had been practised today."""
    UNDISTURBED = "undisturbed"
    """No interruption had come lately and none had been turned down."""
    UNLOCKED = "unlocked"
    """The teacher had not locked the lesson, and the tutor was on."""


class Change(_Value):
    """One difference of evidence."""

    kind: ChangeKind
    skill: str | None = None
    count: int = 1


class Counterfactual(_Value):
    """Had all ``changes`` been so, rule ``rule`` would have chosen ``move``."""

    changes: tuple[Change, ...] = Field(min_length=1)
    move: Move
    rule: str
    course_complete: bool = False


class Standing(StrEnum):
    """Why a move was not chosen."""

    CLOSED = "closed"
    """A gate forbids it."""
    NOT_CALLED_FOR = "not_called_for"
    """No rule for it applies."""
    OUTRANKED = "outranked"
    """A rule for it applies, but an earlier rule does too."""


class Alternative(_Value):
    """A move that was not chosen. ``why``: the gate, the conditions that do not hold, or the earlier rule."""

    move: Move
    standing: Standing
    why: tuple[str, ...]


class TextKind(StrEnum):
    """Where a text that goes with a move stands in the course."""

    ITEM_SIMPLER = "item_simpler"
    LESSON_SIMPLER = "lesson_simpler"
    HINT = "hint"
    MISCONCEPTION = "misconception"


class TextRef(_Value):
    """A text of the course: of item, lesson or misconception ``id``; ``tier`` counts hints from 0."""

    kind: TextKind
    id: str
    tier: int | None = None


class Target(_Value):
    """Where to go. ``item`` is None exactly when the course is complete."""

    lesson: str | None = None
    item: str | None = None
    skill: str | None = None
    text: TextRef | None = None
    course_complete: bool = False


class Scores(_Value):
    """What the models said, rounded to 1e-4."""

    expected: float | None = None
    """Probability of this answer being right, before it was given."""
    knowledge: dict[str, float] = Field(default_factory=dict)
    """Probability that each skill of the item is known, after the answer."""
    risk: float | None = None
    """Probability, uncalibrated, that the next answers go wrong."""
    risk_drivers: tuple[tuple[str, float], ...] = ()
    """Features that raise the risk most, with their share of the score, as the model's own graph says."""


class Provenance(_Value):
    """Digests of what was decided with; ``models`` by role, empty when none was run."""

    course: str
    rules: str
    models: dict[str, str] = Field(default_factory=dict)


class Decision(_Value):
    """What was chosen, by which rule, on what evidence, and what would have changed it."""

    format: Literal["tutela.decision/1"] = "tutela.decision/1"
    decision_id: UUID
    decided_at: datetime
    personalised: bool
    strategy: str
    """``rules`` or ``course-order``."""
    propensity: float = 1.0
    """Probability with which the strategy chose this move; rules always 1."""
    rule: str
    move: Move
    target: Target
    because: tuple[Condition, ...] = ()
    """Conditions of the matched rule, all of which hold."""
    evidence: Evidence | None = None
    features: dict[str, float | None] = Field(default_factory=dict)
    scores: Scores = Scores()
    alternatives: tuple[Alternative, ...] = ()
    counterfactual: Counterfactual | None = None
    """None in the course's own order: there no evidence about the learner is weighed."""
    sentence: str
    """One plain sentence to the learner."""
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, to be recorded, and the learner's state after it, to be stored."""

    decision: Decision
    state: LearnerState
