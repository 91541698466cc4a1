"""Accounts in clear: opened by permits, one person at a time or a page of them.

Source: GDPR Art. 15(1), 25(2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from governance.accounts import Account, AccountState, roles_of
from governance.keys import DataClass
from governance.permits import Permit
from policy.vocabulary import Role
from runtime.database import table
from runtime.errors import NotFound


@dataclass(frozen=True, slots=True)
class Profile:
    """An account in clear."""

    account_id: UUID
    subject_ref: UUID
    roles: frozenset[Role]
    email: str = field(repr=False)
    display_name: str = field(repr=False)
    birth_date: date | None = field(repr=False)
    state: AccountState
    created_at: datetime


_account = table(Account)


def profile(tx: Connection, leave: Permit) -> Profile:
    """The account of the permit's subject.

    Raises:
        NotFound: the person has none (any more).
        IdentityMasked: the permit leaves names out.
    """
    found = profiles(tx, {leave.subject_gate.subject_ref: leave})
    if not found:
        raise NotFound
    return found[0]


def profiles(tx: Connection, granted: Mapping[UUID, Permit]) -> list[Profile]:
    """The accounts of those whom a permit was given for, in the order of account ids."""
    tenants = {leave.subject_gate.tenant for leave in granted.values()}
    rows = tx.execute(
        sa.select(_account)
        .where(_account.c.tenant.in_(tenants), _account.c.subject_ref.in_(sorted(granted)))
        .order_by(_account.c.account_id)
    )
    return [_opened(granted[row.subject_ref], row) for row in rows]


def _opened(leave: Permit, row: sa.Row[Any]) -> Profile:
    def clear(column: str) -> str:
        sealed = getattr(row, column)
        return leave.open("account", column, str(row.account_id), sealed, DataClass.IDENTITY).decode()

    return Profile(
        account_id=row.account_id,
        subject_ref=row.subject_ref,
        roles=roles_of(row.roles),
        email=clear("email"),
        display_name=clear("display_name"),
        birth_date=date.fromisoformat(clear("birth_date")) if row.birth_date else None,
        state=AccountState(row.state),
        created_at=row.created_at,
    )
