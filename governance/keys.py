"""Keys at work: seal and open a person's values, and look a value up without storing it in clear.

Ciphers of data keys are held for at most ``TTL_S`` seconds after they were read, so a key that was disabled
or destroyed in one process opens nothing in any other once that time is over. Raw key bytes are overwritten
as soon as the cipher stands; a key never appears in an error, a log line or a payload.

Source: NIST SP 800-38D (GCM), RFC 5869 (HKDF), UAX #15 (NFKC).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.engine import Connection

from governance import keystore
from governance.envelope import Place, SealBroken, Sealer, framed, key_id_of
from governance.keystore import DataClass, DestroyedKey, StoredKey
from runtime.clock import Clock
from runtime.database import Database
from runtime.errors import TutelaError
from runtime.kms import RootKey, check_value, wipe
from runtime.memory import ShortMemory

__all__ = [
    "DataClass",
    "DestroyedKey",
    "KeyDestroyed",
    "KeyMissing",
    "KeyOwner",
    "KeyRing",
    "Place",
    "SealBroken",
    "open_key_ring",
]

TTL_S: Final = 60.0
CACHE_KEYS: Final = 32_768
INDEX_BYTES: Final = 16


class KeyMissing(TutelaError):
    """There is no such key: the subject was never given one, or the key store is not the right one."""

    slug = "key-missing"
    title = "There is no key for this data"


class KeyDestroyed(TutelaError):
    """The key was disabled or destroyed; what it sealed cannot be read and nothing new can be sealed."""

    status = 410
    slug = "key-destroyed"
    title = "This data was erased and cannot be read any more"


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """Whom a data key belongs to."""

    tenant: UUID
    subject: UUID
    data_class: DataClass
    key_id: bytes


@dataclass(frozen=True, slots=True)
class _Held:
    """A key in memory; without a sealer when it is disabled or destroyed."""

    owner: KeyOwner
    sealer: Sealer | None


def open_key_ring(url: str, root: RootKey, clock: Clock) -> KeyRing:
    """The key ring over the key store at ``url``, which is made where there is none.

    Raises:
        KeyStoreUnfit: the store belongs to another root key or a newer release.
        DatabaseUnavailable: it cannot be reached.
    """
    database = Database.open(url, pragmas=keystore.PRAGMAS)
    try:
        keystore.prepare(database, root)
    except BaseException:
        database.close()
        raise
    return KeyRing(database, root, clock)


class KeyRing:
    """Seals and opens. Synchronous and thread-safe; a call whose key is in memory touches no database."""

    def __init__(self, database: Database, root: RootKey, clock: Clock) -> None:
        self._database = database
        self._root = root
        self._clock = clock
        self._by_class = ShortMemory[tuple[UUID, DataClass], _Held](clock, TTL_S, CACHE_KEYS)
        self._by_id = ShortMemory[bytes, _Held](clock, TTL_S, CACHE_KEYS)
        self._indexes = ShortMemory[tuple[UUID, str], HMAC](clock, TTL_S, CACHE_KEYS)

    def create_subject(
        self, tenant: UUID, subject: UUID, classes: Collection[DataClass] = tuple(DataClass)
    ) -> None:
        """Give a subject its keys; nothing happens where it has, or once had, them.

        Raises:
            Conflict: the subject belongs to another tenant.
        """
        at = self._clock.now()

        def work(tx: Connection) -> None:
            keystore.create_subject(tx, self._root, tenant, subject, classes, at)

        self._database.write_now(work, tenant=tenant)

    def seal(self, place: Place, data_class: DataClass, plaintext: bytes) -> bytes:
        """``plaintext`` as it may be stored at ``place`` (form: ``governance.envelope``).

        Raises:
            KeyMissing: the subject has no such key in this tenant.
            KeyDestroyed: it had one.
        """
        return self._live(place, data_class).seal(place, plaintext)

    def mac(self, place: Place, data_class: DataClass, content: bytes) -> bytes:
        """32 bytes by which a repeated request is known from a changed one; gone with the subject's key.

        Raises:
            KeyMissing, KeyDestroyed: as ``seal``.
        """
        return self._live(place, data_class).mac(place, content)

    def open(self, place: Place, data_class: DataClass, sealed: bytes) -> bytes:
        """What was sealed at ``place``.

        Raises:
            SealBroken: it was sealed at another place, for another person or class, or changed since.
            KeyMissing: neither the subject nor the value's key is known.
            KeyDestroyed: the subject's key was disabled or destroyed.
        """
        held = self._held(place.subject, data_class)
        if held is None:
            raise SealBroken if self.owner_of(key_id_of(sealed)) else KeyMissing
        if held.owner.tenant != place.tenant:
            raise SealBroken
        if held.sealer is None:
            raise KeyDestroyed
        return held.sealer.open(place, sealed)

    def blind_index(self, tenant: UUID, column: str, value: str) -> bytes:
        """16 bytes by which an equal value is found again, and nothing learned without the tenant's key.

        Equal means equal after Unicode NFKC and case folding. Not for values that can be guessed from a
        short list (birth dates, marks): whoever may ask for indexes could try them all.
        """
        keyed = self._indexes.get((tenant, column))
        if keyed is None:
            keyed = self._indexes.put((tenant, column), self._index(tenant, column), self._clock.monotonic())
        mac = keyed.copy()
        mac.update(fold(value).encode())
        return mac.finalize()[:INDEX_BYTES]

    def owner(self, subject: UUID, data_class: DataClass) -> KeyOwner | None:
        """Who the subject's key belongs to, be it live or gone; None where there never was one."""
        held = self._held(subject, data_class)
        return None if held is None else held.owner

    def owner_of(self, key_id: bytes) -> KeyOwner | None:
        """Who the key of this id belongs to, be it live or gone; None where there never was one."""
        held = self._by_id.get(key_id) or self._load(lambda tx: keystore.find_id(tx, key_id))
        return None if held is None else held.owner

    def remembered(self, subject: UUID, data_class: DataClass) -> KeyOwner | None:
        """``owner`` where it is in memory now, so that nothing waits for the key store; else None."""
        held = self._by_class.get((subject, data_class))
        return None if held is None else held.owner

    def remembered_id(self, key_id: bytes) -> KeyOwner | None:
        """``owner_of`` where it is in memory now; else None."""
        held = self._by_id.get(key_id)
        return None if held is None else held.owner

    def disable_subject(
        self, tenant: UUID, subject: UUID, classes: Collection[DataClass] = tuple(DataClass)
    ) -> None:
        """Let a subject's keys open nothing more: here at once, elsewhere within ``TTL_S`` seconds."""
        at = self._clock.now()
        self._database.write_now(lambda tx: keystore.disable(tx, tenant, subject, classes, at), tenant=tenant)
        self._forget(subject)

    def destroy_subject(
        self, tenant: UUID, subject: UUID, classes: Collection[DataClass] = tuple(DataClass)
    ) -> tuple[DestroyedKey, ...]:
        """Overwrite a subject's keys for ever; returns what is left to say of them. May be repeated.

        Raises:
            DatabaseUnavailable: the keys may be gone, but old bytes may stand in the store's log; repeat it.
        """
        at = self._clock.now()
        destroyed = self._database.write_now(
            lambda tx: keystore.destroy(tx, tenant, subject, classes, at), tenant=tenant
        )
        self._forget(subject)
        self._database.forget_log()
        return destroyed

    def close(self) -> None:
        """Let go of the key store and of every key in memory."""
        for memory in (self._by_class, self._by_id, self._indexes):
            memory.clear()
        self._database.close()

    def _live(self, place: Place, data_class: DataClass) -> Sealer:
        held = self._held(place.subject, data_class)
        if held is None or held.owner.tenant != place.tenant:
            raise KeyMissing
        if held.sealer is None:
            raise KeyDestroyed
        return held.sealer

    def _held(self, subject: UUID, data_class: DataClass) -> _Held | None:
        return self._by_class.get((subject, data_class)) or self._load(
            lambda tx: keystore.find(tx, subject, data_class)
        )

    def _load(self, find: Callable[[Connection], StoredKey | None]) -> _Held | None:
        read_at = self._clock.monotonic()
        stored = self._database.read_now(find, tenant=None)
        if stored is None:
            return None  # never remembered: another process may make the key in the next moment
        owner = KeyOwner(stored.tenant, stored.subject, stored.data_class, stored.key_id)
        held = _Held(owner, None if stored.gone else self._sealer(stored))
        self._by_id.put(stored.key_id, held, read_at)
        return self._by_class.put((stored.subject, stored.data_class), held, read_at)

    def _sealer(self, stored: StoredKey) -> Sealer:
        material = keystore.unwrap(self._root, stored)
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tutela-content-mac").derive(material)
        sealer = Sealer(stored.key_id, check_value(material), AESGCM(material), HMAC(derived, SHA256()))
        wipe(material)
        return sealer

    def _index(self, tenant: UUID, column: str) -> HMAC:
        material = self._database.read_now(lambda tx: keystore.index_key(tx, self._root, tenant), tenant=None)
        if material is None:
            at = self._clock.now()
            self._database.write_now(
                lambda tx: keystore.found_tenant(tx, self._root, tenant, at), tenant=tenant
            )
            return self._index(tenant, column)
        info = framed(b"tutela-blind-index", column.encode())
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(material)
        wipe(material)
        return HMAC(derived, SHA256())

    def _forget(self, subject: UUID) -> None:
        for data_class in DataClass:
            held = self._by_class.drop((subject, data_class))
            if held is not None:
                self._by_id.drop(held.owner.key_id)


def fold(value: str) -> str:
    """A text in the form in which equal texts are equal: NFKC, case folded, NFKC again (Unicode §3.13)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold())
