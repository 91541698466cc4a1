"""Bulk requests: each item stands or falls by itself, and a refused one says why in its own problem."""

from __future__ import annotations

from http import HTTPStatus

from pydantic import BaseModel, Field

from api.problems import Problem, problem
from runtime.errors import FieldFault, TutelaError

BULK_ITEMS = 500


class Outcome(BaseModel):
    """What became of one item; ``problem`` is null where it was accepted."""

    index: int = Field(description="Place of the item in the request, from 0.")
    problem: Problem | None = None


def refused(error: TutelaError, path: str) -> Problem:
    """The problem of one item, its fields named from the top of the request by ``path``.

    Raises:
        TutelaError: it is our own trouble and no refusal: the whole request is to be repeated.
    """
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise error
    return problem(error, faults=placed(error, path))


def placed(error: TutelaError, path: str) -> tuple[FieldFault, ...]:
    """An item's faults, each field under ``path``."""
    return tuple(
        FieldFault(f"{path}.{fault.field.removeprefix('body.')}", fault.message) for fault in error.faults
    )
