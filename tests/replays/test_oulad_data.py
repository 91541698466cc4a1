from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from replays.oulad_data import DatasetUnfit, read_presentation

FILES = {
    "courses": "code_module,code_presentation,module_presentation_length\nXYZ,2013J,100\nXYZ,2014B,90\n",
    "assessments": (
        "code_module,code_presentation,id_assessment,assessment_type,date,weight\n"
        "XYZ,2013J,1,TMA,19.0,40.0\nXYZ,2013J,2,CMA,50,60.0\nXYZ,2013J,3,Exam,,100.0\n"
        "XYZ,2014B,4,TMA,19.0,100.0\n"
    ),
    "studentRegistration": (
        "code_module,code_presentation,id_student,date_registration,date_unregistration\n"
        "XYZ,2013J,11,-20,\nXYZ,2013J,12,-5.0,12.0\nXYZ,2013J,13,,-3\nXYZ,2014B,11,0,\n"
    ),
    "studentAssessment": (
        "id_assessment,id_student,date_submitted,is_banked,score\n"
        "2,11,52,0,\n1,11,18,0,78.0\n1,12,-1,1,60\n4,11,3,0,1\n"
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


@pytest.mark.parametrize("code", ["", "XYZ", "XYZ-13J", "XYZ-2013Q", "ABC-2013J"])
def test_what_is_no_presentation_is_refused(folder: Path, code: str) -> None:
    with pytest.raises(DatasetUnfit):
        read_presentation(folder, code)


def test_a_missing_file_and_a_missing_column_are_named(folder: Path) -> None:
    (folder / "courses.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetUnfit, match="not as published"):
        read_presentation(folder, "XYZ-2013J")
    (folder / "courses.csv").unlink()
    with pytest.raises(DatasetUnfit, match=r"courses\.csv"):
        read_presentation(folder, "XYZ-2013J")


def test_only_the_named_presentation_is_read(folder: Path) -> None:
    found = read_presentation(folder, "xyz2013j")
    assert (found.code, found.starts_on, found.length_days) == ("XYZ-2013J", date(2013, 10, 1), 100)
    assert [one.key for one in found.assessments] == ["1", "2"]
    assert found.unrecorded == ("3",)
    assert [(one.learner, one.assessment, one.score, one.banked) for one in found.submissions] == [
        ("12", "1", 60.0, True),
        ("11", "1", 78.0, False),
        ("11", "2", None, False),
    ]


def test_who_left_is_there_until_the_day_before(folder: Path) -> None:
    learners = {one.key: one for one in read_presentation(folder, "XYZ-2013J").learners}
    assert [learners["12"].there(day) for day in (-6, -5, 11, 12)] == [False, True, True, False]
    assert learners["11"].there(99)
    assert not learners["13"].there(-3)


def test_the_digest_tells_one_content_from_another(folder: Path) -> None:
    before = read_presentation(folder, "XYZ-2013J").digest
    assert read_presentation(folder, "XYZ-2013J").digest == before
    text = FILES["studentAssessment"].replace("78.0", "79.0")
    (folder / "studentAssessment.csv").write_text(text)
    assert read_presentation(folder, "XYZ-2013J").digest != before
