"""How Alembic reaches the database: online only, one transaction for each revision."""

from __future__ import annotations

import importlib
import pkgutil

import sqlalchemy as sa
from alembic import context
from sqlmodel import SQLModel

for room in ("runtime", "governance", "learning"):
    package = importlib.import_module(room)
    for module in pkgutil.walk_packages(package.__path__, f"{room}."):
        importlib.import_module(module.name)

url = context.config.get_main_option("sqlalchemy.url")
assert url is not None
engine = sa.create_engine(url, poolclass=sa.NullPool)  # nothing is left open, whatever a revision does
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        transaction_per_migration=True,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()  # house: commit  Alembic's own connection; nothing of the product runs on it
