from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from governance.gate import Gate, GateState, _packed, create_gate, move_gate, read_gate, take_gate
from policy.vocabulary import Purpose
from runtime.database import Database

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 9, 1, 8, 0, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(days=1, microseconds=1)


def taken(tx: Connection, tenant: UUID, subject: UUID) -> Gate:
    gate = take_gate(tx, tenant, subject)
    assert gate is not None
    return gate


async def test_a_new_gate_is_open_and_allows_nothing(database: Database) -> None:
    tenant, subject = uuid4(), uuid4()
    await database.write(lambda tx: create_gate(tx, tenant, subject, NOW), tenant=tenant)
    gate = await database.read(lambda tx: read_gate(tx, tenant, subject, lock=False), tenant=tenant)
    assert gate == Gate(tenant, subject, GateState.OPEN, 0, "")
    assert not any(gate.allows(purpose, NOW) for purpose in Purpose)


async def test_another_school_sees_no_gate(database: Database) -> None:
    tenant, stranger, subject = uuid4(), uuid4(), uuid4()
    await database.write(lambda tx: create_gate(tx, tenant, subject, NOW), tenant=tenant)
    assert (
        await database.read(lambda tx: read_gate(tx, stranger, subject, lock=False), tenant=stranger) is None
    )


async def test_making_a_gate_again_does_not_open_it_again(database: Database) -> None:
    tenant, subject = uuid4(), uuid4()

    def erase(tx: Connection) -> None:
        create_gate(tx, tenant, subject, NOW)
        move_gate(tx, taken(tx, tenant, subject), NOW, state=GateState.ERASED)
        create_gate(tx, tenant, subject, NOW)

    await database.write(erase, tenant=tenant)
    gate = await database.read(lambda tx: read_gate(tx, tenant, subject, lock=False), tenant=tenant)
    assert gate is not None
    assert gate.state is GateState.ERASED


async def test_a_change_of_consent_is_a_new_epoch_and_a_change_of_state_is_not(database: Database) -> None:
    tenant, subject = uuid4(), uuid4()

    def work(tx: Connection) -> tuple[Gate, Gate]:
        create_gate(tx, tenant, subject, NOW)
        consented = move_gate(tx, taken(tx, tenant, subject), NOW, consents={Purpose.TELEMETRY: LATER})
        move_gate(tx, consented, NOW, state=GateState.RESTRICTED)
        return consented, taken(tx, tenant, subject)

    consented, restricted = await database.write(work, tenant=tenant)
    assert (consented.consent_epoch, restricted.consent_epoch) == (1, 1)
    assert restricted.state is GateState.RESTRICTED
    assert restricted.consents() == {Purpose.TELEMETRY: LATER}


@given(
    st.dictionaries(
        st.sampled_from(Purpose),
        st.integers(0, 7 * 10**15).map(lambda micros: EPOCH + timedelta(microseconds=micros)),
    )
)
def test_what_is_written_into_a_gate_reads_back_to_the_microsecond(consents: dict[Purpose, datetime]) -> None:
    gate = Gate(uuid4(), uuid4(), GateState.OPEN, 1, _packed(consents))
    assert gate.consents() == consents
    for purpose, until in consents.items():
        assert gate.allows(purpose, until - timedelta(microseconds=1))
        assert not gate.allows(purpose, until)


def test_what_the_gate_cannot_read_is_an_error_and_no_consent() -> None:
    with pytest.raises(ValueError):
        Gate(uuid4(), uuid4(), GateState.OPEN, 1, "everything=1").allows(Purpose.TELEMETRY, NOW)
