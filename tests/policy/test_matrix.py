"""The matrix is the policy's, every change of it has a reason, and the gate says what changed."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

import policy.matrix
from policy.decision_point import DecisionPoint, Ruling
from policy.matrix import (
    CHANGES_FILE,
    MATRIX_FILE,
    SPACE,
    Matrix,
    MatrixUnchanged,
    ReasonMissing,
    check_matrix,
    enumerate_matrix,
    write_matrix,
)
from policy.rules import Cell, PolicyUnusable
from policy.vocabulary import Action, ObjectType, Obligation, Purpose, Relation, Role
from tests.policy.conftest import policy_of

WORK: Cell = (Role.LEARNER, Relation.SELF, ObjectType.SESSION, Action.ANSWER, Purpose.TEACHING)
NEW: Cell = (Role.LEARNER, Relation.TENANT, ObjectType.SESSION, Action.READ, Purpose.TEACHING)
NEW_ROW = "learner,tenant,session,read,teaching,allow,"
REASON = "Learners may look at each other's sessions."


def with_one_more(matrix: Matrix, cell: Cell = NEW) -> Matrix:
    allowed = matrix.allowed | {cell: Ruling(allowed=True, rule="planted-rule")}
    return replace(matrix, allowed=allowed, digest="f" * 64)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A copy of the shipped matrix and of its reasons."""
    copies = tmp_path / "matrix.csv", tmp_path / "CHANGES.md"
    for copy, original in zip(copies, (MATRIX_FILE, CHANGES_FILE), strict=True):
        copy.write_text(original.read_text("utf-8"), "utf-8")
    return copies


def findings(matrix: Matrix, files: tuple[Path, Path]) -> list[str]:
    return check_matrix(matrix, written=files[0].read_text("utf-8"), changes=files[1].read_text("utf-8"))


def test_the_shipped_matrix_is_the_shipped_policys_and_has_its_reasons(
    matrix: Matrix, files: tuple[Path, Path]
) -> None:
    assert findings(matrix, files) == []


def test_an_added_cell_is_named(matrix: Matrix, files: tuple[Path, Path]) -> None:
    assert f"matrix.csv lacks   {NEW_ROW}" in findings(with_one_more(matrix), files)


def test_a_removed_cell_is_named(matrix: Matrix, files: tuple[Path, Path]) -> None:
    fewer = replace(matrix, allowed={cell: to for cell, to in matrix.allowed.items() if cell != WORK})
    assert "matrix.csv exceeds learner,self,session,answer,teaching,allow," in findings(fewer, files)


def test_a_changed_obligation_is_named(matrix: Matrix, files: tuple[Path, Path]) -> None:
    bound = Ruling(allowed=True, rule="x", obligations=frozenset({Obligation.RECORD}))
    told = findings(replace(matrix, allowed=matrix.allowed | {WORK: bound}), files)
    assert "matrix.csv lacks   learner,self,session,answer,teaching,allow,record" in told
    assert "matrix.csv exceeds learner,self,session,answer,teaching,allow," in told


def test_a_lifted_prohibition_is_named(matrix: Matrix, files: tuple[Path, Path]) -> None:
    own: Cell = (Role.INSTRUCTOR, Relation.SELF, ObjectType.GRADE, Action.GRADE, Purpose.ASSESSMENT)
    lifted = replace(matrix, prohibited={cell: to for cell, to in matrix.prohibited.items() if cell != own})
    assert "matrix.csv exceeds instructor,self,grade,grade,assessment,deny," in findings(lifted, files)


def test_a_change_that_shows_in_no_row_still_changes_the_digest(
    matrix: Matrix, files: tuple[Path, Path]
) -> None:
    told = findings(replace(matrix, digest="e" * 64), files)
    assert any("e" * 64 in line for line in told)


def test_a_matrix_without_its_reason_fails(matrix: Matrix, files: tuple[Path, Path]) -> None:
    more = with_one_more(matrix)
    files[0].write_text(more.render(), "utf-8")
    assert any("needs an entry that leads to ffffffffffffffff" in line for line in findings(more, files))


def test_a_change_with_its_reason_passes_and_stands_on_top(matrix: Matrix, files: tuple[Path, Path]) -> None:
    more = with_one_more(matrix)
    assert write_matrix(more, REASON, matrix_file=files[0], changes_file=files[1]) == ([NEW_ROW], [])
    assert findings(more, files) == []
    changes = files[1].read_text("utf-8")
    assert changes.index(REASON) < changes.index("The first policy")
    assert f"## `ffffffffffffffff` from `{matrix.digest[:16]}`: +1 -0" in changes


@pytest.mark.parametrize("reason", ["", "  \n ", "because", "fix the tests"])
def test_a_change_without_a_sentence_writes_nothing(
    matrix: Matrix, files: tuple[Path, Path], reason: str
) -> None:
    before = [file.read_text("utf-8") for file in files]
    with pytest.raises(ReasonMissing):
        write_matrix(with_one_more(matrix), reason, matrix_file=files[0], changes_file=files[1])
    assert [file.read_text("utf-8") for file in files] == before


def test_a_reason_for_no_change_is_refused(matrix: Matrix, files: tuple[Path, Path]) -> None:
    with pytest.raises(MatrixUnchanged):
        write_matrix(matrix, REASON, matrix_file=files[0], changes_file=files[1])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "The first policy: ",
            "\n## `aaaaaaaaaaaaaaaa` from `bbbbbbbbbbbbbbbb`: +0 -0\n\nThe first policy: ",
        ),
        ("from `0000000000000000`", "from `1111111111111111`"),
        ("+660", "+659"),
        ("## `", "## the policy `"),
        ("## `", "### `"),
    ],
)
def test_a_chain_of_reasons_that_was_tampered_with_fails(
    matrix: Matrix, files: tuple[Path, Path], old: str, new: str
) -> None:
    changes = files[1].read_text("utf-8")
    assert old in changes
    files[1].write_text(changes.replace(old, new), "utf-8")
    assert findings(matrix, files)


def test_an_emptied_reason_fails(matrix: Matrix, files: tuple[Path, Path]) -> None:
    changes = files[1].read_text("utf-8")
    files[1].write_text(changes[: changes.index("The first policy")], "utf-8")
    assert any("gives no reason" in line for line in findings(matrix, files))


def test_the_matrix_covers_the_whole_space(matrix: Matrix) -> None:
    size = 1
    for words in SPACE:
        size *= len(words)
    assert matrix.size == size
    assert not matrix.allowed.keys() & matrix.prohibited.keys()


def test_the_digest_covers_the_cells_that_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    corner = list(product([Role.EDITOR], Relation, [ObjectType.POLICY], Action, [Purpose.AUDIT]))
    monkeypatch.setattr(policy.matrix, "_space", lambda: iter(corner))
    work = "learners-work,learner,self,session,answer,teaching,allow,"
    plain = enumerate_matrix(policy_of(work))
    named = enumerate_matrix(policy_of(work, "editors-never,editor,none,policy,erase,audit,deny,"))
    assert plain.rows() == named.rows() == []
    assert plain.digest != named.digest


def test_a_point_that_cannot_be_decided_stops_the_enumeration(monkeypatch: pytest.MonkeyPatch) -> None:
    point = DecisionPoint.load()
    monkeypatch.setattr(point, "_ask", lambda _: 1 / 0)
    with pytest.raises(PolicyUnusable, match="decision failed"):
        enumerate_matrix(point)
