from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import SQLModel

from governance import keystore
from governance.keys import (
    DataClass,
    KeyDestroyed,
    KeyMissing,
    KeyRing,
    Place,
    SealBroken,
    fold,
    open_key_ring,
)
from governance.keystore import KEY_METADATA, KeyStoreUnfit
from runtime.database import Database, DatabaseUnavailable, table
from runtime.errors import Conflict
from runtime.kms import RootKey, WrapBroken
from tests.clocks import SetClock
from tests.postgres import Cluster

TENANT, OTHER_TENANT = uuid4(), uuid4()
LEARNING, IDENTITY, EVIDENCE = DataClass.LEARNING, DataClass.IDENTITY, DataClass.EVIDENCE


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> RootKey:
    return RootKey.create(tmp_path_factory.mktemp("root") / "root.key")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'keys.db'}"
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    name = cluster.create_database()
    yield cluster.url(name, "owner")
    cluster.drop_database(name)


@pytest.fixture
def ring(store_url: str, root: RootKey, clock: SetClock) -> Iterator[KeyRing]:
    opened = open_key_ring(store_url, root, clock)
    yield opened
    opened.close()


@pytest.fixture
def subject(ring: KeyRing) -> UUID:
    made = uuid4()
    ring.create_subject(TENANT, made)
    return made


def place(subject: UUID, tenant: UUID = TENANT) -> Place:
    return Place(tenant, subject, "answer", "response", "1")


def test_nothing_can_be_sealed_for_a_subject_without_keys(ring: KeyRing) -> None:
    with pytest.raises(KeyMissing):
        ring.seal(place(uuid4()), LEARNING, b"x")


def test_nothing_can_be_sealed_for_a_subject_under_another_tenant(ring: KeyRing, subject: UUID) -> None:
    with pytest.raises(KeyMissing):
        ring.seal(place(subject, OTHER_TENANT), LEARNING, b"x")


def test_a_value_moved_to_another_person_tenant_or_class_does_not_open(ring: KeyRing, subject: UUID) -> None:
    sealed = ring.seal(place(subject), LEARNING, b"x")
    neighbour = uuid4()
    ring.create_subject(TENANT, neighbour)
    for elsewhere in (place(neighbour), place(subject, OTHER_TENANT), place(uuid4())):
        with pytest.raises(SealBroken):
            ring.open(elsewhere, LEARNING, sealed)
    with pytest.raises(SealBroken):
        ring.open(place(subject), IDENTITY, sealed)


def test_a_value_whose_key_nobody_knows_is_missing_its_key(ring: KeyRing) -> None:
    with pytest.raises(KeyMissing):
        ring.open(place(uuid4()), LEARNING, os.urandom(80))


def test_a_subject_of_another_tenant_cannot_be_taken_over(ring: KeyRing, subject: UUID) -> None:
    with pytest.raises(Conflict):
        ring.create_subject(OTHER_TENANT, subject)


def test_a_destroyed_key_opens_and_seals_nothing_and_cannot_come_back(ring: KeyRing, subject: UUID) -> None:
    sealed = ring.seal(place(subject), LEARNING, b"x")
    destroyed = ring.destroy_subject(TENANT, subject, [LEARNING])
    assert [key.data_class for key in destroyed] == [LEARNING]
    with pytest.raises(KeyDestroyed):
        ring.open(place(subject), LEARNING, sealed)
    with pytest.raises(KeyDestroyed):
        ring.seal(place(subject), LEARNING, b"x")
    ring.create_subject(TENANT, subject)
    with pytest.raises(KeyDestroyed):
        ring.seal(place(subject), LEARNING, b"x")
    assert ring.open(place(subject), IDENTITY, ring.seal(place(subject), IDENTITY, b"stays")) == b"stays"


def test_destroying_twice_says_the_same(ring: KeyRing, clock: SetClock, subject: UUID) -> None:
    first = ring.destroy_subject(TENANT, subject)
    clock.advance(5)
    assert ring.destroy_subject(TENANT, subject) == first
    assert len(first) == 3


