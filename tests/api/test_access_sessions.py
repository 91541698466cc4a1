from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from learning.resources import Resources
from policy.vocabulary import Role
from tests.api.callers import Caller, signed_in
from tests.api.profile import Profiles

PASSWORD = "sieben blaue Drachen"
EMAIL = "wren@linden.example"


@pytest.fixture
async def profiles(resources: Resources) -> AsyncIterator[Profiles]:
    opened = Profiles.open(resources)
    yield opened
    await opened.http.aclose()


@pytest.fixture
async def wren(profiles: Profiles) -> Caller:
    """Somebody who has a password."""
    hashed = await profiles.resources.passwords.hash(PASSWORD)
    principal = profiles.people.person(profiles.school, Role.INSTRUCTOR, email=EMAIL, password_hash=hashed)
    return Caller(profiles.http, principal, None)


def credentials(profiles: Profiles, **changes: str) -> dict[str, str]:
    return {"school": profiles.school.slug, "email": EMAIL, "password": PASSWORD, **changes}


@pytest.mark.parametrize("field", ["school", "email", "password"])
async def test_whatever_was_wrong_the_refusal_is_the_same(
    profiles: Profiles, wren: Caller, field: str
) -> None:
    problem = await wren("POST", "/v1/sign-in", 401, credentials(profiles, **{field: "something-else"}))
    assert problem["type"] == "/problems/sign-in-refused"
    assert problem["faults"] == []
    assert EMAIL not in str(problem)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"school": "linden", "email": EMAIL}, "body.password"),
        ({"school": "linden", "email": EMAIL, "password": "x" * 129}, "body.password"),
        ({"school": 7, "email": EMAIL, "password": PASSWORD}, "body.school"),
        ({"school": "linden", "email": EMAIL, "password": PASSWORD, "role": "admin"}, "body.role"),
    ],
)
async def test_a_malformed_sign_in_names_its_field(wren: Caller, body: object, field: str) -> None:
    problem = await wren("POST", "/v1/sign-in", 422, body)
    assert [fault["field"] for fault in problem["faults"]] == [field]


async def test_a_token_opens_the_door_until_one_signs_out(profiles: Profiles, wren: Caller) -> None:
    response = await profiles.http.post("/v1/sign-in", json=credentials(profiles))
    assert response.headers["cache-control"] == "no-store"
    made = response.json()
    assert (made["token_type"], made["roles"], made["subject_ref"]) == ("Bearer", ["instructor"], wren.ref)
    inside = Caller(profiles.http, wren.principal, made["token"])
    assert (await inside("GET", "/v1/me", 200))["email"] == EMAIL
    assert await inside("POST", "/v1/sign-out", 204) is None
    await inside("GET", "/v1/me", 401)


@pytest.mark.parametrize("token", [None, "", "tut_x_y", "nonsense"])
async def test_without_a_live_token_nothing_opens(profiles: Profiles, token: str | None) -> None:
    outside = Caller(profiles.http, profiles.child.principal, token)
    for path in ("/v1/me", "/v1/me/sign-ins", "/v1/notices", "/v1/accounts"):
        problem = await outside("GET", path, 401)
        assert problem["type"] == "/problems/unauthenticated"
    response = await profiles.http.get("/v1/me")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_one_ends_ones_own_sign_ins_and_nobody_elses(profiles: Profiles) -> None:
    here = profiles.child
    there = signed_in(profiles.http, profiles.resources, here.principal)
    listed = await here("GET", "/v1/me/sign-ins", 200)
    assert {row["session_ref"]: row["current"] for row in listed} == {
        str(here.principal.session_ref): True,
        str(there.principal.session_ref): False,
    }
    path = f"/v1/me/sign-ins/{there.principal.session_ref}"
    await profiles.teenager("DELETE", path, 404)
    for _ in range(2):
        await here("DELETE", path, 204)
    await there("GET", "/v1/me", 401)
    await here("GET", "/v1/me", 200)
