"""The course as a decision reads it."""

from __future__ import annotations

import pytest

from learning.courses.plan import CoursePlan, NotInCourse


def test_an_unknown_item_is_refused_as_not_found(plan: CoursePlan) -> None:
    with pytest.raises(NotInCourse) as refusal:
        plan.item("nowhere")
    assert refusal.value.status == 404


def test_items_stand_in_the_courses_order(plan: CoursePlan) -> None:
    assert [planned.position for planned in plan.order] == list(range(18))
    assert [planned.lesson for planned in plan.order[5:7]] == ["l0", "l1"]


def test_an_item_is_found_under_each_of_its_skills(plan: CoursePlan) -> None:
    assert plan.items["i1-5"] in plan.by_skill["s0"]
    assert plan.items["i1-5"] in plan.by_skill["s1"]
    assert plan.by_both["l1", "s0"] == (plan.items["i1-5"],)
    assert ("l0", "s1") not in plan.by_both


def test_a_lesson_needs_what_its_skills_build_on(plan: CoursePlan) -> None:
    assert plan.prerequisites == {"l0": (), "l1": ("s0",), "l2": ("s1",)}


def test_a_prerequisite_that_nothing_practises_holds_nobody_up(plan: CoursePlan) -> None:
    course = plan.course
    kept = tuple(item for item in course.items if "s0" not in item.skills)
    lessons = tuple(
        lesson.model_copy(update={"items": tuple(i for i in lesson.items if i in {item.id for item in kept})})
        for lesson in course.lessons[1:]
    )
    bare = CoursePlan.of(course.model_copy(update={"items": kept, "lessons": lessons}), "d")
    assert bare.prerequisites["l1"] == ()


def test_only_items_with_one_right_option_can_be_guessed(plan: CoursePlan) -> None:
    assert plan.items["i0-0"].choices == 4
    assert plan.items["i0-1"].choices is None


def test_reading_takes_the_words_at_two_hundred_a_minute(plan: CoursePlan) -> None:
    assert plan.items["i0-1"].reading_ms == 7 * 300
    assert plan.items["i0-0"].reading_ms == (7 + 4) * 300
