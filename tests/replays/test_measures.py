from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replays.measures import auc, calibration, calibration_error, log_loss, percentile, running_means

CASES = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=60)


def counted(scores: list[int], outcomes: list[bool]) -> float:
    """The definition, pair by pair."""
    pairs = [
        1.0 if with_it > without else 0.5 if with_it == without else 0.0
        for with_it, one in zip(scores, outcomes, strict=True)
        if one
        for without, other in zip(scores, outcomes, strict=True)
        if not other
    ]
    return sum(pairs) / len(pairs)


def test_one_outcome_alone_has_no_ranking() -> None:
    assert auc([0.1, 0.2], [True, True]) is None
    assert auc([0.1, 0.2], [False, False]) is None


@given(CASES)
def test_auc_is_the_share_of_pairs_ranked_right(cases: list[tuple[int, bool]]) -> None:
    scores, outcomes = [score for score, _ in cases], [outcome for _, outcome in cases]
    found = auc(scores, outcomes)
    if found is None:
        assert len(set(outcomes)) == 1
        return
    assert found.value == pytest.approx(counted(scores, outcomes))
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_the_interval_covers_the_truth_about_95_times_in_100() -> None:
    draw = random.Random(7)
    covered = 0
    for _ in range(300):
        outcomes = [draw.random() < 0.3 for _ in range(200)]
        scores = [draw.gauss(1.0 if outcome else 0.0, 1.0) for outcome in outcomes]
        found = auc(scores, outcomes)
        assert found is not None
        covered += found.low <= 0.76025 <= found.high  # normal, one standard deviation apart
    assert 272 <= covered <= 297


def test_log_loss_of_a_coin_is_ln_2() -> None:
    assert log_loss([0.5, 0.5], [True, False]) == pytest.approx(0.6931, abs=1e-4)


def test_certainty_that_was_wrong_is_costly_but_finite() -> None:
    assert 10 < log_loss([0.0], [True]) < 20


def test_a_calibrated_guesser_has_no_calibration_error() -> None:
    table = calibration([0.25] * 4 + [0.75] * 4, [True, False, False, False, True, True, True, False])
    assert [(row.said, row.happened, row.n) for row in table] == [(0.25, 0.25, 4), (0.75, 0.75, 4)]
    assert calibration_error(table) == 0


def test_a_chance_of_one_falls_into_the_last_bin() -> None:
    assert [row.n for row in calibration([1.0, 0.95], [True, True])] == [2]


def test_a_running_mean_never_knows_the_case_itself() -> None:
    assert running_means([True, True, False], prior=0.5) == pytest.approx([0.5, 0.75, 2.5 / 3])


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([5, 1, 3, 2, 4], 0.5) == 3
    assert percentile([5, 1, 3, 2, 4], 0.99) == 5
    assert percentile([7], 0.5) == 7
