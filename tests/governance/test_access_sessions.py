from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from governance.access_sessions import (
    FREE_FAILURES,
    LIFETIMES,
    LONGEST_REST,
    SECRET_BYTES,
    AccessSession,
    SignedIn,
    SignInRefused,
    Unauthenticated,
    authenticate,
    lifetime_of,
    open_session,
    read_token,
    rest,
    revoke,
    sessions_of,
    sign_in,
    sign_out,
    write_token,
)
from governance.accounts import Account, AccountState, Principal
from governance.keys import KeyRing
from governance.passwords import Passwords
from governance.schools import School, Tenant
from policy.vocabulary import Role
from runtime.database import Database, table
from runtime.errors import NotFound
from tests.clocks import START, SetClock
from tests.people import People

PASSWORD = "sieben blaue Drachen"
EMAIL = "robin@school.example"


@pytest.fixture(scope="module")
def passwords() -> Iterator[Passwords]:
    made = Passwords(threads=2)
    yield made
    made.close()


@pytest.fixture(scope="module")
def stored_hash() -> str:
    async def compute() -> str:
        made = Passwords(threads=1)
        hashed = await made.hash(PASSWORD)
        made.close()
        return hashed

    return asyncio.run(compute())


@dataclass
class Door:
    """A school with one learner, and the way in."""

    database: Database
    keys: KeyRing
    passwords: Passwords
    clock: SetClock
    school: School
    robin: Principal

    async def knock(
        self, password: str = PASSWORD, email: str = EMAIL, school: str | None = None
    ) -> SignedIn:
        return await sign_in(
            self.database,
            self.keys,
            self.passwords,
            self.clock,
            secrets.token_bytes,
            school=school or self.school.slug,
            email=email,
            password=password,
        )

    async def enter(self, token: str) -> Principal:
        return await authenticate(self.database, self.clock, token)

    async def account(self, **values: Any) -> sa.Row[Any]:
        account = table(Account)
        mine = account.c.account_id == self.robin.account_id

        def work(tx: sa.Connection) -> sa.Row[Any]:
            if values:
                tx.execute(sa.update(account).where(mine).values(**values))
            return tx.execute(sa.select(account).where(mine)).one()

        return await self.database.write(work, tenant=self.school.tenant)


@pytest.fixture
def door(
    database: Database,
    keys: KeyRing,
    passwords: Passwords,
    clock: SetClock,
    people: People,
    school: School,
    stored_hash: str,
) -> Door:
    robin = people.person(school, Role.LEARNER, email=EMAIL, password_hash=stored_hash)
    return Door(database, keys, passwords, clock, school, robin)


