"""Signing in, and what proves afterwards that somebody did: opaque bearer sessions, stored as hashes only.

A token is ``tut_<tenant>_<secret>``: the tenant stands in clear because row-level security must know it
before the look-up; the secret is 256 random bits, of which only the SHA-256 is kept. A session ends when it
is not used (idle), when its time is over (absolute), when its owner ends it, or when the account is closed.

A sign-in that fails says one thing whatever the cause, and costs the same work: the hash is computed for an
unknown address too, and each failure is one committed write. After five failures in a row an account rests,
longer each time.

Whoever proves who they are in another way (federation, passkey, a second factor) comes in by
``open_session``: it knows nothing of passwords.

Source: OWASP ASVS 5.0 §6.3, §7; NIST SP 800-63B-4 §3.2.2 (throttling).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel, UniqueConstraint

from governance.accounts import Account, AccountState, Entropy, Principal, email_index, roles_of
from governance.keys import KeyRing
from governance.passwords import Passwords
from governance.schools import School, Tenant, school_by_slug
from policy.vocabulary import Role
from runtime.clock import Clock
from runtime.columns import Basis, Category, Instant, not_personal, personal
from runtime.database import Database, table
from runtime.errors import NotFound, TutelaError

PREFIX = "tut"
SECRET_BYTES = 32
FREE_FAILURES = 5
FIRST_REST = timedelta(seconds=30)
LONGEST_REST = timedelta(minutes=15)
TOUCH_SHARE = 20
"""A session is prolonged when a twentieth of its idle time is gone, not at each request."""


class Unauthenticated(TutelaError):
    """No valid session: none was shown, or it ended."""

    status = 401
    slug = "unauthenticated"
    title = "Sign in first"


class SignInRefused(TutelaError):
    """School, address or password is wrong, or the account may not sign in now. It never says which."""

    status = 401
    slug = "sign-in-refused"
    title = "School, e-mail address and password do not fit together, or the account rests"

    def __init__(self) -> None:
        super().__init__(
            "Check all three. After five wrong passwords in a row an account rests for up to 15 minutes."
        )


class AccessSession(SQLModel, table=True):
    """A signed-in client."""

    __tablename__ = "access_session"
    __table_args__ = (
        UniqueConstraint("tenant", "token_hash"),
        sa.ForeignKeyConstraint(["tenant", "account_id"], ["account.tenant", "account.account_id"]),
    )

    tenant: UUID = not_personal("names a school", primary_key=True)
    session_ref: UUID = personal(
        Category.PSEUDONYM,
        purpose="account_security",
        basis=Basis.LEGAL_OBLIGATION,
        retention="security",
        primary_key=True,
    )
    account_id: UUID = personal(
        Category.PSEUDONYM,
        purpose="account_security",
        basis=Basis.LEGAL_OBLIGATION,
        retention="security",
        index=True,
    )
    token_hash: bytes = personal(
        Category.CREDENTIAL,
        purpose="account_security",
        basis=Basis.LEGAL_OBLIGATION,
        retention="security",
        sa_type=sa.LargeBinary,
        clear="the hash of a random token",
    )
    created_at: datetime = personal(
        Category.BEHAVIOUR,
        purpose="account_security",
        basis=Basis.LEGAL_OBLIGATION,
        retention="security",
        sa_type=Instant,
    )
    last_used_at: datetime = personal(
        Category.BEHAVIOUR,
        purpose="account_security",
        basis=Basis.LEGAL_OBLIGATION,
        retention="security",
        sa_type=Instant,
    )
    expires_at: datetime = personal(
        Category.BEHAVIOUR,
        purpose="account_security",
        basis=Basis.LEGAL_OBLIGATION,
        retention="security",
        sa_type=Instant,
    )
    ends_at: datetime = personal(
        Category.BEHAVIOUR,
        purpose="account_security",
        basis=Basis.LEGAL_OBLIGATION,
        retention="security",
        sa_type=Instant,
    )
    revoked_at: datetime | None = personal(
        Category.BEHAVIOUR,
        purpose="account_security",
        basis=Basis.LEGAL_OBLIGATION,
        retention="security",
        sa_type=Instant,
        nullable=True,
    )


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a session lasts without use, and at most."""

    idle: timedelta
    absolute: timedelta


