from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.gradebook.assessments import Assessment, AssessmentKind
from learning.gradebook.grades import (
    Grade,
    GradePost,
    GradeRecord,
    Standing,
    check,
    counting,
    says_the_same,
    standing_of,
)

DUE = date(2026, 9, 1)
ESSAY = Assessment("essay", "Essay", AssessmentKind.ASSIGNMENT, 2.0, DUE, 20.0)
POST = GradePost(uuid4(), uuid4(), "essay", 15.0, DUE)
RECORD = GradeRecord(standing=Standing.ON_TIME, max_score=20.0, score=15.0, submitted_on=DUE, graded_on=DUE)


def grade(seq: int, assessment: str = "essay") -> Grade:
    return Grade(uuid4(), UUID(int=1), assessment, seq, UUID(int=2), datetime(2026, 9, 1, tzinfo=UTC), RECORD)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"score": 20.1}, "score"),
        ({"score": -0.1}, "score"),
        ({"score": float("nan")}, "score"),
        ({"score": float("inf")}, "score"),
        ({"standing": Standing.MISSING, "submitted_on": None}, "score"),
        ({"submitted_on": None}, "submitted_on"),
        ({"standing": Standing.MISSING, "score": None}, "submitted_on"),
        ({"standing": Standing.EXCUSED, "score": None}, "submitted_on"),
        ({"submitted_on": DUE + timedelta(days=12)}, "submitted_on"),
        ({"graded_on": DUE + timedelta(days=12)}, "graded_on"),
    ],
)
def test_a_post_that_cannot_be_names_its_field(changes: dict[str, object], field: str) -> None:
    bad = replace(POST, **changes)  # type: ignore[arg-type]  # each case is one good value and one bad
    assert [fault.field for fault in check(bad, ESSAY, DUE + timedelta(days=10))] == [field]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"score": None},
        {"score": 0.0},
        {"score": 20.0},
        {"standing": Standing.MISSING, "score": None, "submitted_on": None},
        {"submitted_on": DUE + timedelta(days=11)},  # it is tomorrow somewhere already
    ],
)
def test_a_post_that_can_be_has_no_fault(changes: dict[str, object]) -> None:
    assert check(replace(POST, **changes), ESSAY, DUE + timedelta(days=10)) == ()  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    ("said", "days_late", "before", "expected"),
    [
        (None, 0, None, Standing.ON_TIME),
        (None, 1, None, Standing.LATE),
        (Standing.ON_TIME, 9, None, Standing.ON_TIME),  # the teacher gave more time
        (Standing.LATE, -9, None, Standing.LATE),
        (Standing.BANKED, 0, None, Standing.BANKED),
        (None, 3, DUE, Standing.RESUBMITTED),
        (None, 0, DUE, Standing.ON_TIME),  # the same submission, its score corrected
        (None, 2, DUE + timedelta(days=2), Standing.LATE),
    ],
)
def test_the_school_s_word_counts_and_else_the_dates(
    said: Standing | None, days_late: int, before: date | None, expected: Standing
) -> None:
    post = replace(POST, standing=said, submitted_on=DUE + timedelta(days=days_late))
    earlier = None if before is None else RECORD.model_copy(update={"submitted_on": before})
    assert standing_of(post, ESSAY, earlier) is expected


def test_without_a_deadline_nothing_is_late() -> None:
    late = replace(POST, submitted_on=date(2030, 1, 1))
    assert standing_of(late, replace(ESSAY, due_on=None), None) is Standing.ON_TIME


@given(st.lists(st.tuples(st.sampled_from(["essay", "test"]), st.integers(1, 9)), unique=True))
def test_the_newest_by_order_counts_however_they_are_listed(orders: list[tuple[str, int]]) -> None:
    found = counting(grade(seq, name) for name, seq in orders)
    assert {name: one.seq for name, one in found.items()} == {
        name: max(seq for other, seq in orders if other == name) for name, _ in orders
    }


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"standing": Standing.ON_TIME}, True),
        ({"graded_on": DUE}, True),
        ({"score": 15.1}, False),
        ({"score": None}, False),
        ({"comment": "Well done"}, False),
        ({"standing": Standing.LATE}, False),
        ({"graded_on": DUE + timedelta(days=1)}, False),
        ({"submitted_on": DUE + timedelta(days=1)}, False),
        ({"assessment_id": "test"}, False),
    ],
)
def test_a_repeated_post_is_told_from_another(changes: dict[str, object], same: bool) -> None:
    assert says_the_same(replace(POST, **changes), grade(1)) is same  # type: ignore[arg-type]  # as above


def test_a_sealed_record_of_today_can_be_read_for_years() -> None:
    stored = (
        b'{"standing":"banked","max_score":20.0,"score":12.0,'
        b'"submitted_on":"2025-06-01","graded_on":"2025-06-02"}'
    )
    assert GradeRecord.model_validate_json(stored).share == pytest.approx(0.6)
