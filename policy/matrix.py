"""The whole decision matrix, enumerated, so that a change of the policy is seen as what it changes.

Every point of the space (role, relation, object, action, purpose) is put to the decision point. The file
``matrix.csv`` lists what is allowed, with its obligations, and the prohibitions that bite (some other role or
relation may do the same thing). Everything else is refused, and one digest over all points covers that too.

``CHANGES.md`` gives the reason of each change: an unbroken chain of entries from the empty matrix to this
one, whose counts add up to its rows. A difference between policy and matrix, or a matrix without its reason,
fails the gate.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from policy.decision_point import FAILED, MALFORMED, NO_RULE, DecisionPoint, Ruling
from policy.rules import Cell, PolicyUnusable
from policy.vocabulary import Action, ObjectType, Purpose, Relation, Role
from runtime.errors import Conflict, FieldFault

MATRIX_FILE = Path(__file__).with_name("matrix.csv")
CHANGES_FILE = Path(__file__).with_name("CHANGES.md")

SPACE = (Role, Relation, ObjectType, Action, Purpose)
NOTHING = "0" * 16
"""The digest that the first entry of ``CHANGES.md`` starts from."""

_COLUMNS = "role,relation,object,action,purpose,effect,obligations"
_ENTRY = re.compile(
    r"^## `(?P<to>[0-9a-f]{16})` from `(?P<since>[0-9a-f]{16})`: \+(?P<added>\d+) -(?P<removed>\d+)$"
)


class MatrixUnchanged(Conflict):
    """A reason was given for a change that is none."""

    slug = "matrix-unchanged"
    title = "The decision matrix is already what the policy says"


class ReasonMissing(Conflict):
    """A change of the decision matrix needs a reason in words."""

    slug = "matrix-reason-missing"
    title = "Say in a sentence why the decision matrix changes"


@dataclass(frozen=True, slots=True)
class Matrix:
    """Every decision of a policy. ``digest`` is over all points of the space, refused ones included."""

    allowed: dict[Cell, Ruling]
    prohibited: dict[Cell, Ruling]
    size: int
    digest: str

    def rows(self) -> list[str]:
        """The lines of ``matrix.csv`` below its header: sorted, one cell each."""
        contested = {cell[2:] for cell in self.allowed}
        shown = self.allowed | {
            cell: ruling for cell, ruling in self.prohibited.items() if cell[2:] in contested
        }
        return sorted(_row(cell, ruling) for cell, ruling in shown.items())

    def render(self) -> str:
        """The text of ``matrix.csv``."""
        rows = self.rows()
        dimensions = " x ".join(f"{len(words)} {words.__name__}" for words in SPACE)
        header = [
            f"# space: {dimensions} = {self.size} cells",
            f"# allowed: {len(self.allowed)}",
            f"# prohibited by name: {len(self.prohibited)}, of which {len(rows) - len(self.allowed)} bite",
            "# every other cell is refused because no rule allows it",
            f"# sha256 over every cell: {self.digest}",
        ]
        return "\n".join([*header, _COLUMNS, *rows, ""])


def enumerate_matrix(point: DecisionPoint) -> Matrix:
    """Put every point of the space to ``point``. Takes seconds and fills its table: use one of its own.

    Raises:
        PolicyUnusable: a point could not be decided.
    """
    allowed: dict[Cell, Ruling] = {}
    prohibited: dict[Cell, Ruling] = {}
    digest = hashlib.sha256()
    size = 0
    for cell in _space():
        ruling = point.decide(frozenset(cell[:1]), frozenset(cell[1:2]), *cell[2:])
        size += 1
        digest.update(f"{_row(cell, ruling)}\n".encode())
        if ruling.allowed:
            allowed[cell] = ruling
        elif ruling in (MALFORMED, FAILED):
            raise PolicyUnusable.because([FieldFault(",".join(cell), f"undecided {ruling.rule}")])
        elif ruling != NO_RULE:
            prohibited[cell] = ruling
    return Matrix(allowed, prohibited, size, digest.hexdigest())


def check_matrix(matrix: Matrix, *, written: str, changes: str) -> list[str]:
    """What is wrong between a policy's matrix, ``matrix.csv`` as written, and the text of ``CHANGES.md``.

    Returns:
        Findings, each a line that names what it is about; empty when the gate is passed.
    """
    findings = []
    added, removed = _difference(written, matrix)
    findings += [f"matrix.csv lacks   {row}" for row in added]
    findings += [f"matrix.csv exceeds {row}" for row in removed]
    if written != matrix.render() and not findings:
        findings.append(f"matrix.csv is not the matrix with digest {matrix.digest}: write it anew")
    return findings + _check_changes(changes, digest=matrix.digest[:16], rows=len(matrix.rows()))


def write_matrix(
    matrix: Matrix, reason: str, *, matrix_file: Path = MATRIX_FILE, changes_file: Path = CHANGES_FILE
) -> tuple[list[str], list[str]]:
    """Write ``matrix.csv`` anew and put ``reason`` on top of the entries of ``CHANGES.md``.

    Returns:
        The rows added and the rows removed.

    Raises:
        ReasonMissing: ``reason`` is not a sentence.
        MatrixUnchanged: there is nothing to write.
    """
    reason = " ".join(reason.split())
    if not _is_reason(reason):
        raise ReasonMissing
    written = matrix_file.read_text("utf-8") if matrix_file.exists() else ""
    if written == matrix.render():
        raise MatrixUnchanged
    added, removed = _difference(written, matrix)
    changes = changes_file.read_text("utf-8")
    entries = list(_entries(changes))
    since = entries[0].to if entries else NOTHING
    head = changes.index("## `") if entries else len(changes)
    entry = f"## `{matrix.digest[:16]}` from `{since}`: +{len(added)} -{len(removed)}\n\n{reason}"
    parts = (changes[:head].rstrip(), entry, changes[head:].rstrip())
    matrix_file.write_text(matrix.render(), "utf-8")
    changes_file.write_text("\n\n".join(part for part in parts if part) + "\n", "utf-8")
    return added, removed


def _space() -> Iterator[Cell]:
    return product(Role, Relation, ObjectType, Action, Purpose)


def _row(cell: Cell, ruling: Ruling) -> str:
    effect = "allow" if ruling.allowed else "refuse" if ruling == NO_RULE else "deny"
    return ",".join([*cell, effect, "|".join(sorted(ruling.obligations))])


def _difference(written: str, matrix: Matrix) -> tuple[list[str], list[str]]:
    before = {line for line in written.splitlines() if line and line != _COLUMNS and not line.startswith("#")}
    after = set(matrix.rows())
    return sorted(after - before), sorted(before - after)


@dataclass(frozen=True, slots=True)
class _Entry:
    to: str
    since: str
    added: int
    removed: int
    reason: str


def _entries(changes: str) -> Iterator[_Entry]:
    """The entries of ``CHANGES.md``, newest first."""
    for part in changes.split("\n## ")[1:]:
        heading, _, reason = f"## {part}".partition("\n")
        found = _ENTRY.match(heading)
        if found is None:
            yield _Entry(heading, heading, 0, 0, reason)  # joins no chain, so the check reports it
        else:
            counts = int(found["added"]), int(found["removed"])
            yield _Entry(found["to"], found["since"], *counts, " ".join(reason.split()))


def _check_changes(changes: str, *, digest: str, rows: int) -> list[str]:
    findings = []
    expected = digest
    total = 0
    for entry in _entries(changes):
        if entry.to != expected:
            findings.append(f"CHANGES.md needs an entry that leads to {expected}; it has {entry.to}")
        if not _is_reason(entry.reason):
            findings.append(f"CHANGES.md gives no reason for {entry.to}")
        expected = entry.since
        total += entry.added - entry.removed
    if expected != NOTHING:
        findings.append(f"CHANGES.md does not say how {expected} came about")
    if total != rows and not findings:
        findings.append(f"CHANGES.md counts {total} rows, matrix.csv has {rows}")
    return findings


_WORDS_OF_A_REASON = 4


def _is_reason(text: str) -> bool:
    return len(text.split()) >= _WORDS_OF_A_REASON
