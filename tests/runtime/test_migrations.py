from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel

from runtime import migrations
from runtime.migrations import MigrationFailed, configuration, is_current, migrate
from runtime.tenancy import tenant_tables
from tests.conftest import import_every_table
from tests.postgres import Cluster

REVISIONS = [
    script.revision
    for script in reversed(list(ScriptDirectory.from_config(configuration("sqlite://")).walk_revisions()))
]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database, reached as the role that owns it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    name = cluster.create_database()
    yield cluster.url(name, "owner")
    cluster.drop_database(name)


def test_a_broken_migration_is_one_clear_line_and_leaves_what_was_there(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(empty_url)
    scripts = tmp_path / "migrations"
    (scripts / "versions").mkdir(parents=True)
    for file in [*migrations.SCRIPTS.glob("*.*"), *migrations.SCRIPTS.glob("versions/*.py")]:
        target = scripts / file.relative_to(migrations.SCRIPTS)
        target.write_text(file.read_text("utf-8"), "utf-8")
    (scripts / "versions" / "9999_broken.py").write_text(
        f"from alembic import op\nrevision = '9999'\ndown_revision = {REVISIONS[-1]!r}\n"
        "def upgrade():\n    op.execute('CREATE TABLE half (a INTEGER)')\n    op.execute('NO SUCH THING')\n",
        "utf-8",
    )
    monkeypatch.setattr(migrations, "SCRIPTS", scripts)
    with pytest.raises(MigrationFailed) as failed:
        migrate(empty_url)
    assert "\n" not in failed.value.detail
    engine = sa.create_engine(empty_url)
    with engine.connect() as tx:
        assert MigrationContext.configure(tx).get_current_revision() == REVISIONS[-1]
    engine.dispose()


@pytest.mark.parametrize("start", [None, *REVISIONS])
def test_every_revision_leads_to_the_tables_that_are_declared(empty_url: str, start: str | None) -> None:
    import_every_table()
    if start is not None:
        migrate(empty_url, revision=start)
    assert migrate(empty_url) == REVISIONS[-1]
    assert is_current(empty_url)
    engine = sa.create_engine(empty_url)
    with engine.connect() as tx:
        assert compare_metadata(MigrationContext.configure(tx), SQLModel.metadata) == []
    engine.dispose()


@pytest.mark.postgres
def test_migrated_tables_are_under_row_level_security_and_the_application_owns_none(
    postgres: Cluster,
) -> None:
    import_every_table()
    name = postgres.create_database()
    migrate(postgres.url(name, "owner"), app_role="app")
    engine = sa.create_engine(postgres.url(name, "app"))
    with engine.connect() as tx:
        forced = set(tx.exec_driver_sql("SELECT relname FROM pg_class WHERE relforcerowsecurity").scalars())
        with pytest.raises(sa.exc.ProgrammingError):
            tx.exec_driver_sql("DROP TABLE answer")
    engine.dispose()
    postgres.drop_database(name)
    assert set(tenant_tables(SQLModel.metadata)) <= forced


def test_migrating_again_changes_nothing(empty_url: str) -> None:
    assert migrate(empty_url) == migrate(empty_url)