STAFF = Lifetime(idle=timedelta(hours=2), absolute=timedelta(hours=12))
LIFETIMES = {
    Role.LEARNER: Lifetime(idle=timedelta(hours=12), absolute=timedelta(days=14)),
    Role.GUARDIAN: Lifetime(idle=timedelta(hours=12), absolute=timedelta(days=14)),
    Role.INSTRUCTOR: Lifetime(idle=timedelta(hours=12), absolute=timedelta(days=7)),
    Role.EDITOR: Lifetime(idle=timedelta(hours=12), absolute=timedelta(days=7)),
    Role.SCHOOL_SYSTEM: Lifetime(idle=timedelta(days=7), absolute=timedelta(days=30)),
    Role.ADMIN: STAFF,
    Role.OFFICER: STAFF,
    Role.AUDITOR: STAFF,
}
"""The mightier the role, the shorter; with several roles the shortest counts."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it came in: whose rows to look at, and the hash to find there."""

    tenant: UUID
    secret_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session. ``token`` is shown once and kept nowhere."""

    principal: Principal
    token: str = field(repr=False)
    expires_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as its owner sees it in the list."""

    session_ref: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What is known of an address before the password is checked."""

    account_id: UUID
    password_hash: str | None = field(repr=False)


_session = table(AccessSession)
_account = table(Account)
_tenant = table(Tenant)


def lifetime_of(roles: frozenset[Role]) -> Lifetime:
    """The shortest lifetime among the roles."""
    kinds = [LIFETIMES[role] for role in roles]
    return Lifetime(min(kind.idle for kind in kinds), min(kind.absolute for kind in kinds))


def write_token(tenant: UUID, secret: bytes) -> str:
    """The token that carries ``secret``."""
    clear = base64.b32encode(tenant.bytes).decode().rstrip("=").lower()
    return f"{PREFIX}_{clear}_{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"


def read_token(text: str) -> Token:
    """Take a token apart.

    Raises:
        Unauthenticated: this is no token of ours.
    """
    prefix, _, rest = text.partition("_")
    clear, _, secret = rest.partition("_")
    try:
        tenant = UUID(bytes=base64.b32decode(clear.upper() + "=" * (-len(clear) % 8)))
        decoded = base64.b64decode(secret + "=" * (-len(secret) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise Unauthenticated from None
    if prefix != PREFIX or len(decoded) != SECRET_BYTES or write_token(tenant, decoded) != text:
        raise Unauthenticated
    return Token(tenant, hashlib.sha256(decoded).digest())


async def sign_in(
    database: Database,
    keyring: KeyRing,
    passwords: Passwords,
    clock: Clock,
    entropy: Entropy,
    *,
    school: str,
    email: str,
    password: str,
) -> SignedIn:
    """Check a password and open a session.

    Raises:
        SignInRefused: whatever the cause.
        SignInBusy: too many people are signing in.
    """
    place = await database.read(lambda tx: school_by_slug(tx, school), tenant=None)
    found = None
    if place is not None:
        index = email_index(keyring, place.tenant, email)
        found = await database.read(lambda tx: _candidate(tx, place.tenant, index), tenant=place.tenant)
    right = await passwords.matches(found.password_hash if found else None, password)
    if place is None:
        raise SignInRefused
    now, session_ref, secret = clock.now(), clock.new_id(), entropy(SECRET_BYTES)

    def conclude(tx: Connection) -> SignedIn | None:
        return _conclude(tx, place, found, right, now, session_ref, secret)

    signed_in = await database.write(conclude, tenant=place.tenant)
    if signed_in is None:
        raise SignInRefused
    return signed_in


def open_session(tx: Connection, principal: Principal, now: datetime, secret: bytes) -> SignedIn:
    """Open a session for somebody who proved who they are; ``principal.session_ref`` names it."""
    lifetime = lifetime_of(principal.roles)
    expires_at, ends_at = now + lifetime.idle, now + lifetime.absolute
    tx.execute(
        sa.insert(_session).values(
            tenant=principal.tenant,
            session_ref=principal.session_ref,
            account_id=principal.account_id,
            token_hash=hashlib.sha256(secret).digest(),
            created_at=now,
            last_used_at=now,
            expires_at=expires_at,
            ends_at=ends_at,
            revoked_at=None,
        )
    )
    return SignedIn(principal, write_token(principal.tenant, secret), expires_at, ends_at)


async def authenticate(database: Database, clock: Clock, text: str) -> Principal:
    """Who shows this token; prolongs the session now and then.

    Raises:
        Unauthenticated: no such session, or it ended, or its account may not be used.
    """
    token, now = read_token(text), clock.now()
    principal, touch = await database.read(lambda tx: find_session(tx, token, now), tenant=token.tenant)
    if touch:
        await database.write(lambda tx: prolong(tx, principal, now), tenant=token.tenant)
    return principal


_by_token = (
    sa.select(
        _session.c.session_ref,
        _session.c.last_used_at,
        _account.c.account_id,
        _account.c.subject_ref,
        _account.c.roles,
    )
    .join(
        _account,
        sa.and_(_account.c.tenant == _session.c.tenant, _account.c.account_id == _session.c.account_id),
    )
    .where(
        _session.c.tenant == sa.bindparam("t"),
        _session.c.token_hash == sa.bindparam("h"),
        _session.c.revoked_at.is_(None),
        _session.c.expires_at > sa.bindparam("now", type_=Instant()),
        _session.c.ends_at > sa.bindparam("now", type_=Instant()),
        _account.c.state == AccountState.ACTIVE.value,
    )
)


def find_session(tx: Connection, token: Token, now: datetime) -> tuple[Principal, bool]:
    """The principal of a live session, and whether it is time to prolong it.

    Raises:
        Unauthenticated: no such session, or it ended, or its account may not be used.
    """
    row = tx.execute(_by_token, {"t": token.tenant, "h": token.secret_hash, "now": now}).one_or_none()
    if row is None:
        raise Unauthenticated
    roles = roles_of(row.roles)
    principal = Principal(token.tenant, row.account_id, row.subject_ref, roles, row.session_ref)
    return principal, now - row.last_used_at >= lifetime_of(roles).idle / TOUCH_SHARE


def prolong(tx: Connection, principal: Principal, now: datetime) -> None:
    """Note that the session is in use; it never outlives its absolute end, nor comes back from one."""
    until = now + lifetime_of(principal.roles).idle
    tx.execute(
        sa.update(_session)
        .where(_mine(principal), _session.c.session_ref == principal.session_ref)
        .where(_session.c.last_used_at < now)
        .values(
            last_used_at=now,
            expires_at=sa.case((_session.c.ends_at < until, _session.c.ends_at), else_=until),
        )
    )


def sign_out(tx: Connection, principal: Principal, now: datetime) -> None:
    """End the session that the request came by. Idempotent."""
    revoke(tx, principal, principal.session_ref, now)


def sessions_of(tx: Connection, principal: Principal, now: datetime) -> list[SessionView]:
    """The principal's own live sessions, newest first."""
    rows = tx.execute(
        sa.select(_session)
        .where(_mine(principal), _session.c.revoked_at.is_(None))
        .where(_session.c.expires_at > now, _session.c.ends_at > now)
        .order_by(_session.c.created_at.desc(), _session.c.session_ref.desc())
    )
    return [
        SessionView(
            row.session_ref,
            row.created_at,
            row.last_used_at,
            row.expires_at,
            current=row.session_ref == principal.session_ref,
        )
        for row in rows
    ]


