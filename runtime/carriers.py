"""What else carries data about people: workflow payloads, files, span attributes. Declared where defined.

The same declarations as columns have, for things that are not columns, so that one inventory holds them all.
A declaration is made once, at import; making a different one of the same name is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from runtime.columns import Basis, Category, EraseBy, NotPersonal, Personal

T = TypeVar("T")


class Carrier(StrEnum):
    """Kind of thing that is not a column."""

    PAYLOAD = "payload"
    """A type that workflows, activities, updates or signals take or return; always sealed by the codec."""
    FILE = "file"
    """A file or folder below ``settings.home``, or one that a person is handed."""
    SPAN = "span"
    """An attribute of a span."""


@dataclass(frozen=True)
class Declared:
    """One declaration."""

    carrier: Carrier
    name: str
    declaration: Personal | NotPersonal


_declared: dict[tuple[Carrier, str], Declared] = {}


def declare(carrier: Carrier, name: str, declaration: Personal | NotPersonal) -> str:
    """Declare a file or a span attribute; returns its name.

    Raises:
        ValueError: the name is declared already, and differently.
    """
    made = Declared(carrier, name, declaration)
    if _declared.setdefault((carrier, name), made) != made:
        raise ValueError(f"the {carrier} {name} is declared twice, and differently")
    return name


def payload(
    category: Category,
    *,
    purpose: str,
    basis: Basis = Basis.PUBLIC_TASK,
    retention: str = "session",
) -> Callable[[type[T]], type[T]]:
    """Declare a payload type that says something about a person; the codec seals it, whatever it holds."""
    about = Personal(category, purpose, basis, retention, EraseBy.DELETE_AND_SHRED, sealed=True)
    return _payload(about)


def payload_about_nobody(reason: str) -> Callable[[type[T]], type[T]]:
    """Declare a payload type that says nothing about a person, and why."""
    return _payload(NotPersonal(reason))


def payload_name(kind: type) -> str:
    """The name under which a payload type is declared."""
    return f"{kind.__module__}.{kind.__qualname__}"


def declared() -> tuple[Declared, ...]:
    """Every declaration of the modules imported so far, in order of kind and name."""
    return tuple(_declared[key] for key in sorted(_declared))


def _payload(declaration: Personal | NotPersonal) -> Callable[[type[T]], type[T]]:
    def mark(kind: type[T]) -> type[T]:
        declare(Carrier.PAYLOAD, payload_name(kind), declaration)
        return kind

    return mark
