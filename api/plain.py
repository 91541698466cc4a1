"""JSON's own kinds, taken as they are: in a request a text is no number, and a number is no truth value.

What is nearly right is a mistake in a client, better told at once than guessed at for years.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Strict


def _number(value: object) -> object:
    """Left to pydantic then, for 3.0 is a whole number in JSON."""
    if isinstance(value, str | bool):
        raise ValueError("must be a number")  # noqa: TRY004  # what pydantic answers with
    return value


Flag = Annotated[bool, Strict()]
IS_NUMBER = BeforeValidator(_number)
"""Stands behind a number's bounds, never before them: the document would not show them."""
