"""Programs that behave like the real ones where it matters: they are run, print, and exit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Script = Callable[..., Path]

TEMPORAL = 'echo "temporal version 0.0.0-DEV (Server {server}, UI 2.42.1)"'


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Write an executable shell script and return its path."""

    def write(name: str, body: str, folder: str = "bin") -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def temporal(script: Script) -> Script:
    """A program that answers ``--version`` as the Temporal CLI does."""

    def write(folder: str = "bin", server: str = "1.29.1", name: str = "temporal") -> Path:
        return script(name, TEMPORAL.format(server=server), folder)

    return write
