"""Sessions: start, resume, answer, hint, choose, end.

An answer's id is minted by the client, so a request that got no response is sent again as it was: the same id
and content return the same reply, whichever lane answered; the same id with other content is refused.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from api.days import Moment
from api.dependencies import CurrentLanes, CurrentPrincipal, CurrentResources
from api.ids import ClientId
from api.pages import Cursor, Page, PageSize, page, read_cursor
from api.plain import IS_NUMBER
from api.problems import documented
from learning.courses.content import Response
from learning.decisions import MAX_RESPONSE_MS
from learning.sessions import closing, opening
from learning.sessions.messages import AnswerCommand, Reply, StepView

router = APIRouter(prefix="/v1/sessions", tags=["sessions"])

SessionId = Annotated[UUID, Path(description="The session, as its client named it.")]
StepId = Annotated[UUID, Path(description="The step, as the last reply offered it.")]
Milliseconds = Annotated[int, Field(ge=0, le=MAX_RESPONSE_MS), IS_NUMBER]


class StartBody(BaseModel):
    """A new session of the caller in a class."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "session_id": "018f3c5a-7a10-7c3e-9c55-3f2b8f4c1a01",
                    "class_id": "018f3c59-0000-7000-8000-000000000001",
                }
            ]
        },
    )

    session_id: ClientId
    class_id: UUID


class SessionBody(BaseModel):
    """A session as it stands; ``step`` is what to answer now."""

    model_config = ConfigDict(from_attributes=True)

    session_id: UUID
    class_id: UUID
    course_id: str
    course_version: int
    state: str
    seq: int = Field(description="How many answers it has.")
    opened_at: datetime
    active_at: datetime
    closed_at: datetime | None
    end_reason: str | None
    step: StepView | None


class AnswerBody(BaseModel):
    """An answer to the offered step. Times count visible time only; leave out what was not measured."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "answer_id": "018f3c5b-1111-7c3e-9c55-3f2b8f4c1a02",
                    "step_id": "018f3c5a-2222-7c3e-9c55-3f2b8f4c1a03",
                    "response": {"kind": "choice", "option": "three-quarters"},
                    "response_ms": 8400,
                    "hesitation_ms": 2100,
                }
            ]
        },
    )

    answer_id: ClientId
    step_id: UUID
    response: Response
    response_ms: Milliseconds | None = None
    hesitation_ms: Milliseconds | None = None
    answered_at: Moment | None = None


class ChooseBody(BaseModel):
    """An item the learner picks instead of the offered one; ``step_id`` is minted by the client."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"step_id": "018f3c5b-3333-7c3e-9c55-3f2b8f4c1a04", "item_id": "naming-3"}]
        },
    )

    step_id: ClientId
    item_id: str = Field(max_length=80)


class SessionRow(BaseModel):
    """One of the caller's sessions."""

    model_config = ConfigDict(from_attributes=True)

    session_id: UUID
    class_id: UUID
    course_id: str
    state: str
    seq: int
    opened_at: datetime
    closed_at: datetime | None


class EndedBody(BaseModel):
    """A closed session and what it came to."""

    model_config = ConfigDict(from_attributes=True)

    session_id: UUID
    reason: str
    closed_at: datetime
    summary: closing.Summary

    @classmethod
    def of(cls, ended: closing.Ended) -> Self:
        return cls.model_validate(ended)


@router.post("", status_code=201, operation_id="startSession", responses=documented(409))
async def start_session(
    body: StartBody, principal: CurrentPrincipal, resources: CurrentResources
) -> SessionBody:
    """Start a session in a class you are enrolled in. The same request again returns the same session."""
    view = await opening.start(resources, principal, body.session_id, body.class_id)
    return SessionBody.model_validate(view)


@router.get("", operation_id="listSessions", responses=documented())
async def list_sessions(
    principal: CurrentPrincipal, resources: CurrentResources, limit: PageSize = 50, cursor: Cursor = None
) -> Page[SessionRow]:
    """Your sessions, newest first."""
    key = read_cursor(cursor, str)
    rows = await opening.list_own(resources, principal, UUID(str(key[0])) if key else None, limit + 1)
    return page([SessionRow.model_validate(row) for row in rows], limit, lambda row: (str(row.session_id),))


@router.get("/{session_id}", operation_id="readSession", responses=documented())
async def read_session(
    session_id: SessionId, principal: CurrentPrincipal, resources: CurrentResources
) -> SessionBody:
    """A session as it stands."""
    return SessionBody.model_validate(await opening.show(resources, principal, session_id))


@router.post("/{session_id}/resume", operation_id="resumeSession", responses=documented(409))
async def resume_session(
    session_id: SessionId, principal: CurrentPrincipal, resources: CurrentResources
) -> SessionBody:
    """Come back to an open session, at the step where you left it."""
    return SessionBody.model_validate(await opening.resume(resources, principal, session_id))


@router.post("/{session_id}/answers", operation_id="answerStep", responses=documented(409))
async def answer_step(
    session_id: SessionId, body: AnswerBody, principal: CurrentPrincipal, lanes: CurrentLanes
) -> Reply:
    """Answer the offered step: grade, feedback, the next move and why, in one reply."""
    command = AnswerCommand(principal=principal, session_id=session_id, **dict(body))
    return await lanes.answer(command)


@router.post("/{session_id}/steps", status_code=201, operation_id="chooseStep", responses=documented(409))
async def choose_step(
    session_id: SessionId, body: ChooseBody, principal: CurrentPrincipal, resources: CurrentResources
) -> SessionBody:
    """Pick an item of the course yourself; it becomes the step to answer."""
    view = await opening.choose(resources, principal, session_id, body.step_id, body.item_id)
    return SessionBody.model_validate(view)


@router.post("/{session_id}/steps/{step_id}/hints", operation_id="askHint", responses=documented(409))
async def ask_hint(
    session_id: SessionId, step_id: StepId, principal: CurrentPrincipal, resources: CurrentResources
) -> StepView:
    """Show the next hint of the offered step. An answer after a hint earns half the credit."""
    return await opening.hint(resources, principal, session_id, step_id)


@router.post("/{session_id}/end", operation_id="endSession", responses=documented(409))
async def end_session(
    session_id: SessionId, principal: CurrentPrincipal, resources: CurrentResources
) -> EndedBody:
    """End a session; ending it again returns the same summary."""
    return EndedBody.of(await closing.end(resources, principal, session_id))
