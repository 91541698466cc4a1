"""Row-level security on PostgreSQL: a table with a ``tenant`` column shows a transaction its tenant only.

FORCE makes the rule bind the table's owner too; only a superuser passes it, and Tutela never connects as one.
A transaction that names no tenant sees no rows and can insert none.

Source: PostgreSQL 15 documentation, §5.8 Row Security Policies.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import MetaData
from sqlalchemy.engine import Connection

CURRENT_TENANT = "nullif(current_setting('tutela.tenant', true), '')::uuid"


def tenant_tables(metadata: MetaData) -> list[str]:
    """Names of the tables that belong to tenants, sorted."""
    return sorted(name for name, table in metadata.tables.items() if "tenant" in table.c)


def row_security(table: str) -> tuple[str, ...]:
    """The statements that put one table under row-level security."""
    own = f"tenant = {CURRENT_TENANT}"
    return (
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
        f'CREATE POLICY own_tenant ON "{table}" USING ({own}) WITH CHECK ({own})',
    )


def enable_row_security(tx: Connection, tables: Iterable[str]) -> None:
    """Apply ``row_security`` to each table; does nothing on SQLite, which has no such thing."""
    if tx.dialect.name != "postgresql":
        return
    for table in tables:
        for statement in row_security(table):
            tx.exec_driver_sql(statement)


UNSECURED = """
    SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE attname = 'tenant' AND relkind = 'r' AND relnamespace = 'public'::regnamespace
      AND NOT relforcerowsecurity ORDER BY relname
"""


def secure_tables(tx: Connection) -> None:
    """Put every table with a ``tenant`` column under row-level security that is not yet, whoever made it."""
    if tx.dialect.name == "postgresql":
        enable_row_security(tx, tx.exec_driver_sql(UNSECURED).scalars().all())


def grant_use(tx: Connection, role: str) -> None:
    """Let the application's role read and write rows, and nothing else (no DDL, no ownership)."""
    if tx.dialect.name != "postgresql":
        return
    quoted = tx.dialect.identifier_preparer.quote(role)
    tx.exec_driver_sql(f"GRANT USAGE ON SCHEMA public TO {quoted}")
    tx.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quoted}")