def test_a_destroyed_key_opens_nothing_though_the_stores_log_could_not_be_emptied(
    ring: KeyRing, subject: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = ring.seal(place(subject), LEARNING, b"x")

    def in_use(_: Database) -> None:
        raise DatabaseUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(Database, "forget_log", in_use)
        with pytest.raises(DatabaseUnavailable):
            ring.destroy_subject(TENANT, subject)
    with pytest.raises(KeyDestroyed):
        ring.open(place(subject), LEARNING, sealed)
    assert len(ring.destroy_subject(TENANT, subject)) == 3


def test_keys_of_another_tenants_subject_cannot_be_disabled_or_destroyed(
    ring: KeyRing, subject: UUID
) -> None:
    ring.disable_subject(OTHER_TENANT, subject)
    assert ring.destroy_subject(OTHER_TENANT, subject) == ()
    ring.seal(place(subject), LEARNING, b"x")


def test_a_key_destroyed_elsewhere_stops_opening_within_the_cache_time(
    ring: KeyRing, store_url: str, root: RootKey, clock: SetClock, subject: UUID
) -> None:
    sealed = ring.seal(place(subject), LEARNING, b"x")
    elsewhere = open_key_ring(store_url, root, clock)
    elsewhere.destroy_subject(TENANT, subject)
    elsewhere.close()
    clock.advance(59.9)
    assert ring.open(place(subject), LEARNING, sealed) == b"x"  # the price of the cache, stated
    clock.advance(0.2)
    with pytest.raises(KeyDestroyed):
        ring.open(place(subject), LEARNING, sealed)


def test_use_does_not_keep_a_key_in_memory_past_the_cache_time(
    ring: KeyRing, store_url: str, root: RootKey, clock: SetClock, subject: UUID
) -> None:
    sealed = ring.seal(place(subject), LEARNING, b"x")
    elsewhere = open_key_ring(store_url, root, clock)
    elsewhere.disable_subject(TENANT, subject)
    elsewhere.close()
    for _ in range(6):
        ring.open(place(subject), LEARNING, sealed)
        clock.advance(10)
    with pytest.raises(KeyDestroyed):
        ring.open(place(subject), LEARNING, sealed)


def test_a_key_made_elsewhere_is_found_at_once(
    ring: KeyRing, store_url: str, root: RootKey, clock: SetClock
) -> None:
    late = uuid4()
    with pytest.raises(KeyMissing):
        ring.seal(place(late), LEARNING, b"x")
    elsewhere = open_key_ring(store_url, root, clock)
    elsewhere.create_subject(TENANT, late)
    sealed = elsewhere.seal(place(late), LEARNING, b"x")
    elsewhere.close()
    assert ring.open(place(late), LEARNING, sealed) == b"x"


def test_a_value_sealed_before_a_restart_opens_after_it(
    store_url: str, root: RootKey, clock: SetClock
) -> None:
    person = uuid4()
    before = open_key_ring(store_url, root, clock)
    before.create_subject(TENANT, person)
    before.create_subject(TENANT, person)
    sealed = before.seal(place(person), LEARNING, b"kept")
    index = before.blind_index(TENANT, "email", "a@b.example")
    before.close()
    after = open_key_ring(store_url, root, clock)
    assert after.open(place(person), LEARNING, sealed) == b"kept"
    assert after.blind_index(TENANT, "email", "a@b.example") == index
    after.close()


def test_another_root_key_is_refused_at_the_start(
    ring: KeyRing, store_url: str, tmp_path: Path, clock: SetClock
) -> None:
    stranger = RootKey.create(tmp_path / "stranger.key")
    with pytest.raises(KeyStoreUnfit, match="another root key"):
        open_key_ring(store_url, stranger, clock)


def test_a_store_of_a_newer_release_is_refused(
    ring: KeyRing, store_url: str, root: RootKey, clock: SetClock
) -> None:
    database = Database.open(store_url)
    version = table(keystore.KeyStoreVersion)
    database.write_now(lambda tx: tx.execute(sa.update(version).values(version=99)), tenant=None)
    database.close()
    with pytest.raises(KeyStoreUnfit, match="99"):
        open_key_ring(store_url, root, clock)


@pytest.mark.parametrize("column", ["tenant", "subject", "data_class", "key_id"])
def test_a_stored_key_given_to_somebody_else_does_not_unwrap(
    ring: KeyRing, store_url: str, subject: UUID, column: str
) -> None:
    ring.create_subject(OTHER_TENANT, uuid4())
    changed = {
        "tenant": OTHER_TENANT, "subject": uuid4(), "data_class": "learning", "key_id": os.urandom(16),
    }[column]  # fmt: skip
    keys = table(keystore.DataKey)
    mine = sa.and_(keys.c.subject == subject, keys.c.data_class == "identity")
    learning = sa.and_(keys.c.subject == subject, keys.c.data_class == "learning")
    database = Database.open(store_url)
    database.write_now(lambda tx: tx.execute(sa.delete(keys).where(learning)), tenant=None)
    database.write_now(
        lambda tx: tx.execute(sa.update(keys).where(mine).values({column: changed})), tenant=None
    )
    database.close()
    moved = Place(
        OTHER_TENANT if column == "tenant" else TENANT,
        changed if isinstance(changed, UUID) and column == "subject" else subject,
        "account", "name", "1",
    )  # fmt: skip
    with pytest.raises(WrapBroken):
        ring.seal(moved, LEARNING if column == "data_class" else IDENTITY, b"x")


def test_the_key_store_has_tables_of_its_own_and_the_data_has_none_of_them() -> None:
    assert set(KEY_METADATA.tables) == {"key_store_version", "epoch_key", "tenant_index_key", "data_key"}
    assert not set(KEY_METADATA.tables) & set(SQLModel.metadata.tables)


def test_destroyed_keys_leave_no_bytes_in_the_files_of_the_store(
    tmp_path: Path, root: RootKey, clock: SetClock
) -> None:
    path = tmp_path / "keys.db"
    ring = open_key_ring(f"sqlite:///{path}", root, clock)
    people = [uuid4() for _ in range(60)]
    for person in people:
        ring.create_subject(TENANT, person)
    keys = table(keystore.DataKey)
    database = Database.open(f"sqlite:///{path}")
    rows = database.read_now(lambda tx: tx.execute(sa.select(keys)).all(), tenant=None)
    gone = set(people[::3])
    for person in gone:
        ring.destroy_subject(TENANT, person)
    database.close()
    ring.close()
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("keys.db*"))
    for row in rows:
        assert (row.wrapped in stored) is (row.subject not in gone)
        assert row.check_value in stored  # what was destroyed stays known


