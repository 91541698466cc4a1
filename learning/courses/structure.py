"""What every course must be to hold together: references, prerequisites, answers that can be graded.

Rules on a course's values: no files, no database. What a course must be to *teach* stands in ``teaching``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction
from typing import Final

from learning.courses.content import (
    ChoiceItem,
    Course,
    Item,
    MultipleItem,
    NumericItem,
    Option,
    TextItem,
    WrongAnswer,
)
from learning.courses.numbers import NumberUnreadable, read_number
from learning.courses.source import Path
from learning.courses.texts import fold_text, fold_unit


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong at ``path`` in the course's values, and how to mend it."""

    path: Path
    message: str


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about a course of which parts may be unreadable.

    Without it one mistyped item would make every reference to it a fault of its own.

    Attributes:
        ids: by kind (``items``, ``skills``, ...) the ids that were seen; None when not all could be seen.
        partial: kinds of which some part could not be read.
    """

    ids: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    partial: frozenset[str] = frozenset()

    def misses(self, kind: str, defined: Iterable[str], wanted: str) -> bool:
        seen = self.ids.get(kind, frozenset())
        return seen is not None and wanted not in seen and wanted not in set(defined)

    def whole(self, *kinds: str) -> bool:
        return self.partial.isdisjoint(kinds)


def structure(course: Course, known: Known) -> Iterator[Flaw]:
    """What would break grading, navigation or adaptation."""
    yield from _duplicates(course)
    yield from _references(course, known)
    yield from _cycles(course)
    yield from _places(course, known)
    for i, item in enumerate(course.items):
        yield from below(("items", i), _gradable(item))


def below(path: Path, found: Iterable[Flaw]) -> Iterator[Flaw]:
    """The flaws of a part, seen from the course."""
    return (Flaw((*path, *flaw.path), flaw.message) for flaw in found)


def _duplicates(course: Course) -> Iterator[Flaw]:
    kinds: dict[str, Sequence[str]] = {
        "skills": [skill.id for skill in course.skills],
        "misconceptions": [misconception.id for misconception in course.misconceptions],
        "items": [item.id for item in course.items],
        "lessons": [lesson.id for lesson in course.lessons],
        "media": [medium.id for medium in course.media],
        "assignments": [assignment.id for assignment in course.assignments],
    }
    for kind, ids in kinds.items():
        for i in repeats(ids):
            yield Flaw((kind, i, "id"), taken(ids[i]))


def taken(name: str) -> str:
    """What is wrong with an id that an earlier part has."""
    return f"The id `{name}` is taken already: choose another."


def repeats(values: Sequence[str]) -> Iterator[int]:
    """Positions of values that stand earlier in the sequence already."""
    seen: set[str] = set()
    for i, value in enumerate(values):
        if value in seen:
            yield i
        seen.add(value)


def _references(course: Course, known: Known) -> Iterator[Flaw]:
    defined = {
        "skills": {skill.id for skill in course.skills},
        "misconceptions": {misconception.id for misconception in course.misconceptions},
        "items": {item.id for item in course.items},
        "media": {medium.id for medium in course.media},
    }
    for path, kind, wanted in _links(course):
        if known.misses(kind, defined[kind], wanted):
            nearest = get_close_matches(wanted, sorted(defined[kind]), n=1)
            mend = f"did you mean `{nearest[0]}`?" if nearest else "correct it or add it."
            yield Flaw(path, f"There is no {_SINGULAR[kind]} `{wanted}` in this course: {mend}")
    for path, names in _link_lists(course):
        for i in repeats(names):
            yield Flaw((*path, i), f"`{names[i]}` stands in this list twice: remove one.")


_SINGULAR: Final = {"skills": "skill", "misconceptions": "misconception", "items": "item", "media": "medium"}


def _links(course: Course) -> Iterator[tuple[Path, str, str]]:
    """Each reference from one part to another: where, what kind, which id."""
    for path, names in _link_lists(course):
        kind = "skills" if path[-1] == "prerequisites" else str(path[-1])
        yield from (((*path, i), kind, name) for i, name in enumerate(names))
    for i, item in enumerate(course.items):
        for path, revealed in revealing(item):
            if revealed.misconception is not None:
                yield ("items", i, *path, "misconception"), "misconceptions", revealed.misconception
    for i, medium in enumerate(course.media):
        for c, cue in enumerate(medium.cue_points):
            yield ("media", i, "cue_points", c, "item"), "items", cue.item


def _link_lists(course: Course) -> Iterator[tuple[Path, tuple[str, ...]]]:
    for i, skill in enumerate(course.skills):
        yield ("skills", i, "prerequisites"), skill.prerequisites
    for i, item in enumerate(course.items):
        yield ("items", i, "skills"), item.skills
    for i, lesson in enumerate(course.lessons):
        yield ("lessons", i, "skills"), lesson.skills
        yield ("lessons", i, "items"), lesson.items
        yield ("lessons", i, "media"), lesson.media


def revealing(item: Item) -> Iterator[tuple[Path, Option | WrongAnswer]]:
    """The options or foreseen wrong answers of an item, with their paths."""
    match item:
        case ChoiceItem(options=options) | MultipleItem(options=options):
            yield from ((("options", i), option) for i, option in enumerate(options))
        case NumericItem(wrong=wrong) | TextItem(wrong=wrong):
            yield from ((("wrong", i), answer) for i, answer in enumerate(wrong))


def _cycles(course: Course) -> Iterator[Flaw]:
    """Each circle of prerequisites once, named at the skill of it that stands first in the course."""
    position = {skill.id: i for i, skill in reversed(list(enumerate(course.skills)))}
    for name, i in sorted(position.items(), key=lambda entry: entry[1]):
        circle = _way_back(course, position, name)
        if circle and min(position[step] for step in circle) == i:
            way = " -> ".join((*circle, name))
            yield Flaw(
                ("skills", i, "prerequisites"),
                f"These prerequisites run in a circle: {way}; take one of them out.",
            )


def _way_back(course: Course, position: Mapping[str, int], start: str) -> tuple[str, ...]:
    """The shortest way along prerequisites from a skill to itself; empty when there is none."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen: set[str] = set()
    for way in ways:  # grows while it is walked: breadth first
        for wanted in course.skills[position[way[-1]]].prerequisites:
            if wanted == start:
                return way
            if wanted in position and wanted not in seen:
                seen.add(wanted)
                ways.append((*way, wanted))
    return ()


