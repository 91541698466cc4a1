"""The people who have an account in a school.

Staff are data subjects too: each account has its own ``subject_ref``, keys and gate. What identifies a person
(e-mail address, name, birth date) is stored sealed under that person's identity key; an address is found
again by a keyed blind index, never by its clear text.

Source: GDPR Art. 25(1), 32(1)(a).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel, UniqueConstraint

from governance.ages import AgeKind, ages
from governance.keys import DataClass, KeyRing, Place
from governance.schools import school_of
from policy.vocabulary import Role
from runtime.columns import Basis, Category, EraseBy, Instant, not_personal, personal
from runtime.database import table
from runtime.errors import NotFound

Entropy = Callable[[int], bytes]
"""Returns that many random bytes; ``secrets.token_bytes`` outside of tests."""

ALWAYS = datetime.min.replace(tzinfo=UTC)


class AccountState(StrEnum):
    """Whether the account can be used."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class Account(SQLModel, table=True):
    """A person's account. ``roles`` are names, sorted, separated by spaces."""

    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("tenant", "subject_ref"), UniqueConstraint("tenant", "email_index"))

    tenant: UUID = not_personal("names a school", primary_key=True)
    account_id: UUID = personal(
        Category.PSEUDONYM, purpose="administration", retention="account", primary_key=True
    )
    subject_ref: UUID = personal(Category.PSEUDONYM, purpose="administration", retention="account")
    roles: str = personal(
        Category.RELATION, purpose="administration", retention="account", clear="names of roles"
    )
    email_index: bytes = personal(
        Category.IDENTITY,
        purpose="account_security",
        basis=Basis.LEGAL_OBLIGATION,
        retention="account",
        sa_type=sa.LargeBinary,
        clear="a keyed hash of the address",
    )
    email: bytes = personal(
        Category.IDENTITY,
        purpose="administration",
        retention="account",
        erase_by=EraseBy.DELETE_AND_SHRED,
        sealed=True,
        sa_type=sa.LargeBinary,
    )
    display_name: bytes = personal(
        Category.IDENTITY,
        purpose="administration",
        retention="account",
        erase_by=EraseBy.DELETE_AND_SHRED,
        sealed=True,
        sa_type=sa.LargeBinary,
    )
    birth_date: bytes | None = personal(
        Category.IDENTITY,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="account",
        erase_by=EraseBy.DELETE_AND_SHRED,
        sealed=True,
        sa_type=sa.LargeBinary,
        nullable=True,
    )
    password_hash: str | None = personal(
        Category.CREDENTIAL,
        purpose="account_security",
        basis=Basis.LEGAL_OBLIGATION,
        retention="account",
        nullable=True,
        clear="a salted Argon2id hash",
    )
    state: str = personal(
        Category.RELATION,
        purpose="administration",
        retention="account",
        clear="one of the states of an account",
    )
    failed_count: int = personal(
        Category.BEHAVIOUR, purpose="account_security", basis=Basis.LEGAL_OBLIGATION, retention="account"
    )
    rests_until: datetime | None = personal(
        Category.BEHAVIOUR,
        purpose="account_security",
        basis=Basis.LEGAL_OBLIGATION,
        retention="account",
        sa_type=Instant,
        nullable=True,
    )
    created_at: datetime = personal(
        Category.RELATION, purpose="administration", retention="account", sa_type=Instant
    )


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts in a request: what sign-in proved, and nothing that the caller claims."""

    tenant: UUID
    account_id: UUID
    subject_ref: UUID
    roles: frozenset[Role]
    session_ref: UUID


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """An account by its references and roles."""

    account_id: UUID
    subject_ref: UUID
    roles: frozenset[Role]
    state: AccountState


@dataclass(frozen=True, slots=True)
class Maturity:
    """From when a person decides alone; None where the birth date is unknown, which counts as too young."""

    at: datetime
    decides_alone_at: datetime | None
    of_age_at: datetime | None

    @property
    def decides_alone(self) -> bool:
        """Has reached the age of digital consent (GDPR Art. 8)."""
        return self.decides_alone_at is not None and self.at >= self.decides_alone_at

    @property
    def of_age(self) -> bool:
        """Has reached majority: guardians' rights have passed over (34 CFR 99.5)."""
        return self.of_age_at is not None and self.at >= self.of_age_at


