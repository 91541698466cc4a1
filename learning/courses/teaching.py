"""What a course that somebody wrote must be to teach.

Each wrong answer is explained, hints do not tell, nothing is asked before it is taught. A course that was
rebuilt from a response log (``imported``) is spared these rules: nobody wrote it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final

from learning.courses.content import ChoiceItem, Course, Item, MultipleItem, NumericItem, Option, TextItem
from learning.courses.numbers import NumberUnreadable, read_number
from learning.courses.structure import Flaw, Known, below, revealing, structure
from learning.courses.texts import fold_text

MAX_ITEMS_OF_A_TEMPLATE: Final = 3
"""More of one kind drill the form of the question instead of the skill."""


def flaws(course: Course, known: Known | None = None) -> Iterator[Flaw]:
    """Every flaw of the course, in no particular order."""
    known = known or Known()
    yield from structure(course, known)
    if not course.imported:
        yield from teaching(course, known)


def teaching(course: Course, known: Known) -> Iterator[Flaw]:
    """What would leave a learner without help, or ask before teaching."""
    taught: dict[str, int] = {}
    for n, lesson in enumerate(course.lessons):
        for skill in lesson.skills:
            taught.setdefault(skill, n)
    if known.whole("lessons"):
        yield from _skills_in_order(course, taught)
        yield from _items_in_order(course, taught)
    if known.whole("items"):
        yield from _practised(course)
    yield from _templates(course)
    for i, item in enumerate(course.items):
        yield from below(("items", i), _explained(item))
        yield from below(("items", i), _telling_hints(item))


def _skills_in_order(course: Course, taught: Mapping[str, int]) -> Iterator[Flaw]:
    """``taught`` is the position of the first lesson that teaches a skill."""
    for i, skill in enumerate(course.skills):
        if skill.id not in taught:
            yield Flaw(("skills", i, "id"), f"No lesson teaches the skill `{skill.id}`: add it to one.")
            continue
        for p, wanted in enumerate(skill.prerequisites):
            if taught.get(wanted, -1) > taught[skill.id]:
                yield Flaw(
                    ("skills", i, "prerequisites", p),
                    f"`{wanted}` is taught later than `{skill.id}`, which needs it: reorder the lessons.",
                )


def _items_in_order(course: Course, taught: Mapping[str, int]) -> Iterator[Flaw]:
    home = {name: n for n, lesson in reversed(list(enumerate(course.lessons))) for name in lesson.items}
    for i, item in enumerate(course.items):
        for s, name in enumerate(item.skills):
            if item.id in home and taught.get(name, -1) > home[item.id]:
                yield Flaw(
                    ("items", i, "skills", s),
                    f"This item asks for `{name}` before a lesson teaches it: move it to a later lesson.",
                )


def _practised(course: Course) -> Iterator[Flaw]:
    skills = {item.id: item.skills for item in course.items}
    for n, lesson in enumerate(course.lessons):
        practised = {skill for name in lesson.items for skill in skills.get(name, ())}
        for s, skill in enumerate(lesson.skills):
            if skill not in practised:
                yield Flaw(("lessons", n, "skills", s), f"No item here practises `{skill}`: add one or more.")


def _templates(course: Course) -> Iterator[Flaw]:
    met: Counter[str] = Counter()
    for i, item in enumerate(course.items):
        if item.template is None:
            continue
        met[item.template] += 1
        if met[item.template] > MAX_ITEMS_OF_A_TEMPLATE:
            yield Flaw(
                ("items", i, "template"),
                f"`{item.template}` has more than {MAX_ITEMS_OF_A_TEMPLATE} items: ask in another way.",
            )


def _explained(item: Item) -> Iterator[Flaw]:
    for path, option in revealing(item):
        if not isinstance(option, Option):
            continue  # foreseen wrong answers cannot be written without both
        if option.correct and option.misconception is not None:
            yield Flaw((*path, "misconception"), "A right option reveals no misconception: remove this line.")
        if not option.correct and not option.feedback.strip():
            yield Flaw(
                (*path, "feedback"), "Tell the learner who picks this wrong option what to think about."
            )
        if not option.correct and option.misconception is None:
            yield Flaw((*path, "misconception"), "Name the misconception that this wrong option reveals.")


_NUMBER: Final = re.compile(r"(?<![\w/.,])(?:\d+ \d+ ?/ ?\d+|\d+ ?/ ?\d+|\d+[.,]\d+|\d+)(?![\w/])", re.ASCII)


def _telling_hints(item: Item) -> Iterator[Flaw]:
    """Hints that state the answer, where the question itself does not."""
    for i, hint in enumerate(item.hints):
        if _tells(item, hint) and not _tells(item, item.stem):
            yield Flaw(("hints", i), "This hint gives the answer away: point to the way instead.")


def _tells(item: Item, text: str) -> bool:
    match item:
        case ChoiceItem(options=options) | MultipleItem(options=options):
            said = {option.correct for option in options if _says(text, option.text)}
            return said == {True}  # a hint that weighs right and wrong options side by side tells nothing
        case TextItem(accepted=accepted):
            return any(_says(text, answer) for answer in accepted)
        case NumericItem(answer=answer):
            return _value(answer) in {_value(number) for number in _NUMBER.findall(text)} - {None}


def _says(text: str, words: str) -> bool:
    folded = re.escape(fold_text(words))
    return re.search(rf"(?<![\w/]){folded}(?![\w/])", fold_text(text)) is not None


def _value(text: str) -> Fraction | None:
    try:
        return read_number(text)
    except NumberUnreadable:
        return None
