"""Writes ``sealed_values.json``: examples of the sealed form, for readers in other languages.

Made from the text of ``governance/envelope.py``'s docstring and nothing else, so it does not import it: the
vectors test the code, not the code itself. Run ``python tests/vectors/sealed_values.py``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TENANT = UUID("018f3b5e-0000-7000-8000-000000000001")
SUBJECT = UUID("6f1c2d3e-4a5b-4c6d-8e7f-0123456789ab")
CASES = [
    ("a short text", "answer", "response", "42", b"three quarters"),
    ("an empty value", "answer", "response", "42", b""),
    ("another row of the same column", "answer", "response", "43", b"three quarters"),
    ("names outside ASCII", "réponse", "значение", "行/1", "ein Drittel ½".encode()),
    ("empty names", "", "", "", b"x"),
    ("a long value", "decision", "record", "a" * 100, bytes(range(256)) * 4),
]


def vector(number: int, name: str, table: str, column: str, row: str, plaintext: bytes) -> dict[str, str]:
    key = hashlib.sha256(f"key {number}".encode()).digest()
    key_id = hashlib.sha256(f"id {number}".encode()).digest()[:16]
    nonce = hashlib.sha256(f"nonce {number}".encode()).digest()[:12]
    check = hmac.new(key, b"tutela-kc", hashlib.sha256).digest()[:16]
    bound = b""
    for field in (
        b"\x01", b"\x01", TENANT.bytes, SUBJECT.bytes, table.encode(), column.encode(), row.encode(), key_id,
    ):  # fmt: skip
        bound += len(field).to_bytes(4, "big") + field
    sealed = b"\x01\x01" + key_id + check + nonce + AESGCM(key).encrypt(nonce, plaintext, bound)
    return {
        "name": name,
        "tenant": str(TENANT),
        "subject": str(SUBJECT),
        "table": table,
        "column": column,
        "row": row,
        "key": key.hex(),
        "key_id": key_id.hex(),
        "key_check_value": check.hex(),
        "nonce": nonce.hex(),
        "associated_data": bound.hex(),
        "plaintext": plaintext.hex(),
        "sealed": sealed.hex(),
    }


if __name__ == "__main__":
    values = [vector(number, *case) for number, case in enumerate(CASES)]
    document = {"form": "version 1, AES-256-GCM; see governance/envelope.py", "values": values}
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    Path(__file__).with_suffix(".json").write_text(text, "utf-8")
