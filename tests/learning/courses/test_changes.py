from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from learning.courses.changes import KINDS, Change, How, changes
from learning.courses.content import Course, Skill
from learning.courses.package import parse
from tests.learning.courses.packages import edited, example_package

OLD = parse(example_package()).course


def changed(file: str, old: str, new: str) -> tuple[Change, ...]:
    return changes(OLD, parse(edited(file, old, new)).course)


def test_a_reworded_item_is_one_change() -> None:
    assert changed("items/questions.yaml", "You share 8 walnuts", "You divide 8 walnuts") == (
        Change(How.CHANGED, "item", "half-of-eight"),
    )


def test_a_new_title_is_a_change_of_the_course() -> None:
    assert changed("course.yaml", "Sharing fairly", "Fair sharing") == (
        Change(How.CHANGED, "course", "title"),
    )


def test_a_new_id_is_one_thing_removed_and_one_added() -> None:
    assert changed("course.yaml", "id: fair-kitchen", "id: fair-house") == (
        Change(How.ADDED, "assignment", "fair-house"),
        Change(How.REMOVED, "assignment", "fair-kitchen"),
    )


def test_another_order_is_named_as_such() -> None:
    new = OLD.model_copy(update={"skills": OLD.skills[::-1]})
    assert changes(OLD, new) == (Change(How.REORDERED, "skill"),)


def test_every_part_of_a_course_is_compared() -> None:
    lists = {name for name, field in Course.model_fields.items() if "tuple" in str(field.annotation)}
    assert set(KINDS.values()) == lists


SKILLS = st.lists(
    st.builds(Skill, id=st.sampled_from(["a", "b", "c", "d"]), title=st.sampled_from(["x", "y"])),
    unique_by=lambda skill: skill.id,
).map(tuple)


@given(SKILLS, SKILLS)
def test_there_is_a_change_exactly_where_there_is_a_difference(
    before: tuple[Skill, ...], after: tuple[Skill, ...]
) -> None:
    old, new = OLD.model_copy(update={"skills": before}), OLD.model_copy(update={"skills": after})
    assert bool(changes(old, new)) == (old != new)
