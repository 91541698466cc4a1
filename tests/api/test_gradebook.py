from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from governance.accounts import Principal
from policy.vocabulary import Role
from tests.api.callers import Callers, problem
from tests.learning.school import LearningSchool, day


def grade(learner: Principal, **changes: Any) -> dict[str, Any]:
    return {
        "grade_id": str(uuid4()),
        "learner": str(learner.subject_ref),
        "assessment": "essay",
        "score": 15.5,
        "submitted_on": day(-20).isoformat(),
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"grade_id": "1"}, 422, "body.grade_id"),
        ({"score": -1}, 422, "body.score"),
        ({"score": "much"}, 422, "body.score"),
        ({"score": 20.5}, 422, "body.score"),
        ({"submitted_on": None}, 422, "body.submitted_on"),
        ({"submitted_on": day(9).isoformat()}, 422, "body.submitted_on"),
        ({"standing": "forgiven"}, 422, "body.standing"),
        ({"assessment": "riddle"}, 404, "body.assessment"),
        ({"comment": "x" * 2001}, 422, "body.comment"),
        ({"extra": 1}, 422, "body.extra"),
    ],
)
async def test_a_grade_that_cannot_be_names_the_field_and_is_not_kept(
    callers: Callers, school: LearningSchool, changes: dict[str, Any], status: int, field: str
) -> None:
    learner, path = school.learner(), f"/v1/classes/{school.class_id}/grades"
    response = await callers.send(school.teacher, "POST", path, grade(learner, **changes))
    assert problem(response, status) == {field}
    assert (await callers.send(learner, "GET", path)).json()["rows"] == []


async def test_a_learner_posts_nothing_and_reads_their_own(callers: Callers, school: LearningSchool) -> None:
    learner, other, path = school.learner(), school.learner(), f"/v1/classes/{school.class_id}/grades"
    problem(await callers.send(learner, "POST", path, grade(learner)), 403)
    problem(await callers.send(learner, "POST", f"{path}/bulk", {"grades": [grade(learner)]}), 403)
    body = grade(learner, comment="Well argued.")
    posted = await callers.send(school.teacher, "POST", path, body)
    assert (posted.status_code, posted.json()["standing"]) == (201, "on_time")
    again = await callers.send(school.teacher, "POST", path, body)
    assert (again.status_code, again.json()["posted"]) == (200, False)
    differs = await callers.send(school.teacher, "POST", path, {**body, "score": 16})
    assert problem(differs, 409) == {"body.grade_id"}
    (own,) = (await callers.send(learner, "GET", path)).json()["rows"]
    assert (own["score"], own["max_score"], own["comment"]) == (15.5, 20.0, "Well argued.")
    problem(await callers.send(other, "GET", f"{path}?learner={learner.subject_ref}"), 403)
    problem(await callers.send(learner, "GET", f"/v1/classes/{school.class_id}/gradebook"), 403)


async def test_in_bulk_each_fault_is_named_with_its_index(callers: Callers, school: LearningSchool) -> None:
    one, two = school.learner(), school.learner()
    path = f"/v1/classes/{school.class_id}/grades/bulk"
    body = {"grades": [grade(one), grade(two), grade(one, assessment="riddle"), grade(two, score=21)]}
    response = await callers.send(school.system, "POST", path, body)
    outcomes = response.json()["outcomes"]
    assert [outcome["posted"] for outcome in outcomes] == [True, True, False, False]
    assert outcomes[3]["problem"]["faults"][0]["field"] == "body.grades.3.score"
    assert outcomes[2]["problem"]["status"] == 404
    again = (await callers.send(school.system, "POST", path, body)).json()["outcomes"]
    assert [outcome["posted"] for outcome in again] == [False] * 4
    malformed = {"grades": [*body["grades"][:3], grade(two, score=-1)]}
    assert problem(await callers.send(school.system, "POST", path, malformed), 422) == {"body.grades.3.score"}
    many = {"grades": [grade(one)] * 501}
    assert problem(await callers.send(school.system, "POST", path, many), 422) == {"body.grades"}


async def test_the_gradebook_shows_what_counts(callers: Callers, school: LearningSchool) -> None:
    learner, path = school.learner(), f"/v1/classes/{school.class_id}"
    test = {"title": "Test 1", "kind": "test", "weight": 3, "due_on": day(-9).isoformat(), "max_score": 40}
    assert (await callers.send(school.teacher, "PUT", f"{path}/assessments/test-1", test)).status_code == 200
    problem(await callers.send(learner, "PUT", f"{path}/assessments/test-1", test), 403)
    listed = (await callers.send(learner, "GET", f"{path}/assessments")).json()["rows"]
    assert [row["assessment_id"] for row in listed] == ["essay", "project", "test-1"]
    for score, on in [(10, -10), (30, -8)]:
        body = grade(learner, assessment="test-1", score=score, submitted_on=day(on).isoformat())
        await callers.send(school.teacher, "POST", f"{path}/grades", body)
    (row,) = (await callers.send(school.teacher, "GET", f"{path}/gradebook")).json()["rows"]
    assert row["display_name"] == "Robin Beech"
    assert (row["grades"]["test-1"]["score"], row["grades"]["test-1"]["standing"]) == (30, "resubmitted")
    assert [one["score"] for one in await callers.every(learner, f"{path}/grades", 1)] == [10, 30]
    problem(await callers.send(school.person(Role.LEARNER), "GET", f"{path}/assessments"), 404)
