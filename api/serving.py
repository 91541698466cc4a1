"""Serving the application over HTTP: a port or one clear line, and an end that loses no request under way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from runtime.ports import listen
from runtime.settings import Settings

DRAINS_WITHIN_S = 10


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: ASGIApp, settings: Settings) -> None:
    """Serve until cancelled; requests under way are finished first, within ``DRAINS_WITHIN_S``.

    Raises:
        PortInUse: another program has the port.
    """
    config = uvicorn.Config(
        app,
        http="httptools",
        lifespan="on",
        log_config=None,  # the process's own logging
        access_log=False,  # paths hold references to persons, and each line costs time
        server_header=False,
        timeout_graceful_shutdown=DRAINS_WITHIN_S,
    )
    server = _Server(config)
    with listen(settings.api_host, settings.api_port, "TUTELA_API_PORT") as bound:
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            server.should_exit = True
            await serving
            raise
