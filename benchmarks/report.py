"""Markdown tables, and the file they go to. A rerun replaces a table and leaves the prose around it alone."""

from __future__ import annotations

import math
import os
import platform
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import psutil

PERFORMANCE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
Cell = str | int | float


class SectionMissing(LookupError):
    """The file has no place for this table."""


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """The first column is words, the others are figures and stand to the right."""
    lines = [_line(head), "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join((*lines, *(_line([_shown(cell) for cell in row]) for row in rows)))


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _shown(cell: Cell) -> str:
    if not isinstance(cell, float):
        return str(cell)
    if math.isnan(cell):
        return "-"
    return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"


def put_section(path: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``.

    Raises:
        SectionMissing: the file has no such marks.
    """
    opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
    marked = re.compile(re.escape(opening) + ".*?" + re.escape(closing), re.DOTALL)
    before = path.read_text(encoding="utf-8")
    if not marked.search(before):
        raise SectionMissing(f"{path.name} has no section {opening}")
    after = marked.sub(lambda _: f"{opening}\n{text}\n{closing}", before, count=1)
    path.write_text(after, encoding="utf-8")


def machine() -> str:
    """What a reader must know of where it was measured. No names of machines or people."""
    gibibytes = psutil.virtual_memory().total / 2**30
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("temporalio", "fastapi", "uvicorn", "onnxruntime")
    )
    return (
        f"{os.cpu_count()} cores ({_processor()}), {gibibytes:.0f} GiB,"
        f" {platform.system()} {platform.release()}, Python {platform.python_version()}, {packages}."
        f" Load average when the run began: {os.getloadavg()[0]:.1f}."
    )


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1) if found else platform.machine()
