"""What travels between route, workflow and activity about a session. Values only, nothing heavy imported.

Wire format: these appear (sealed) in Temporal histories, so they evolve by appending fields with defaults.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from governance.accounts import Principal
from learning.courses.content import Response
from runtime.carriers import payload
from runtime.columns import Category

NO_DIGEST = bytes(32)
"""The digest of no answers at all."""


class Lane(StrEnum):
    """Which way an answer took."""

    ENGINE = "engine"
    DIRECT = "direct"


class Message(BaseModel):
    """Base of messages: immutable, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@payload(Category.ASSESSMENT, purpose="teaching")
class AnswerCommand(Message):
    """A learner's answer on its way in.

    ``response_ms`` runs from the item in view to submission, ``hesitation_ms`` to the first input; both count
    visible time only and are None when the client cannot measure them.
    """

    principal: Principal
    session_id: UUID
    answer_id: UUID
    step_id: UUID
    response: Response
    response_ms: int | None = None
    hesitation_ms: int | None = None
    answered_at: datetime | None = None
    lane: Lane = Lane.DIRECT


class GradeView(Message):
    """How the answer was graded. ``credit`` is a share (0-1)."""

    correct: bool
    credit: float
    feedback: str
    misconception: str | None = None
    solution: str | None = None


class OptionView(Message):
    """An option without what it would reveal."""

    id: str
    text: str


class ItemView(Message):
    """An item as a learner may see it before answering."""

    id: str
    kind: str
    stem: str
    options: tuple[OptionView, ...] = ()
    units: tuple[str, ...] = ()
    hints: int = Field(default=0, description="How many hint tiers there are.")


class StepView(Message):
    """One offered instance of an item; answers name its ``step_id``."""

    step_id: UUID
    lesson_id: str
    lesson_title: str
    item: ItemView
    chosen: bool = False
    hints_shown: tuple[str, ...] = ()


class MoveView(Message):
    """What comes next and why, in the learner's words."""

    kind: str
    lesson_id: str | None = None
    skill: str | None = None
    explanation: str | None = Field(
        default=None, description="The simpler explanation, where that is the move."
    )
    prompt: str | None = Field(default=None, description="The tutor's question, where that is the move.")
    why: str = Field(description="One sentence: the evidence, and what would have changed the move.")


class Evidence(Message):
    """Numbers behind the move; empty without consent to personalisation."""

    p_correct: float | None = Field(
        default=None, description="Predicted chance of a right answer, before it."
    )
    mastery: dict[str, float] = Field(default_factory=dict, description="Knowledge estimate by skill, after.")


@payload(Category.ASSESSMENT, purpose="teaching")
class Reply(Message):
    """The answer to an answer."""

    session_id: UUID
    answer_id: UUID
    decision_id: UUID
    seq: int
    lane: Lane
    grade: GradeView
    move: MoveView
    next_step: StepView | None = Field(description="Null when the course is complete.")
    evidence: Evidence
    course_complete: bool = False


@payload(Category.PSEUDONYM, purpose="teaching")
class Cursor(Message):
    """How far the workflow has followed: answers up to ``seq`` chain to ``digest`` (hexadecimal)."""

    seq: int = 0
    digest: str = NO_DIGEST.hex()


@payload(Category.ASSESSMENT, purpose="teaching")
class FollowedReply(Message):
    """What the engine lane's activity returns: the reply, and the cursor after all answers so far."""

    reply: Reply
    cursor: Cursor


@payload(Category.PSEUDONYM, purpose="teaching")
class SessionInput(Message):
    """What a session's workflow starts from. Durations come in here, so that tests can take seconds."""

    tenant: UUID
    session_id: UUID
    subject_ref: UUID
    inactivity_s: float
    answers_per_run: int = 200
    cursor: Cursor = Cursor()
    consent_epoch: int = 0


@payload(Category.PSEUDONYM, purpose="teaching")
class Follow(Message):
    """Asks what happened after a cursor."""

    tenant: UUID
    session_id: UUID
    cursor: Cursor


@payload(Category.PSEUDONYM, purpose="teaching")
class Followed(Message):
    """What happened: the new cursor, whether the session is over, and how long it may still be idle."""

    cursor: Cursor
    closed: bool
    wait_s: float = 0.0


@payload(Category.PSEUDONYM, purpose="teaching")
class RunNote(Message):
    """One run of a workflow, for our own record of runs."""

    tenant: UUID
    namespace: str
    workflow_id: str
    run_id: str


@payload(Category.PSEUDONYM, purpose="teaching")
class SessionResult(Message):
    """How a session's workflow ended."""

    cursor: Cursor
