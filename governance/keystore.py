"""The key store: wrapped keys in a database of their own, apart from the data and its backups.

root key (a file) -> one epoch key per tenant and epoch -> one data key per subject and class. Destroying a
data key overwrites its wrapped bytes and keeps the row: what was destroyed stays known, and the same subject
can never be given a second key. The store makes its own tables (it must not share migrations, metadata or a
backup with the data) and remembers which root key it belongs to.

Looked up by the subject alone as well as with the tenant: a workflow's payload names only the subject, whose
reference is random and unique across tenants. So its tables are keyed by subject, and carry no row security.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

from governance.envelope import ID_BYTES, framed
from runtime.columns import Basis, Category, Instant, not_personal, personal
from runtime.database import Database, insert_once, table
from runtime.errors import Conflict, TutelaError
from runtime.kms import RootKey, WrappingKey, check_value, new_key, wipe

SCHEMA_VERSION: Final = 1
PRAGMAS: Final[Mapping[str, str]] = {"secure_delete": "ON"}
"""SQLite overwrites what it deletes; what the log still holds goes with ``Database.forget_log``."""

_SCHEMA_LOCK: Final = 0x7475_7465_6C61_6B73  # "tutelaks": processes that start together make the tables once


class DataClass(StrEnum):
    """What a data key protects; classes of one subject can be destroyed at different times."""

    IDENTITY = "identity"
    LEARNING = "learning"
    EVIDENCE = "evidence"


class KeyStoreUnfit(TutelaError):
    """The key store belongs to another root key, or was written by a newer release."""

    slug = "key-store-unfit"
    title = "The key store cannot be used"


class KeyTable(SQLModel, registry=registry()):
    """Base of the key store's tables: a metadata of their own, outside the data's migrations."""


class KeyStoreVersion(KeyTable, table=True):
    """One row: which form the tables have and which root key opens them."""

    __tablename__ = "key_store_version"

    one: int = not_personal("always 1: there is one version", primary_key=True)
    version: int = not_personal("number of the table form")
    root_check: bytes = not_personal("names the root key, says nothing about it", sa_type=sa.LargeBinary)


class EpochKey(KeyTable, table=True):
    """A tenant's wrapping key of one epoch; ``wrapped`` is empty once it is destroyed."""

    __tablename__ = "epoch_key"

    tenant: UUID = not_personal("names a school", primary_key=True)
    epoch: int = not_personal("counts the tenant's epochs from 1", primary_key=True)
    wrapped: bytes = not_personal("the key, under the root key", sa_type=sa.LargeBinary)
    created_at: datetime = not_personal("when the epoch began", sa_type=Instant)
    destroyed_at: datetime | None = not_personal("when the key was destroyed", sa_type=Instant, nullable=True)


class TenantIndexKey(KeyTable, table=True):
    """The key that a tenant's blind indexes are derived from."""

    __tablename__ = "tenant_index_key"

    tenant: UUID = not_personal("names a school", primary_key=True)
    epoch: int = not_personal("epoch of the key it is wrapped under")
    wrapped: bytes = not_personal("the key, under the epoch key", sa_type=sa.LargeBinary)
    created_at: datetime = not_personal("when it was made", sa_type=Instant)


class DataKey(KeyTable, table=True):
    """A subject's key for one class of data; ``wrapped`` is empty once it is destroyed."""

    __tablename__ = "data_key"

    subject: UUID = personal(
        Category.PSEUDONYM,
        purpose="compliance",
        basis=Basis.LEGAL_OBLIGATION,
        retention="evidence",
        primary_key=True,
    )
    data_class: str = not_personal("which class of data the key protects", primary_key=True)
    tenant: UUID = not_personal("names a school", index=True)
    key_id: bytes = not_personal("random; names the key", sa_type=sa.LargeBinary, unique=True)
    check_value: bytes = not_personal("tells the key from another, reveals nothing", sa_type=sa.LargeBinary)
    epoch: int = not_personal("epoch of the key it is wrapped under")
    wrapped: bytes = not_personal("the key, under the epoch key", sa_type=sa.LargeBinary)
    created_at: datetime = not_personal("when the key was made", sa_type=Instant)
    disabled_at: datetime | None = not_personal("from when it opens nothing", sa_type=Instant, nullable=True)
    destroyed_at: datetime | None = not_personal("when it ceased to exist", sa_type=Instant, nullable=True)


