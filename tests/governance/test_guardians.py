from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from governance.accounts import Principal
from governance.guardians import (
    Guardianship,
    LinkIdTaken,
    LinkStands,
    Verification,
    end_link,
    is_guardian_of_minor,
    link_guardian,
    links_of_guardian,
    links_of_learner,
)
from governance.keys import KeyRing
from governance.schools import School
from policy.vocabulary import Role
from runtime.database import Database
from runtime.errors import Invalid, NotFound
from tests.clocks import START, SetClock
from tests.people import CHILD, GROWN_UP, People


@dataclass
class Family:
    """A guardian and a learner of one school."""

    database: Database
    keys: KeyRing
    clock: SetClock
    school: School
    guardian: Principal
    learner: Principal

    def link(self, **changes: Any) -> Guardianship:
        link = Guardianship(
            uuid4(),
            self.guardian.subject_ref,
            self.learner.subject_ref,
            Verification.SCHOOL_RECORD,
            uuid4(),
            self.clock.now(),
            None,
        )
        return replace(link, **changes)

    async def enter(self, link: Guardianship) -> Guardianship:
        return await self.database.write(
            lambda tx: link_guardian(tx, self.school.tenant, link), tenant=self.school.tenant
        )

    async def end(self, link: Guardianship) -> None:
        now = self.clock.now()
        await self.database.write(
            lambda tx: end_link(tx, self.school.tenant, link.link_id, now), tenant=self.school.tenant
        )

    async def counts(self, principal: Principal | None = None, learner: Principal | None = None) -> bool:
        who, whose, at = principal or self.guardian, learner or self.learner, self.clock.now()
        return await self.database.read(
            lambda tx: is_guardian_of_minor(tx, self.keys, who, whose.subject_ref, at), tenant=who.tenant
        )


@pytest.fixture
def family(database: Database, keys: KeyRing, clock: SetClock, people: People, school: School) -> Family:
    guardian = people.person(school, Role.GUARDIAN)
    return Family(database, keys, clock, school, guardian, people.person(school, Role.LEARNER, born=CHILD))


async def test_without_a_link_nobody_is_a_guardian(family: Family, people: People) -> None:
    assert not await family.counts()
    assert not await family.counts(learner=people.person(people.school(), Role.LEARNER, born=CHILD))


async def test_a_link_is_no_claim_of_anybody_elses(family: Family, people: People) -> None:
    await family.enter(family.link())
    other_guardian = people.person(family.school, Role.GUARDIAN)
    other_learner = people.person(family.school, Role.LEARNER, born=CHILD)
    assert not await family.counts(principal=other_guardian)
    assert not await family.counts(learner=other_learner)
    assert not await family.counts(principal=replace(family.guardian, tenant=people.school().tenant))


@pytest.mark.parametrize("end", ["court order", "set end"])
async def test_an_ended_link_counts_no_more(family: Family, end: str) -> None:
    until = START + timedelta(days=1) if end == "set end" else None
    link = await family.enter(family.link(until=until))
    assert await family.counts()
    family.clock.advance(86_400)
    if end == "court order":
        await family.end(link)
    assert not await family.counts()


async def test_at_majority_the_guardians_rights_are_gone(family: Family, people: People) -> None:
    nearly = (START - timedelta(hours=12) + timedelta(days=1)).date().replace(year=START.year - 18)
    learner = people.person(family.school, Role.LEARNER, born=nearly)
    await family.enter(family.link(learner=learner.subject_ref))
    assert await family.counts(learner=learner)
    family.clock.advance(2 * 86_400)
    assert not await family.counts(learner=learner)


async def test_a_learner_of_unknown_age_counts_as_a_minor(family: Family, people: People) -> None:
    learner = people.person(family.school, Role.LEARNER)
    await family.enter(family.link(learner=learner.subject_ref))
    assert await family.counts(learner=learner)


async def test_somebody_who_lost_the_role_is_no_guardian(family: Family) -> None:
    await family.enter(family.link())
    assert not await family.counts(principal=replace(family.guardian, roles=frozenset({Role.INSTRUCTOR})))


