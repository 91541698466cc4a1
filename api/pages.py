"""Cursor pages: lists are read by key, so a row that comes or goes meanwhile shifts nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from runtime.errors import FieldFault, Invalid

Row = TypeVar("Row")
CURSOR_CHARACTERS = 400

PageSize = Annotated[int, Query(ge=1, le=200, description="At most this many rows.")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=CURSOR_CHARACTERS, description="`next` of the page before; leave out for the first page."
    ),
]


class Page(BaseModel, Generic[Row]):
    """Some rows, and where the next ones start; ``next`` is null on the last page."""

    rows: list[Row]
    next: str | None = None


def write_cursor(*key: str | int) -> str:
    """An opaque cursor that stands after the row with this key."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, *kinds: type) -> tuple[str | int, ...] | None:
    """The key a cursor stands after, or None for the first page.

    Raises:
        Invalid: it is not a cursor of this list.
    """
    if cursor is None:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        key = None
    if not isinstance(key, list) or [type(part) for part in key] != list(kinds):
        raise Invalid(faults=(FieldFault("query.cursor", "this is not a cursor of this list"),))
    return tuple(key)


def page(rows: Sequence[Row], size: int, key: Callable[[Row], tuple[str | int, ...]]) -> Page[Row]:
    """A page from up to ``size + 1`` rows: the one too many says that there is a next page."""
    shown = list(rows[:size])
    more = len(rows) > size
    return Page(rows=shown, next=write_cursor(*key(shown[-1])) if more else None)
