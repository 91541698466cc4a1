from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest

from governance.accounts import AccountState, account_of, accounts_after, maturity, set_state, subject_of
from governance.keys import KeyRing
from governance.schools import School
from policy.vocabulary import Role
from runtime.database import Database
from runtime.errors import NotFound
from tests.clocks import SetClock
from tests.people import CHILD, GROWN_UP, TEENAGER, People


async def test_another_schools_person_is_not_found(
    database: Database, people: People, school: School
) -> None:
    one, elsewhere = people.person(school, Role.LEARNER), people.school()
    with pytest.raises(NotFound):
        await database.read(
            lambda tx: account_of(tx, elsewhere.tenant, one.subject_ref), tenant=elsewhere.tenant
        )
    with pytest.raises(NotFound):
        await database.read(lambda tx: account_of(tx, school.tenant, uuid4()), tenant=school.tenant)


async def test_an_account_leads_to_its_person_in_its_own_school_only(
    database: Database, people: People, school: School
) -> None:
    one, elsewhere = people.person(school, Role.LEARNER), people.school()
    find = partial(subject_of, account_id=one.account_id)
    assert await database.read(partial(find, tenant=school.tenant), tenant=school.tenant) == one.subject_ref
    with pytest.raises(NotFound):
        await database.read(partial(find, tenant=elsewhere.tenant), tenant=elsewhere.tenant)


async def test_accounts_come_in_pages_without_gaps_or_repetition(
    database: Database, people: People, school: School
) -> None:
    made = [people.person(school, Role.LEARNER) for _ in range(5)]
    people.person(people.school(), Role.LEARNER)
    in_order = sorted(made, key=lambda one: one.account_id)
    seen: list[UUID] = []
    for _ in range(3):
        after = seen[-1] if seen else None
        look = partial(accounts_after, tenant=school.tenant, after=after, limit=2)
        seen += [one.account_id for one in await database.read(look, tenant=school.tenant)]
    assert seen == [one.account_id for one in in_order]


async def test_an_accounts_state_changes_in_its_own_school_only(
    database: Database, people: People, school: School
) -> None:
    one, elsewhere = people.person(school, Role.LEARNER), people.school()
    for tenant, expected in (
        (elsewhere.tenant, AccountState.ACTIVE),
        (school.tenant, AccountState.SUSPENDED),
    ):
        suspend = partial(set_state, tenant=tenant, account_id=one.account_id, state=AccountState.SUSPENDED)
        await database.write(suspend, tenant=tenant)
        facts = await database.read(
            partial(account_of, tenant=school.tenant, subject=one.subject_ref), tenant=school.tenant
        )
        assert facts.state is expected


@pytest.mark.parametrize(
    ("born", "adults_only", "alone", "of_age"),
    [
        (CHILD, False, False, False),
        (TEENAGER, False, True, False),
        (GROWN_UP, False, True, True),
        (None, False, False, False),
        (None, True, True, True),
        (CHILD, True, True, True),
    ],
)
async def test_who_decides_alone_follows_from_age_and_an_unknown_age_is_too_young(
    database: Database,
    keys: KeyRing,
    people: People,
    clock: SetClock,
    born: date | None,
    adults_only: bool,
    alone: bool,
    of_age: bool,
) -> None:
    school = people.school("DE", adults_only=adults_only)
    learner = people.person(school, Role.LEARNER, born=born)
    told = await database.read(
        lambda tx: maturity(tx, keys, school.tenant, learner.subject_ref, clock.now()), tenant=school.tenant
    )
    assert (told.decides_alone, told.of_age) == (alone, of_age)


async def test_the_same_teenager_decides_alone_in_one_country_and_not_in_the_next(
    database: Database, keys: KeyRing, people: People, clock: SetClock
) -> None:
    born = (clock.now() - timedelta(days=14 * 365 + 200)).date()
    told = {}
    for country in ("AT", "DE"):
        school = people.school(country)
        learner = people.person(school, Role.LEARNER, born=born)
        look = partial(
            maturity, keyring=keys, tenant=school.tenant, subject=learner.subject_ref, at=clock.now()
        )
        told[country] = await database.read(look, tenant=school.tenant)
    assert told["AT"].decides_alone
    assert not told["DE"].decides_alone


async def test_staff_decide_for_themselves(
    database: Database, keys: KeyRing, people: People, school: School, clock: SetClock
) -> None:
    instructor = people.person(school, Role.INSTRUCTOR)
    told = await database.read(
        lambda tx: maturity(tx, keys, school.tenant, instructor.subject_ref, clock.now()),
        tenant=school.tenant,
    )
    assert told.decides_alone
    assert told.of_age