_account = table(Account)


def set_state(tx: Connection, tenant: UUID, account_id: UUID, state: AccountState) -> None:
    """Suspend, close or open an account again. The caller holds the permit for it."""
    tx.execute(account_update(tenant, account_id).values(state=state.value))


def subject_of(tx: Connection, tenant: UUID, account_id: UUID) -> UUID:
    """Whose account this is.

    Raises:
        NotFound: this school has no such account.
    """
    statement = sa.select(_account.c.subject_ref).where(
        _account.c.tenant == tenant, _account.c.account_id == account_id
    )
    found: UUID | None = tx.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def accounts_after(tx: Connection, tenant: UUID, after: UUID | None, limit: int) -> list[AccountFacts]:
    """The next accounts in the order of their ids."""
    statement = sa.select(_account).where(_account.c.tenant == tenant)
    if after is not None:
        statement = statement.where(_account.c.account_id > after)
    rows = tx.execute(statement.order_by(_account.c.account_id).limit(limit))
    return [_facts(row) for row in rows]


def account_of(tx: Connection, tenant: UUID, subject: UUID) -> AccountFacts:
    """What may be known of an account without opening anything.

    Raises:
        NotFound: this school has no such person.
    """
    return _facts(account_row(tx, tenant, subject))


def maturity(tx: Connection, keyring: KeyRing, tenant: UUID, subject: UUID, at: datetime) -> Maturity:
    """What a person decides alone at ``at``: by their birth date, their school's country and its promise.

    Whoever is no learner counts as grown up; so does everybody at a school that admits adults only.

    Raises:
        NotFound: this school has no such person.
    """
    school, row = school_of(tx, tenant), account_row(tx, tenant, subject)
    if school.adults_only or Role.LEARNER not in roles_of(row.roles):
        return Maturity(at, ALWAYS, ALWAYS)
    born = birth_date_of(keyring, tenant, row)
    if born is None:
        return Maturity(at, None, None)
    alone_at = ages().reached_at(born, school.country, AgeKind.DIGITAL_CONSENT, at)
    return Maturity(at, alone_at, ages().reached_at(born, school.country, AgeKind.MAJORITY, at))


def email_index(keyring: KeyRing, tenant: UUID, email: str) -> bytes:
    """The blind index of an address: the same for every spelling that differs by case or Unicode form."""
    return keyring.blind_index(tenant, "account.email", email.strip())


def roles_of(stored: str) -> frozenset[Role]:
    """Roles as stored in ``account.roles``."""
    return frozenset(Role(name) for name in stored.split())


def _facts(row: sa.Row[Any]) -> AccountFacts:
    return AccountFacts(row.account_id, row.subject_ref, roles_of(row.roles), AccountState(row.state))


def account_update(tenant: UUID, account_id: UUID) -> sa.Update:
    """A statement that changes one account."""
    return sa.update(_account).where(_account.c.tenant == tenant, _account.c.account_id == account_id)


def account_row(tx: Connection, tenant: UUID, subject: UUID) -> sa.Row[Any]:
    """A person's account as it is stored.

    Raises:
        NotFound: this school has no such person.
    """
    statement = sa.select(_account).where(_account.c.tenant == tenant, _account.c.subject_ref == subject)
    row = tx.execute(statement).one_or_none()
    if row is None:
        raise NotFound
    return row


def birth_date_of(keyring: KeyRing, tenant: UUID, row: sa.Row[Any]) -> date | None:
    """The birth date in a stored account, if it is known."""
    return date.fromisoformat(clear(keyring, tenant, row, "birth_date")) if row.birth_date else None


def clear(keyring: KeyRing, tenant: UUID, row: sa.Row[Any], column: str) -> str:
    """A sealed column of a stored account, opened without a permit: only for what law asks of us (an age)."""
    place = place_of(tenant, row.subject_ref, column, row.account_id)
    return keyring.open(place, DataClass.IDENTITY, getattr(row, column)).decode()


def place_of(tenant: UUID, subject: UUID, column: str, account_id: UUID) -> Place:
    """Where a sealed column of an account stands."""
    return Place(tenant, subject, "account", column, str(account_id))
