from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from learning.courses.importing import check_path, import_path
from learning.courses.store import CourseUnknown, load_course
from runtime.clock import SystemClock
from runtime.database import Database
from tests.learning.courses.packages import GUIDE, edited, example_package, write_package

HERE = uuid4()


def run(database: Database, path: Path) -> tuple[int, list[str], list[str]]:
    said: list[str] = []
    complained: list[str] = []
    status = import_path(
        database, HERE, path, clock=SystemClock(), by=None, say=said.append, complain=complained.append
    )
    return status, said, complained


def test_faults_are_printed_with_path_line_and_field_and_nothing_is_imported(
    database: Database, tmp_path: Path
) -> None:
    path = write_package(edited("course.yaml", "language: en", "language: English"), tmp_path / "package")
    status, said, complained = run(database, path)
    assert (status, said) == (1, [])
    assert complained == [
        f"{path}/course.yaml:3:11: language: This is a language tag: write it as in en, de or pt-BR.",
        "This course package has 1 fault.",
        "Nothing was imported.",
    ]
    with pytest.raises(CourseUnknown):
        database.read_now(lambda tx: load_course(tx, HERE, "sharing"), HERE)


def test_a_check_names_the_faults_or_says_that_there_are_none(tmp_path: Path) -> None:
    said: list[str] = []
    complained: list[str] = []
    good = write_package(example_package(), tmp_path / "good")
    bad = write_package(edited("course.yaml", "language: en", "language: English"), tmp_path / "bad")
    assert check_path(good, say=said.append, complain=complained.append) == 0
    assert (said, complained) == (["sharing has no fault: 2 lessons, 5 items."], [])
    assert check_path(bad, say=said.append, complain=complained.append) == 1
    assert complained == [
        f"{bad}/course.yaml:3:11: language: This is a language tag: write it as in en, de or pt-BR.",
        "This course package has 1 fault.",
    ]


def test_the_guide_shows_what_is_really_printed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = edited("items/questions.yaml", "misconception: any-two-parts", "misconception: any-to-parts")
    files["lessons/halves.md"] = edited("lessons/halves.md", "items: [", "items: [which-is-half, ")[
        "lessons/halves.md"
    ]
    write_package(files, tmp_path / "courses" / "sharing")
    monkeypatch.chdir(tmp_path)
    _, _, complained = run(database, Path("courses/sharing"))
    assert "\n".join(["```", *complained, "```"]) in GUIDE.read_text()


def test_an_import_says_the_version_and_what_changed(database: Database, tmp_path: Path) -> None:
    path = write_package(example_package(), tmp_path / "package")
    assert run(database, path) == (0, ["sharing is in: version 1."], [])
    assert run(database, path) == (0, ["sharing is unchanged: still version 1."], [])
    write_package(edited("items/questions.yaml", "You share 8 walnuts", "You divide 8 walnuts"), path)
    assert run(database, path) == (0, ["sharing is now version 2.", "  item changed: half-of-eight"], [])
