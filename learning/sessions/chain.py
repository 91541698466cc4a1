"""The chain over a session's answers, and ids that follow from what they name. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from uuid import UUID

from learning.sessions.messages import Cursor
from runtime.errors import TutelaError


class ChainBroken(TutelaError):
    """Answers on record do not chain to the digest on record: a row was lost, added or changed."""

    status = 500
    slug = "answer-chain-broken"
    title = "The record of this session contradicts itself"


def decision_id(session_id: UUID, answer_id: UUID) -> UUID:
    """The decision of an answer has one id whichever lane made it: a UUID version 8 (RFC 9562 §5.8)."""
    derived = bytearray(hashlib.sha256(b"tutela/decision" + session_id.bytes + answer_id.bytes).digest()[:16])
    derived[6] = derived[6] & 0x0F | 0x80
    derived[8] = derived[8] & 0x3F | 0x80
    return UUID(bytes=bytes(derived))


def extend(digest: bytes, answer_id: UUID, decision: UUID) -> bytes:
    """The digest after one more answer: SHA-256 over the digest before and both ids."""
    return hashlib.sha256(digest + answer_id.bytes + decision.bytes).digest()


def follow(cursor: Cursor, answers: Iterable[tuple[int, UUID, UUID]], seq: int, digest: bytes) -> Cursor:
    """Move a cursor over the answers after it.

    Args:
        cursor: how far somebody has followed.
        answers: ``(seq, answer_id, decision_id)`` of each later answer, in order.
        seq: number of answers on the session's row.
        digest: digest on the session's row.

    Raises:
        ChainBroken: the answers do not lead from the cursor to the row.
    """
    at, chained = cursor.seq, bytes.fromhex(cursor.digest)
    for number, answer_id, decision in answers:
        if number != at + 1:
            raise ChainBroken
        at, chained = number, extend(chained, answer_id, decision)
    if (at, chained) != (seq, digest):
        raise ChainBroken
    return Cursor(seq=at, digest=chained.hex())
