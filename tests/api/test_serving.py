"""The HTTP server: one clear line for a taken port, and no request lost when it is told to stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from api.serving import serve
from runtime.ports import PortInUse
from runtime.processes import answers
from runtime.settings import Settings
from tests.engine import free_port


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, api_port=free_port(), temporal_address=None)


class Desk:
    """An application whose only request waits until it is let through."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.let_through = asyncio.Event()
        self.closed = False
        self.app = Starlette(
            routes=[Route("/readyz", self.ready), Route("/", self.wait)], lifespan=self.lifespan
        )

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        self.closed = True

    async def ready(self, _: Request) -> PlainTextResponse:
        return PlainTextResponse("ready")

    async def wait(self, _: Request) -> PlainTextResponse:
        self.asked.set()
        await self.let_through.wait()
        return PlainTextResponse("served")


async def until_ready(settings: Settings) -> str:
    url = f"http://127.0.0.1:{settings.api_port}"
    while not await answers(f"{url}/readyz"):  # the test's own time limit ends this
        await asyncio.sleep(0.02)
    return url


async def test_a_taken_port_is_named_with_its_setting(settings: Settings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", settings.api_port))
        other.listen()
        with pytest.raises(PortInUse, match="TUTELA_API_PORT"):
            await serve(Desk().app, settings)


async def test_a_request_under_way_is_served_before_the_end(settings: Settings) -> None:
    desk = Desk()
    serving = asyncio.create_task(serve(desk.app, settings))
    url = await until_ready(settings)
    async with httpx.AsyncClient() as client:
        asking = asyncio.create_task(client.get(url))
        await desk.asked.wait()
        serving.cancel()
        desk.let_through.set()
        assert (await asking).text == "served"
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert desk.closed
    assert not await answers(f"{url}/readyz")
