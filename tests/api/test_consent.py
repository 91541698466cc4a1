from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from governance.disclosures import disclosures_of
from learning.resources import Resources
from tests.api.callers import Caller
from tests.api.profile import Profiles


@pytest.fixture
async def profiles(resources: Resources) -> AsyncIterator[Profiles]:
    opened = Profiles.open(resources)
    body = {
        "link_id": str(uuid4()),
        "guardian": opened.guardian.ref,
        "learner": opened.child.ref,
        "method": "signed_form",
    }
    await opened.admin("POST", "/v1/guardian-links", 201, body)
    yield opened
    await opened.http.aclose()


def yes(purpose: str = "personalisation", **changes: Any) -> dict[str, Any]:
    body = {"event_id": str(uuid4()), "notice_id": purpose, "notice_version": 1, "notice_language": "en"}
    return {**body, **changes}


def no() -> dict[str, str]:
    return {"event_id": str(uuid4())}


def place(learner: Caller, rest: str = "") -> str:
    return f"/v1/subjects/{learner.ref}/consents{rest}"


async def live(caller: Caller, learner: Caller) -> list[str]:
    return [row["purpose"] for row in await caller("GET", place(learner), 200) if row["live"]]


class TestRefusals:
    async def test_a_child_is_told_to_ask_a_guardian(self, profiles: Profiles) -> None:
        problem = await profiles.child(
            "POST", place(profiles.child, "/telemetry/give"), 403, yes("telemetry")
        )
        assert problem["type"] == "/problems/guardian-needed"
        assert await live(profiles.child, profiles.child) == []

    async def test_others_neither_decide_nor_look(self, profiles: Profiles) -> None:
        learner = profiles.child
        for caller in (profiles.teenager, profiles.admin):
            await caller("POST", place(learner, "/telemetry/give"), 403, yes("telemetry"))
            await caller("POST", place(learner, "/telemetry/withdraw"), 403, no())
            await caller("GET", place(learner), 403)
            await caller("GET", f"/v1/subjects/{learner.ref}/consent-events", 403)
        stranger = profiles.elsewhere()
        await stranger("GET", place(learner), 404)
        await stranger("POST", place(learner, "/telemetry/give"), 404, yes("telemetry"))

    @pytest.mark.parametrize(
        ("purpose", "changes", "field"),
        [
            ("everything", {}, "path.purpose"),
            ("teaching", {}, "path.purpose"),
            ("telemetry", {}, "body.notice_id"),
            ("personalisation", {"event_id": "now"}, "body.event_id"),
            ("personalisation", {"notice_version": 0}, "body.notice_version"),
            ("personalisation", {"notice_language": "EN"}, "body.notice_language"),
            ("personalisation", {"because": "x"}, "body.because"),
        ],
    )
    async def test_bad_input_names_its_field_and_changes_nothing(
        self, profiles: Profiles, purpose: str, changes: dict[str, Any], field: str
    ) -> None:
        teenager = profiles.teenager
        problem = await teenager("POST", place(teenager, f"/{purpose}/give"), 422, yes(**changes))
        assert [fault["field"] for fault in problem["faults"]] == [field]
        assert (await teenager("GET", f"/v1/subjects/{teenager.ref}/consent-events", 200))["rows"] == []

    async def test_a_notice_that_never_was_is_not_found(self, profiles: Profiles) -> None:
        teenager = profiles.teenager
        path = place(teenager, "/personalisation/give")
        for changes in ({"notice_version": 9}, {"notice_language": "fr"}, {"notice_id": "cookies"}):
            problem = await teenager("POST", path, 404, yes(**changes))
            assert problem["type"] == "/problems/no-such-notice"
        await teenager("GET", "/v1/notices/personalisation/9/en", 404)


class TestNotices:
    async def test_everybody_reads_what_is_in_force_and_can_check_its_hash(self, profiles: Profiles) -> None:
        for caller in (profiles.child, profiles.guardian, profiles.auditor):
            listed = await caller("GET", "/v1/notices", 200, params={"language": "de"})
            assert {row["id"] for row in listed} == {
                "model_training",
                "personalisation",
                "research",
                "telemetry",
            }
            for row in listed:
                path = f"/v1/notices/{row['id']}/{row['version']}/{row['language']}"
                assert await caller("GET", path, 200) == row
                assert hashlib.sha256(row["source"].encode()).hexdigest() == row["sha256"]
        assert len(await profiles.child("GET", "/v1/notices", 200)) == 8


