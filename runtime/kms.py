"""The key above all keys: a file that only its owner may read, and wrapping under any key.

Wrapping is AES-256-GCM with a random 96-bit nonce and the key's context as associated data. One wrapping
key serves far fewer than 2^32 wraps (the root one epoch key per tenant and month, an epoch key three data
keys per subject and month), which is the bound of NIST SP 800-38D §8.3 for random nonces.

Raw key bytes live in ``bytearray`` only as long as it takes to build a cipher, then are overwritten;
Python cannot promise more, since immutable copies made inside libraries are out of its reach.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import stat
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from runtime.errors import TutelaError

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
WRAPPED_BYTES = 1 + NONCE_BYTES + KEY_BYTES + TAG_BYTES

_VERSION = b"\x01"
_CHECK_LABEL = b"tutela-kc"


class RootKeyUnfit(TutelaError):
    """The root key file is absent, readable by others, of the wrong length, or not a plain file."""

    slug = "root-key-unfit"
    title = "The root key file cannot be used"


class WrapBroken(TutelaError):
    """A wrapped key does not open: other wrapping key, other context, or changed bytes."""

    slug = "wrap-broken"
    title = "A wrapped key does not open under this key and context"


def new_key() -> bytearray:
    """32 random bytes from the operating system, in memory that can be overwritten."""
    return bytearray(os.urandom(KEY_BYTES))  # house: randomness a key is made here


def wipe(material: bytearray) -> None:
    """Overwrite key bytes in place."""
    material[:] = bytes(len(material))


def check_value(material: bytearray) -> bytes:
    """The 16-byte key check value: names a key without revealing it, and commits a ciphertext to it.

    GCM alone does not commit to its key (Dodis et al., CRYPTO 2018), so sealed values carry this value.
    """
    return hmac.digest(material, _CHECK_LABEL, hashlib.sha256)[:16]


class WrappingKey:
    """A key that wraps other keys. Holds a cipher object, never the raw bytes.

    Args:
        material: 32 raw bytes; overwritten before this returns.
    """

    __slots__ = ("_cipher", "fingerprint")

    def __init__(self, material: bytearray) -> None:
        if len(material) != KEY_BYTES:
            raise ValueError(f"a wrapping key has {KEY_BYTES} bytes")
        self.fingerprint = check_value(material)
        self._cipher = AESGCM(material)
        wipe(material)

    def wrap(self, material: bytearray, context: bytes) -> bytes:
        """Version byte, nonce, ciphertext and tag of a 32-byte key, bound to ``context``."""
        nonce = os.urandom(NONCE_BYTES)  # house: randomness a nonce for one wrapping
        return _VERSION + nonce + self._cipher.encrypt(nonce, material, _VERSION + context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytearray:
        """The wrapped key's raw bytes; the caller wipes them.

        Raises:
            WrapBroken: another wrapping key or context made it, or a byte changed.
        """
        if len(wrapped) != WRAPPED_BYTES or wrapped[:1] != _VERSION:
            raise WrapBroken
        material = bytearray(KEY_BYTES)
        nonce, body = wrapped[1 : 1 + NONCE_BYTES], wrapped[1 + NONCE_BYTES :]
        try:
            self._cipher.decrypt_into(nonce, body, _VERSION + context, material)
        except InvalidTag:
            raise WrapBroken from None
        return material


class RootKey(WrappingKey):
    """The root key of one installation, kept in a file apart from every database and backup."""

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a new key file, mode 0600, synced to disk; never overwrites.

        Raises:
            RootKeyUnfit: something already stands at ``path``, or the folder cannot be written.
        """
        material = new_key()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            raise RootKeyUnfit(f"{path} exists already; a root key is never overwritten") from None
        except OSError as fault:
            raise RootKeyUnfit(f"{path} cannot be created: {fault.strerror}") from None
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(material)
                os.fsync(file.fileno())
        except OSError as fault:
            path.unlink(missing_ok=True)
            raise RootKeyUnfit(f"{path} cannot be written: {fault.strerror}") from None
        _sync_folder(path.parent)
        return cls(material)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the key file after checking that nobody but its owner can.

        Raises:
            RootKeyUnfit: it is missing, a symbolic link, not a plain file, owned by another account,
                open to group or others, or not exactly 32 bytes long.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            raise RootKeyUnfit(f"{path} does not exist; restore it from its safe copy") from None
        except OSError as fault:
            reason = "it is a symbolic link" if path.is_symlink() else fault.strerror
            raise RootKeyUnfit(f"{path} cannot be read: {reason}") from None
        try:
            _refuse_open_file(path, os.fstat(descriptor))
            material = bytearray(KEY_BYTES + 1)  # one more, to see a file that is too long
            length = os.readv(descriptor, [material])
        finally:
            os.close(descriptor)
        if length != KEY_BYTES:
            wipe(material)
            raise RootKeyUnfit(f"{path} is not exactly {KEY_BYTES} bytes long")
        return cls(_take(material))


def _refuse_open_file(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise RootKeyUnfit(f"{path} is not a plain file")
    if status.st_uid != os.geteuid():
        raise RootKeyUnfit(f"{path} belongs to another account than the one that runs this process")
    if status.st_mode & 0o077:
        raise RootKeyUnfit(f"{path} is open to group or others; run: chmod 600 {path}")


def _take(buffer: bytearray) -> bytearray:
    """The first 32 bytes in a buffer of their own, the longer one wiped."""
    material = bytearray(memoryview(buffer)[:KEY_BYTES])
    wipe(buffer)
    return material


def _sync_folder(folder: Path) -> None:
    """Make the new name durable; some file systems refuse to sync a folder, which loses nothing else."""
    descriptor = os.open(folder, os.O_RDONLY)
    with contextlib.suppress(OSError):
        os.fsync(descriptor)
    os.close(descriptor)
