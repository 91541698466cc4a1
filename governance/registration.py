"""How a person gets an account: checked, hashed, keyed and sealed first, then inserted in one short step.

A ``subject_ref`` is drawn at random, not counted up by time: a class is imported in alphabetical order, and
references in that order would give the names back to anybody who holds the class list.

Source: GDPR Art. 25(1), 32(1)(a); OWASP ASVS 5.0 §6.2.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from governance.accounts import (
    Account,
    AccountFacts,
    AccountState,
    Entropy,
    Principal,
    account_row,
    account_update,
    birth_date_of,
    clear,
    email_index,
    place_of,
    roles_of,
)
from governance.gate import create_gate
from governance.keys import DataClass, KeyRing
from governance.passwords import Passwords, password_faults
from governance.schools import School, school_of
from policy.vocabulary import Role
from runtime.clock import Clock
from runtime.database import Database, insert_once, table
from runtime.errors import Conflict, FieldFault, Invalid

EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,189}")
NAME_CHARACTERS = 200
NAME = re.compile(rf"[^\x00-\x1f\x7f]{{1,{NAME_CHARACTERS}}}")
OLDEST_YEARS = 130


class AccountIdTaken(Conflict):
    """The account id stands already, with other content."""

    slug = "account-id-taken"
    title = "This id was already used for another account"


class EmailTaken(Conflict):
    """Another account of the school has this e-mail address."""

    slug = "email-taken"
    title = "An account of this school already has this e-mail address"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A person to be given an account. Without a password the account cannot sign in by one."""

    email: str = field(repr=False)
    display_name: str = field(repr=False)
    roles: frozenset[Role]
    password: str | None = field(default=None, repr=False)
    birth_date: date | None = field(default=None, repr=False)
    account_id: UUID | None = None
    """Minted by whoever asks, so that the request can be repeated; without it we mint one."""


@dataclass(frozen=True, slots=True)
class PreparedAccount:
    """An account row, ready to insert: hashed, sealed, its keys made."""

    tenant: UUID
    account_id: UUID
    subject_ref: UUID
    roles: frozenset[Role]
    email_index: bytes
    email: bytes
    display_name: bytes
    birth_date: bytes | None
    password_hash: str | None = field(repr=False)


_account = table(Account)


def new_subject_ref(entropy: Entropy) -> UUID:
    """A random reference (UUID version 4) that says nothing about who or when."""
    return UUID(bytes=entropy(16), version=4)


def check_new_account(new: NewAccount, school: School, today: date) -> None:
    """Refuse what cannot be an account.

    Raises:
        Invalid: names each faulty field.
    """
    faults = []
    if not EMAIL.fullmatch(new.email):
        faults.append(FieldFault("email", "must be one e-mail address"))
    if not NAME.fullmatch(new.display_name) or not new.display_name.strip():
        faults.append(FieldFault("display_name", f"must have 1 to {NAME_CHARACTERS} printable characters"))
    if not new.roles:
        faults.append(FieldFault("roles", "must name at least one role"))
    if Role.WORKER in new.roles:
        faults.append(FieldFault("roles", "worker is Tutela itself and cannot be given to an account"))
    if new.birth_date and not today.year - OLDEST_YEARS <= new.birth_date.year <= today.year:
        faults.append(FieldFault("birth_date", "must be the birth date of somebody alive"))
    if new.birth_date and new.birth_date > today:
        faults.append(FieldFault("birth_date", "must not be in the future"))
    if new.password is not None:
        context = (new.email.partition("@")[0], *new.display_name.split(), school.slug, school.name)
        faults.extend(password_faults(new.password, context))
    if faults:
        raise Invalid(faults=tuple(faults))


def prepare_account(
    keyring: KeyRing,
    clock: Clock,
    entropy: Entropy,
    tenant: UUID,
    new: NewAccount,
    password_hash: str | None,
) -> PreparedAccount:
    """Make the person's keys and seal what identifies them. Blocking: the key store commits on its own."""
    account_id, subject = new.account_id or clock.new_id(), new_subject_ref(entropy)
    keyring.create_subject(tenant, subject)

    def sealed(column: str, text: str) -> bytes:
        return keyring.seal(place_of(tenant, subject, column, account_id), DataClass.IDENTITY, text.encode())

    return PreparedAccount(
        tenant=tenant,
        account_id=account_id,
        subject_ref=subject,
        roles=new.roles,
        email_index=email_index(keyring, tenant, new.email),
        email=sealed("email", new.email),
        display_name=sealed("display_name", new.display_name.strip()),
        birth_date=sealed("birth_date", new.birth_date.isoformat()) if new.birth_date else None,
        password_hash=password_hash,
    )


