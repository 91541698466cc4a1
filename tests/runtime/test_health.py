"""A role is alive while its loop turns, and only then."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest

from runtime import health
from runtime.clock import SystemClock
from runtime.health import FRESH_S, heartbeat, is_alive

NOW = SystemClock().now


async def test_a_role_is_alive_from_ready_to_end(tmp_path: Path) -> None:
    file = tmp_path / "run" / "worker.alive"
    assert not is_alive(file, NOW())
    async with heartbeat(file):
        assert is_alive(file, NOW())
    assert not is_alive(file, NOW())


async def test_a_role_that_stopped_touching_its_file_is_not_alive(tmp_path: Path) -> None:
    file = tmp_path / "worker.alive"
    async with heartbeat(file):
        assert not is_alive(file, NOW() + timedelta(seconds=FRESH_S + 1))


async def test_the_file_is_touched_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "BEAT_S", 0.01)
    file = tmp_path / "worker.alive"
    async with heartbeat(file):
        os.utime(file, (0, 0))
        while file.stat().st_mtime == 0:  # the test's own time limit ends this
            await asyncio.sleep(0.01)


async def test_without_a_file_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with heartbeat(None):
        assert list(tmp_path.iterdir()) == []
