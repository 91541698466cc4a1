"""Reads one presentation of the Open University Learning Analytics Dataset, in place.

Days count from the first day of the presentation. The dataset hides calendar dates and gives month and year
of the start only; the first of that month stands for it, so that the product has real days to work with.

Source: Kuzilek, Hlosta, Zdrahal (2017), "Open University Learning Analytics dataset", Scientific Data
4:170171, https://doi.org/10.1038/sdata.2017.171 (CC BY 4.0).
"""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from runtime.errors import TutelaError

START_MONTH = {"B": 2, "J": 10}
KINDS = {"TMA": "assignment", "CMA": "test", "Exam": "exam"}
BEST_SCORE = 100.0


class DatasetUnfit(TutelaError):
    """The folder does not hold the dataset, or not this presentation of it."""

    slug = "dataset-unfit"
    title = "This is not a folder with the Open University dataset"


@dataclass(frozen=True, slots=True)
class Assessment:
    """``due_day`` of an exam without a date is the last day of the presentation, as its authors say."""

    key: str
    kind: str
    weight: float
    due_day: int


@dataclass(frozen=True, slots=True)
class Learner:
    """``left_day`` is the first day the learner was no longer registered; None for who stayed."""

    key: str
    registered_day: int
    left_day: int | None

    def there(self, day: int) -> bool:
        """Whether the learner had registered by ``day`` and not yet left."""
        return self.registered_day <= day and (self.left_day is None or day < self.left_day)


@dataclass(frozen=True, slots=True)
class Submission:
    """``score`` is out of 100, None where none was recorded."""

    learner: str
    assessment: str
    day: int
    score: float | None
    banked: bool


@dataclass(frozen=True, slots=True)
class Presentation:
    """One module in one term. ``digest`` names exactly what was read."""

    code: str
    starts_on: date
    length_days: int
    assessments: tuple[Assessment, ...]
    learners: tuple[Learner, ...]
    submissions: tuple[Submission, ...]
    unrecorded: tuple[str, ...]
    """Assessments of which the dataset holds no submission (final exams of most modules)."""
    digest: str

    def on(self, day: int) -> date:
        """The calendar day of ``day``."""
        return self.starts_on + timedelta(days=day)


def read_presentation(folder: Path, code: str) -> Presentation:
    """The presentation ``code`` (module and term, such as ``AAA-2013J`` or ``AAA2013J``).

    Raises:
        DatasetUnfit: files are missing or malformed, or there is no such presentation.
    """
    module, term = _split(code)
    digest = hashlib.sha256(f"{module} {term}".encode())

    def rows(name: str) -> list[dict[str, str]]:
        found = [
            row
            for row in _rows(folder, name)
            if (row["code_module"], row["code_presentation"]) == (module, term)
        ]
        digest.update(repr(found).encode())
        return found

    try:
        courses = rows("courses")
        if not courses:
            raise DatasetUnfit(f"there is no presentation {module}-{term} in {folder}")
        length = int(courses[0]["module_presentation_length"])
        assessments = {row["id_assessment"]: _assessment(row, length) for row in rows("assessments")}
        learners = [_learner(row) for row in rows("studentRegistration")]
        submissions = [
            _submission(row)
            for row in _rows(folder, "studentAssessment")
            if row["id_assessment"] in assessments
        ]
    except (KeyError, ValueError) as error:
        raise DatasetUnfit(
            f"{folder}: a column or value is not as published ({type(error).__name__})"
        ) from error
    digest.update(repr(submissions).encode())
    recorded = {submission.assessment for submission in submissions}
    return Presentation(
        code=f"{module}-{term}",
        starts_on=date(int(term[:4]), START_MONTH[term[4]], 1),
        length_days=length,
        assessments=tuple(
            sorted(
                (one for one in assessments.values() if one.key in recorded),
                key=lambda one: (one.due_day, one.key),
            )
        ),
        learners=tuple(sorted(learners, key=lambda one: (one.registered_day, one.key))),
        submissions=tuple(sorted(submissions, key=lambda one: (one.day, one.assessment, one.learner))),
        unrecorded=tuple(sorted(set(assessments) - recorded)),
        digest=digest.hexdigest(),
    )


def _split(code: str) -> tuple[str, str]:
    plain = code.replace("-", "").replace("_", "").upper()
    module, term = plain[:3], plain[3:]
    if len(term) != len("2013J") or not term[:4].isdigit() or term[4] not in START_MONTH:
        raise DatasetUnfit(f"{code!r} is not a presentation; one looks like AAA-2013J")
    return module, term


def _rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    packed, plain = folder / f"{name}.csv.gz", folder / f"{name}.csv"
    if packed.exists():
        with gzip.open(packed, "rt", newline="") as file:
            yield from csv.DictReader(file)
    elif plain.exists():
        with plain.open(newline="") as file:
            yield from csv.DictReader(file)
    else:
        raise DatasetUnfit(f"{folder} has neither {packed.name} nor {plain.name}")


def _assessment(row: dict[str, str], length: int) -> Assessment:
    return Assessment(
        key=row["id_assessment"],
        kind=KINDS[row["assessment_type"]],
        weight=float(row["weight"]),
        due_day=length if _day(row["date"]) is None else int(float(row["date"])),
    )


def _learner(row: dict[str, str]) -> Learner:
    left = _day(row["date_unregistration"])
    registered = _day(row["date_registration"])
    if registered is None:  # 45 rows of the dataset do not say when
        registered = min(0, left) if left is not None else 0
    return Learner(row["id_student"], registered, left)


def _submission(row: dict[str, str]) -> Submission:
    return Submission(
        learner=row["id_student"],
        assessment=row["id_assessment"],
        day=int(float(row["date_submitted"])),
        score=float(row["score"]) if row["score"] else None,
        banked=row["is_banked"] == "1",
    )


def _day(text: str) -> int | None:
    return int(float(text)) if text not in ("", "?") else None
