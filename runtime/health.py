"""How a role without a port says that it is ready and alive: a file that its event loop keeps touching.

A supervisor or an orchestrator's probe asks by the file's age; a loop that hangs stops touching it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

BEAT_S = 2.0
FRESH_S = 10.0
"""Older than this, the role hangs: five beats were missed."""


@asynccontextmanager
async def heartbeat(file: Path | None) -> AsyncIterator[None]:
    """Touch ``file`` while the body runs; entered when the role is ready. None: nobody asks."""
    if file is None:
        yield
        return
    _touch(file)
    beating = asyncio.create_task(_beat(file))
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
        _remove(file)


async def _beat(file: Path) -> None:
    while True:
        await asyncio.sleep(BEAT_S)
        _touch(file)


def _touch(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)


def is_alive(file: Path, now: datetime) -> bool:
    """Whether the role behind ``file`` is ready and its loop turns."""
    try:
        age_s = now.timestamp() - file.stat().st_mtime
    except FileNotFoundError:
        return False
    return age_s < FRESH_S