class TestRefusals:
    async def test_every_wrong_thing_is_refused_in_the_same_words(self, door: Door, people: People) -> None:
        people.person(door.school, Role.LEARNER, email="federated@school.example")
        told = set()
        for wrong in (
            {"password": "sieben rote Drachen"},
            {"email": "nobody@school.example"},
            {"school": "no-such-school"},
            {"email": "federated@school.example"},
            {"email": ""},
        ):
            with pytest.raises(SignInRefused) as refused:
                await door.knock(**wrong)
            told.add((type(refused.value), str(refused.value), refused.value.status, refused.value.faults))
        assert len(told) == 1

    async def test_a_failure_is_written_whether_or_not_the_account_exists(self, door: Door) -> None:
        tenant = table(Tenant)
        for email in (EMAIL, "nobody@school.example"):
            with pytest.raises(SignInRefused):
                await door.knock(password="wrong wrong", email=email)
        refused = await door.database.read(
            lambda tx: tx.execute(
                sa.select(tenant.c.refused_sign_ins).where(tenant.c.tenant_id == door.school.tenant)
            ).scalar_one(),
            tenant=None,
        )
        assert refused == 2
        assert (await door.account()).failed_count == 1

    @pytest.mark.parametrize("state", [AccountState.SUSPENDED, AccountState.CLOSED])
    async def test_an_account_that_may_not_be_used_neither_signs_in_nor_stays_in(
        self, door: Door, state: AccountState
    ) -> None:
        token = (await door.knock()).token
        await door.account(state=state.value)
        with pytest.raises(SignInRefused):
            await door.knock()
        with pytest.raises(Unauthenticated):
            await door.enter(token)

    async def test_after_five_failures_even_the_right_password_waits(self, door: Door) -> None:
        for _ in range(FREE_FAILURES):
            with pytest.raises(SignInRefused):
                await door.knock(password="wrong wrong")
        with pytest.raises(SignInRefused):
            await door.knock()
        door.clock.advance(30)
        await door.knock()
        assert (await door.account()).failed_count == 0

    async def test_trying_on_while_an_account_rests_does_not_prolong_the_rest(self, door: Door) -> None:
        await door.account(failed_count=7, rests_until=START + timedelta(minutes=1))
        for _ in range(3):
            with pytest.raises(SignInRefused):
                await door.knock(password="wrong wrong")
        assert (await door.account()).rests_until == START + timedelta(minutes=1)

    async def test_guesses_sent_all_at_once_do_not_get_past_the_fifth(self, door: Door) -> None:
        await door.account(failed_count=FREE_FAILURES - 1)
        tries = [door.knock(password="wrong wrong") for _ in range(4)] + [door.knock()]
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
        row = await door.account()
        signed_in = sum(isinstance(outcome, SignedIn) for outcome in outcomes)
        # Whoever concludes first counts: the right password before the fifth failure, or not at all.
        assert signed_in + sum(isinstance(outcome, SignInRefused) for outcome in outcomes) == 5
        if not signed_in:
            assert row.rests_until is not None
            assert row.failed_count == FREE_FAILURES

    @pytest.mark.parametrize(
        ("failures", "seconds"),
        [(0, None), (4, None), (5, 30), (6, 60), (7, 120), (9, 480), (10, 900), (1000, 900)],
    )
    def test_an_account_rests_longer_each_time_up_to_a_quarter_of_an_hour(
        self, failures: int, seconds: int | None
    ) -> None:
        until = rest(failures, START)
        assert until == (None if seconds is None else START + timedelta(seconds=seconds))
        assert until is None or until - START <= LONGEST_REST


