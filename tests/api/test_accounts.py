from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from learning.resources import Resources
from policy.vocabulary import Role
from tests.api.callers import Caller
from tests.api.profile import Profiles

PASSWORD = "sieben blaue Drachen"


@pytest.fixture
async def profiles(resources: Resources) -> AsyncIterator[Profiles]:
    opened = Profiles.open(resources)
    yield opened
    await opened.http.aclose()


def new(**changes: Any) -> dict[str, Any]:
    body = {
        "account_id": str(uuid4()),
        "email": "wren@linden.example",
        "display_name": "Wren Alder",
        "roles": ["learner"],
        "birth_date": "2014-03-02",
    }
    return {**body, **changes}


class TestRefusals:
    async def test_only_an_administrator_makes_lists_and_changes_accounts(self, profiles: Profiles) -> None:
        some = f"/v1/accounts/{profiles.child.principal.account_id}"
        for caller in (profiles.child, profiles.guardian, profiles.auditor):
            await caller("POST", "/v1/accounts", 403, new())
            await caller("GET", "/v1/accounts", 403)
            await caller("GET", some, 403)
            await caller("GET", f"/v1/accounts/{uuid4()}", 403)
            await caller("PATCH", some, 403, {"state": "closed"})

    async def test_another_schools_account_does_not_exist(self, profiles: Profiles) -> None:
        stranger = profiles.elsewhere()
        for path in (f"/v1/accounts/{profiles.child.principal.account_id}", f"/v1/accounts/{uuid4()}"):
            assert (await stranger("GET", path, 404))["type"] == "/problems/not-found"
            await stranger("PATCH", path, 404, {"state": "closed"})
        listed = await stranger("GET", "/v1/accounts", 200)
        assert [row["account_id"] for row in listed["rows"]] == [str(stranger.principal.account_id)]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"account_id": "00000000-0000-1000-8000-000000000000"}, "body.account_id"),
            ({"account_id": "robin"}, "body.account_id"),
            ({"email": "wren"}, "body.email"),
            ({"display_name": " "}, "body.display_name"),
            ({"roles": []}, "body.roles"),
            ({"roles": ["king"]}, "body.roles.0"),
            ({"roles": ["worker"]}, "body.roles"),
            ({"birth_date": "yesterday"}, "body.birth_date"),
            ({"birth_date": "2100-01-01"}, "body.birth_date"),
            ({"password": "short"}, "body.password"),
            ({"password": "Wren-Alder-1"}, "body.password"),
            ({"password": None, "pasword": "x"}, "body.pasword"),
        ],
    )
    async def test_bad_input_names_its_field_and_makes_nothing(
        self, profiles: Profiles, changes: dict[str, Any], field: str
    ) -> None:
        before = await profiles.admin("GET", "/v1/accounts", 200)
        problem = await profiles.admin("POST", "/v1/accounts", 422, new(**changes))
        assert field in {fault["field"] for fault in problem["faults"]}
        assert "wren@linden" not in str(problem)
        assert await profiles.admin("GET", "/v1/accounts", 200) == before

    async def test_an_address_that_is_taken_is_a_conflict(self, profiles: Profiles) -> None:
        problem = await profiles.admin("POST", "/v1/accounts", 409, new(email="ROBIN@linden.example"))
        assert problem["type"] == "/problems/email-taken"
        assert "robin" not in str(problem).lower()

    async def test_nobody_suspends_themselves(self, profiles: Profiles) -> None:
        path = f"/v1/accounts/{profiles.admin.principal.account_id}"
        await profiles.admin("PATCH", path, 403, {"state": "suspended"})

    @pytest.mark.parametrize("cursor", ["nonsense", "WzFd", "WyJyb2JpbiJd"])
    async def test_a_cursor_of_another_list_is_refused(self, profiles: Profiles, cursor: str) -> None:
        problem = await profiles.admin("GET", "/v1/accounts", 422, params={"cursor": cursor})
        assert [fault["field"] for fault in problem["faults"]] == ["query.cursor"]


