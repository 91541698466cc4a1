"""Recorded histories and what opens them. ``tools/record_histories.py`` makes both."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from temporalio.client import WorkflowHistory

HISTORIES = Path(__file__).parents[1] / "histories"
ROOT_KEY = HISTORIES / "test-only-root-key.hex"
KEYS = HISTORIES / "test-only-keys.sql"


def recorded(workflow: str) -> list[Path]:
    """The recorded runs of a workflow, by its name in snake case."""
    return sorted(HISTORIES.glob(f"{workflow}.*.json"))


def read_history(path: Path) -> WorkflowHistory:
    """A recorded run, under the workflow id that it had: the codec finds the person's key by it."""
    events = json.loads(path.read_text("utf-8"))
    begun = events["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(begun["workflowId"], events)


def restore_keys(folder: Path) -> tuple[Path, Path]:
    """The root key and the key store of the recordings as files in ``folder``, as a process finds them."""
    root, store = folder / "root.key", folder / "keys.db"
    root.touch(mode=0o600)
    root.write_bytes(bytes.fromhex(ROOT_KEY.read_text("ascii")))
    with closing(sqlite3.connect(store)) as database:
        database.executescript(KEYS.read_text("utf-8"))
    return root, store
