"""Accounts: one's own, and those of the school for who runs it.

The id of a new account is minted by the client, so a request that got no response is sent again as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Self, TypeVar
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from api.dependencies import CurrentPrincipal, CurrentResources
from api.ids import ClientId
from api.pages import Cursor, Page, PageSize, read_cursor, write_cursor
from api.problems import documented
from governance.accounts import AccountState, Principal, accounts_after, set_state, subject_of
from governance.passwords import LONGEST, SHORTEST
from governance.permits import Permit, permit, permits
from governance.profiles import Profile, profile, profiles
from governance.registration import NAME_CHARACTERS, NewAccount, change_password, register
from governance.schools import School, school_of
from learning.relations import relations, relations_to
from learning.resources import Resources
from policy.vocabulary import Action, ObjectType, Purpose, Relation, Role
from runtime.errors import FieldFault, Invalid

router = APIRouter(prefix="/v1", tags=["accounts"])

T = TypeVar("T")

AccountId = Annotated[UUID, Path(description="The account, as its client named it.")]
Password = Annotated[
    str, Field(min_length=SHORTEST, max_length=LONGEST, json_schema_extra={"format": "password"})
]
_SCHOOL = frozenset({Relation.TENANT})


class NewAccountBody(BaseModel):
    """A person to be given an account. Learners without a birth date count as too young to decide alone."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "account_id": "018f3c58-0000-7000-8000-000000000001",
                    "email": "robin@linden.example",
                    "display_name": "Robin Beech",
                    "roles": ["learner"],
                    "birth_date": "2015-06-01",
                    "password": "sieben blaue Drachen",
                }
            ]
        },
    )

    account_id: ClientId
    email: str = Field(max_length=254)
    display_name: str = Field(max_length=NAME_CHARACTERS)
    roles: frozenset[Role] = Field(min_length=1)
    birth_date: date | None = None
    password: Password | None = Field(default=None, description="Without one nobody signs in by password.")


class RegisteredBody(BaseModel):
    """The references of an account."""

    model_config = ConfigDict(from_attributes=True)

    account_id: UUID
    subject_ref: UUID
    roles: list[Role]
    state: AccountState


class AccountBody(BaseModel):
    """An account in clear."""

    model_config = ConfigDict(from_attributes=True)

    account_id: UUID
    subject_ref: UUID
    roles: list[Role]
    email: str
    display_name: str
    birth_date: date | None
    state: AccountState
    created_at: datetime


class SchoolBody(BaseModel):
    """The school that one belongs to."""

    model_config = ConfigDict(from_attributes=True)

    slug: str
    name: str
    country: str
    contact: str


class MeBody(AccountBody):
    """Your own account, and your school."""

    school: SchoolBody

    @classmethod
    def of(cls, found: Profile, school: School) -> Self:
        own = AccountBody.model_validate(found)
        return cls(**own.model_dump(), school=SchoolBody.model_validate(school))


class StateBody(BaseModel):
    """Suspend, close, or open again. What is not active cannot sign in, and its sign-ins end at once."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"state": "suspended"}]})

    state: AccountState


class PasswordBody(BaseModel):
    """The password that is, and the one that shall be."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"current": "sieben blaue Drachen", "password": "acht rote Drachen"}]
        },
    )

    current: str = Field(max_length=LONGEST, json_schema_extra={"format": "password"})
    password: Password


@router.get("/me", operation_id="readMe", responses=documented())
async def read_me(principal: CurrentPrincipal, resources: CurrentResources) -> MeBody:
    """Your own account."""

    def work(tx: Connection) -> MeBody:
        leave = _leave(tx, resources, principal, Action.READ, principal.subject_ref, Purpose.ACCOUNT_SECURITY)
        return MeBody.of(profile(tx, leave), school_of(tx, principal.tenant))

    return await resources.database.read(work, tenant=principal.tenant)


@router.put("/me/password", status_code=204, operation_id="changePassword", responses=documented())
async def put_password(body: PasswordBody, principal: CurrentPrincipal, resources: CurrentResources) -> None:
    """Change your password. Sign-ins on other devices stay: end them if you did not make them."""
    own = (Action.UPDATE, principal.subject_ref, Purpose.ACCOUNT_SECURITY)
    await resources.database.read(lambda tx: _leave(tx, resources, principal, *own), tenant=principal.tenant)
    await change_password(resources.database, resources.passwords, principal, body.current, body.password)


