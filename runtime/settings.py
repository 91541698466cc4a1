"""Every setting, read once in the front door from ``TUTELA_*``; nothing else reads the environment.

One thing is not ours to name: an existing Temporal cluster is described by Temporal's own variables
(``TEMPORAL_ADDRESS``, ``TEMPORAL_API_KEY``, ``TEMPORAL_TLS_*``), read by the SDK for ``runtime.temporal``.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _default_home() -> Path:
    return Path.home() / ".local" / "share" / "tutela"


def _default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tutela"


class Settings(BaseSettings):
    """Settings of one installation. Durations carry their unit in the name."""

    model_config = SettingsConfigDict(env_prefix="TUTELA_", extra="ignore", populate_by_name=True)

    home: Path = Field(default_factory=_default_home)
    """Folder of everything that must survive a restart: databases, keys, the engine's state."""

    database_url: str | None = None
    """SQLAlchemy URL; without it SQLite at ``home/tutela.db``. PostgreSQL: ``postgresql+psycopg://...``."""

    keys_url: str | None = None
    """The key store, apart from the data and its backups; without it SQLite at ``home/keys.db``."""

    migrate_url: str | None = None
    """The database as the role that owns its tables; without it ``database_url``. For PostgreSQL."""

    app_role: str | None = None
    """PostgreSQL role of ``database_url``, which a migration grants the use of every table."""

    root_key_file: Path | None = None
    """Root key, owner-only mode; without it ``home/root.key``."""

    api_host: str = "127.0.0.1"
    api_port: int = 8080

    temporal_port: int = 7233
    """Port of the engine that ``tutela up`` starts."""

    temporal_address: str | None = Field(default=None, validation_alias="TEMPORAL_ADDRESS")
    """``host:port`` of an existing Temporal cluster; with it no engine is started."""

    temporal_cli: Path | None = None
    """The ``temporal`` program to start the engine with; without it one is looked for, then obtained."""

    cache: Path = Field(default_factory=_default_cache)
    """Folder of what can be obtained again: the Temporal server."""

    heartbeat_file: Path | None = None
    """Touched every few seconds by a role that is ready, for supervisors that ask by file age."""

    learning_namespace: str = "tutela-learning"
    governance_namespace: str = "tutela-governance"

    engine_slots: int = 2
    """Answers in the engine at once, per API process: one per core (more makes every answer slower)."""

    engine_deadline_ms: int = 120
    """After this long without an outcome the API answers on the direct lane."""

    workflow_sandbox: bool = True
    """Run workflows in the SDK's sandbox. Off saves 2-3 ms of processor time an answer."""

    inactivity_s: int = 1800
    """A session without an answer for this long is closed."""

    password_threads: int = 2
    """Passwords hashed at once; each takes a core for about 50 ms and 19 MiB."""

    build_id: str = "dev"
    """Recorded in each decision, so that a replay knows which code made it."""

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.home / 'tutela.db'}"

    @property
    def keys(self) -> str:
        return self.keys_url or f"sqlite:///{self.home / 'keys.db'}"

    @property
    def engine(self) -> str:
        """``host:port`` of the engine, whoever started it."""
        return self.temporal_address or f"127.0.0.1:{self.temporal_port}"

    @property
    def root_key(self) -> Path:
        return self.root_key_file or self.home / "root.key"
