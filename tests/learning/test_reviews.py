"""The forgetting curve of skills."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.reviews import Memory, practised, retrievability

START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)


def after(*answers: str, gap_days: int = 0) -> Memory:
    memory: Memory | None = None
    for n, answer in enumerate(answers):
        at = START + timedelta(days=n * gap_days)
        memory = practised(memory, right=answer != "wrong", aided=answer == "helped", at=at)
    assert memory is not None
    return memory


def test_just_practised_is_there() -> None:
    assert retrievability(after("right"), START) == 1.0


def test_after_the_stability_nine_of_ten_are_left() -> None:
    memory = Memory(stability_days=10, difficulty=5, practised_at=START)
    assert retrievability(memory, START + timedelta(days=10)) == pytest.approx(0.9, abs=1e-4)


def test_help_and_mistakes_make_it_fade_sooner() -> None:
    stabilities = [after(answer).stability_days for answer in ("right", "helped", "wrong")]
    assert stabilities == sorted(stabilities, reverse=True)


def test_a_spaced_success_makes_it_last_longer_than_one_the_same_day() -> None:
    spaced = after("right", "right", gap_days=3)
    crammed = after("right", "right", gap_days=0)
    assert spaced.stability_days > crammed.stability_days


def test_an_instant_before_the_last_practice_counts_as_then() -> None:
    assert retrievability(after("right"), START - timedelta(days=3)) == 1.0


def test_the_instant_may_come_in_any_zone() -> None:
    again = Memory.model_validate_json(after("right").model_dump_json())
    assert practised(again, right=True, aided=False, at=again.practised_at) == practised(
        after("right"), right=True, aided=False, at=START
    )


@given(st.lists(st.sampled_from(["right", "helped", "wrong"]), min_size=1, max_size=12), st.integers(0, 30))
def test_memory_only_fades_with_time(answers: list[str], gap_days: int) -> None:
    memory = after(*answers, gap_days=gap_days)
    left = [retrievability(memory, memory.practised_at + timedelta(days=d)) for d in (0, 1, 5, 50, 500)]
    assert left == sorted(left, reverse=True)
    assert all(0 < share <= 1 for share in left)
