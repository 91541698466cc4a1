"""Validation errors in an author's words: what is wrong with a field and how to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from learning.courses import content
from learning.courses.source import Fields, Node, Path, Scalar

Context = Mapping[str, Any]

_SENTENCES: Final[Mapping[str, Callable[[Context], str]]] = {
    "string_type": lambda _: "This is text: write it on one line, or in quotes if it begins with [ or {.",
    "string_pattern_mismatch": lambda context: _PATTERNS[context["pattern"].startswith("^[a-z]{2,3}")],
    "string_too_long": lambda context: f"This is too long: use at most {context['max_length']} characters.",
    "list_type": lambda _: "This is a list: write one line for each entry, beginning with a dash.",
    "tuple_type": lambda _: "This is a list: write one line for each entry, beginning with a dash.",
    "dict_type": lambda _: "These are fields: write one `name: value` a line, indented.",
    "model_type": lambda _: "These are fields: write one `name: value` a line, indented.",
    "model_attributes_type": lambda _: "These are fields: write one `name: value` a line, indented.",
    "too_short": lambda context: f"This list has too few entries: write at least {context['min_length']}.",
    "float_type": lambda _: "This is a number: write it as in 0.5 or 12.",
    "float_parsing": lambda _: "This is a number: write it as in 0.5 or 12.",
    "finite_number": lambda _: "This is a number with an end: write it as in 0.5 or 12.",
    "int_type": lambda _: "This is a whole number: write it as in 12.",
    "int_parsing": lambda _: "This is a whole number: write it as in 12.",
    "int_parsing_size": lambda _: "This number is too large: write a smaller one.",
    "bool_type": lambda _: "This is true or false: write one of them.",
    "bool_parsing": lambda _: "This is true or false: write one of them.",
    "greater_than": lambda context: f"This number is too small: write one above {context['gt']:g}.",
    "greater_than_equal": lambda context: f"This number is too small: write {context['ge']:g} or more.",
    "less_than_equal": lambda context: f"This number is too large: write {context['le']:g} or less.",
    "literal_error": lambda context: _one_of(context["expected"].replace(" or ", ", ")),
    "union_tag_invalid": lambda context: _one_of(context["expected_tags"]),
}
_PATTERNS: Final[Mapping[bool, str]] = {
    True: "This is a language tag: write it as in en, de or pt-BR.",
    False: "This is an id: write small letters and digits, with single - _ . between, as in equal-parts.",
}
_FIELD_NAMES: Final = sorted(
    {
        name
        for part in vars(content).values()
        if isinstance(part, type) and issubclass(part, content.Value)
        for name in part.model_fields
    }
)


def _one_of(quoted: str) -> str:
    names = quoted.replace("'", "")
    return f"Write one of these: {names}."


def complaints(error: ValidationError, node: Node) -> Iterator[tuple[Path, str]]:
    """Where below ``node`` each fault is, and the sentence about it."""
    details = error.errors(include_url=False)
    for detail in details:
        # A list counts only its valid entries: with a faulty one among them it may seem too short.
        faulty_inside = any(
            other["loc"][: len(detail["loc"])] == detail["loc"] != other["loc"] for other in details
        )
        if detail["type"] != "too_short" or not faulty_inside:
            yield _complaint(detail, node)


def _complaint(error: ErrorDetails, node: Node) -> tuple[Path, str]:
    path = _path(error["loc"], node)
    context: Context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return path[:-1], f"The field `{path[-1]}` is missing: add it."
        case "union_tag_not_found":
            return path, "The field `kind` is missing: add choice, multiple, numeric or text."
        case "union_tag_invalid":
            path = (*path, "kind")
        case "extra_forbidden":
            return path, _unknown_field(str(path[-1]))
    sentence = _SENTENCES.get(error["type"])
    return path, sentence(context) if sentence else f"{error['msg']}: correct this."


def _path(loc: Path, node: Node) -> Path:
    """The error's place; inside an item the validator puts the item's kind in front of it."""
    kind = node.entries.get("kind") if isinstance(node, Fields) else None
    tagged = len(loc) > 1 and isinstance(kind, Scalar) and kind.value == loc[0]
    return loc[1:] if tagged else loc


def _unknown_field(name: str) -> str:
    nearest = get_close_matches(name, _FIELD_NAMES, n=1)
    mend = f"did you mean `{nearest[0]}`?" if nearest else "remove it."
    return f"No field has this name here: {mend}"
