"""What a run has had acknowledged, on disk: a line for each acknowledgement, only ever added.

A machine that dies loses at most the lines of the last fifth of a second; what those told of is sent again
under the same ids, and the API takes it once. So the journal saves work and counts; it does not decide what
is true.
The first line says what is being replayed, and a journal of something else is refused.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from runtime.errors import TutelaError

SYNC_S = 0.2


class JournalDiffers(TutelaError):
    """The journal belongs to another run, or another process is writing it."""

    slug = "journal-differs"
    title = "This journal cannot be continued"


class Journal:
    """An open journal. One process at a time holds it."""

    def __init__(
        self, path: Path, descriptor: int, head: dict[str, Any], entries: dict[str, dict[str, Any]]
    ) -> None:
        self.path = path
        self.head = head
        self._descriptor = descriptor
        self._entries = entries
        self._synced_at = time.monotonic()

    @classmethod
    def open(cls, path: Path, head: Mapping[str, Any], first: Mapping[str, Any]) -> Self:
        """Start a journal, or take up the one that stands there.

        Args:
            path: the file; made with owner-only mode, for a run's secret stands in it.
            head: what is being replayed; must equal what the journal says.
            first: what is drawn once for a new run (its secret) and kept with the head.

        Raises:
            JournalDiffers: it is of another run, or in use.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise JournalDiffers(f"{path} is being written by another run") from None
        lines, whole = _read(path)
        os.ftruncate(descriptor, whole)  # a line that a kill cut short was never told to anybody
        if not lines:
            lines = [{"replay": dict(head), **first}]
            _append(descriptor, lines[0])
            os.fsync(descriptor)
        if lines[0].get("replay") != dict(head):
            os.close(descriptor)
            raise JournalDiffers(f"{path} is the journal of another run; name another file or remove it")
        return cls(path, descriptor, lines[0], {line["key"]: line for line in lines[1:]})

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __getitem__(self, key: str) -> dict[str, Any]:
        return self._entries[key]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._entries.values())

    def note(self, key: str, **facts: Any) -> dict[str, Any]:
        """Write down that the fact ``key`` was acknowledged, and what was said of it."""
        entry = {"key": key, **facts}
        _append(self._descriptor, entry)
        self._entries[key] = entry
        if time.monotonic() - self._synced_at >= SYNC_S:
            self.sync()
        return entry

    def sync(self) -> None:
        """Make every line durable."""
        os.fsync(self._descriptor)
        self._synced_at = time.monotonic()

    def close(self) -> None:
        self.sync()
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _append(descriptor: int, entry: Mapping[str, Any]) -> None:
    os.write(descriptor, json.dumps(entry, separators=(",", ":")).encode() + b"\n")


def _read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Every whole line, and where the last of them ends."""
    text = path.read_bytes()
    whole = text.rfind(b"\n") + 1
    return [json.loads(line) for line in text[:whole].splitlines()], whole
