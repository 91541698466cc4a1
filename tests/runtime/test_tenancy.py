from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from runtime.database import Database, insert_once, table
from runtime.outbox import OutboxEntry
from runtime.tenancy import tenant_tables
from tests.postgres import Cluster

pytestmark = pytest.mark.postgres
HERE, THERE = uuid4(), uuid4()
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def name(postgres: Cluster, postgres_template: str) -> Iterator[str]:
    made = postgres.create_database(postgres_template)
    yield made
    postgres.drop_database(made)


@pytest.fixture(params=["app", "owner"])
def as_role(request: pytest.FixtureRequest, postgres: Cluster, name: str) -> Iterator[Database]:
    opened = Database.open(postgres.url(name, request.param))
    yield opened
    opened.close()


def row_of(tenant: UUID) -> Callable[[Connection], bool]:
    row = {"tenant": tenant, "kind": "probe", "fact_id": uuid4(), "due_at": NOW, "attempts": 0}
    return lambda tx: insert_once(tx, OutboxEntry, row)


def count(tx: Connection) -> int:
    return tx.execute(sa.select(sa.func.count()).select_from(table(OutboxEntry))).scalar_one()


def test_without_a_tenant_nothing_is_seen_and_nothing_goes_in(as_role: Database) -> None:
    as_role.write_now(row_of(HERE), tenant=HERE)
    assert as_role.read_now(count, tenant=HERE) == 1
    assert as_role.read_now(count, tenant=None) == 0
    with pytest.raises(sa.exc.DBAPIError, match="row-level security"):
        as_role.write_now(row_of(HERE), tenant=None)


def test_another_tenants_rows_are_neither_seen_changed_nor_planted(as_role: Database) -> None:
    as_role.write_now(row_of(HERE), tenant=HERE)
    assert as_role.read_now(count, tenant=THERE) == 0
    assert as_role.write_now(lambda tx: tx.execute(sa.delete(table(OutboxEntry))).rowcount, tenant=THERE) == 0
    with pytest.raises(sa.exc.DBAPIError, match="row-level security"):
        as_role.write_now(row_of(HERE), tenant=THERE)


def test_a_tenant_does_not_leak_into_a_connections_next_transaction(as_role: Database) -> None:
    as_role.write_now(row_of(HERE), tenant=HERE)
    for _ in range(20):
        as_role.read_now(count, tenant=HERE)
        assert as_role.read_now(count, tenant=None) == 0


def test_every_table_with_a_tenant_is_under_forced_row_security(as_role: Database) -> None:
    query = sa.text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
    forced = as_role.read_now(lambda tx: set(tx.execute(query).scalars()), tenant=None)
    assert tenant_tables(SQLModel.metadata)
    assert set(tenant_tables(SQLModel.metadata)) <= forced