def create_account(tx: Connection, prepared: PreparedAccount, now: datetime) -> PreparedAccount:
    """Insert a prepared account and put up its gate: open, nothing consented to.

    Raises:
        EmailTaken: another account of the school has the address.
    """
    values = {
        "tenant": prepared.tenant,
        "account_id": prepared.account_id,
        "subject_ref": prepared.subject_ref,
        "roles": " ".join(sorted(prepared.roles)),
        "email_index": prepared.email_index,
        "email": prepared.email,
        "display_name": prepared.display_name,
        "birth_date": prepared.birth_date,
        "password_hash": prepared.password_hash,
        "state": AccountState.ACTIVE.value,
        "failed_count": 0,
        "rests_until": None,
        "created_at": now,
    }
    if not insert_once(tx, Account, values):
        raise EmailTaken
    create_gate(tx, prepared.tenant, prepared.subject_ref, now)
    return prepared


async def register(
    database: Database,
    keyring: KeyRing,
    passwords: Passwords,
    clock: Clock,
    entropy: Entropy,
    tenant: UUID,
    new: NewAccount,
) -> AccountFacts:
    """Check, hash, seal and insert a new account, each step where it belongs.

    The same account under the same id again is the one that stands.

    Raises:
        Invalid: names each faulty field.
        AccountIdTaken: the id names another account.
        EmailTaken: another account of the school has the address.
    """
    now = clock.now()
    school = await database.read(lambda tx: school_of(tx, tenant), tenant=tenant)
    check_new_account(new, school, now.date())
    stands = await _standing(database, keyring, passwords, tenant, new)
    if stands is not None:
        return stands
    index = email_index(keyring, tenant, new.email)
    await database.read(lambda tx: _refuse_taken(tx, tenant, index), tenant=tenant)
    hashed = await passwords.hash(new.password) if new.password is not None else None
    prepared = await asyncio.to_thread(prepare_account, keyring, clock, entropy, tenant, new, hashed)
    try:
        await database.write(lambda tx: create_account(tx, prepared, now), tenant=tenant)
    except EmailTaken:
        stands = await _standing(database, keyring, passwords, tenant, new)
        if stands is None:
            raise
        return stands  # the same request, sent twice at once
    return AccountFacts(prepared.account_id, prepared.subject_ref, prepared.roles, AccountState.ACTIVE)


def register_now(
    database: Database,
    keyring: KeyRing,
    passwords: Passwords,
    clock: Clock,
    entropy: Entropy,
    tenant: UUID,
    new: NewAccount,
) -> AccountFacts:
    """The blocking twin of ``register``, for commands."""
    return asyncio.run(register(database, keyring, passwords, clock, entropy, tenant, new))


async def change_password(
    database: Database, passwords: Passwords, principal: Principal, current: str, new: str
) -> None:
    """Give one's own account another password, knowing the one it has.

    Raises:
        Invalid: the current password is not right, or the new one is not acceptable.
    """
    tenant = principal.tenant
    row = await database.read(lambda tx: account_row(tx, tenant, principal.subject_ref), tenant=tenant)
    school = await database.read(lambda tx: school_of(tx, tenant), tenant=tenant)
    faults = password_faults(new, (school.slug, school.name))
    if not await passwords.matches(row.password_hash, current):
        faults.append(FieldFault("current", "is not the account's password"))
    if faults:
        raise Invalid(faults=tuple(faults))
    hashed = await passwords.hash(new)

    def store(tx: Connection) -> None:
        tx.execute(account_update(tenant, principal.account_id).values(password_hash=hashed))

    await database.write(store, tenant=tenant)


async def _standing(
    database: Database, keyring: KeyRing, passwords: Passwords, tenant: UUID, new: NewAccount
) -> AccountFacts | None:
    """The account that stands under the new one's id, if it is the same account."""
    if new.account_id is None:
        return None
    mine = sa.select(_account).where(_account.c.tenant == tenant, _account.c.account_id == new.account_id)
    row = await database.read(lambda tx: tx.execute(mine).one_or_none(), tenant=tenant)
    if row is None:
        return None
    same = (
        row.email_index == email_index(keyring, tenant, new.email)
        and roles_of(row.roles) == new.roles
        and clear(keyring, tenant, row, "display_name") == new.display_name.strip()
        and birth_date_of(keyring, tenant, row) == new.birth_date
        and (row.password_hash is None) == (new.password is None)
    )
    if not same or (
        new.password is not None and not await passwords.matches(row.password_hash, new.password)
    ):
        raise AccountIdTaken
    return AccountFacts(row.account_id, row.subject_ref, new.roles, AccountState(row.state))


def _refuse_taken(tx: Connection, tenant: UUID, index: bytes) -> None:
    taken = sa.select(sa.literal(1)).where(_account.c.tenant == tenant, _account.c.email_index == index)
    if tx.execute(taken).first():
        raise EmailTaken
