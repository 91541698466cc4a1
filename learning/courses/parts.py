"""The parts of a course as they are read one by one: valid values, and what is known of the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from learning.courses.complaints import complaints
from learning.courses.content import Assignment, Item, Lesson, Media, Misconception, Skill
from learning.courses.source import Faults, Fields, Listing, Node, Path, Scalar, mark_at, plain
from learning.courses.structure import Known, taken

_KINDS: Final[Mapping[str, TypeAdapter[Any]]] = {
    "skills": TypeAdapter(Skill),
    "misconceptions": TypeAdapter(Misconception),
    "assignments": TypeAdapter(Assignment),
    "items": TypeAdapter(Item),
    "lessons": TypeAdapter(Lesson),
    "media": TypeAdapter(Media),
}


@dataclass(slots=True)
class Part:
    """A valid part of the course, and where it was read: its node, and the node's path in its file."""

    value: Any
    node: Node
    path: Path

    def complain(self, below: Path, message: str, faults: Faults) -> None:
        """Collect a fault of the field ``below`` this part."""
        faults.add(mark_at(self.node, below), (*self.path, *below), message)


class Parts:
    """Every part that could be read, by the name of its list in ``Course``."""

    def __init__(self, faults: Faults) -> None:
        self.found: dict[str, list[Part]] = {kind: [] for kind in _KINDS}
        self._faults = faults
        self._ids: dict[str, list[str]] = {kind: [] for kind in _KINDS}
        self._lost: set[str] = set()

    def add(self, kind: str, node: Node | None, path: Path = ()) -> Part | None:
        """Keep the part that ``node`` describes, if it is valid; remember its id in any case."""
        given = node.entries.get("id") if isinstance(node, Fields) else None
        if isinstance(given, Scalar) and given.value:
            if given.value in self._ids[kind]:
                self._faults.add(given.mark, (*path, "id"), taken(given.value))
            self._ids[kind].append(given.value)
        else:
            self.lost(kind)
        if node is None or (value := self.checked(_KINDS[kind], node, path)) is None:
            return None
        part = Part(value, node, path)
        self.found[kind].append(part)
        return part

    def add_listed(self, kind: str, fields: Fields) -> None:
        """Add each entry of the list of that name."""
        listing = fields.entries.get(kind)
        if isinstance(listing, Listing):
            for i, node in enumerate(listing.items):
                self.add(kind, node, (kind, i))

    def lost(self, *kinds: str) -> None:
        """Parts of these kinds could not be read so far as to tell their ids."""
        self._lost.update(kinds)

    def checked(self, adapter: TypeAdapter[Any], node: Node, path: Path = ()) -> Any:
        """The value of ``node``, or None when it has faults, which are then collected."""
        blanks = set(_blanks(node))
        for blank in blanks:
            mend = "This is empty: write something, or remove the line."
            self._faults.add(mark_at(node, blank), (*path, *blank), mend)
        try:
            value = adapter.validate_python(plain(node))
        except ValidationError as error:
            for at, message in complaints(error, node):
                if at not in blanks:
                    self._faults.add(mark_at(node, at), (*path, *at), message)
            return None
        return None if blanks else value

    def values(self) -> dict[str, tuple[Any, ...]]:
        """The valid values, as the fields of a ``Course``."""
        return {kind: tuple(part.value for part in found) for kind, found in self.found.items()}

    def is_partial(self, kind: str) -> bool:
        """Whether some part of this kind is faulty."""
        return kind in self._lost or len(self.found[kind]) < len(self._ids[kind])

    def misses(self, kind: str, wanted: str) -> bool:
        """Whether there is certainly no part of that id."""
        return kind not in self._lost and wanted not in self._ids[kind]

    def known(self, partial: Iterable[str] = ()) -> Known:
        """What rules about the whole course may rely on; ``partial`` adds kinds they may not."""
        return Known(
            {kind: None if kind in self._lost else frozenset(ids) for kind, ids in self._ids.items()},
            frozenset(filter(self.is_partial, _KINDS)).union(partial),
        )


def _blanks(node: Node, path: Path = ()) -> Iterator[Path]:
    """Paths of values that hold nothing but white space."""
    match node:
        case Scalar(value=value):
            if not (value or "").strip():
                yield path
        case Listing(items=items):
            for i, item in enumerate(items):
                yield from _blanks(item, (*path, i))
        case Fields(entries=entries):
            for name, entry in entries.items():
                yield from _blanks(entry, (*path, name))