def _places(course: Course, known: Known) -> Iterator[Flaw]:
    """Every item and medium is met, and an item's lesson is one."""
    home: dict[str, str] = {}
    for i, lesson in enumerate(course.lessons):
        for n, name in enumerate(lesson.items):
            if home.setdefault(name, lesson.id) != lesson.id:
                yield Flaw(
                    ("lessons", i, "items", n),
                    f"The item `{name}` belongs to the lesson `{home[name]}` already: remove it from one.",
                )
    shown = {name for lesson in course.lessons for name in lesson.media}
    met = home.keys() | {cue.item for medium in course.media for cue in medium.cue_points}
    for i, item in enumerate(course.items):
        if known.whole("lessons", "media") and item.id not in met:
            yield Flaw(("items", i, "id"), f"No lesson has the item `{item.id}`: add it to one or delete it.")
    for i, medium in enumerate(course.media):
        if known.whole("lessons") and medium.id not in shown:
            yield Flaw(
                ("media", i, "id"), f"No lesson shows the medium `{medium.id}`: add it to one or delete it."
            )
        for c, cue in enumerate(medium.cue_points):
            if cue.at_s > medium.duration_s:
                yield Flaw(
                    ("media", i, "cue_points", c, "at_s"),
                    f"The medium ends at {medium.duration_s:g} s: move this cue point before its end.",
                )