class TestAccounts:
    async def test_one_sees_ones_own_account_and_school(self, profiles: Profiles) -> None:
        me = await profiles.child("GET", "/v1/me", 200)
        assert (me["display_name"], me["birth_date"], me["roles"]) == (
            "Robin Beech",
            "2015-06-01",
            ["learner"],
        )
        assert me["school"] == {
            "slug": profiles.school.slug,
            "name": "Linden School",
            "country": "DE",
            "contact": "The school's office",
        }

    async def test_a_new_person_can_sign_in_and_the_request_can_be_repeated(self, profiles: Profiles) -> None:
        body = new(password=PASSWORD)
        made = await profiles.admin("POST", "/v1/accounts", 201, body)
        assert await profiles.admin("POST", "/v1/accounts", 201, body) == made
        other = {**body, "display_name": "Wren Ash"}
        assert (await profiles.admin("POST", "/v1/accounts", 409, other))[
            "type"
        ] == "/problems/account-id-taken"
        credentials = {"school": profiles.school.slug, "email": body["email"], "password": PASSWORD}
        inside = await profiles.child.nobody()("POST", "/v1/sign-in", 200, credentials)
        assert inside["subject_ref"] == made["subject_ref"]

    async def test_the_list_has_everybody_once_page_by_page(self, profiles: Profiles) -> None:
        seen: list[str] = []
        cursor: str | None = None
        while True:
            params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
            listed = await profiles.admin("GET", "/v1/accounts", 200, params=params)
            seen += [row["account_id"] for row in listed["rows"]]
            cursor = listed["next"]
            if cursor is None:
                break
        everybody = (profiles.admin, profiles.child, profiles.teenager, profiles.guardian, profiles.auditor)
        assert sorted(seen) == sorted(str(caller.principal.account_id) for caller in everybody)

    async def test_a_suspended_account_is_out_at_once_and_can_come_back(self, profiles: Profiles) -> None:
        path = f"/v1/accounts/{profiles.child.principal.account_id}"
        changed = await profiles.admin("PATCH", path, 200, {"state": "suspended"})
        assert changed["state"] == "suspended"
        await profiles.child("GET", "/v1/me", 401)
        await profiles.admin("PATCH", path, 200, {"state": "active"})
        assert (await profiles.child("GET", "/v1/me", 200))["state"] == "active"

    async def test_one_changes_ones_password_knowing_the_old_one(self, profiles: Profiles) -> None:
        body = new(password=PASSWORD)
        made = await profiles.admin("POST", "/v1/accounts", 201, body)
        credentials = {"school": profiles.school.slug, "email": body["email"], "password": PASSWORD}
        outside = profiles.child.nobody()
        token = (await outside("POST", "/v1/sign-in", 200, credentials))["token"]
        wren = Caller(profiles.http, profiles.child.principal, token)
        wrong = {"current": "wrong wrong", "password": "acht rote Drachen"}
        problem = await wren("PUT", "/v1/me/password", 422, wrong)
        assert [fault["field"] for fault in problem["faults"]] == ["body.current"]
        right = {"current": PASSWORD, "password": "acht rote Drachen"}
        await wren("PUT", "/v1/me/password", 204, right)
        await outside("POST", "/v1/sign-in", 401, credentials)
        again = await outside("POST", "/v1/sign-in", 200, {**credentials, "password": "acht rote Drachen"})
        assert again["subject_ref"] == made["subject_ref"]

    async def test_staff_have_accounts_of_every_kind(self, profiles: Profiles) -> None:
        for role in sorted(set(Role) - {Role.WORKER}):
            body = new(email=f"{role}@linden.example", roles=[role], birth_date=None)
            made = await profiles.admin("POST", "/v1/accounts", 201, body)
            assert made["roles"] == [role]
