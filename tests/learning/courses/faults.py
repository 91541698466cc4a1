"""The golden faults of broken packages; run as a module it writes them again after a change of wording.

``broken_course`` is one package with a great many faults. ``course_edits.yaml`` lists single mistakes: a
passage of the guide's example that is replaced, and the faults that follow. There ``@+2`` stands for the line
of the passage in its file plus two, so that the guide may grow without making the list wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import yaml

from learning.courses.package import PackageFaulty, parse, read_package
from tests.learning.courses.packages import ROOT, edited, example_package

VECTORS = ROOT / "tests" / "vectors"
BROKEN, BROKEN_FAULTS = VECTORS / "broken_course", VECTORS / "broken_course.txt"
EDITS = VECTORS / "course_edits.yaml"


class Edit(TypedDict):
    file: str
    old: str
    new: str
    faults: list[str]


def edits() -> list[Edit]:
    listed: list[Edit] = yaml.safe_load(EDITS.read_text())
    return listed


def faults_of_folder(folder: Path) -> list[str]:
    try:
        read_package(folder)
    except PackageFaulty as faulty:
        return [str(fault) for fault in faulty.found]
    return []


def faults_of_edit(edit: Edit) -> list[str]:
    try:
        parse(edited(edit["file"], edit["old"], edit["new"]))
    except PackageFaulty as faulty:
        text = example_package()[edit["file"]].decode()
        at = text.count("\n", 0, text.index(edit["old"])) + 1
        return [
            f"@{fault.mark.line - at:+d}:{str(fault).split(':', 2)[2]}"
            if fault.mark.file == edit["file"]
            else f"{fault.mark.file}: {fault.field}: {fault.message}"
            for fault in faulty.found
        ]
    return []


if __name__ == "__main__":
    BROKEN_FAULTS.write_text("".join(f"{fault}\n" for fault in faults_of_folder(BROKEN)))
    known = [{**edit, "faults": faults_of_edit(edit)} for edit in edits()]
    EDITS.write_text(yaml.safe_dump(known, sort_keys=False, allow_unicode=True, width=400))
