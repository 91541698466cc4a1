"""``tutela policy``: the gate as a person and as ``make check`` call it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

import policy.matrix
import tutela
from policy.decision_point import Ruling
from policy.matrix import CHANGES_FILE, MATRIX_FILE, Matrix
from policy.rules import Cell
from policy.vocabulary import Action, ObjectType, Purpose, Relation, Role
from runtime.settings import Settings

HARMLESS: Cell = (Role.EDITOR, Relation.TENANT, ObjectType.OPERATIONS, Action.READ, Purpose.ADMINISTRATION)
HARMFUL: Cell = (Role.ADMIN, Relation.TENANT, ObjectType.POLICY, Action.UPDATE, Purpose.ADMINISTRATION)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Copies of matrix and reasons, which the command is given instead of the shipped ones."""
    copies = tmp_path / "matrix.csv", tmp_path / "CHANGES.md"
    for copy, original, name in zip(
        copies, (MATRIX_FILE, CHANGES_FILE), ("MATRIX_FILE", "CHANGES_FILE"), strict=True
    ):
        copy.write_text(original.read_text("utf-8"), "utf-8")
        monkeypatch.setattr(policy.matrix, name, copy)
    return copies


def run(monkeypatch: pytest.MonkeyPatch, matrix: Matrix, *allowed: Cell, write: str | None = None) -> int:
    """The command's status when the policy allows these cells besides."""
    more = matrix.allowed | {cell: Ruling(allowed=True, rule="planted-rule") for cell in allowed}
    changed = replace(matrix, allowed=more, digest="f" * 64) if allowed else matrix
    monkeypatch.setattr(policy.matrix, "enumerate_matrix", lambda _: changed)
    return tutela.policy(argparse.Namespace(write=write), Settings())


@pytest.mark.usefixtures("files")
def test_a_policy_that_is_not_its_matrix_fails_with_the_cell(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, matrix, HARMLESS) == 1
    assert "matrix.csv lacks   editor,tenant,operations,read,administration,allow," in capsys.readouterr().out


def test_a_policy_that_breaks_an_invariant_is_not_written_whatever_the_reason(
    matrix: Matrix,
    files: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = [file.read_text("utf-8") for file in files]
    assert run(monkeypatch, matrix, HARMFUL, write="administrators asked for this very much") == 1
    assert "the_policy_is_changed_from_within: admin tenant policy" in capsys.readouterr().out
    assert [file.read_text("utf-8") for file in files] == before


def test_a_reason_writes_the_change_and_shows_it(
    matrix: Matrix,
    files: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, matrix, HARMLESS, write="editors may see whether the engine runs") == 0
    told = capsys.readouterr().out
    assert "+ editor,tenant,operations,read,administration,allow," in told
    assert "in order" in told
    assert "editors may see whether the engine runs" in files[1].read_text("utf-8")


@pytest.mark.usefixtures("files")
def test_the_shipped_policy_passes(matrix: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, matrix) == 0
