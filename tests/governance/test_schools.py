from __future__ import annotations

from uuid import uuid4

import pytest

from governance.schools import School, SlugTaken, create_tenant, school_by_slug, school_of
from runtime.database import Database
from runtime.errors import Invalid, NotFound
from tests.clocks import START
from tests.people import People


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", "Linden"),
        ("slug", "linden--school"),
        ("slug", ""),
        ("slug", "../etc"),
        ("country", "de"),
        ("country", "GERMANY"),
        ("name", "  "),
    ],
)
async def test_a_malformed_school_is_refused_by_field_and_nothing_is_stored(
    database: Database, field: str, value: str
) -> None:
    values = {"slug": "linden", "name": "Linden School", "country": "DE", field: value}
    school = School(uuid4(), values["slug"], values["name"], values["country"], adults_only=False)
    with pytest.raises(Invalid) as refused:
        await database.write(lambda tx: create_tenant(tx, school, START), tenant=None)
    assert [fault.field for fault in refused.value.faults] == [field]
    assert await database.read(lambda tx: school_by_slug(tx, school.slug), tenant=None) is None


async def test_a_short_name_belongs_to_one_school(database: Database, people: People) -> None:
    first = people.school()
    second = School(uuid4(), first.slug, "Another School", "FR", adults_only=False)
    with pytest.raises(SlugTaken):
        await database.write(lambda tx: create_tenant(tx, second, START), tenant=None)


async def test_a_school_is_found_by_its_short_name_before_anybody_says_whose_rows_they_want(
    database: Database, people: People
) -> None:
    school = people.school("FR", adults_only=True)
    assert await database.read(lambda tx: school_by_slug(tx, school.slug), tenant=None) == school
    assert await database.read(lambda tx: school_of(tx, school.tenant), tenant=None) == school


async def test_a_school_that_does_not_exist_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound):
        await database.read(lambda tx: school_of(tx, uuid4()), tenant=None)


@pytest.mark.parametrize("slug", ["a\x00b", "", "Linden", "a" * 10_000])
async def test_what_is_no_short_name_finds_no_school(database: Database, slug: str) -> None:
    assert await database.read(lambda tx: school_by_slug(tx, slug), tenant=None) is None
