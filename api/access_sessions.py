"""Signing in and out: a password becomes a bearer token, which is shown once and stored nowhere."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from api.dependencies import CurrentPrincipal, CurrentResources
from api.problems import documented
from governance import access_sessions
from governance.accounts import Principal
from governance.passwords import LONGEST
from governance.permits import permit
from learning.relations import relations
from learning.resources import Resources
from policy.vocabulary import Action, ObjectType, Purpose, Role

router = APIRouter(prefix="/v1", tags=["sign-in"])

SessionRef = Annotated[UUID, Path(description="The sign-in, as the list of sign-ins names it.")]


class SignInBody(BaseModel):
    """School, address and password."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"school": "demo", "email": "robin@demo.example", "password": "sieben blaue Drachen"}
            ]
        },
    )

    school: str = Field(max_length=80, description="The school's short name.")
    email: str = Field(max_length=254)
    password: str = Field(max_length=LONGEST, json_schema_extra={"format": "password"})


class SignedInBody(BaseModel):
    """A new sign-in. Send the token as ``Authorization: Bearer <token>``; it is never shown again."""

    token: str
    token_type: str = "Bearer"  # noqa: S105  # a word of RFC 6750, no secret
    expires_at: datetime = Field(description="Ends here if it is not used; use moves it on.")
    ends_at: datetime = Field(description="Ends here in any case.")
    account_id: UUID
    subject_ref: UUID
    roles: list[Role]


class SignInRow(BaseModel):
    """One of your live sign-ins."""

    model_config = ConfigDict(from_attributes=True)

    session_ref: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool = Field(description="The one this request came by.")


# public: whoever signs in is nobody yet
@router.post("/sign-in", operation_id="signIn", responses=documented())
async def sign_in(body: SignInBody, resources: CurrentResources, response: Response) -> SignedInBody:
    """Sign in. A refusal never says which of the three was wrong."""
    response.headers["Cache-Control"] = "no-store"
    signed_in = await access_sessions.sign_in(
        resources.database,
        resources.keyring,
        resources.passwords,
        resources.clock,
        resources.entropy,
        **body.model_dump(),
    )
    who = signed_in.principal
    return SignedInBody(
        token=signed_in.token,
        expires_at=signed_in.expires_at,
        ends_at=signed_in.ends_at,
        account_id=who.account_id,
        subject_ref=who.subject_ref,
        roles=sorted(who.roles),
    )


@router.post("/sign-out", status_code=204, operation_id="signOut", responses=documented())
async def sign_out(principal: CurrentPrincipal, resources: CurrentResources) -> None:
    """End the sign-in that this request came by."""
    await _end(resources, principal, principal.session_ref)


@router.get("/me/sign-ins", operation_id="listSignIns", responses=documented())
async def list_sign_ins(principal: CurrentPrincipal, resources: CurrentResources) -> list[SignInRow]:
    """Your live sign-ins, newest first."""

    def work(tx: Connection) -> list[access_sessions.SessionView]:
        _own(tx, resources, principal, Action.LIST)
        return access_sessions.sessions_of(tx, principal, resources.clock.now())

    found = await resources.database.read(work, tenant=principal.tenant)
    return [SignInRow.model_validate(view) for view in found]


@router.delete(
    "/me/sign-ins/{session_ref}", status_code=204, operation_id="endSignIn", responses=documented()
)
async def end_sign_in(
    session_ref: SessionRef, principal: CurrentPrincipal, resources: CurrentResources
) -> None:
    """End one of your sign-ins, on another device say. Ending it again changes nothing."""
    await _end(resources, principal, session_ref)


async def _end(resources: Resources, principal: Principal, session_ref: UUID) -> None:
    def work(tx: Connection) -> None:
        _own(tx, resources, principal, Action.END)
        access_sessions.revoke(tx, principal, session_ref, resources.clock.now())

    await resources.database.write(work, tenant=principal.tenant)


def _own(tx: Connection, resources: Resources, principal: Principal, action: Action) -> None:
    permit(
        tx,
        principal,
        relations(tx, principal, principal.subject_ref, resources.clock.now(), resources.keyring),
        action,
        ObjectType.ACCESS_SESSION,
        Purpose.ACCOUNT_SECURITY,
        subject=principal.subject_ref,
        governor=resources.governor,
        lock=action is not Action.LIST,
    )
