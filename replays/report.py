"""The tables that a replay ends with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table

from replays.measures import percentile
from replays.run import Run


def numbers(title: str, facts: Mapping[str, int | str]) -> Table:
    """Names and numbers, one a line."""
    table = Table("what", title=title)
    table.add_column("how many", justify="right")
    for name, value in facts.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int) else value)
    return table


def latencies(run: Run, kinds: Iterable[str]) -> Table:
    """How long acknowledged requests took, in ms, and how many were refused, by kind."""
    table = Table("request", title="Requests: milliseconds to the answer, seen by the client")
    for column in ("sent", "p50", "p95", "p99", "refused"):
        table.add_column(column, justify="right")
    for kind in kinds:
        entries = run.entries(kind)
        took = [entry["ms"] for entry in entries if "ms" in entry]
        if entries:
            shares = [f"{percentile(took, share):.1f}" if took else "-" for share in (0.5, 0.95, 0.99)]
            table.add_row(kind, f"{len(entries):,}", *shares, f"{len(entries) - len(took):,}")
    return table


def crossed(title: str, rows: str, columns: str, counted: Counter[tuple[str, str]]) -> Table:
    """How often each pair occurred, with totals."""
    names = sorted({column for _, column in counted})
    table = Table(rows, title=title)
    for name in (*names, "all"):
        table.add_column(f"{columns} {name}" if name != "all" else name, justify="right")
    for row in sorted({row for row, _ in counted}):
        line = [counted[row, name] for name in names]
        table.add_row(row, *(f"{count:,}" for count in (*line, sum(line))))
    totals = [sum(counted[row, name] for row in {row for row, _ in counted}) for name in names]
    table.add_row("all", *(f"{count:,}" for count in (*totals, sum(totals))))
    return table


def outcomes(reply: Any) -> dict[str, Any]:
    """What to note of a bulk request: how many items were accepted, and the problems of the others."""
    problems = [one["problem"] for one in reply["outcomes"]]
    refused = Counter(problem["type"].rpartition("/")[2] for problem in problems if problem)
    return {"accepted": problems.count(None), "problems": dict(refused)}
