"""Days, instants and names as requests carry them: bounded, so that no arithmetic on them can overflow."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)
BETWEEN = "^(19[7-9][0-9]|2[01][0-9]{2})-"
"""The same bounds for who reads the document."""


ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _written(value: object) -> object:
    """Numbers are no dates, in quotes or not: read as seconds, a client's slip would be a day in 1970."""
    if isinstance(value, date) or (isinstance(value, str) and ISO_DATE.match(value)):
        return value
    raise ValueError("must be written as ISO 8601 does")


Day = Annotated[
    date,
    BeforeValidator(_written),
    Field(
        ge=FIRST_DAY,
        le=LAST_DAY,
        description="A day in UTC, ISO 8601.",
        examples=["2026-09-01"],
        json_schema_extra={"pattern": BETWEEN},
    ),
]
Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_written),
    Field(
        description="An instant with its offset from UTC, RFC 3339.",
        examples=["2026-09-01T08:00:00Z"],
    ),
]
Title = Annotated[
    str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$", examples=["Fractions, class 4b"])
]
