from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from api.app import create_app
from governance.registration import NewAccount, register
from governance.schools import School
from learning.resources import Resources
from policy.vocabulary import Role
from replays.client import Credentials
from runtime.clock import SystemClock
from runtime.ports import listen
from tests.people import People
from tests.postgres import free_port


@dataclass(frozen=True)
class Product:
    """A running product without an engine: every answer takes the direct lane."""

    url: str
    resources: Resources
    school: School
    admin: Credentials


@pytest.fixture
def clock() -> SystemClock:
    """Replays are clients: they live in real time."""
    return SystemClock()


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """One engine is enough here: what both must do is tested in the rooms."""
    path = tmp_path / "tutela.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def product(resources: Resources) -> Iterator[Product]:
    school = People(resources.database, resources.keyring, resources.clock).school()
    admin = Credentials(school.slug, "admin@school.example", secrets.token_hex(16))
    new = NewAccount(admin.email, "Ada Min", frozenset({Role.ADMIN}), admin.password)
    held = resources
    asyncio.run(
        register(held.database, held.keyring, held.passwords, held.clock, held.entropy, school.tenant, new)
    )
    port = free_port()
    config = uvicorn.Config(create_app(resources, None), lifespan="on", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    with listen("127.0.0.1", port, "port") as bound:
        serving = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        serving.start()
        yield Product(f"http://127.0.0.1:{port}", resources, school, admin)
        server.should_exit = True
        serving.join()
