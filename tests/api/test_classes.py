from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from policy.vocabulary import Role
from tests.api.callers import Callers, problem
from tests.learning.school import LearningSchool, day


def new_class(**changes: Any) -> dict[str, Any]:
    return {
        "class_id": str(uuid4()),
        "course_id": "counting",
        "title": "5a",
        "starts_on": "2026-09-01",
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"class_id": "4b"}, "body.class_id"),
        ({"class_id": "00000000-0000-1000-8000-000000000000"}, "body.class_id"),
        ({"course_id": "No Such"}, "body.course_id"),
        ({"course_id": "alchemy"}, "body.course_id"),
        ({"title": ""}, "body.title"),
        ({"title": "a\x00b"}, "body.title"),
        ({"starts_on": "9999-12-31"}, "body.starts_on"),
        ({"ends_on": "2026-08-01"}, "body.ends_on"),
        ({"surprise": 1}, "body.surprise"),
    ],
)
async def test_a_class_that_cannot_be_names_the_field(
    callers: Callers, school: LearningSchool, changes: dict[str, Any], field: str
) -> None:
    response = await callers.send(school.admin, "POST", "/v1/classes", new_class(**changes))
    assert problem(response, 422) == {field}
    assert len((await callers.send(school.admin, "GET", "/v1/classes")).json()["rows"]) == 1


async def test_without_a_sign_in_nothing_is_told(callers: Callers, school: LearningSchool) -> None:
    for method, path in [
        ("GET", "/v1/classes"),
        ("POST", "/v1/classes"),
        ("GET", f"/v1/classes/{uuid4()}/risk"),
    ]:
        assert (await callers.http.request(method, path)).status_code == 401


async def test_another_school_s_class_is_not_there(callers: Callers, school: LearningSchool) -> None:
    stranger = school.people.person(school.people.school(), Role.ADMIN)
    path = f"/v1/classes/{school.class_id}"
    problem(await callers.send(stranger, "GET", path), 404)
    problem(await callers.send(stranger, "PATCH", path, {"title": "Mine"}), 404)
    problem(await callers.send(stranger, "GET", f"{path}/learners"), 404)
    outcome = await callers.send(
        stranger,
        "POST",
        f"{path}/enrolments",
        {"enrolments": [{"learner": str(school.learner().subject_ref)}]},
    )
    assert outcome.json()["outcomes"][0]["problem"]["status"] == 404


async def test_a_class_is_made_once_and_other_content_is_refused(
    callers: Callers, school: LearningSchool
) -> None:
    body = new_class()
    first = await callers.send(school.admin, "POST", "/v1/classes", body)
    again = await callers.send(school.admin, "POST", "/v1/classes", body)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    problem(await callers.send(school.admin, "POST", "/v1/classes", {**body, "title": "5b"}), 409)
    problem(await callers.send(school.teacher, "POST", "/v1/classes", new_class()), 403)


async def test_pages_go_on_where_the_last_one_ended(callers: Callers, school: LearningSchool) -> None:
    for _ in range(4):
        await callers.send(school.admin, "POST", "/v1/classes", new_class())
    rows = await callers.every(school.admin, "/v1/classes")
    seen = [row["class_id"] for row in rows]
    assert len(seen) == len(set(seen)) == 5
    for bad in ("x", "WyJ4Il0", "WzFd"):
        response = await callers.send(school.admin, "GET", f"/v1/classes?cursor={bad}")
        assert problem(response, 422) == {"query.cursor"}


async def test_a_teacher_locks_a_class_and_an_admin_ends_it(callers: Callers, school: LearningSchool) -> None:
    path = f"/v1/classes/{school.class_id}"
    locked = await callers.send(school.teacher, "PATCH", path, {"lesson_locked": True})
    assert locked.json()["lesson_locked"] is True
    problem(await callers.send(school.teacher, "PATCH", path, {"ends_on": "2027-01-01"}), 403)
    ended = await callers.send(school.admin, "PATCH", path, {"ends_on": "2027-01-01"})
    assert (ended.json()["ends_on"], ended.json()["lesson_locked"]) == ("2027-01-01", True)


async def test_each_enrolment_stands_or_falls_by_itself(callers: Callers, school: LearningSchool) -> None:
    new, editor = school.person(Role.LEARNER), school.person(Role.EDITOR)
    path = f"/v1/classes/{school.class_id}"
    body = {
        "enrolments": [
            {"learner": str(new.subject_ref), "enrolled_on": day(-3).isoformat()},
            {"learner": str(editor.subject_ref)},
            {"learner": str(uuid4())},
        ]
    }
    outcomes = (await callers.send(school.admin, "POST", f"{path}/enrolments", body)).json()["outcomes"]
    assert [one["index"] for one in outcomes] == [0, 1, 2]
    assert outcomes[0]["problem"] is None
    assert outcomes[0]["enrolled_on"] == day(-3).isoformat()
    assert outcomes[1]["problem"]["faults"][0]["field"] == "body.enrolments.1.learner"
    assert outcomes[2]["problem"]["status"] == 404
    roster = (await callers.send(school.teacher, "GET", f"{path}/learners")).json()["rows"]
    assert [(row["subject_ref"], row["display_name"]) for row in roster] == [
        (str(new.subject_ref), "Robin Beech")
    ]
    leave = {"unenrolments": [{"learner": str(new.subject_ref), "unenrolled_on": day(0).isoformat()}]}
    left = (await callers.send(school.admin, "POST", f"{path}/unenrolments", leave)).json()["outcomes"]
    assert (left[0]["unenrolled_on"], left[0]["problem"]) == (day(0).isoformat(), None)
    assert (await callers.send(school.teacher, "GET", f"{path}/learners")).json()["rows"] == []
    empty = await callers.send(school.admin, "POST", f"{path}/enrolments", {"enrolments": []})
    assert problem(empty, 422) == {"body.enrolments"}


async def test_an_admin_puts_an_instructor_into_a_class(callers: Callers, school: LearningSchool) -> None:
    new, learner = school.person(Role.INSTRUCTOR), school.person(Role.LEARNER)
    path = f"/v1/classes/{school.class_id}/instructors"
    body = {"from_on": day(0).isoformat()}
    listing = f"/v1/classes/{school.class_id}/learners"
    problem(await callers.send(new, "GET", listing), 403)
    assert (await callers.send(school.admin, "PUT", f"{path}/{new.subject_ref}", body)).status_code == 200
    assert (await callers.send(new, "GET", listing)).status_code == 200
    refused = await callers.send(school.admin, "PUT", f"{path}/{learner.subject_ref}", body)
    assert problem(refused, 422) == {"path.subject_ref"}
