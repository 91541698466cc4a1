"""Tables of figures, and the file where a rerun replaces a table and nothing else."""

from __future__ import annotations

import math
import platform
from pathlib import Path

import pytest

from benchmarks.report import SectionMissing, machine, markdown_table, put_section

TEXT = "# Title\n\nbefore\n<!-- a -->\nold\n<!-- /a -->\nbetween\n<!-- b -->\n<!-- /b -->\nafter\n"


def test_a_section_that_is_not_there_is_an_error_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    path.write_text(TEXT)
    with pytest.raises(SectionMissing, match="no section <!-- c -->"):
        put_section(path, "c", "new")
    assert path.read_text() == TEXT


def test_a_rerun_replaces_its_own_section_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    path.write_text(TEXT)
    put_section(path, "a", r"new \1")
    put_section(path, "b", "second")
    put_section(path, "a", r"newer \1")
    assert path.read_text() == TEXT.replace("old", r"newer \1").replace("<!-- b -->", "<!-- b -->\nsecond")


def test_figures_have_as_many_digits_as_they_are_worth() -> None:
    assert markdown_table(
        ("what", "ms"), [("a", 0.123), ("b", 12.34), ("c", 1234.5), ("d", math.nan), ("e", 7)]
    ) == ("| what | ms |\n|---|---:|\n| a | 0.12 |\n| b | 12.3 |\n| c | 1234 |\n| d | - |\n| e | 7 |")


def test_the_machine_is_described_without_its_name() -> None:
    described = machine()
    assert "cores" in described
    assert "Python 3.11" in described
    assert not platform.node() or platform.node() not in described
