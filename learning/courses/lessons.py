"""Lesson files: YAML front matter between two lines of dashes, then Markdown, then ``## Simpler``.

Markdown is CommonMark with tables and without HTML: what an author writes is shown to learners, and no
lesson needs a script.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from learning.courses.source import Faults, Fields, Mark, Scalar, read_yaml

MARKDOWN: Final = MarkdownIt("commonmark").enable("table")
_FENCE: Final = "---"
_SIMPLER: Final = "simpler"


def read_lesson(file: str, text: str, faults: Faults) -> Fields | None:
    """The fields of a lesson: those of its front matter, ``body`` and ``simpler``."""
    lines = text.split("\n")
    try:
        end = lines.index(_FENCE, 1) if lines[0] == _FENCE else 0
    except ValueError:
        end = 0
    if end == 0:
        faults.add(
            Mark(file), "file", "A lesson begins with its fields between two lines of three dashes: add them."
        )
        return None
    fields = read_yaml(file, "\n".join(lines[1:end]), faults, lines_above=1)
    if fields is None:
        return None
    for name in ("body", _SIMPLER):
        if name in fields.entries:
            faults.add(fields.names[name], name, f"Write the {name} text below the dashes, not among them.")
    parts = _parts(file, lines, end + 1, faults)
    for name, part in parts.items():
        fields.entries[name], fields.names[name] = part, part.mark
    return fields


def _parts(file: str, lines: list[str], first: int, faults: Faults) -> dict[str, Scalar]:
    """The text above ``## Simpler`` and the text below it; ``first`` is the index of the first line."""
    tokens = MARKDOWN.parse("\n".join(lines[first:]))
    check_markdown(file, tokens, first, "body", faults)
    sections = [
        (opened.map[0], opened.map[1], title.content.strip())
        for opened, title in pairwise(tokens)
        if opened.type == "heading_open" and opened.tag == "h2" and opened.level == 0 and opened.map
    ]
    cuts = [(start, end) for start, end, title in sections if title.casefold() == _SIMPLER]
    if not cuts:
        body = _scalar(file, lines, first, len(lines))
        faults.add(
            Mark(file, len(lines)), _SIMPLER, "A lesson ends with `## Simpler` and simpler words: add them."
        )
        return {"body": body, _SIMPLER: body}  # a stand-in, so that the rest of the lesson is checked too
    start, end = cuts[0]
    parts = {
        "body": _scalar(file, lines, first, first + start),
        _SIMPLER: _scalar(file, lines, first + end, len(lines)),
    }
    for later, _, _ in sections:
        if later > start:
            mark = Mark(file, first + later + 1)
            faults.add(mark, _SIMPLER, "`## Simpler` is the last section and stands once: move this up.")
    return parts


def _scalar(file: str, lines: list[str], start: int, end: int) -> Scalar:
    while start < end and not lines[start].strip():
        start += 1
    return Scalar(Mark(file, min(start, len(lines) - 1) + 1), "\n".join(lines[start:end]).rstrip() or None)


def check_markdown(file: str, tokens: list[Token], lines_above: int, field: str, faults: Faults) -> None:
    """Collect what learners could not be shown: HTML, pictures, odd links, headings above the title."""
    for token, line in _flat(tokens):
        mark = Mark(file, lines_above + line + 1)
        match token.type:
            case "html_block" | "html_inline":
                faults.add(mark, field, "HTML is not shown to learners: write Markdown, or `\\<` for a sign.")
            case "image":
                faults.add(
                    mark, field, "Pictures are not part of a package: use words, a table or a media entry."
                )
            case "link_open" if not str(token.attrGet("href")).startswith(("https://", "http://")):
                faults.add(mark, field, "A link leads to a web page: begin it with https://.")
            case "heading_open" if token.tag == "h1":
                faults.add(mark, field, "The title stands among the fields: begin headings with ## here.")


def _flat(tokens: list[Token]) -> Iterator[tuple[Token, int]]:
    """Each token, inline ones too, with the line where its block starts."""
    line = 0
    for token in tokens:
        line = token.map[0] if token.map else line
        yield token, line
        yield from ((child, line) for child in token.children or ())