class TestTokens:
    @pytest.mark.parametrize(
        "text",
        ["", "tut", "tut_", "tut__", "tut_aaaa_bbbb", "Bearer x", "tut_" + "a" * 26 + "_" + "é" * 43, "\x00"],
    )
    def test_what_is_no_token_is_refused(self, text: str) -> None:
        with pytest.raises(Unauthenticated):
            read_token(text)

    @given(st.text())
    def test_no_text_makes_reading_fail_in_another_way(self, text: str) -> None:
        with pytest.raises(Unauthenticated):
            read_token(text)

    @given(st.uuids(), st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
    def test_a_token_reads_back_and_has_one_spelling_only(self, tenant: Any, secret: bytes) -> None:
        text = write_token(tenant, secret)
        token = read_token(text)
        assert (token.tenant, token.secret_hash) == (tenant, hashlib.sha256(secret).digest())
        for other in (text.upper(), text + "=", text + " ", text.replace("tut_", "tut-")):
            with pytest.raises(Unauthenticated):
                read_token(other)

    async def test_a_token_of_another_school_finds_nobody(self, door: Door, people: People) -> None:
        token = (await door.knock()).token
        forged = token.replace(
            write_token(door.school.tenant, bytes(32)).split("_")[1],
            write_token(people.school().tenant, bytes(32)).split("_")[1],
        )
        assert forged != token
        with pytest.raises(Unauthenticated):
            await door.enter(forged)

    async def test_the_token_itself_is_stored_nowhere(self, door: Door) -> None:
        token = (await door.knock()).token
        (row,) = await door.database.read(
            lambda tx: list(tx.execute(sa.select(table(AccessSession)))), tenant=door.school.tenant
        )
        secret = token.rsplit("_", 1)[-1]
        assert row.token_hash == read_token(token).secret_hash
        assert secret.encode() not in b"".join(
            value if isinstance(value, bytes) else str(value).encode() for value in row._mapping.values()
        )

    async def test_neither_token_nor_secret_shows_in_a_printed_value(self, door: Door) -> None:
        signed_in = await door.knock()
        token = read_token(signed_in.token)
        assert signed_in.token not in repr(signed_in)
        assert repr(token.secret_hash) not in repr(token)


class TestSessions:
    async def test_signing_in_gives_a_principal_with_what_the_account_says(self, door: Door) -> None:
        signed_in = await door.knock(email="ROBIN@school.example")
        principal = await door.enter(signed_in.token)
        assert principal == signed_in.principal
        assert (principal.tenant, principal.account_id, principal.subject_ref, principal.roles) == (
            door.robin.tenant,
            door.robin.account_id,
            door.robin.subject_ref,
            door.robin.roles,
        )

    async def test_a_role_taken_away_is_gone_at_the_next_request(self, door: Door) -> None:
        token = (await door.knock()).token
        await door.account(roles="guardian")
        assert (await door.enter(token)).roles == {Role.GUARDIAN}

    async def test_a_session_that_is_not_used_ends(self, door: Door) -> None:
        token = (await door.knock()).token
        door.clock.advance(LIFETIMES[Role.LEARNER].idle.total_seconds())
        with pytest.raises(Unauthenticated):
            await door.enter(token)

    async def test_a_session_in_use_goes_on_but_not_for_ever(self, door: Door) -> None:
        token, lifetime = (await door.knock()).token, LIFETIMES[Role.LEARNER]
        step_s, lasted_s = lifetime.idle.total_seconds() / 2, 0.0
        while lasted_s + step_s < lifetime.absolute.total_seconds():
            door.clock.advance(step_s)
            lasted_s += step_s
            await door.enter(token)
        door.clock.advance(step_s)
        with pytest.raises(Unauthenticated):
            await door.enter(token)

    async def test_use_is_not_written_at_each_request(self, door: Door) -> None:
        token = (await door.knock()).token
        door.clock.advance(1)
        await door.enter(token)
        (view,) = await door.database.read(
            lambda tx: sessions_of(tx, door.robin, door.clock.now()), tenant=door.school.tenant
        )
        assert view.last_used_at == START

    async def test_the_mightiest_role_sets_how_long_a_session_lasts(self) -> None:
        both = lifetime_of(frozenset({Role.LEARNER, Role.ADMIN}))
        assert both == LIFETIMES[Role.ADMIN]
        assert all(role in LIFETIMES for role in set(Role) - {Role.WORKER})

    async def test_signing_out_ends_this_session_and_no_other(self, door: Door) -> None:
        one, two = await door.knock(), await door.knock()
        for _ in range(2):
            await door.database.write(
                lambda tx: sign_out(tx, one.principal, door.clock.now()), tenant=door.school.tenant
            )
        with pytest.raises(Unauthenticated):
            await door.enter(one.token)
        assert await door.enter(two.token) == two.principal

    async def test_one_ends_only_ones_own_sessions(self, door: Door, people: People) -> None:
        mine = await door.knock()
        other = people.person(door.school, Role.LEARNER)
        for stranger, ref in ((other, mine.principal.session_ref), (mine.principal, uuid4())):
            end = partial(revoke, principal=stranger, session_ref=ref, now=door.clock.now())
            with pytest.raises(NotFound):
                await door.database.write(end, tenant=door.school.tenant)
        assert await door.enter(mine.token) == mine.principal

    async def test_the_list_shows_live_sessions_newest_first_and_which_is_this_one(self, door: Door) -> None:
        ended, first = await door.knock(), await door.knock()
        door.clock.advance(60)
        second = await door.knock()
        await door.database.write(
            lambda tx: revoke(tx, first.principal, ended.principal.session_ref, door.clock.now()),
            tenant=door.school.tenant,
        )
        listed = await door.database.read(
            lambda tx: sessions_of(tx, first.principal, door.clock.now()), tenant=door.school.tenant
        )
        assert [(view.session_ref, view.current) for view in listed] == [
            (second.principal.session_ref, False),
            (first.principal.session_ref, True),
        ]

    async def test_another_way_of_proving_who_one_is_opens_a_session_too(self, door: Door) -> None:
        principal = Principal(
            door.robin.tenant, door.robin.account_id, door.robin.subject_ref, door.robin.roles, uuid4()
        )
        secret = secrets.token_bytes(SECRET_BYTES)
        signed_in = await door.database.write(
            lambda tx: open_session(tx, principal, door.clock.now(), secret), tenant=principal.tenant
        )
        assert await door.enter(signed_in.token) == principal
