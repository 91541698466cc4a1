from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.classes import SchoolClass
from learning.enrolments import Stay
from learning.gradebook.assessments import Assessment, AssessmentKind
from learning.gradebook.grades import Standing
from learning.risk import RiskInputs
from learning.risk_facts import DatedAccuracy, DatedGrade, DatedSession, RiskFacts, inputs_on

START = date(2026, 9, 1)
CLASS = SchoolClass(uuid4(), "fractions", "4b", START)
STAY = Stay(CLASS.class_id, uuid4(), 1, START - timedelta(days=10), None)
ESSAY = Assessment("essay", "Essay", AssessmentKind.ASSIGNMENT, 2.0, START + timedelta(days=14), 20.0)


def on(number: int) -> date:
    return START + timedelta(days=number)


def grade(
    seq: int,
    submitted: int | None,
    graded: int,
    share: float | None = 0.5,
    standing: Standing = Standing.ON_TIME,
) -> DatedGrade:
    return DatedGrade(
        assessment="essay",
        seq=seq,
        standing=standing,
        submitted_on=None if submitted is None else on(submitted),
        graded_on=on(graded),
        share=share,
    )


def seen(day: int, *grades: DatedGrade, epoch: int | None = None, **facts: object) -> RiskInputs:
    known = RiskFacts(grades=grades, **facts)
    return inputs_on(on(day), CLASS, {"essay": ESSAY}, STAY, known, epoch)


def test_what_was_handed_in_tomorrow_is_not_known_today() -> None:
    (work,) = seen(9, grade(1, 10, 12)).grades
    assert (work.submitted_day, work.score, work.attempts) == (None, None, 0)


def test_a_score_is_known_from_the_day_it_was_given() -> None:
    (work,) = seen(11, grade(1, 10, 12)).grades
    assert (work.submitted_day, work.score) == (10, None)
    (work,) = seen(12, grade(1, 10, 12)).grades
    assert (work.submitted_day, work.score) == (10, 0.5)


def test_doing_it_again_is_not_being_late_and_the_newest_score_counts() -> None:
    (work,) = seen(30, grade(1, 10, 12), grade(2, 25, 26, 0.9, Standing.RESUBMITTED)).grades
    assert (work.submitted_day, work.score, work.attempts) == (10, 0.9, 2)
    (work,) = seen(25, grade(1, 10, 12), grade(2, 25, 26, 0.9, Standing.RESUBMITTED)).grades
    assert (work.score, work.attempts) == (0.5, 2)


def test_work_the_school_calls_missing_is_missing_until_it_comes() -> None:
    missing = grade(1, None, 15, None, Standing.MISSING)
    assert seen(20, missing).grades[0].submitted_day is None
    assert seen(20, missing, grade(2, 18, 19)).grades[0].submitted_day == 18
    assert seen(20, grade(1, 10, 12), grade(2, None, 15, None, Standing.MISSING)).grades[0].score is None


def test_excused_work_is_no_work() -> None:
    excused = grade(1, None, 5, None, Standing.EXCUSED)
    assert seen(4, excused).grades != ()
    assert seen(5, excused).grades == ()


def test_banked_work_counts_as_done_but_its_dates_say_nothing() -> None:
    (work,) = seen(0, grade(1, -300, -1, 0.6, Standing.BANKED)).grades
    assert (work.banked, work.submitted_day, work.score) == (True, None, 0.6)


def test_work_without_any_grade_is_there_to_be_missed() -> None:
    assert seen(20).due() == list(seen(20).grades)
    assert seen(13).due() == []


def test_days_count_from_the_start_of_the_class() -> None:
    found = seen(3)
    assert (found.day, found.enrolment.joined_day, found.grades[0].due_day) == (3, -10, 14)


def test_sessions_of_later_days_are_not_known() -> None:
    sessions = tuple(
        DatedSession(session_id=uuid4(), opened_on=on(day), stuck=stuck)
        for day, stuck in [(1, True), (20, True), (25, None), (40, True)]
    )
    found = seen(30, sessions=sessions).sessions
    assert (found.days, found.stuck_exits) == ((1, 20, 25), 1)  # day 1 is more than 28 days ago


@pytest.mark.parametrize(
    ("epoch", "day", "level"), [(3, 10, 0.7), (None, 10, None), (4, 10, None), (3, 9, None)]
)
def test_the_profile_is_read_only_in_the_consent_it_was_made_under(
    epoch: int | None, day: int, level: float | None
) -> None:
    accuracy = DatedAccuracy(on=on(10), consent_epoch=3, level=0.7, trend=-0.1)
    assert seen(day, epoch=epoch, accuracy=accuracy).sessions.accuracy_level == level


DATED = st.builds(
    grade,
    seq=st.integers(1, 9),
    submitted=st.integers(-5, 60),
    graded=st.integers(0, 70),
    share=st.none() | st.floats(0, 1),
    standing=st.sampled_from([Standing.ON_TIME, Standing.LATE, Standing.RESUBMITTED, Standing.BANKED]),
)


@given(st.lists(DATED, max_size=6, unique_by=lambda one: one.seq), st.integers(0, 50), st.integers(1, 30))
def test_facts_dated_after_a_day_change_nothing_about_it(
    grades: list[DatedGrade], day: int, later: int
) -> None:
    """The list as of a day is what it was then: added later, facts of later days make no difference."""
    known = [one for one in grades if one.submitted_on and max(one.submitted_on, one.graded_on) <= on(day)]
    newer = [
        DatedGrade(
            assessment="essay",
            seq=100 + number,
            standing=Standing.LATE,
            submitted_on=on(day + later),
            graded_on=on(day + later),
            share=1.0,
        )
        for number in range(3)
    ]
    assert seen(day, *known) == seen(day, *known, *newer)
