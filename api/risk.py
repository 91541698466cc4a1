"""Who may need help, and why: for the teachers of a class, and for each learner about themselves.

A score ranks within a class and is no probability; show the band and the reasons. Nothing follows from it by
itself.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from api.classes import ClassId
from api.days import Day
from api.dependencies import CurrentPrincipal, CurrentResources
from api.pages import Cursor, Page, PageSize, page, read_cursor
from api.problems import documented
from learning import risk_list
from learning.risk import Band, Risk
from learning.risk_list import OwnRisk, RiskListRow, Scored

router = APIRouter(prefix="/v1/classes/{class_id}/risk", tags=["risk"])

AsOf = Annotated[
    Day | None,
    Query(description="Judge by what was known on this day; by the class's present day if left out."),
]
Since = Annotated[Day | None, Query(description="Compare with this day; with a week before if left out.")]


class ReasonBody(BaseModel):
    """Something that raises the score; ``contribution`` is its part, in logits."""

    model_config = ConfigDict(from_attributes=True)

    feature: str
    words: str = Field(examples=["2 of 3 pieces of work due is missing"])
    contribution: float


class ChangeBody(BaseModel):
    """Something that moved the score since the day compared with; positive ``delta`` is worse."""

    model_config = ConfigDict(from_attributes=True)

    feature: str
    words: str
    delta: float


class RiskBody(BaseModel):
    """A learner's standing. ``score`` (0-1) ranks within the class and is no probability."""

    band: Band
    score: float
    reasons: list[ReasonBody]
    changed: list[ChangeBody]

    @classmethod
    def parts(cls, found: RiskListRow | OwnRisk) -> dict[str, object]:
        return {
            "band": found.risk.band,
            "score": found.risk.score,
            "reasons": [ReasonBody.model_validate(one) for one in found.risk.reasons],
            "changed": [ChangeBody.model_validate(one) for one in found.changed],
        }


class RiskRowBody(RiskBody):
    """A learner of the class."""

    learner: UUID
    display_name: str | None


class RiskPage(Page[RiskRowBody]):
    """Learners of the class, most in need first: high, watch, too early to say, low; in each by score."""

    as_of: date
    since: date


class KeptBody(BaseModel):
    """A score as it was computed and kept when a grade or a session changed it."""

    computed_at: datetime
    as_of: date
    band: Band
    score: float
    reasons: list[ReasonBody]
    model: str = Field(description="SHA-256 of the model.")
    inputs_digest: str = Field(description="SHA-256 of what the model was given.")

    @classmethod
    def of(cls, scored: Scored | None) -> Self | None:
        if scored is None:
            return None
        risk: Risk = scored.risk
        return cls(
            computed_at=scored.computed_at,
            as_of=scored.as_of,
            band=risk.band,
            score=risk.score,
            reasons=[ReasonBody.model_validate(one) for one in risk.reasons],
            model=risk.model,
            inputs_digest=scored.inputs_digest,
        )


class OwnRiskBody(RiskBody):
    """One learner's score, everything it was computed from, and what is kept of earlier scores."""

    as_of: date
    since: date
    features: dict[str, float | None]
    contributions: dict[str, float]
    current: KeptBody | None
    previous: KeptBody | None


@router.get("", operation_id="listRisk", responses=documented())
async def list_risk(
    class_id: ClassId,
    principal: CurrentPrincipal,
    resources: CurrentResources,
    as_of: AsOf = None,
    since: Since = None,
    limit: PageSize = 50,
    cursor: Cursor = None,
) -> RiskPage:
    """Who in your class may need help, and why, and what changed since a week before."""
    after = read_cursor(cursor, int, int, str)
    found = await resources.database.read(
        lambda tx: risk_list.risk_list(
            tx, resources, principal, class_id, as_of=as_of, since=since, after=after, limit=limit + 1
        ),
        tenant=principal.tenant,
    )
    shown = page(found.rows, limit, lambda row: row.key)
    return RiskPage(
        as_of=found.as_of,
        since=found.since,
        next=shown.next,
        rows=[
            RiskRowBody(learner=row.subject_ref, display_name=row.display_name, **RiskBody.parts(row))
            for row in shown.rows
        ],
    )


@router.get("/{learner}", operation_id="readRisk", responses=documented())
async def read_risk(
    class_id: ClassId,
    learner: Annotated[UUID, Path(description="The learner's `subject_ref`; your own for your own score.")],
    principal: CurrentPrincipal,
    resources: CurrentResources,
    as_of: AsOf = None,
    since: Since = None,
) -> OwnRiskBody:
    """One learner's score, in full: teacher, learner and guardian see the same record."""
    found = await resources.database.read(
        lambda tx: risk_list.risk_of(tx, resources, principal, class_id, learner, as_of=as_of, since=since),
        tenant=principal.tenant,
    )
    return OwnRiskBody(
        as_of=found.as_of,
        since=found.since,
        features=found.risk.features,
        contributions=found.risk.contributions,
        current=KeptBody.of(found.current),
        previous=KeptBody.of(found.previous),
        **RiskBody.parts(found),
    )
