from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.kms import KEY_BYTES, RootKey, RootKeyUnfit, WrapBroken, WrappingKey, check_value, new_key, wipe


def write_key(path: Path, content: bytes = b"k" * KEY_BYTES, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o610, 0o644])
def test_a_key_file_that_group_or_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = write_key(tmp_path / "root.key", mode=mode)
    with pytest.raises(RootKeyUnfit, match="chmod 600"):
        RootKey.load(path)


@pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
def test_a_key_file_of_another_length_is_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(RootKeyUnfit, match="32 bytes"):
        RootKey.load(write_key(tmp_path / "root.key", b"k" * length))


def test_a_symbolic_link_is_refused_even_to_a_good_key(tmp_path: Path) -> None:
    real = write_key(tmp_path / "real.key")
    link = tmp_path / "root.key"
    link.symlink_to(real)
    with pytest.raises(RootKeyUnfit, match="symbolic link"):
        RootKey.load(link)


def test_a_folder_or_a_pipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RootKeyUnfit, match="plain file"):
        RootKey.load(tmp_path)
    os.mkfifo(tmp_path / "root.key", 0o600)
    with pytest.raises(RootKeyUnfit, match="plain file"):
        RootKey.load(tmp_path / "root.key")


def test_a_missing_key_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RootKeyUnfit, match="restore it"):
        RootKey.load(tmp_path / "root.key")


def test_a_key_of_another_account_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_key(tmp_path / "root.key")
    owner = path.stat().st_uid
    monkeypatch.setattr("runtime.kms.os.geteuid", lambda: owner + 1)
    with pytest.raises(RootKeyUnfit, match="another account"):
        RootKey.load(path)


def test_creating_never_overwrites_a_key(tmp_path: Path) -> None:
    path = write_key(tmp_path / "root.key")
    with pytest.raises(RootKeyUnfit, match="never overwritten"):
        RootKey.create(path)
    assert path.read_bytes() == b"k" * KEY_BYTES


def test_creating_does_not_follow_a_dangling_link(tmp_path: Path) -> None:
    link = tmp_path / "root.key"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RootKeyUnfit):
        RootKey.create(link)
    assert not (tmp_path / "elsewhere").exists()


def test_creating_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RootKeyUnfit, match="cannot be created"):
        RootKey.create(tmp_path / "nowhere" / "root.key")


def test_a_created_key_is_owner_only_whatever_the_umask_and_opens_what_it_wrapped(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    before = os.umask(0)
    try:
        created = RootKey.create(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = RootKey.load(path)
    assert loaded.fingerprint == created.fingerprint
    assert loaded.unwrap(created.wrap(bytearray(b"d" * 32), b"ctx"), b"ctx") == bytearray(b"d" * 32)


def test_two_created_keys_differ(tmp_path: Path) -> None:
    assert RootKey.create(tmp_path / "a").fingerprint != RootKey.create(tmp_path / "b").fingerprint


def test_the_raw_bytes_are_overwritten_once_the_cipher_stands() -> None:
    material = bytearray(b"k" * KEY_BYTES)
    WrappingKey(material)
    assert material == bytes(KEY_BYTES)


def test_a_wrapping_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        WrappingKey(bytearray(16))


@given(material=st.binary(min_size=32, max_size=32), context=st.binary(max_size=64))
def test_what_is_wrapped_unwraps_under_the_same_key_and_context(material: bytes, context: bytes) -> None:
    key = WrappingKey(bytearray(b"r" * 32))
    assert key.unwrap(key.wrap(bytearray(material), context), context) == material


@given(
    context=st.binary(max_size=32), other=st.binary(max_size=32), at=st.integers(0, 60), bit=st.integers(0, 7)
)
def test_another_context_key_or_bit_does_not_unwrap(context: bytes, other: bytes, at: int, bit: int) -> None:
    key = WrappingKey(bytearray(b"r" * 32))
    wrapped = key.wrap(bytearray(b"d" * 32), context)
    if other != context:
        with pytest.raises(WrapBroken):
            key.unwrap(wrapped, other)
    with pytest.raises(WrapBroken):
        WrappingKey(bytearray(b"s" * 32)).unwrap(wrapped, context)
    changed = bytearray(wrapped)
    changed[at] ^= 1 << bit
    with pytest.raises(WrapBroken):
        key.unwrap(bytes(changed), context)
    with pytest.raises(WrapBroken):
        key.unwrap(wrapped[:at], context)


def test_the_check_value_names_a_key_and_new_keys_are_wipeable() -> None:
    material = new_key()
    assert check_value(material) == check_value(bytearray(material)) != check_value(new_key())
    wipe(material)
    assert material == bytes(KEY_BYTES)