def revoke(tx: Connection, principal: Principal, session_ref: UUID, now: datetime) -> None:
    """End one of the principal's own sessions. Idempotent.

    Raises:
        NotFound: the principal has no such session.
    """
    ended = tx.execute(
        sa.update(_session)
        .where(_mine(principal), _session.c.session_ref == session_ref)
        .values(revoked_at=sa.func.coalesce(_session.c.revoked_at, sa.bindparam("now", now, Instant())))
    )
    if ended.rowcount == 0:
        raise NotFound


def _mine(principal: Principal) -> sa.ColumnElement[bool]:
    return sa.and_(_session.c.tenant == principal.tenant, _session.c.account_id == principal.account_id)


def _candidate(tx: Connection, tenant: UUID, index: bytes) -> _Candidate | None:
    row = tx.execute(
        sa.select(_account.c.account_id, _account.c.password_hash).where(
            _account.c.tenant == tenant, _account.c.email_index == index
        )
    ).one_or_none()
    return None if row is None else _Candidate(row.account_id, row.password_hash)


def _conclude(
    tx: Connection,
    school: School,
    found: _Candidate | None,
    right: bool,
    now: datetime,
    session_ref: UUID,
    secret: bytes,
) -> SignedIn | None:
    """Open the session or count the failure; None is a refusal, which must be committed like a success."""
    row = _locked(tx, school.tenant, found) if found else None
    if row is not None and right and _may_sign_in(row, now):
        _update(tx, school.tenant, row.account_id, failed_count=0, rests_until=None)
        roles = roles_of(row.roles)
        principal = Principal(school.tenant, row.account_id, row.subject_ref, roles, session_ref)
        return open_session(tx, principal, now, secret)
    if row is not None and (row.rests_until is None or row.rests_until <= now):
        # While it rests nothing is counted: a stranger cannot prolong the rest by trying on.
        failures = row.failed_count + 1
        _update(tx, school.tenant, row.account_id, failed_count=failures, rests_until=rest(failures, now))
    tx.execute(
        sa.update(_tenant)
        .where(_tenant.c.tenant_id == school.tenant)
        .values(refused_sign_ins=_tenant.c.refused_sign_ins + 1)
    )
    return None


def rest(failures: int, now: datetime) -> datetime | None:
    """Until when an account rests after so many failures in a row; None while there are few."""
    beyond = failures - FREE_FAILURES
    return None if beyond < 0 else now + min(FIRST_REST * 2 ** min(beyond, 16), LONGEST_REST)


def _locked(tx: Connection, tenant: UUID, found: _Candidate) -> sa.Row[Any] | None:
    # Read again under the lock: of many guesses sent at once, those after the fifth find the account at rest.
    return tx.execute(
        sa.select(_account)
        .where(_account.c.tenant == tenant, _account.c.account_id == found.account_id)
        .with_for_update()
    ).one_or_none()


def _may_sign_in(row: sa.Row[Any], now: datetime) -> bool:
    rested: bool = row.rests_until is None or row.rests_until <= now
    return rested and AccountState(row.state) is AccountState.ACTIVE


def _update(tx: Connection, tenant: UUID, account_id: UUID, **values: Any) -> None:
    tx.execute(
        sa.update(_account)
        .where(_account.c.tenant == tenant, _account.c.account_id == account_id)
        .values(**values)
    )
