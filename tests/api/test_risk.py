from __future__ import annotations

from uuid import uuid4

from policy.vocabulary import Role
from tests.api.callers import Callers, problem
from tests.learning.school import LearningSchool, day


async def test_the_list_is_for_teachers_and_the_own_score_for_the_learner(
    callers: Callers, school: LearningSchool
) -> None:
    learner, other, path = school.learner(), school.learner(), f"/v1/classes/{school.class_id}/risk"
    for who in (learner, school.admin, school.system, school.person(Role.INSTRUCTOR)):
        problem(await callers.send(who, "GET", path), 403)
    problem(await callers.send(other, "GET", f"{path}/{learner.subject_ref}"), 403)
    own = await callers.send(learner, "GET", f"{path}/{learner.subject_ref}")
    assert own.status_code == 200
    assert own.json()["as_of"] == day(0).isoformat()
    assert own.json()["current"] is None


async def test_impossible_days_name_their_field(callers: Callers, school: LearningSchool) -> None:
    path = f"/v1/classes/{school.class_id}/risk"
    for query, field in [
        (f"as_of={day(2)}", "query.as_of"),
        ("as_of=soon", "query.as_of"),
        ("as_of=0001-01-01", "query.as_of"),
        (f"as_of={day(-9)}&since={day(-8)}", "query.since"),
    ]:
        assert problem(await callers.send(school.teacher, "GET", f"{path}?{query}"), 422) == {field}


async def test_most_in_need_come_first_with_reasons_over_pages(
    callers: Callers, school: LearningSchool
) -> None:
    learners = [school.learner() for _ in range(5)]
    for number, learner in enumerate(learners[:4]):
        body = {
            "grade_id": str(uuid4()),
            "learner": str(learner.subject_ref),
            "assessment": "essay",
            "score": 5 * number,
            "submitted_on": day(-20).isoformat(),
            "graded_on": day(-20).isoformat(),
        }
        await callers.send(school.teacher, "POST", f"/v1/classes/{school.class_id}/grades", body)
    path = f"/v1/classes/{school.class_id}/risk"
    rows = await callers.every(school.teacher, path)
    assert {row["learner"] for row in rows} == {str(learner.subject_ref) for learner in learners}
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    assert rows[0]["reasons"]
    assert rows[0]["display_name"] == "Robin Beech"
    worst = await callers.send(school.teacher, "GET", f"{path}/{rows[0]['learner']}")
    assert worst.json()["score"] == rows[0]["score"]
    kept = await callers.send(school.teacher, "GET", f"{path}/{learners[0].subject_ref}")
    assert len(kept.json()["current"]["inputs_digest"]) == 64
