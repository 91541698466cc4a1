"""The text of a course package with its places: what stands where, so that each fault can be pointed at.

YAML is read by its events, not by a loader: every scalar stays the text its author wrote (``no``, ``1:30``
and ``010`` are words here, not ``False``, 90 and 8), a key given twice is a fault instead of a silent loss,
and anchors, aliases and tags are refused, which also ends "billion laughs".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import yaml

MAX_DEPTH: Final = 12
"""Deepest nesting; a course needs five."""

Path = tuple[str | int, ...]
"""Where in a file: field names and list positions from its top."""


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file of the package. ``line`` and ``column`` count from 1, columns in characters."""

    file: str
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault of a package: where, which field (dotted), and how to mend it."""

    mark: Mark
    field: str
    message: str

    def __str__(self) -> str:
        place = f"{self.mark.file}:{self.mark.line}:{self.mark.column}"
        return f"{_one_line(place)}: {_one_line(self.field)}: {_one_line(self.message)}"


def _one_line(text: str) -> str:
    """Authors' own words appear in faults: what a terminal or a log would obey is written out."""
    return text if text.isprintable() else ascii(text)[1:-1]


class Faults:
    """Collects every fault of a package, each once."""

    def __init__(self) -> None:
        self._found: set[Fault] = set()

    def add(self, mark: Mark, field: str | Path, message: str) -> None:
        dotted = field if isinstance(field, str) else ".".join(map(str, field))
        self._found.add(Fault(mark, dotted or "file", message))

    def sorted(self) -> tuple[Fault, ...]:
        return tuple(sorted(self._found))


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as written; None when nothing was written after the colon or dash."""

    mark: Mark
    value: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A list."""

    mark: Mark
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Fields:
    """Named fields, each with the place of its name."""

    mark: Mark
    entries: dict[str, Node] = field(default_factory=dict)
    names: dict[str, Mark] = field(default_factory=dict)


Node = Scalar | Listing | Fields


def plain(node: Node) -> object:
    """The node as dicts, lists and text, for validation."""
    match node:
        case Scalar(value=value):
            return value
        case Listing(items=items):
            return [plain(item) for item in items]
        case Fields(entries=entries):
            return {name: plain(entry) for name, entry in entries.items()}


def mark_at(node: Node, path: Path) -> Mark:
    """The place of ``path`` below ``node``, or of the nearest thing above it that exists."""
    mark = node.mark
    for step in path:
        match node:
            case Fields(entries=entries, names=names) if step in entries:
                node, mark = entries[str(step)], names[str(step)]
            case Listing(items=items) if isinstance(step, int) and step < len(items):
                node, mark = items[step], items[step].mark
            case _:
                break
    return node.mark if isinstance(node, Scalar) and node.value is not None else mark