class TestDeciding:
    async def test_everything_is_off_until_somebody_says_yes(self, profiles: Profiles) -> None:
        rows = await profiles.teenager("GET", place(profiles.teenager), 200)
        assert [row["live"] for row in rows] == [False] * 4
        assert all(row["without_it"] and row["description"] for row in rows)

    async def test_one_request_gives_and_one_takes_back(self, profiles: Profiles) -> None:
        teenager, body = profiles.teenager, yes()
        given = await teenager("POST", place(teenager, "/personalisation/give"), 200, body)
        assert (given["act"], given["seq"], given["given_by"]) == ("given", 1, "self")
        assert await teenager("POST", place(teenager, "/personalisation/give"), 200, body) == given
        assert await live(teenager, teenager) == ["personalisation"]
        taken = await teenager("POST", place(teenager, "/personalisation/withdraw"), 200, no())
        assert (taken["act"], taken["seq"], taken["valid_until"]) == ("withdrawn", 2, None)
        assert await live(teenager, teenager) == []

    async def test_a_guardian_decides_for_a_child_who_can_still_say_no(self, profiles: Profiles) -> None:
        child, guardian = profiles.child, profiles.guardian
        given = await guardian("POST", place(child, "/telemetry/give"), 200, yes("telemetry"))
        assert given["given_by"] == "guardian"
        assert await live(child, child) == await live(guardian, child) == ["telemetry"]
        await child("POST", place(child, "/telemetry/withdraw"), 200, no())
        assert await live(guardian, child) == []

    async def test_the_same_id_for_something_else_is_a_conflict(self, profiles: Profiles) -> None:
        teenager, body = profiles.teenager, yes()
        await teenager("POST", place(teenager, "/personalisation/give"), 200, body)
        other = {**body, "notice_language": "de"}
        problem = await teenager("POST", place(teenager, "/personalisation/give"), 409, other)
        assert problem["type"] == "/problems/consent-event-id-taken"

    async def test_the_history_comes_in_order_and_in_pages(self, profiles: Profiles) -> None:
        teenager, path = profiles.teenager, f"/v1/subjects/{profiles.teenager.ref}/consent-events"
        for _ in range(3):
            await teenager("POST", place(teenager, "/research/give"), 200, yes("research"))
        first = await teenager("GET", path, 200, params={"limit": 2})
        rest = await teenager("GET", path, 200, params={"limit": 2, "cursor": first["next"]})
        acts = [(row["seq"], row["act"]) for row in [*first["rows"], *rest["rows"]]]
        assert acts == [(1, "given"), (2, "reconfirmed"), (3, "reconfirmed")]
        assert rest["next"] is None


class TestReceipts:
    async def test_the_family_gets_the_receipt_of_each_event(self, profiles: Profiles) -> None:
        child, guardian = profiles.child, profiles.guardian
        given = await guardian("POST", place(child, "/telemetry/give"), 200, yes("telemetry"))
        path = f"/v1/subjects/{child.ref}/consent-events/{given['event_id']}/receipt"
        response = await profiles.http.get(path, headers={"Authorization": f"Bearer {child.token}"})
        assert response.headers["content-type"] == "application/ld+json"
        made = response.json()
        assert made == await guardian("GET", path, 200)
        record = made["dpv:hasRecordOfActivity"]
        assert record["dpv:hasConsentStatus"][0]["dpv:isIndicatedBy"] == "dpv:GuardianOfDataSubject"
        withdraw = record["dpv:hasConsentControl"]["dpv:isExercisedAt"][1]
        await child("POST", withdraw, 200, no())

    async def test_an_event_of_somebody_else_has_no_receipt_here(self, profiles: Profiles) -> None:
        teenager = profiles.teenager
        given = await teenager("POST", place(teenager, "/telemetry/give"), 200, yes("telemetry"))
        path = f"/v1/subjects/{profiles.child.ref}/consent-events/{given['event_id']}/receipt"
        await profiles.child("GET", path, 404)
        await profiles.child("GET", path.replace(profiles.child.ref, teenager.ref), 403)

    async def test_an_auditors_look_is_recorded(self, profiles: Profiles) -> None:
        teenager = profiles.teenager
        await profiles.auditor("GET", place(teenager), 200)
        tenant, subject = profiles.school.tenant, teenager.principal.subject_ref
        (seen,) = profiles.resources.database.read_now(lambda tx: disclosures_of(tx, tenant, subject), tenant)
        assert (seen.reader, seen.object) == (profiles.auditor.principal.subject_ref, "consent")
