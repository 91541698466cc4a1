"""The folder of one installation: private to its owner, and used by one supervisor at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.errors import TutelaError


class HomeUnfit(TutelaError):
    """The folder cannot be made or written."""

    status = 503
    slug = "home-unfit"
    title = "The home folder cannot be used"


class AlreadyRunning(TutelaError):
    """Another supervisor runs from the same folder."""

    status = 503
    slug = "already-running"
    title = "Tutela is already running from this folder"


def ensure_home(home: Path) -> None:
    """The folder exists and only its owner can look into it. Raises ``HomeUnfit``."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as refusal:
        raise HomeUnfit(
            f"{home} cannot be used ({refusal.strerror}): choose another folder with TUTELA_HOME."
        ) from refusal


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the folder; two engines on one file of state would destroy it.

    Raises:
        AlreadyRunning: with the process that holds it.
        HomeUnfit: it cannot be written.
    """
    ensure_home(home)
    try:
        file = (home / "lock").open("a+")
    except OSError as refusal:
        raise HomeUnfit(
            f"{home} cannot be written ({refusal.strerror}): choose another folder with TUTELA_HOME."
        ) from refusal
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyRunning(
                f"Tutela is already running from {home} (process {file.read().strip() or 'unknown'})."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
