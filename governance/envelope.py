"""The form of a sealed value. It outlives releases: a new form gets a new version byte, this one stays.

    version 1 | algorithm 1 | key id 16 | key check value 16 | nonce 12 | ciphertext | tag 16

Algorithm 1 is AES-256-GCM (NIST SP 800-38D) with a random nonce: a data key serves one subject and class,
far below the 2^32 messages that random nonces allow. The associated data is every field below with its
length in four bytes, big-endian, before it, so that no two places have the same bytes:

    version, algorithm, tenant, subject, table, column, row, key id

Ids are their 16 bytes, names are UTF-8. A value moved to any other place therefore does not open. GCM does
not commit to its key, so the header carries the key check value: an old backup shows which of its rows a
destroyed key has made unreadable. ``tests/vectors/sealed_values.json`` holds examples for other readers.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC

from runtime.errors import TutelaError

VERSION: Final = b"\x01"
AES_256_GCM: Final = b"\x01"
ID_BYTES: Final = 16
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16

_PREFIX: Final = VERSION + AES_256_GCM
_CHECK_AT: Final = len(_PREFIX) + ID_BYTES
_NONCE_AT: Final = _CHECK_AT + ID_BYTES
_BODY_AT: Final = _NONCE_AT + NONCE_BYTES
OVERHEAD_BYTES: Final = _BODY_AT + TAG_BYTES


class SealBroken(TutelaError):
    """A sealed value does not open here: bytes changed, or it was moved from another place or person."""

    slug = "seal-broken"
    title = "A sealed value does not belong to the place it was found in, or was changed"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value stands. Each part is bound to it; moved elsewhere it does not open.

    ``row`` names the row within the table by its own key, as text.
    """

    tenant: UUID
    subject: UUID
    table: str
    column: str
    row: str


@dataclass(frozen=True, slots=True)
class Sealer:
    """A data key ready for use: its cipher, never its raw bytes."""

    key_id: bytes
    check: bytes
    cipher: AESGCM
    keyed: HMAC
    """HMAC-SHA-256 under a key derived from the data key; copied for each use."""

    def mac(self, place: Place, content: bytes) -> bytes:
        """32 bytes that tell equal content at ``place`` from other content, to nobody without the key."""
        keyed = self.keyed.copy()
        keyed.update(framed(bound(place, self.key_id), content))
        return keyed.finalize()

    def seal(self, place: Place, plaintext: bytes) -> bytes:
        """The sealed value of ``plaintext`` at ``place``."""
        nonce = os.urandom(NONCE_BYTES)  # house: randomness a nonce for one value
        return self.seal_with(nonce, place, plaintext)

    def seal_with(self, nonce: bytes, place: Place, plaintext: bytes) -> bytes:
        """``seal`` with a given nonce, for test vectors: a repeated nonce would give both texts away."""
        body = self.cipher.encrypt(nonce, plaintext, bound(place, self.key_id))
        return b"".join((_PREFIX, self.key_id, self.check, nonce, body))

    def open(self, place: Place, sealed: bytes) -> bytes:
        """The plaintext of a value sealed at ``place`` under this key.

        Raises:
            SealBroken: any byte, any part of the place, or the key is another one.
        """
        if not sealed.startswith(_PREFIX) or len(sealed) < OVERHEAD_BYTES:
            raise SealBroken
        if sealed[len(_PREFIX) : _NONCE_AT] != self.key_id + self.check:
            raise SealBroken
        nonce, body = sealed[_NONCE_AT:_BODY_AT], sealed[_BODY_AT:]
        try:
            return self.cipher.decrypt(nonce, body, bound(place, self.key_id))
        except InvalidTag:
            raise SealBroken from None


def key_id_of(sealed: bytes) -> bytes:
    """The id of the key a value says it is sealed under; of no meaning when it is too short."""
    return sealed[len(_PREFIX) : _CHECK_AT]


def bound(place: Place, key_id: bytes) -> bytes:
    """The associated data of a value at ``place``: every field with its length before it."""
    return framed(
        VERSION,
        AES_256_GCM,
        place.tenant.bytes,
        place.subject.bytes,
        place.table.encode(),
        place.column.encode(),
        place.row.encode(),
        key_id,
    )


def framed(*fields: bytes) -> bytes:
    """Fields joined so that they can be told apart again: each after its length in four bytes."""
    return b"".join([len(field).to_bytes(4, "big") + field for field in fields])