def _gradable(item: Item) -> Iterator[Flaw]:
    match item:
        case ChoiceItem() | MultipleItem():
            yield from _gradable_options(item)
        case NumericItem():
            yield from _gradable_number(item)
        case TextItem():
            yield from _gradable_text(item)


def _gradable_options(item: ChoiceItem | MultipleItem) -> Iterator[Flaw]:
    right = sum(option.correct for option in item.options)
    if isinstance(item, ChoiceItem) and right != 1:
        yield Flaw(("options",), f"Exactly one option is right in a choice item, but {right} are marked so.")
    if isinstance(item, MultipleItem) and right == 0:
        yield Flaw(("options",), "No option is right: mark at least one with `correct: true`.")
    if isinstance(item, MultipleItem) and right == len(item.options):
        yield Flaw(("options",), "Every option is right, so there is nothing to choose: add a wrong one.")
    for i in repeats([option.id for option in item.options]):
        yield Flaw(
            ("options", i, "id"), f"The option id `{item.options[i].id}` is taken already: choose another."
        )
    for i in repeats([fold_text(option.text) for option in item.options]):
        yield Flaw(("options", i, "text"), "This option reads the same as one above it: change or remove it.")


def _gradable_number(item: NumericItem) -> Iterator[Flaw]:
    numbers: dict[Path, Fraction] = {}
    texts: list[tuple[Path, str]] = [(("answer",), item.answer), (("tolerance",), item.tolerance)]
    texts += [(("units", unit), factor) for unit, factor in item.units.items()]
    texts += [(("wrong", i, "value"), wrong.value) for i, wrong in enumerate(item.wrong)]
    for path, text in texts:
        try:
            numbers[path] = read_number(text)
        except NumberUnreadable as refused:
            yield Flaw(path, f"`{text[:64]}` cannot be read as a number: {refused.detail}")
    tolerance = numbers.get(("tolerance",), Fraction(0))
    if tolerance < 0:
        yield Flaw(("tolerance",), "A tolerance cannot be negative: write 0 or more.")
    yield from _gradable_units(item, numbers)
    foreseen: list[Fraction] = []
    for path, value in numbers.items():
        if path[0] != "wrong":
            continue
        if ("answer",) in numbers and abs(value - numbers["answer",]) <= tolerance:
            yield Flaw(path, "This foreseen wrong answer would be graded right: correct it or the tolerance.")
        if any(abs(value - other) <= max(tolerance, Fraction(0)) for other in foreseen):
            yield Flaw(path, "This wrong answer cannot be told from one above it: remove one.")
        foreseen.append(value)


def _gradable_units(item: NumericItem, numbers: Mapping[Path, Fraction]) -> Iterator[Flaw]:
    for i, unit in enumerate(item.units):
        factor = numbers.get(("units", unit))
        if factor is not None and i == 0 and factor != 1:
            yield Flaw(("units", unit), "The first unit is the answer's own: its factor is 1.")
        if factor is not None and factor <= 0:
            yield Flaw(("units", unit), "A unit's factor is a positive number.")
    units = list(item.units)
    for i in repeats([fold_unit(unit) for unit in units]):
        yield Flaw(("units", units[i]), "This unit is the same as one above it: remove one.")


def _gradable_text(item: TextItem) -> Iterator[Flaw]:
    accepted = [fold_text(text) for text in item.accepted]
    wrong = [fold_text(answer.value) for answer in item.wrong]
    for i in repeats(accepted):
        yield Flaw(("accepted", i), "This reads the same as an accepted answer above it: remove one.")
    for i in repeats(wrong):
        yield Flaw(("wrong", i, "value"), "This reads the same as a wrong answer above it: remove one.")
    for i, text in enumerate(wrong):
        if text in accepted:
            yield Flaw(("wrong", i, "value"), "This foreseen wrong answer would be graded right: correct it.")
