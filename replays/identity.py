"""Ids out of the source, so that a run started again sends the same ones."""

from __future__ import annotations

import hashlib
from uuid import UUID


def minted(run: str, *parts: str | int) -> UUID:
    """An id for a fact of a run: UUID version 4 in form, its 122 bits from SHA-256 of run and parts.

    The API takes random ids only (versions 4 and 7); a digest of a secret run and a row is as good as random
    to everybody who does not know the run.
    """
    digest = hashlib.sha256()
    for part in (run, *parts):
        encoded = str(part).encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return UUID(bytes=digest.digest()[:16], version=4)


def secret(run: str, *parts: str | int) -> str:
    """A password for a made-up account of a run: 40 hexadecimal digits."""
    digest = hashlib.sha256(("password\0" + "\0".join([run, *map(str, parts)])).encode())
    return digest.hexdigest()[:40]