@router.post("/accounts", status_code=201, operation_id="createAccount", responses=documented(409))
async def create_account(
    body: NewAccountBody, principal: CurrentPrincipal, resources: CurrentResources
) -> RegisteredBody:
    """Give a person an account. The same request again returns the same account."""
    await resources.database.read(
        lambda tx: _of_school(tx, resources, principal, Action.CREATE), tenant=principal.tenant
    )
    made = await register(
        resources.database,
        resources.keyring,
        resources.passwords,
        resources.clock,
        resources.entropy,
        principal.tenant,
        NewAccount(**dict(body)),
    )
    return RegisteredBody.model_validate(made)


@router.get("/accounts", operation_id="listAccounts", responses=documented())
async def list_accounts(
    principal: CurrentPrincipal, resources: CurrentResources, limit: PageSize = 50, cursor: Cursor = None
) -> Page[AccountBody]:
    """The accounts of the school."""
    key = read_cursor(cursor, str)
    after = _account_id(key[0]) if key else None

    def work(tx: Connection) -> Page[AccountBody]:
        _of_school(tx, resources, principal, Action.LIST)
        found = accounts_after(tx, principal.tenant, after, limit + 1)
        shown = [one.subject_ref for one in found[:limit]]
        granted = permits(
            tx,
            principal,
            relations_to(tx, principal, shown, resources.clock.now(), resources.keyring),
            Action.LIST,
            ObjectType.ACCOUNT,
            Purpose.ADMINISTRATION,
            governor=resources.governor,
        )
        # A person whose data is restricted is left out of the page; the next page starts where it would have.
        following = write_cursor(str(found[limit - 1].account_id)) if len(found) > limit else None
        rows = [AccountBody.model_validate(one) for one in profiles(tx, granted)]
        return Page(rows=rows, next=following)

    return await resources.database.read(work, tenant=principal.tenant)


@router.get("/accounts/{account_id}", operation_id="readAccount", responses=documented())
async def read_account(
    account_id: AccountId, principal: CurrentPrincipal, resources: CurrentResources
) -> AccountBody:
    """An account of the school."""
    found = await resources.database.read(
        _with_account(resources, principal, account_id, Action.READ, profile), tenant=principal.tenant
    )
    return AccountBody.model_validate(found)


@router.patch("/accounts/{account_id}", operation_id="amendAccount", responses=documented())
async def amend_account(
    account_id: AccountId, body: StateBody, principal: CurrentPrincipal, resources: CurrentResources
) -> AccountBody:
    """Suspend an account, close it, or open it again. Nobody does so with their own."""

    def amend(tx: Connection, leave: Permit) -> Profile:
        set_state(tx, principal.tenant, account_id, body.state)
        return profile(tx, leave)

    amended = await resources.database.write(
        _with_account(resources, principal, account_id, Action.UPDATE, amend), tenant=principal.tenant
    )
    return AccountBody.model_validate(amended)


def _with_account(
    resources: Resources,
    principal: Principal,
    account_id: UUID,
    action: Action,
    use: Callable[[Connection, Permit], T],
) -> Callable[[Connection], T]:
    """Work on one account of the school, by a permit."""

    def work(tx: Connection) -> T:
        _of_school(tx, resources, principal, action)  # whoever may not look is not told what there is
        subject = subject_of(tx, principal.tenant, account_id)
        return use(tx, _leave(tx, resources, principal, action, subject, Purpose.ADMINISTRATION))

    return work


def _leave(
    tx: Connection,
    resources: Resources,
    principal: Principal,
    action: Action,
    subject: UUID,
    purpose: Purpose,
) -> Permit:
    return permit(
        tx,
        principal,
        relations(tx, principal, subject, resources.clock.now(), resources.keyring),
        action,
        ObjectType.ACCOUNT,
        purpose,
        subject=subject,
        governor=resources.governor,
        lock=action is Action.UPDATE,
    )


def _of_school(tx: Connection, resources: Resources, principal: Principal, action: Action) -> None:
    permit(
        tx,
        principal,
        _SCHOOL,
        action,
        ObjectType.ACCOUNT,
        Purpose.ADMINISTRATION,
        subject=None,
        governor=resources.governor,
    )


def _account_id(text: str | int) -> UUID:
    try:
        return UUID(str(text))
    except ValueError:
        raise Invalid(faults=(FieldFault("query.cursor", "this is not a cursor of this list"),)) from None
