"""The root of every error that Tutela raises on purpose.

Subclasses stand beside the code that raises them and carry what the edge needs: an HTTP status, a slug
(the last part of the RFC 9457 problem type) and, for bad input, the fields at fault. Detail texts never
contain personal data: they travel in problems, Temporal failures and logs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class FieldFault:
    """One fault of one input field; ``field`` is a dotted path such as ``body.response.option``."""

    field: str
    message: str


class TutelaError(Exception):
    """An expected refusal.

    Attributes:
        status: HTTP status that the API answers with.
        slug: stable name of the problem type, kebab-case.
        title: one short sentence, the same for each occurrence.
    """

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(self, detail: str = "", *, faults: tuple[FieldFault, ...] = ()) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.faults = faults


class NotFound(TutelaError):
    """The thing does not exist, or the caller may not learn that it does (other tenants' things are 404)."""

    status = 404
    slug = "not-found"
    title = "There is no such thing here"


class Invalid(TutelaError):
    """Input that names its faulty fields."""

    status = 422
    slug = "invalid-input"
    title = "Some fields cannot be accepted"


class Conflict(TutelaError):
    """The request is well-formed but contradicts what is stored."""

    status = 409
    slug = "conflict"
    title = "This contradicts what is already stored"
