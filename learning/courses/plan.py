"""A course as a decision reads it: where each item stands, what practises which skill, what comes first.

Derived from an immutable course version and as immutable; build it once per version and share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from learning.courses.content import ChoiceItem, Course, Item, Lesson, MultipleItem, Skill
from runtime.errors import NotFound

READING_WORDS_PER_MINUTE: Final = 200
"""Silent reading of school texts; Brysbaert 2019 finds 238 for adults, and schools' readers are slower."""


class NotInCourse(NotFound):
    """The course version has no such item or lesson."""

    slug = "not-in-course"
    title = "This course has no such item"


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """An item in its place. ``words``: how much there is to read before answering."""

    item: Item
    lesson: str
    position: int
    words: int

    @property
    def id(self) -> str:
        return self.item.id

    @property
    def reading_ms(self) -> float:
        """Milliseconds that reading the item takes."""
        return self.words * 60_000 / READING_WORDS_PER_MINUTE

    @property
    def choices(self) -> int | None:
        """Options of which exactly one is right; None where blind guessing hardly ever helps."""
        return len(self.item.options) if isinstance(self.item, ChoiceItem) else None


@dataclass(frozen=True, slots=True)
class CoursePlan:
    """Indexes over one course version; ``digest`` is the version's content digest."""

    course: Course
    digest: str
    items: dict[str, PlannedItem]
    order: tuple[PlannedItem, ...]
    """Items of the lessons in the course's own order; an item's ``position`` is its index here."""
    lessons: dict[str, Lesson]
    skills: dict[str, Skill]
    prerequisites: dict[str, tuple[str, ...]]
    """Per lesson: skills that its own skills build on and that something in the course practises."""
    practised: dict[str, tuple[str, ...]]
    """Per lesson: those of its skills that some item of the course practises."""
    by_skill: dict[str, tuple[PlannedItem, ...]]
    hinted: dict[str, tuple[PlannedItem, ...]]
    """Per skill: items with a hint to show."""
    by_lesson: dict[str, tuple[PlannedItem, ...]]
    by_both: dict[tuple[str, str], tuple[PlannedItem, ...]]
    """Per lesson and skill; pairs that no item has are absent."""

    @classmethod
    def of(cls, course: Course, digest: str) -> Self:
        """The plan of a sound course (one without structural flaws)."""
        order, items = _placed(course)
        skills = {skill.id: skill for skill in course.skills}
        by_skill: dict[str, list[PlannedItem]] = {skill: [] for skill in skills}
        by_lesson: dict[str, list[PlannedItem]] = {lesson.id: [] for lesson in course.lessons}
        by_both: dict[tuple[str, str], list[PlannedItem]] = {}
        for planned in order:
            by_lesson[planned.lesson].append(planned)
            for skill in planned.item.skills:
                by_skill[skill].append(planned)
                by_both.setdefault((planned.lesson, skill), []).append(planned)
        return cls(
            course=course,
            digest=digest,
            items=items,
            order=tuple(order),
            lessons={lesson.id: lesson for lesson in course.lessons},
            skills=skills,
            prerequisites={
                lesson.id: tuple(
                    dict.fromkeys(
                        before
                        for skill in lesson.skills
                        for before in skills[skill].prerequisites
                        if before not in lesson.skills and by_skill[before]
                    )
                )
                for lesson in course.lessons
            },
            practised={
                lesson.id: tuple(s for s in lesson.skills if by_skill[s]) for lesson in course.lessons
            },
            by_skill={skill: tuple(found) for skill, found in by_skill.items()},
            hinted={skill: tuple(p for p in found if p.item.hints) for skill, found in by_skill.items()},
            by_lesson={lesson: tuple(found) for lesson, found in by_lesson.items()},
            by_both={pair: tuple(found) for pair, found in by_both.items()},
        )

    def item(self, item_id: str) -> PlannedItem:
        """The item in its place.

        Raises:
            NotInCourse: this course version has none of that id.
        """
        try:
            return self.items[item_id]
        except KeyError:
            raise NotInCourse from None


def _placed(course: Course) -> tuple[list[PlannedItem], dict[str, PlannedItem]]:
    """The lessons' items, in order and by id."""
    content = {item.id: item for item in course.items}
    order: list[PlannedItem] = []
    items: dict[str, PlannedItem] = {}
    for lesson in course.lessons:
        for item_id in lesson.items:
            item = content[item_id]
            items[item_id] = PlannedItem(item, lesson.id, len(order), _words(item))
            order.append(items[item_id])
    return order, items


def _words(item: Item) -> int:
    texts = [item.stem]
    if isinstance(item, ChoiceItem | MultipleItem):
        texts += [option.text for option in item.options]
    return sum(len(text.split()) for text in texts)
