from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from learning.resources import Resources
from tests.api.profile import Profiles


@pytest.fixture
async def profiles(resources: Resources) -> AsyncIterator[Profiles]:
    opened = Profiles.open(resources)
    yield opened
    await opened.http.aclose()


def link(profiles: Profiles, **changes: Any) -> dict[str, Any]:
    body = {
        "link_id": str(uuid4()),
        "guardian": profiles.guardian.ref,
        "learner": profiles.child.ref,
        "method": "school_record",
    }
    return {**body, **changes}


async def test_nobody_but_the_school_says_who_is_whose_guardian(profiles: Profiles) -> None:
    for caller in (profiles.guardian, profiles.child, profiles.auditor):
        await caller("POST", "/v1/guardian-links", 403, link(profiles))
        await caller("POST", f"/v1/guardian-links/{uuid4()}/end", 403)


async def test_people_of_another_school_do_not_exist(profiles: Profiles) -> None:
    made = await profiles.admin("POST", "/v1/guardian-links", 201, link(profiles))
    stranger = profiles.elsewhere()
    await stranger("POST", "/v1/guardian-links", 404, link(profiles))
    await stranger("POST", f"/v1/guardian-links/{made['link_id']}/end", 404)
    await stranger("GET", f"/v1/subjects/{profiles.child.ref}/guardian-links", 404)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"method": "rumour"}, "body.method"),
        ({"until": "2026-09-01T08:00:00"}, "body.until"),
        ({"until": "2020-01-01T00:00:00Z"}, "body.until"),
        ({"guardian": "child"}, "body.guardian"),
    ],
)
async def test_bad_input_names_its_field(profiles: Profiles, changes: dict[str, Any], field: str) -> None:
    problem = await profiles.admin("POST", "/v1/guardian-links", 422, link(profiles, **changes))
    assert field in {fault["field"] for fault in problem["faults"]}
    assert await profiles.child("GET", f"/v1/subjects/{profiles.child.ref}/guardian-links", 200) == []


async def test_a_link_is_made_once_shown_to_the_family_and_ended_for_good(profiles: Profiles) -> None:
    body = link(profiles)
    made = await profiles.admin("POST", "/v1/guardian-links", 201, body)
    assert await profiles.admin("POST", "/v1/guardian-links", 201, body) == made
    await profiles.admin("POST", "/v1/guardian-links", 409, link(profiles))
    path = f"/v1/subjects/{profiles.child.ref}/guardian-links"
    for caller in (profiles.child, profiles.guardian, profiles.admin):
        assert await caller("GET", path, 200) == [made]
    await profiles.teenager("GET", path, 403)
    for _ in range(2):
        ended = await profiles.admin("POST", f"/v1/guardian-links/{made['link_id']}/end", 200)
        assert ended["until"] is not None
    await profiles.guardian("GET", path, 403)
    await profiles.admin("POST", "/v1/guardian-links", 201, link(profiles))