KEY_METADATA: Final = KeyTable.metadata


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A data key as it stands in the store; ``gone`` once disabled or destroyed."""

    tenant: UUID
    subject: UUID
    data_class: DataClass
    key_id: bytes
    epoch: int
    wrapped: bytes
    epoch_wrapped: bytes
    gone: bool


@dataclass(frozen=True, slots=True)
class DestroyedKey:
    """What is left to say of a destroyed key: for the certificate, and to match old backups against."""

    data_class: DataClass
    key_id: bytes
    check_value: bytes
    destroyed_at: datetime


def key_store_stands(url: str) -> bool:
    """Whether there is a key store at ``url`` already: then a new root key would be the wrong one."""
    engine = sa.create_engine(url)
    try:
        return sa.inspect(engine).has_table("key_store_version")
    finally:
        engine.dispose()


def prepare(database: Database, root: RootKey) -> None:
    """Make the tables where there are none, and check that this store and this root key belong together.

    Raises:
        KeyStoreUnfit: another root key made it, or a newer release.
    """

    def work(tx: Connection) -> tuple[int, bytes]:
        if tx.dialect.name == "postgresql":
            tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        KEY_METADATA.create_all(tx)
        values = {"one": 1, "version": SCHEMA_VERSION, "root_check": root.fingerprint}
        insert_once(tx, KeyStoreVersion, values)
        row = tx.execute(sa.select(table(KeyStoreVersion))).one()
        return row.version, row.root_check

    version, root_check = database.write_now(work, tenant=None)
    if version != SCHEMA_VERSION:
        raise KeyStoreUnfit(f"the key store has form {version}, this release reads form {SCHEMA_VERSION}")
    if root_check != root.fingerprint:
        raise KeyStoreUnfit("the key store was made under another root key; restore the one it belongs to")


def found_tenant(tx: Connection, root: RootKey, tenant: UUID, at: datetime) -> None:
    """Give a tenant its first epoch key and its index key, unless it has them."""
    material, indexing = new_key(), new_key()
    first = {"tenant": tenant, "epoch": 1, "created_at": at}
    wrapped = root.wrap(material, epoch_context(tenant, 1))
    if insert_once(tx, EpochKey, {**first, "wrapped": wrapped, "destroyed_at": None}):
        under_epoch = WrappingKey(material).wrap(indexing, index_context(tenant))
        insert_once(tx, TenantIndexKey, {**first, "wrapped": under_epoch})
    wipe(material)
    wipe(indexing)


def create_subject(
    tx: Connection, root: RootKey, tenant: UUID, subject: UUID, classes: Iterable[DataClass], at: datetime
) -> None:
    """Give a subject a key for each class, except where it has or had one.

    Raises:
        Conflict: the subject belongs to another tenant.
    """
    found_tenant(tx, root, tenant, at)
    epochs = table(EpochKey)
    newest = tx.execute(
        sa.select(epochs.c.epoch, epochs.c.wrapped)
        .where(epochs.c.tenant == tenant, epochs.c.destroyed_at.is_(None))
        .order_by(epochs.c.epoch.desc())
        .limit(1)
        .with_for_update(read=True)  # the epoch cannot be destroyed under the keys made here
    ).one()
    wrapping = WrappingKey(root.unwrap(newest.wrapped, epoch_context(tenant, newest.epoch)))
    for data_class in classes:
        _mint(tx, wrapping, newest.epoch, tenant, subject, data_class, at)


def _mint(
    tx: Connection,
    wrapping: WrappingKey,
    epoch: int,
    tenant: UUID,
    subject: UUID,
    data_class: DataClass,
    at: datetime,
) -> None:
    material, key_id = new_key(), os.urandom(ID_BYTES)  # house: randomness names a new key
    values = {
        "subject": subject,
        "data_class": data_class.value,
        "tenant": tenant,
        "key_id": key_id,
        "check_value": check_value(material),
        "epoch": epoch,
        "wrapped": wrapping.wrap(material, data_context(tenant, subject, data_class, key_id)),
        "created_at": at,
        "disabled_at": None,
        "destroyed_at": None,
    }
    wipe(material)
    if insert_once(tx, DataKey, values):
        return
    stored = find(tx, subject, data_class)
    if stored is None or stored.tenant != tenant:
        raise Conflict("this subject reference is taken")


def find(tx: Connection, subject: UUID, data_class: DataClass) -> StoredKey | None:
    """A subject's key for one class."""
    keys = table(DataKey)
    return _find(tx, sa.and_(keys.c.subject == subject, keys.c.data_class == data_class.value))


