"""Guardian links: who is whose guardian, as the school verified it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy.engine import Connection

from api.dependencies import CurrentPrincipal, CurrentResources
from api.ids import ClientId
from api.problems import documented
from governance.accounts import Principal
from governance.guardians import (
    Guardianship,
    Verification,
    end_link,
    find_link,
    link_guardian,
    links_of_learner,
)
from governance.permits import permit
from learning.relations import relations
from learning.resources import Resources
from policy.vocabulary import Action, ObjectType, Purpose, Relation

router = APIRouter(prefix="/v1", tags=["guardians"])

LinkId = Annotated[UUID, Path(description="The link, as its client named it.")]
LearnerRef = Annotated[UUID, Path(description="The learner's `subject_ref`.")]
_SCHOOL = frozenset({Relation.TENANT})
_OWN = frozenset({Relation.SELF, Relation.GUARDIAN_OF_MINOR})


class NewLinkBody(BaseModel):
    """A guardian whom the school has verified. Without ``until`` it runs until the learner is of age."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "link_id": "018f3c58-0000-7000-8000-000000000002",
                    "guardian": "5f0c0a5e-6f1e-4c9b-9d7e-0d1c3a0b9a12",
                    "learner": "5f0c0a5e-6f1e-4c9b-9d7e-0d1c3a0b9a11",
                    "method": "school_record",
                }
            ]
        },
    )

    link_id: ClientId
    guardian: UUID
    learner: UUID
    method: Verification
    until: AwareDatetime | None = None


class LinkBody(BaseModel):
    """A link as it stands; ``until`` says when it ended or will end."""

    model_config = ConfigDict(from_attributes=True)

    link_id: UUID
    guardian: UUID
    learner: UUID
    method: Verification
    verified_at: datetime
    until: datetime | None


@router.post("/guardian-links", status_code=201, operation_id="linkGuardian", responses=documented(409))
async def link(body: NewLinkBody, principal: CurrentPrincipal, resources: CurrentResources) -> LinkBody:
    """Link a guardian to a learner. The same request again returns the same link."""
    now = resources.clock.now()
    new = Guardianship(**dict(body), verified_by=principal.subject_ref, verified_at=now)

    def work(tx: Connection) -> Guardianship:
        _check(tx, resources, principal, Action.CREATE, body.learner)
        return link_guardian(tx, principal.tenant, new)

    return LinkBody.model_validate(await resources.database.write(work, tenant=principal.tenant))


@router.get(
    "/subjects/{subject_ref}/guardian-links", operation_id="listGuardianLinks", responses=documented()
)
async def list_links(
    subject_ref: LearnerRef, principal: CurrentPrincipal, resources: CurrentResources
) -> list[LinkBody]:
    """A learner's guardians, past ones too, oldest first."""

    def work(tx: Connection) -> list[Guardianship]:
        _check(tx, resources, principal, Action.LIST, subject_ref)
        return links_of_learner(tx, principal.tenant, subject_ref)

    found = await resources.database.read(work, tenant=principal.tenant)
    return [LinkBody.model_validate(one) for one in found]


@router.post("/guardian-links/{link_id}/end", operation_id="endGuardianLink", responses=documented())
async def end(link_id: LinkId, principal: CurrentPrincipal, resources: CurrentResources) -> LinkBody:
    """Let a link count no more, from now on: a court order, a dispute, a change of custody."""

    def work(tx: Connection) -> Guardianship:
        _of_school(tx, resources, principal)
        found = find_link(tx, principal.tenant, link_id)
        _check(tx, resources, principal, Action.UPDATE, found.learner)
        end_link(tx, principal.tenant, link_id, resources.clock.now())
        return find_link(tx, principal.tenant, link_id)

    return LinkBody.model_validate(await resources.database.write(work, tenant=principal.tenant))


def _check(tx: Connection, resources: Resources, principal: Principal, action: Action, learner: UUID) -> None:
    ties = relations(tx, principal, learner, resources.clock.now(), resources.keyring)
    permit(
        tx,
        principal,
        ties,
        action,
        ObjectType.GUARDIAN_LINK,
        Purpose.TRANSPARENCY if action is Action.LIST and ties & _OWN else Purpose.ADMINISTRATION,
        subject=learner,
        governor=resources.governor,
        lock=action is not Action.LIST,
    )


def _of_school(tx: Connection, resources: Resources, principal: Principal) -> None:
    """Whoever keeps no links is not told which there are."""
    permit(
        tx,
        principal,
        _SCHOOL,
        Action.UPDATE,
        ObjectType.GUARDIAN_LINK,
        Purpose.ADMINISTRATION,
        subject=None,
        governor=resources.governor,
    )
