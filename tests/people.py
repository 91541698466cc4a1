"""Schools and people for tests, made by the product's own functions."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from governance.accounts import Principal
from governance.keys import KeyRing
from governance.registration import NewAccount, create_account, prepare_account
from governance.schools import School, create_tenant
from policy.vocabulary import Role
from runtime.clock import Clock
from runtime.database import Database

CHILD = date(2015, 6, 1)
TEENAGER = date(2009, 6, 1)
GROWN_UP = date(1990, 6, 1)


@dataclass(frozen=True)
class People:
    """Makes schools and accounts in one database."""

    database: Database
    keys: KeyRing
    clock: Clock

    def school(self, country: str = "DE", *, adults_only: bool = False) -> School:
        ref = uuid4()
        school = School(ref, f"school-{ref.hex[:12]}", "Linden School", country, adults_only)
        now = self.clock.now()
        return self.database.write_now(lambda tx: create_tenant(tx, school, now), tenant=school.tenant)

    def person(
        self,
        school: School,
        *roles: Role,
        born: date | None = None,
        email: str | None = None,
        password_hash: str | None = None,
    ) -> Principal:
        """An account with its keys and gate; the principal names a session that does not exist."""
        new = NewAccount(
            email or f"{uuid4().hex}@school.example", "Robin Beech", frozenset(roles), birth_date=born
        )
        prepared = prepare_account(
            self.keys, self.clock, secrets.token_bytes, school.tenant, new, password_hash
        )
        now = self.clock.now()
        self.database.write_now(lambda tx: create_account(tx, prepared, now), tenant=school.tenant)
        return Principal(
            school.tenant, prepared.account_id, prepared.subject_ref, prepared.roles, UUID(int=1)
        )
