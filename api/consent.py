"""Consent: the notices, one request to give, one to withdraw, the history, and a receipt for each event.

The id of an event is minted by the client, so a request that got no response is sent again as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Self, TypeVar
from uuid import UUID

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from api.dependencies import CurrentPrincipal, CurrentResources
from api.ids import ClientId
from api.pages import Cursor, Page, PageSize, page, read_cursor
from api.plain import IS_NUMBER
from api.problems import documented
from governance import consent
from governance.accounts import Principal
from governance.consent_events import Act, ConsentEvent, GivenBy, history
from governance.notices import Notice, shipped_notices
from governance.permits import Permit, permit
from governance.receipts import receipt_of
from learning.relations import relations
from learning.resources import Resources
from policy.purposes import PurposeTerms
from policy.vocabulary import Action, ObjectType, Purpose, Relation, Role

router = APIRouter(prefix="/v1", tags=["consent"])

T = TypeVar("T")

JSON_LD = "application/ld+json"
SubjectRef = Annotated[UUID, Path(description="The person's `subject_ref`; your own is in `GET /v1/me`.")]
EventId = Annotated[UUID, Path(description="The event, as its client named it.")]
PurposeName = Annotated[Purpose, Path(description="A purpose that asks for consent.")]
NoticeId = Annotated[str, Path(max_length=80, examples=["personalisation"])]
Version = Annotated[int, Path(ge=1, le=1_000_000, examples=[1])]
Language = Annotated[str, Path(pattern="^[a-z]{2}$", examples=["en"])]
AnyLanguage = Annotated[
    str | None, Query(pattern="^[a-z]{2}$", description="Two letters, ISO 639-1; leave out for all.")
]
_SCHOOL = frozenset({Relation.TENANT})
_OWN = frozenset({Relation.SELF, Relation.GUARDIAN_OF_MINOR})


class NoticeBody(BaseModel):
    """A notice, exactly as it was published: ``sha256`` is over ``source`` in UTF-8."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    version: int
    language: str
    published: date
    purposes: list[Purpose]
    title: str
    text: str = Field(description="What people read, in Markdown.")
    source: str = Field(description="The whole file, front matter included.")
    sha256: str


class NoticeRefBody(BaseModel):
    """Which wording was decided on."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    version: int
    language: str
    sha256: str


class EventBody(BaseModel):
    """One consent event; ``valid_until`` is set where the purpose is live after it."""

    model_config = ConfigDict(from_attributes=True)

    event_id: UUID
    seq: int
    act: Act
    purpose: Purpose | None
    notice: NoticeRefBody | None
    given_by: GivenBy
    at: datetime
    valid_until: datetime | None


class StandingBody(BaseModel):
    """How a purpose stands: off until somebody says yes."""

    purpose: Purpose
    title: str
    description: str
    without_it: str = Field(description="What a person gets who says no.")
    live: bool
    valid_until: datetime | None
    last: EventBody | None

    @classmethod
    def of(cls, standing: consent.Standing, terms: PurposeTerms) -> Self:
        last = standing.last and EventBody.model_validate(standing.last)
        told = {"title": terms.title, "description": terms.description, "without_it": terms.without_it}
        return cls(
            purpose=standing.purpose,
            live=standing.live,
            valid_until=standing.valid_until,
            last=last,
            **told,
        )


class GiveBody(BaseModel):
    """Yes, having read this notice."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "event_id": "018f3c58-0000-7000-8000-000000000003",
                    "notice_id": "personalisation",
                    "notice_version": 1,
                    "notice_language": "en",
                }
            ]
        },
    )

    event_id: ClientId
    notice_id: str = Field(max_length=80)
    notice_version: Annotated[int, Field(ge=1, le=1_000_000), IS_NUMBER]
    notice_language: str = Field(pattern="^[a-z]{2}$")


