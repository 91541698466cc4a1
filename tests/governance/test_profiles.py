from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from governance.accounts import Account, AccountState, Principal
from governance.keys import KeyDestroyed, SealBroken
from governance.permits import Governor, IdentityMasked, Permit, permit
from governance.profiles import Profile, profile, profiles
from governance.schools import School
from policy.vocabulary import Action, ObjectType, Purpose, Relation, Role
from runtime.database import Database, table
from runtime.errors import NotFound
from tests.people import CHILD, People


class Reader:
    """An administrator who reads accounts by permits."""

    def __init__(self, database: Database, governor: Governor, admin: Principal) -> None:
        self._database = database
        self._governor = governor
        self._admin = admin

    def leave(self, tx: Connection, subject: UUID) -> Permit:
        return permit(
            tx,
            self._admin,
            frozenset({Relation.TENANT}),
            Action.READ,
            ObjectType.ACCOUNT,
            Purpose.ADMINISTRATION,
            subject=subject,
            governor=self._governor,
        )

    def read(self, person: Principal, *, masked: bool = False) -> Profile:
        return self._database.read_now(
            lambda tx: profile(tx, replace(self.leave(tx, person.subject_ref), masked=masked)),
            self._admin.tenant,
        )

    def read_all(self, *people: Principal) -> list[Profile]:
        def work(tx: Connection) -> list[Profile]:
            return profiles(tx, {one.subject_ref: self.leave(tx, one.subject_ref) for one in people})

        return self._database.read_now(work, self._admin.tenant)


@pytest.fixture
def reader(database: Database, governor: Governor, people: People, school: School) -> Reader:
    return Reader(database, governor, people.person(school, Role.ADMIN))


def test_a_person_reads_back_as_they_were_registered(reader: Reader, people: People, school: School) -> None:
    robin = people.person(school, Role.LEARNER, born=CHILD, email="robin@school.example")
    seen = reader.read(robin)
    assert (seen.email, seen.display_name, seen.birth_date) == ("robin@school.example", "Robin Beech", CHILD)
    assert (seen.roles, seen.state, seen.created_at) == (
        robin.roles,
        AccountState.ACTIVE,
        people.clock.now(),
    )
    assert "obin" not in repr(seen)


def test_a_permit_without_names_opens_no_account(reader: Reader, people: People, school: School) -> None:
    with pytest.raises(IdentityMasked):
        reader.read(people.person(school, Role.LEARNER), masked=True)


def test_a_page_shows_whom_permits_were_given_for_in_the_order_of_accounts(
    reader: Reader, people: People, school: School
) -> None:
    made = [people.person(school, Role.LEARNER) for _ in range(3)]
    shown = reader.read_all(made[2], made[0])
    assert [one.subject_ref for one in shown] == [
        one.subject_ref for one in sorted((made[0], made[2]), key=lambda one: one.account_id)
    ]
    assert reader.read_all() == []


def test_whose_row_is_gone_is_not_found(
    reader: Reader, database: Database, people: People, school: School
) -> None:
    gone, account = people.person(school, Role.LEARNER), table(Account)
    database.write_now(
        lambda tx: tx.execute(sa.delete(account).where(account.c.account_id == gone.account_id)),
        tenant=school.tenant,
    )
    with pytest.raises(NotFound):
        reader.read(gone)


def test_a_name_moved_to_another_persons_row_does_not_open(
    reader: Reader, database: Database, people: People, school: School
) -> None:
    one, two = (people.person(school, Role.LEARNER) for _ in range(2))
    account = table(Account)

    def swap(tx: Connection) -> None:
        name = sa.select(account.c.display_name).where(account.c.subject_ref == one.subject_ref)
        tx.execute(
            sa.update(account)
            .where(account.c.subject_ref == two.subject_ref)
            .values(display_name=name.scalar_subquery())
        )

    database.write_now(swap, tenant=school.tenant)
    with pytest.raises(SealBroken):
        reader.read(two)


def test_without_the_persons_key_the_account_says_nothing(
    reader: Reader, people: People, school: School
) -> None:
    one = people.person(school, Role.LEARNER)
    people.keys.destroy_subject(school.tenant, one.subject_ref)
    with pytest.raises(KeyDestroyed):
        reader.read(one)
