"""Reads a log of responses: who answered which item on which skill, rightly or not, and when.

A CSV file with a header and the columns ``learner, item, skill, correct, started_at, answered_at``. Times are
ISO 8601, UTC where no offset stands; ``correct`` is 1/0 or true/false; several skills are separated by ``;``.
Rows are replayed in the order in which they were answered.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from runtime.errors import FieldFault, TutelaError

COLUMNS = ("learner", "item", "skill", "correct", "started_at", "answered_at")
TRUTH: Mapping[str, bool] = {"1": True, "true": True, "1.0": True, "0": False, "false": False, "0.0": False}
LONGEST_MS = 6 * 60 * 60 * 1000
"""A longer time on one item is no time on it: the learner was away."""
FAULTS_TOLD = 20


class LogUnfit(TutelaError):
    """The file is no log of responses; ``faults`` name lines and columns."""

    slug = "response-log-unfit"
    title = "This file cannot be read as a log of responses"


@dataclass(frozen=True, slots=True)
class Logged:
    """One response. ``row`` is its line in the file."""

    row: int
    learner: str
    item: str
    skills: tuple[str, ...]
    correct: bool
    started_at: datetime
    answered_at: datetime

    @property
    def response_ms(self) -> int | None:
        """Time on the item; None where the log cannot mean it."""
        took_ms = round((self.answered_at - self.started_at).total_seconds() * 1000)
        return took_ms if 0 <= took_ms <= LONGEST_MS else None


@dataclass(frozen=True, slots=True)
class ResponseLog:
    """A whole log, in the order of answering. ``digest`` is the file's SHA-256."""

    name: str
    digest: str
    generated: bool
    """The file's own name says that nobody ever gave these answers."""
    responses: tuple[Logged, ...]


def read_log(path: Path) -> ResponseLog:
    """The log in a file.

    Raises:
        LogUnfit: naming the first faults by line and column.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LogUnfit(f"{path} cannot be read ({type(error).__name__})") from error
    faults: list[FieldFault] = []
    rows = list(_rows(text, path, faults))
    if faults:
        told = "; ".join(f"{fault.field}: {fault.message}" for fault in faults[:FAULTS_TOLD])
        raise LogUnfit(f"{path}: {told}", faults=tuple(faults[:FAULTS_TOLD]))
    if not rows:
        raise LogUnfit(f"{path} holds no response")
    return ResponseLog(
        name=path.name,
        digest=hashlib.sha256(content).hexdigest(),
        generated=".generated." in path.name,
        responses=tuple(sorted(rows, key=lambda one: (one.answered_at, one.row))),
    )


def _rows(text: str, path: Path, faults: list[FieldFault]) -> Iterator[Logged]:
    lines = csv.DictReader(text.splitlines())
    missing = [column for column in COLUMNS if column not in (lines.fieldnames or ())]
    if missing:
        raise LogUnfit(f"{path}: the header lacks {', '.join(missing)}")
    for line in lines:
        told = len(faults)
        where = f"line {lines.line_num}"
        cells = {column: (line[column] or "").strip() for column in COLUMNS}
        faults.extend(
            FieldFault(f"{where}, {column}", "is empty")
            for column in ("learner", "item")
            if not cells[column]
        )
        correct = TRUTH.get(cells["correct"].lower())
        if correct is None:
            faults.append(FieldFault(f"{where}, correct", "is neither 1 nor 0"))
        times = [_instant(cells[column]) for column in ("started_at", "answered_at")]
        for column, found in zip(("started_at", "answered_at"), times, strict=True):
            if found is None:
                faults.append(FieldFault(f"{where}, {column}", "is no ISO 8601 time"))
        started, answered = times
        if started is not None and answered is not None and answered < started:
            faults.append(FieldFault(f"{where}, answered_at", "lies before started_at"))
        if len(faults) == told and correct is not None and started is not None and answered is not None:
            skills = tuple(dict.fromkeys(one.strip() for one in cells["skill"].split(";") if one.strip()))
            yield Logged(
                lines.line_num,
                cells["learner"],
                cells["item"],
                skills or ("unnamed",),
                correct,
                started,
                answered,
            )


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
