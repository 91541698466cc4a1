from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from governance.accounts import Account, AccountFacts, Principal
from governance.gate import GateState, read_gate
from governance.keys import KeyRing
from governance.passwords import Passwords
from governance.registration import (
    AccountIdTaken,
    EmailTaken,
    NewAccount,
    change_password,
    new_subject_ref,
    register,
)
from governance.schools import School
from policy.vocabulary import Role
from runtime.database import Database, table
from runtime.errors import Invalid
from tests.clocks import SetClock
from tests.people import CHILD, People

PASSWORD = "sieben blaue Drachen"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(threads=1)
    yield made
    made.close()


def robin(**changes: Any) -> NewAccount:
    fields: dict[str, Any] = {
        "email": "robin@school.example",
        "display_name": "Robin Beech",
        "roles": frozenset({Role.LEARNER}),
        "password": PASSWORD,
        "birth_date": CHILD,
    }
    return NewAccount(**{**fields, **changes})


@dataclass
class Office:
    """Where people are registered."""

    database: Database
    keys: KeyRing
    passwords: Passwords
    clock: SetClock
    tenant: UUID

    async def register(self, new: NewAccount) -> AccountFacts:
        return await register(
            self.database, self.keys, self.passwords, self.clock, secrets.token_bytes, self.tenant, new
        )

    async def change(self, principal: Principal, current: str, new: str) -> None:
        await change_password(self.database, self.passwords, principal, current, new)

    async def rows(self) -> list[sa.Row[Any]]:
        account = table(Account)
        mine = sa.select(account).where(account.c.tenant == self.tenant)
        return await self.database.read(lambda tx: list(tx.execute(mine)), tenant=self.tenant)


@pytest.fixture
def office(
    database: Database, keys: KeyRing, passwords: Passwords, clock: SetClock, school: School
) -> Office:
    return Office(database, keys, passwords, clock, school.tenant)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "robin"}, "email"),
        ({"email": "robin@"}, "email"),
        ({"email": "robin @school.example"}, "email"),
        ({"email": "robin@school.example\n"}, "email"),
        ({"email": "a@b@c"}, "email"),
        ({"display_name": "  "}, "display_name"),
        ({"display_name": "R" * 201}, "display_name"),
        ({"display_name": "Ro\x00bin"}, "display_name"),
        ({"display_name": "Robin\nBeech"}, "display_name"),
        ({"roles": frozenset()}, "roles"),
        ({"roles": frozenset({Role.WORKER})}, "roles"),
        ({"birth_date": date(2026, 9, 2)}, "birth_date"),
        ({"birth_date": date(1850, 1, 1)}, "birth_date"),
        ({"password": "2short"}, "password"),
        ({"password": "robin-robin-12"}, "password"),
    ],
)
async def test_a_malformed_account_is_refused_by_field_and_nothing_is_stored(
    office: Office,
    changes: dict[str, Any],
    field: str,
) -> None:
    with pytest.raises(Invalid) as refused:
        await office.register(robin(**changes))
    assert {fault.field for fault in refused.value.faults} == {field}
    assert "obin" not in str(refused.value.faults)
    assert await office.rows() == []


async def test_an_address_belongs_to_one_account_of_a_school_however_it_is_written(
    office: Office,
) -> None:
    await office.register(robin())
    with pytest.raises(EmailTaken) as refused:
        await office.register(robin(email="ROBIN@School.Example"))
    assert "robin" not in str(refused.value).lower()
    assert len(await office.rows()) == 1


async def test_two_schools_may_each_have_the_same_person_and_cannot_tell(
    office: Office, people: People
) -> None:
    there = replace(office, tenant=people.school().tenant)
    one, two = await office.register(robin()), await there.register(robin())
    assert one.subject_ref != two.subject_ref
    (mine,), (theirs,) = await office.rows(), await there.rows()
    assert mine.email_index != theirs.email_index


async def test_nothing_that_identifies_a_person_is_stored_in_clear(
    office: Office,
) -> None:
    await office.register(robin())
    (row,) = await office.rows()
    stored = b" ".join(
        value if isinstance(value, bytes) else str(value).encode() for value in row._mapping.values()
    )
    for mark in (b"robin@", b"Robin", b"Beech", b"2015-06-01", PASSWORD.encode()):
        assert mark not in stored


def test_a_reference_says_nothing_about_when_it_was_made() -> None:
    assert [new_subject_ref(secrets.token_bytes).version for _ in range(3)] == [4, 4, 4]
    assert new_subject_ref(bytes) == new_subject_ref(bytes)


async def test_a_new_persons_gate_is_open_and_nothing_is_consented_to(office: Office) -> None:
    made = await office.register(robin())
    gate = await office.database.read(
        lambda tx: read_gate(tx, office.tenant, made.subject_ref, lock=False), tenant=office.tenant
    )
    assert gate is not None
    assert (gate.state, gate.live) == (GateState.OPEN, "")


class TestRepetition:
    async def test_the_same_request_again_is_the_same_account(self, office: Office) -> None:
        account_id = uuid4()
        first = await office.register(robin(account_id=account_id))
        again = await office.register(robin(account_id=account_id, email="Robin@school.example"))
        assert first == again
        assert first.account_id == account_id
        assert len(await office.rows()) == 1

    async def test_the_same_request_sent_at_once_is_one_account(self, office: Office) -> None:
        account_id = uuid4()
        made = await asyncio.gather(*(office.register(robin(account_id=account_id)) for _ in range(3)))
        assert len({one.subject_ref for one in made}) == 1

    @pytest.mark.parametrize(
        "other",
        [
            {"email": "wren@school.example"},
            {"display_name": "Robin Birch"},
            {"roles": frozenset({Role.INSTRUCTOR})},
            {"birth_date": None},
            {"password": "acht rote Drachen"},
            {"password": None},
        ],
    )
    async def test_the_same_id_for_another_account_is_a_conflict(
        self, office: Office, other: dict[str, Any]
    ) -> None:
        account_id = uuid4()
        await office.register(robin(account_id=account_id))
        before = await office.rows()
        with pytest.raises(AccountIdTaken) as refused:
            await office.register(robin(account_id=account_id, **other))
        assert refused.value.status == 409
        assert await office.rows() == before


class TestPasswords:
    @pytest.fixture
    async def principal(self, office: Office) -> Principal:
        made = await office.register(robin())
        return Principal(office.tenant, made.account_id, made.subject_ref, made.roles, uuid4())

    async def test_only_who_knows_the_password_changes_it(self, office: Office, principal: Principal) -> None:
        with pytest.raises(Invalid) as refused:
            await change_password(
                office.database, office.passwords, principal, "wrong wrong", "acht rote Drachen"
            )
        assert [fault.field for fault in refused.value.faults] == ["current"]
        (row,) = await office.rows()
        assert await office.passwords.matches(row.password_hash, PASSWORD)

    async def test_an_easy_password_is_not_taken(self, office: Office, principal: Principal) -> None:
        with pytest.raises(Invalid) as refused:
            await office.change(principal, PASSWORD, "aaaaaaaaaa")
        assert [fault.field for fault in refused.value.faults] == ["password"]

    async def test_after_the_change_the_new_one_counts(self, office: Office, principal: Principal) -> None:
        await office.change(principal, PASSWORD, "acht rote Drachen")
        (row,) = await office.rows()
        assert await office.passwords.matches(row.password_hash, "acht rote Drachen")
        assert not await office.passwords.matches(row.password_hash, PASSWORD)
