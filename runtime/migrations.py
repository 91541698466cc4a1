"""Bringing a database to the schema of this release, by Alembic, from whatever revision it has."""

from __future__ import annotations

import logging
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from runtime.errors import TutelaError
from runtime.tenancy import grant_use, secure_tables

SCRIPTS = Path(__file__).parents[1] / "deploy" / "migrations"

log = logging.getLogger(__name__)


class MigrationFailed(TutelaError):
    """The schema could not be brought up to date; what was there before still stands."""

    slug = "migration-failed"
    title = "The database schema could not be brought up to date"


def configuration(url: str) -> Config:
    """Alembic's configuration for a database."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def migrate(url: str, *, app_role: str | None = None, revision: str = "head") -> str:
    """Upgrade the database at ``url``; returns the revision it has now.

    Args:
        url: SQLAlchemy URL, with the right to change the schema.
        app_role: PostgreSQL role of the running product, which is then allowed to use every table.
        revision: where to stop.

    Raises:
        MigrationFailed: naming what went wrong; each revision is one transaction.
    """
    config = configuration(url)
    try:
        command.upgrade(config, revision)
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as tx:  # house: commit part of the migration, before the product runs
            secure_tables(tx)
            if app_role:
                grant_use(tx, app_role)
            reached = MigrationContext.configure(tx).get_current_revision()
    except (SQLAlchemyError, CommandError) as error:
        first_line = str(error).splitlines()[0]
        raise MigrationFailed(f"The database schema could not be brought up to date: {first_line}") from error
    return reached or "empty"


def is_current(url: str) -> bool:
    """Whether the database has the schema of this release."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as tx:
        reached = MigrationContext.configure(tx).get_current_revision()
    return reached == ScriptDirectory.from_config(configuration(url)).get_current_head()
