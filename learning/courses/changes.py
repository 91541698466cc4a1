"""What one version of a course changed against the one before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from learning.courses.content import Course

KINDS: Final = {
    "skill": "skills",
    "misconception": "misconceptions",
    "item": "items",
    "lesson": "lessons",
    "medium": "media",
    "assignment": "assignments",
}
"""Parts of a course by their name and by the field that holds them."""


class How(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    REORDERED = "reordered"


@dataclass(frozen=True, slots=True)
class Change:
    """``kind`` is a part of the course or ``course`` itself, then ``id`` names one of its own fields.

    A reordering concerns all parts of a kind and has no ``id``.
    """

    how: How
    kind: str
    id: str = ""


def changes(old: Course, new: Course) -> tuple[Change, ...]:
    """Every difference, the course's own fields first; empty exactly when the two are equal."""
    return tuple(_changes(old, new))


def _changes(old: Course, new: Course) -> Iterator[Change]:
    for name in sorted(set(Course.model_fields) - set(KINDS.values())):
        if getattr(old, name) != getattr(new, name):
            yield Change(How.CHANGED, "course", name)
    for kind, name in KINDS.items():
        before = {part.id: part for part in getattr(old, name)}
        after = {part.id: part for part in getattr(new, name)}
        yield from (Change(How.ADDED, kind, part) for part in after if part not in before)
        yield from (Change(How.REMOVED, kind, part) for part in before if part not in after)
        yield from (
            Change(How.CHANGED, kind, part)
            for part in after
            if part in before and before[part] != after[part]
        )
        if _common(before, after) != _common(after, before):
            yield Change(How.REORDERED, kind)


def _common(these: dict[str, object], those: dict[str, object]) -> Sequence[str]:
    return [name for name in these if name in those]