@pytest.mark.parametrize(
    ("case", "field"),
    [
        ("guardian", "guardian"),
        ("learner", "learner"),
        ("self", "guardian"),
        ("end", "until"),
        ("late", "until"),
    ],
)
async def test_what_is_no_guardianship_is_refused_by_field(
    family: Family, people: People, case: str, field: str
) -> None:
    both = people.person(family.school, Role.GUARDIAN, Role.LEARNER, born=GROWN_UP)
    wrong: dict[str, Any] = {
        "guardian": {"guardian": family.learner.subject_ref},
        "learner": {"learner": family.guardian.subject_ref},
        "self": {"guardian": both.subject_ref, "learner": both.subject_ref},
        "end": {"until": START},
        "late": {"until": datetime.max.replace(tzinfo=UTC)},
    }
    with pytest.raises(Invalid) as refused:
        await family.enter(family.link(**wrong[case]))
    assert field in {fault.field for fault in refused.value.faults}


async def test_nobody_vouches_for_themselves(family: Family) -> None:
    with pytest.raises(Invalid) as refused:
        await family.enter(family.link(verified_by=family.guardian.subject_ref))
    assert [fault.field for fault in refused.value.faults] == ["guardian"]


async def test_the_same_link_again_is_the_one_that_stands_and_another_under_its_id_is_a_conflict(
    family: Family,
) -> None:
    link = await family.enter(family.link())
    family.clock.advance(60)
    assert await family.enter(replace(link, verified_at=family.clock.now(), verified_by=uuid4())) == link
    with pytest.raises(LinkIdTaken):
        await family.enter(replace(link, method=Verification.VIDEO))


@pytest.mark.parametrize("who", ["guardian", "learner"])
async def test_a_person_of_another_school_cannot_be_linked(family: Family, people: People, who: str) -> None:
    stranger = people.person(people.school(), Role.GUARDIAN, Role.LEARNER)
    with pytest.raises(NotFound):
        await family.enter(family.link(**{who: stranger.subject_ref}))


async def test_two_administrators_at_once_make_one_link(family: Family) -> None:
    outcomes = await asyncio.gather(*(family.enter(family.link()) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(outcome, Guardianship) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, LinkStands) for outcome in outcomes) == 3


async def test_a_link_that_ended_can_be_made_again_and_both_stay_known(family: Family) -> None:
    first = await family.enter(family.link())
    family.clock.advance(60)
    await family.end(first)
    await family.end(first)
    family.clock.advance(60)
    second = await family.enter(family.link(method=Verification.COURT_ORDER))
    tenant = family.school.tenant
    by_learner = partial(links_of_learner, tenant=tenant, learner=family.learner.subject_ref)
    by_guardian = partial(links_of_guardian, tenant=tenant, guardian=family.guardian.subject_ref)
    listed = await family.database.read(by_learner, tenant=tenant)
    assert listed == [replace(first, until=START + timedelta(seconds=60)), second]
    assert await family.database.read(by_guardian, tenant=tenant) == listed


async def test_ending_a_link_that_is_not_there_is_not_found(family: Family, people: People) -> None:
    link = await family.enter(family.link())
    with pytest.raises(NotFound):
        await family.end(family.link())
    elsewhere = people.school().tenant
    end = partial(end_link, tenant=elsewhere, link_id=link.link_id, now=START)
    with pytest.raises(NotFound):
        await family.database.write(end, tenant=elsewhere)
    assert await family.counts()


async def test_ending_never_makes_a_link_last_longer(family: Family) -> None:
    link = await family.enter(family.link(until=START + timedelta(hours=1)))
    family.clock.advance(7200)
    await family.end(link)
    find = partial(links_of_learner, tenant=family.school.tenant, learner=family.learner.subject_ref)
    (listed,) = await family.database.read(find, tenant=family.school.tenant)
    assert listed.until == START + timedelta(hours=1)