class WithdrawBody(BaseModel):
    """No. No reason is asked."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"event_id": "018f3c58-0000-7000-8000-000000000004"}]},
    )

    event_id: ClientId


@router.get("/notices", operation_id="listNotices", responses=documented())
async def list_notices(
    principal: CurrentPrincipal, resources: CurrentResources, language: AnyLanguage = None
) -> list[NoticeBody]:
    """The notices in force."""
    await _may_read_notices(resources, principal)
    return [NoticeBody.model_validate(notice) for notice in shipped_notices().current(language)]


@router.get("/notices/{notice_id}/{version}/{language}", operation_id="readNotice", responses=documented())
async def read_notice(
    notice_id: NoticeId,
    version: Version,
    language: Language,
    principal: CurrentPrincipal,
    resources: CurrentResources,
) -> NoticeBody:
    """A notice as it was published, whether or not it is in force still."""
    await _may_read_notices(resources, principal)
    notice: Notice = shipped_notices().get(notice_id, version, language)
    return NoticeBody.model_validate(notice)


@router.get("/subjects/{subject_ref}/consents", operation_id="listConsents", responses=documented())
async def list_consents(
    subject_ref: SubjectRef, principal: CurrentPrincipal, resources: CurrentResources
) -> list[StandingBody]:
    """How each purpose that asks for consent stands for a person."""
    found = await _look(resources, principal, subject_ref, ObjectType.CONSENT, consent.standings)
    terms = resources.decision_point.purposes.terms
    return [StandingBody.of(standing, terms[standing.purpose]) for standing in found]


@router.post(
    "/subjects/{subject_ref}/consents/{purpose}/give", operation_id="giveConsent", responses=documented(409)
)
async def give_consent(
    subject_ref: SubjectRef,
    purpose: PurposeName,
    body: GiveBody,
    principal: CurrentPrincipal,
    resources: CurrentResources,
) -> EventBody:
    """Say yes: for yourself, or for a learner you are the guardian of while they are too young."""
    command = consent.GrantCommand(subject=subject_ref, purpose=purpose, **dict(body))

    def work(tx: Connection) -> ConsentEvent:
        ties = relations(tx, principal, subject_ref, resources.clock.now(), resources.keyring)
        return consent.give(tx, resources.governor, shipped_notices(), principal, ties, command)

    return EventBody.model_validate(await resources.database.write(work, tenant=principal.tenant))


@router.post(
    "/subjects/{subject_ref}/consents/{purpose}/withdraw",
    operation_id="withdrawConsent",
    responses=documented(409),
)
async def withdraw_consent(
    subject_ref: SubjectRef,
    purpose: PurposeName,
    body: WithdrawBody,
    principal: CurrentPrincipal,
    resources: CurrentResources,
) -> EventBody:
    """Say no, or take a yes back. From the reply on nothing new is decided or stored under it."""
    command = consent.WithdrawCommand(body.event_id, subject_ref, purpose)

    def work(tx: Connection) -> ConsentEvent:
        ties = relations(tx, principal, subject_ref, resources.clock.now(), resources.keyring)
        return consent.withdraw(tx, resources.governor, principal, ties, command)

    return EventBody.model_validate(await resources.database.write(work, tenant=principal.tenant))


@router.get(
    "/subjects/{subject_ref}/consent-events", operation_id="listConsentEvents", responses=documented()
)
async def list_events(
    subject_ref: SubjectRef,
    principal: CurrentPrincipal,
    resources: CurrentResources,
    limit: PageSize = 50,
    cursor: Cursor = None,
) -> Page[EventBody]:
    """Every consent event of a person, in their order."""
    key = read_cursor(cursor, int)
    after = int(key[0]) if key else 0
    found = await _look(resources, principal, subject_ref, ObjectType.CONSENT, history)
    rows = [EventBody.model_validate(event) for event in found if event.seq > after]
    return page(rows[: limit + 1], limit, lambda row: (row.seq,))


@router.get(
    "/subjects/{subject_ref}/consent-events/{event_id}/receipt",
    operation_id="readConsentReceipt",
    response_class=JSONResponse,
    responses={**documented(), 200: {"content": {JSON_LD: {"schema": {"type": "object"}}}}},
)
async def read_receipt(
    subject_ref: SubjectRef, event_id: EventId, principal: CurrentPrincipal, resources: CurrentResources
) -> JSONResponse:
    """The receipt of an event: ISO/IEC TS 27560 in the W3C Data Privacy Vocabulary, JSON-LD."""

    def make(tx: Connection, leave: Permit) -> dict[str, Any]:
        return receipt_of(tx, leave, event_id, shipped_notices())

    made = await _look(resources, principal, subject_ref, ObjectType.CONSENT_RECEIPT, make)
    return JSONResponse(made, media_type=JSON_LD)


async def _look(
    resources: Resources,
    principal: Principal,
    subject: UUID,
    object_: ObjectType,
    use: Callable[[Connection, Permit], T],
) -> T:
    """Look at a person's consents by a permit. Others' looks are recorded, so they happen in a write."""

    def work(tx: Connection) -> T:
        ties = relations(tx, principal, subject, resources.clock.now(), resources.keyring)
        others = Purpose.AUDIT if Role.AUDITOR in principal.roles else Purpose.COMPLIANCE
        leave = permit(
            tx,
            principal,
            ties,
            Action.READ,
            object_,
            Purpose.TRANSPARENCY if ties & _OWN else others,
            subject=subject,
            governor=resources.governor,
            lock=not ties & _OWN,
        )
        return use(tx, leave)

    run = resources.database.read if subject == principal.subject_ref else resources.database.write
    return await run(work, tenant=principal.tenant)


async def _may_read_notices(resources: Resources, principal: Principal) -> None:
    def work(tx: Connection) -> None:
        permit(
            tx,
            principal,
            _SCHOOL,
            Action.READ,
            ObjectType.NOTICE,
            Purpose.TRANSPARENCY,
            subject=None,
            governor=resources.governor,
        )

    await resources.database.read(work, tenant=principal.tenant)