# Control characters, and separators that some programs count as line ends and others do not.
_UNWANTED: Final = re.compile(r"[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_text(file: str, content: bytes, faults: Faults) -> str | None:
    """The text of a UTF-8 file, with Unix line ends and no byte order mark; None when it is faulty."""
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig")
        faults.add(_place(file, before, len(before)), "file", "This is not UTF-8: save the file as UTF-8.")
        return None
    if unwanted := _UNWANTED.search(text):
        code = f"U+{ord(unwanted.group()):04X}"
        faults.add(
            _place(file, text, unwanted.start()), "file", f"Remove the control character {code} from here."
        )
        return None
    return text


def _place(file: str, text: str, offset: int) -> Mark:
    line_start = text.rfind("\n", 0, offset) + 1
    return Mark(file, text.count("\n", 0, offset) + 1, offset - line_start + 1)


def read_yaml(file: str, text: str, faults: Faults, *, lines_above: int = 0) -> Fields | None:
    """The fields of a YAML text that starts ``lines_above`` lines below the top of ``file``.

    Returns None when the text cannot be read at all; lesser faults are collected and reading goes on.
    """
    try:
        # The pure Python parser on purpose: its messages and places are the same on every machine.
        return _Builder(file, faults).document(
            yaml.parse("\n" * lines_above + text, Loader=yaml.SafeLoader), Mark(file, lines_above + 1)
        )
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(file, at.line + 1, at.column + 1) if at else Mark(file)
        faults.add(mark, "file", _mend_syntax(error.problem or ""))
    except _Unreadable as stop:
        faults.add(stop.mark, "file", stop.message)
    return None


_SYNTAX: Final = {
    "mapping values are not allowed": (
        "A colon and a space begin a field: quote the text, or line the field up with those above."
    ),
    "found character '\\t'": "Tabs cannot indent YAML: use spaces.",
    "found character '@'": "Text cannot begin with @: put it in quotes.",
    "found character '`'": "Text cannot begin with a backquote: put it in quotes.",
    "found character '%'": "Text cannot begin with %: put it in quotes.",
    "could not find expected ':'": "A field needs a colon and a space after its name.",
    "found unexpected end of stream": "A quotation mark is opened and never closed.",
    "found undefined alias": "Text cannot begin with *: put it in quotes.",
    "expected alphabetic or numeric character": "Text cannot begin with * or &: put it in quotes.",
    "expected ',' or ']'": "The list that begins with [ is not closed with ].",
    "expected ',' or '}'": "The group that begins with { is not closed with }.",
    "expected <block end>": "The indentation does not fit what stands above.",
    "found unknown escape character": "In double quotes write \\\\ for a backslash, or use single quotes.",
}


def _mend_syntax(problem: str) -> str:
    for beginning, mend in _SYNTAX.items():
        if problem.startswith(beginning):
            return mend
    return f"This is not valid YAML ({problem}): check indentation, quotes and colons here."


class _Unreadable(Exception):  # internal to this file: always answered in read_yaml
    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message


class _Builder:
    """Builds nodes from parser events, with a place for each and a limit to depth."""

    def __init__(self, file: str, faults: Faults) -> None:
        self._file = file
        self._faults = faults

    def document(self, events: Iterator[yaml.Event], top: Mark) -> Fields:
        next(events)  # stream start
        if isinstance(next(events), yaml.StreamEndEvent):
            raise _Unreadable(top, "There is nothing here: write the fields.")
        node = self._node(events, next(events), ())
        next(events)  # document end
        following = next(events)
        if not isinstance(following, yaml.StreamEndEvent):
            raise _Unreadable(self._mark(following), "One YAML document a file: remove the line of dashes.")
        if not isinstance(node, Fields):
            raise _Unreadable(node.mark, "Fields are expected here, one `name: value` a line.")
        return node

    def _node(self, events: Iterator[yaml.Event], event: yaml.Event, path: Path) -> Node:
        mark = self._mark(event)
        if len(path) > MAX_DEPTH:
            raise _Unreadable(mark, f"This is nested more than {MAX_DEPTH} levels deep: flatten it.")
        if isinstance(event, yaml.AliasEvent):
            self._faults.add(mark, path, "Aliases (*name) are not read: write the value out, or quote it.")
            return Scalar(mark, f"*{event.anchor}")
        self._refuse_decoration(event, mark, path)
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(mark, event.value if event.value or event.style else None)
        if isinstance(event, yaml.SequenceStartEvent):
            return Listing(mark, tuple(self._listed(events, path)))
        return self._fields(events, mark, path)

    def _refuse_decoration(self, event: yaml.Event, mark: Mark, path: Path) -> None:
        if getattr(event, "anchor", None) is not None:
            self._faults.add(mark, path, "Anchors (&name) are not read: remove it, or quote the text.")
        if getattr(event, "tag", None) is not None:
            self._faults.add(mark, path, "Tags (!name) are not read: remove it, or quote the text.")

    def _listed(self, events: Iterator[yaml.Event], path: Path) -> Iterator[Node]:
        position = 0
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            yield self._node(events, event, (*path, position))
            position += 1

    def _fields(self, events: Iterator[yaml.Event], mark: Mark, path: Path) -> Fields:
        fields = Fields(mark)
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            at, name = self._mark(event), getattr(event, "value", "")
            if not name:
                raise _Unreadable(at, "A field name is a plain word: if this is one text, put it in quotes.")
            self._refuse_decoration(event, at, (*path, name))
            value = self._node(events, next(events), (*path, name))
            if name in fields.entries:
                first = fields.names[name].line
                self._faults.add(at, (*path, name), f"This field stands in line {first} already: remove one.")
                continue
            fields.entries[name], fields.names[name] = value, at
        return fields

    def _mark(self, event: yaml.Event) -> Mark:
        at = event.start_mark
        assert at is not None  # the parser marks every event; only hand-made events have none
        return Mark(self._file, at.line + 1, at.column + 1)