def test_threads_that_create_seal_and_open_at_once_agree(ring: KeyRing) -> None:
    people = [uuid4() for _ in range(6)]
    faults: list[Exception] = []
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        try:
            barrier.wait()
            for person in people:
                ring.create_subject(TENANT, person)
                for turn in range(20):
                    text = f"{number} {turn}".encode()
                    assert (
                        ring.open(place(person), LEARNING, ring.seal(place(person), LEARNING, text)) == text
                    )
        except Exception as fault:  # noqa: BLE001  # whatever it is, the test must hear of it
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_key_in_memory_needs_no_key_store(
    tmp_path: Path, root: RootKey, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = open_key_ring(f"sqlite:///{tmp_path / 'keys.db'}", root, clock)
    person = uuid4()
    ring.create_subject(TENANT, person)
    sealed = ring.seal(place(person), LEARNING, b"x")
    index = ring.blind_index(TENANT, "email", "x")

    def unreachable(*_: object, **__: object) -> None:
        raise AssertionError("the key store was asked")

    monkeypatch.setattr(Database, "read_now", unreachable)
    assert ring.open(place(person), LEARNING, sealed) == b"x"
    assert ring.blind_index(TENANT, "email", "x") == index
    owner = ring.owner(person, LEARNING)
    assert owner is not None
    assert ring.remembered(person, LEARNING) == ring.remembered_id(owner.key_id) == owner
    assert ring.owner_of(owner.key_id) == owner
    clock.advance(61)
    assert ring.remembered(person, LEARNING) is None
    assert ring.remembered_id(owner.key_id) is None
    ring.close()


def test_blind_indexes_of_other_tenants_columns_and_values_differ(ring: KeyRing) -> None:
    made = [
        ring.blind_index(tenant, column, value)
        for tenant in (TENANT, OTHER_TENANT)
        for column in ("email", "name")
        for value in ("ann@example.org", "bob@example.org")
    ]
    assert len(set(made)) == len(made)
    assert {len(index) for index in made} == {16}


def test_a_blind_index_does_not_depend_on_case_or_on_how_letters_are_composed(ring: KeyRing) -> None:
    assert ring.blind_index(TENANT, "email", "Å@Straße.example") == ring.blind_index(
        TENANT, "email", "A\u030a@STRASSE.example"
    )


@given(st.text(max_size=30))
def test_folding_a_text_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(text.upper().lower()) == fold(fold(text.upper().lower()))


def test_errors_say_nothing_about_a_person(ring: KeyRing, subject: UUID) -> None:
    told = []
    for attempt in (
        lambda: ring.seal(place(uuid4()), LEARNING, b"secret"),
        lambda: ring.open(place(subject), LEARNING, b"secret" * 20),
        lambda: ring.create_subject(OTHER_TENANT, subject),
    ):
        with pytest.raises((KeyMissing, SealBroken, Conflict)) as caught:
            attempt()
        told.append(str(caught.value))
    assert all(str(subject) not in text and "secret" not in text for text in told)


def test_a_place_can_be_compared_and_changed_by_copy(subject: UUID) -> None:
    assert replace(place(subject), row="2") != place(subject)
