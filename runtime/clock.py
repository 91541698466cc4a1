"""The only place that reads a clock or mints an id. Rules take both as arguments."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import uuid_utils.compat


class Clock(Protocol):
    """Where times and ids come from."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin; never goes back."""
        ...

    def new_id(self) -> UUID:
        """A new UUID version 7 (RFC 9562 §5.7): random, roughly in order of creation."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def new_id(self) -> UUID:
        return uuid_utils.compat.uuid7()


def is_client_id(value: UUID) -> bool:
    """Whether a client-minted id is of a kind we accept: UUID version 4 or 7 (random, never a name)."""
    return value.version in (4, 7)
