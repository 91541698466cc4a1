"""The lock: every version pinned, every file hashed, no word of where packages come from."""

from __future__ import annotations

import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "requirements"
PINNED = re.compile(r"^([a-z0-9.-]+)==([^ ;]+)( ; [^\\]+)? \\$")


def requirements(lock: str) -> dict[str, str]:
    """Name -> version of each requirement line of a lock; a line of any other form is a failure."""
    pins = {}
    for line in (FOLDER / lock).read_text().splitlines():
        if line.startswith(("    --hash=sha256:", "    # via", "    #   ")):
            continue
        found = PINNED.match(line)
        assert found or not line or line.startswith("#"), f"{lock}: unexpected line {line!r}"
        if found:
            pins[found[1]] = found[2]
    return pins


@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.iterdir()))
def test_no_requirement_file_names_a_host_or_a_folder(file: str) -> None:
    text = (FOLDER / file).read_text()
    assert "://" not in text
    assert not re.search(r"--(index-url|extra-index-url|find-links|trusted-host)", text)
    assert not re.search(r"(^|\s)/\w", text, re.MULTILINE)


@pytest.mark.parametrize("lock", ["run.txt", "dev.txt"])
def test_every_requirement_is_pinned_and_hashed(lock: str) -> None:
    blocks = re.split(r"\n(?=[a-z])", (FOLDER / lock).read_text())
    assert len(blocks) == len(requirements(lock)) > 40
    assert all("--hash=sha256:" in block for block in blocks)


def test_what_is_tested_is_what_runs() -> None:
    run, dev = requirements("run.txt"), requirements("dev.txt")
    assert run.items() <= dev.items()


def test_the_distribution_behind_casbin_is_the_maintained_one() -> None:
    assert packages_distributions()["casbin"] == ["pycasbin"]
    assert "casbin" not in requirements("dev.txt")
