"""Ids that clients mint: random (version 4) or ordered (version 7) UUIDs, never names."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from runtime.clock import is_client_id


def _random(value: UUID) -> UUID:
    if not is_client_id(value):
        raise ValueError("must be a UUID of version 4 or 7")
    return value


RANDOM_UUID = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[47][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$"

ClientId = Annotated[
    UUID,
    AfterValidator(_random),
    Field(
        description="Minted by the client: a UUID of version 4 or 7.",
        json_schema_extra={"pattern": RANDOM_UUID},
    ),
]
