from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from hypothesis import given
from hypothesis import strategies as st

from governance.envelope import OVERHEAD_BYTES, Place, SealBroken, Sealer, framed, key_id_of
from runtime.kms import check_value
from tests.vectors import sealed_values

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "sealed_values.json").read_text("utf-8")
)["values"]

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
places = st.builds(Place, tenant=st.uuids(), subject=st.uuids(), table=names, column=names, row=names)


def sealer(key: bytes = b"k" * 32, key_id: bytes = b"i" * 16) -> Sealer:
    return Sealer(key_id, check_value(bytearray(key)), AESGCM(key), HMAC(key, SHA256()))


HERE = Place(UUID(int=1), UUID(int=2), "answer", "response", "7")


@given(at=st.integers(0, OVERHEAD_BYTES + 4), bit=st.integers(0, 7))
def test_any_changed_bit_breaks_the_seal(at: int, bit: int) -> None:
    sealed = bytearray(sealer().seal(HERE, b"hello"))
    sealed[at] ^= 1 << bit
    with pytest.raises(SealBroken):
        sealer().open(HERE, bytes(sealed))


@given(length=st.integers(0, OVERHEAD_BYTES + 4))
def test_a_shortened_value_breaks_the_seal(length: int) -> None:
    with pytest.raises(SealBroken):
        sealer().open(HERE, sealer().seal(HERE, b"hello")[:length])


@given(data=st.binary(max_size=200))
def test_arbitrary_bytes_never_open(data: bytes) -> None:
    with pytest.raises(SealBroken):
        sealer().open(HERE, data)


@given(place=places, other=places, field=st.sampled_from(["tenant", "subject", "table", "column", "row"]))
def test_a_value_opens_at_no_other_place(place: Place, other: Place, field: str) -> None:
    sealed = sealer().seal(place, b"hello")
    moved = Place(
        **{
            name: getattr(other if name == field else place, name)
            for name in ("tenant", "subject", "table", "column", "row")
        }
    )
    if moved == place:
        assert sealer().open(moved, sealed) == b"hello"
    else:
        with pytest.raises(SealBroken):
            sealer().open(moved, sealed)


@given(place=places)
def test_swapping_two_fields_of_a_place_breaks_the_seal(place: Place) -> None:
    sealed = sealer().seal(place, b"hello")
    swapped = [
        Place(place.subject, place.tenant, place.table, place.column, place.row),
        Place(place.tenant, place.subject, place.column, place.table, place.row),
        Place(place.tenant, place.subject, place.row, place.column, place.table),
        Place(place.tenant, place.subject, place.table, place.row, place.column),
    ]
    for other in swapped:
        if other != place:
            with pytest.raises(SealBroken):
                sealer().open(other, sealed)


def test_another_key_breaks_the_seal_even_under_the_same_id() -> None:
    with pytest.raises(SealBroken):
        sealer(key=b"x" * 32).open(HERE, sealer().seal(HERE, b"hello"))
    with pytest.raises(SealBroken):
        sealer(key_id=b"j" * 16).open(HERE, sealer().seal(HERE, b"hello"))


@given(place=places, plaintext=st.binary(max_size=300))
def test_a_sealed_value_opens_where_it_was_sealed_and_shows_only_its_length(
    place: Place, plaintext: bytes
) -> None:
    sealed = sealer().seal(place, plaintext)
    assert sealer().open(place, sealed) == plaintext
    assert len(sealed) == len(plaintext) + OVERHEAD_BYTES
    assert key_id_of(sealed) == b"i" * 16


def test_the_same_text_seals_differently_each_time() -> None:
    assert sealer().seal(HERE, b"hello") != sealer().seal(HERE, b"hello")


@given(st.lists(st.binary(max_size=6), max_size=6), st.lists(st.binary(max_size=6), max_size=6))
def test_different_fields_never_frame_to_the_same_bytes(left: list[bytes], right: list[bytes]) -> None:
    assert (framed(*left) == framed(*right)) == (left == right)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_the_published_vectors_hold(vector: dict[str, Any]) -> None:
    place = Place(
        UUID(vector["tenant"]), UUID(vector["subject"]), vector["table"], vector["column"], vector["row"]
    )
    key = sealer(bytes.fromhex(vector["key"]), bytes.fromhex(vector["key_id"]))
    sealed = bytes.fromhex(vector["sealed"])
    assert key.seal_with(bytes.fromhex(vector["nonce"]), place, bytes.fromhex(vector["plaintext"])) == sealed
    assert key.open(place, sealed) == bytes.fromhex(vector["plaintext"])


def test_the_vectors_are_what_their_generator_writes() -> None:
    assert [sealed_values.vector(number, *case) for number, case in enumerate(sealed_values.CASES)] == VECTORS
