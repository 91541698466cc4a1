"""What the documents point at is there: a file that moved takes its mentions along."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("policy/*.md")])

QUOTED = re.compile(r"`([^`\s]+)`")
LINKED = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)")


def mentioned(text: str) -> set[str]:
    """Paths in backticks: those that begin with a folder of ours."""
    names = {name.rstrip(".,:;") for name in QUOTED.findall(text)}
    tops = {path.name for path in ROOT.iterdir()}
    return {
        name
        for name in names
        if not re.search(r"[<>*{}$=()|\[\]]|NNNN|\.\.\.|://", name)
        and ("/" in name and name.partition("/")[0] in tops and not name.startswith("/"))
    }


def broken(document: Path, text: str) -> list[str]:
    """Mentions and links of a document that lead nowhere."""
    missing = [name for name in mentioned(text) if not (ROOT / name).exists()]
    for target, heading in LINKED.findall(text):
        path = document.parent / target if target else document
        if not path.exists():
            missing.append(target)
        elif heading and path.suffix == ".md" and heading[1:] not in headings(path.read_text("utf-8")):
            missing.append(target + heading)
    return sorted(missing)


def headings(text: str) -> set[str]:
    """The anchors of a document's headings, as repository hosts make them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_and_link_of_a_document_leads_somewhere(document: Path) -> None:
    assert broken(document, document.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see `runtime/clocks.py`", ["runtime/clocks.py"]),
        ("see [this](docs/decisions/nowhere.md)", ["docs/decisions/nowhere.md"]),
        ("see [this](CONTRIBUTING.md#no-such-heading)", ["CONTRIBUTING.md#no-such-heading"]),
        ("see `runtime/clock.py`, `runtime/`, `a/b.py`, `GET /v1/x`, [it](CONTRIBUTING.md#glossary)", []),
    ],
)
def test_a_mention_that_leads_nowhere_is_found(text: str, expected: list[str]) -> None:
    assert broken(ROOT / "README.md", text) == expected


def test_decisions_have_their_parts_and_a_number_of_their_own() -> None:
    decisions = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert len({path.name[:4] for path in decisions}) == len(decisions) > 0
    for path in decisions:
        text = path.read_text("utf-8")
        assert re.match(rf"# {path.name[:4]} \w", text), path.name
        for part in ("Context", "Decision", "Consequences"):
            assert f"**{part}.**" in text, f"{path.name} has no {part}"