def find_id(tx: Connection, key_id: bytes) -> StoredKey | None:
    """The key of this id."""
    return _find(tx, table(DataKey).c.key_id == key_id)


def _find(tx: Connection, condition: sa.ColumnElement[bool]) -> StoredKey | None:
    keys, epochs = table(DataKey), table(EpochKey)
    row = tx.execute(
        sa.select(keys, epochs.c.wrapped.label("epoch_wrapped"))
        .join(epochs, sa.and_(epochs.c.tenant == keys.c.tenant, epochs.c.epoch == keys.c.epoch))
        .where(condition)
    ).one_or_none()
    if row is None:
        return None
    return StoredKey(
        tenant=row.tenant,
        subject=row.subject,
        data_class=DataClass(row.data_class),
        key_id=row.key_id,
        epoch=row.epoch,
        wrapped=row.wrapped,
        epoch_wrapped=row.epoch_wrapped,
        gone=row.disabled_at is not None or row.destroyed_at is not None,
    )


def unwrap(root: RootKey, stored: StoredKey) -> bytearray:
    """The raw bytes of a live data key; the caller wipes them.

    Raises:
        WrapBroken: the store was changed behind the key ring's back.
    """
    context = epoch_context(stored.tenant, stored.epoch)
    wrapping = WrappingKey(root.unwrap(stored.epoch_wrapped, context))
    owner = data_context(stored.tenant, stored.subject, stored.data_class, stored.key_id)
    return wrapping.unwrap(stored.wrapped, owner)


def index_key(tx: Connection, root: RootKey, tenant: UUID) -> bytearray | None:
    """The raw bytes of the tenant's index key, or None when it has none; the caller wipes them."""
    keys, epochs = table(TenantIndexKey), table(EpochKey)
    row = tx.execute(
        sa.select(keys.c.epoch, keys.c.wrapped, epochs.c.wrapped.label("epoch_wrapped"))
        .join(epochs, sa.and_(epochs.c.tenant == keys.c.tenant, epochs.c.epoch == keys.c.epoch))
        .where(keys.c.tenant == tenant)
    ).one_or_none()
    if row is None:
        return None
    wrapping = WrappingKey(root.unwrap(row.epoch_wrapped, epoch_context(tenant, row.epoch)))
    return wrapping.unwrap(row.wrapped, index_context(tenant))


def disable(tx: Connection, tenant: UUID, subject: UUID, classes: Iterable[DataClass], at: datetime) -> None:
    """Let keys open nothing any more, in this and, after the cache time, in every process."""
    keys = table(DataKey)
    tx.execute(
        sa.update(keys)
        .where(*_of(tenant, subject, classes), keys.c.disabled_at.is_(None))
        .values(disabled_at=at)
    )


def destroy(
    tx: Connection, tenant: UUID, subject: UUID, classes: Iterable[DataClass], at: datetime
) -> tuple[DestroyedKey, ...]:
    """Overwrite keys; every value sealed under them is noise from then on. Repeating it changes nothing."""
    keys, wanted = table(DataKey), tuple(classes)
    disable(tx, tenant, subject, wanted, at)
    live = (*_of(tenant, subject, wanted), keys.c.destroyed_at.is_(None))
    tx.execute(sa.update(keys).where(*live).values(wrapped=b"", destroyed_at=at))
    rows = tx.execute(sa.select(keys).where(*_of(tenant, subject, wanted)).order_by(keys.c.data_class))
    return tuple(
        DestroyedKey(DataClass(row.data_class), row.key_id, row.check_value, row.destroyed_at) for row in rows
    )


def _of(tenant: UUID, subject: UUID, classes: Iterable[DataClass]) -> tuple[sa.ColumnElement[bool], ...]:
    keys = table(DataKey)
    names = [data_class.value for data_class in classes]
    return keys.c.tenant == tenant, keys.c.subject == subject, keys.c.data_class.in_(names)


def epoch_context(tenant: UUID, epoch: int) -> bytes:
    """What a wrapped epoch key is bound to."""
    return framed(b"epoch", tenant.bytes, epoch.to_bytes(8, "big"))


def index_context(tenant: UUID) -> bytes:
    """What a wrapped index key is bound to."""
    return framed(b"index", tenant.bytes)


def data_context(tenant: UUID, subject: UUID, data_class: DataClass, key_id: bytes) -> bytes:
    """What a wrapped data key is bound to."""
    return framed(b"data", tenant.bytes, subject.bytes, data_class.value.encode(), key_id)
