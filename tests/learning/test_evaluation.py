"""Metrics of the replays: what cannot be measured is refused; what can is what the textbooks say."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.evaluation import Bin, NothingToEvaluate, auc, calibration, calibration_error, log_loss

SCORED = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=40).filter(
    lambda pairs: len({label for label, _ in pairs}) == 2
)


class TestRefusals:
    @pytest.mark.parametrize("labels", [[], [True, True], [False]])
    def test_auc_needs_both_kinds(self, labels: list[bool]) -> None:
        with pytest.raises(NothingToEvaluate):
            auc(labels, [0.5] * len(labels))

    def test_nothing_has_no_loss_and_no_calibration(self) -> None:
        for measure in (log_loss, calibration):
            with pytest.raises(NothingToEvaluate):
                measure([], [])
        with pytest.raises(NothingToEvaluate):
            calibration_error([])

    def test_labels_without_scores_are_refused(self) -> None:
        with pytest.raises(ValueError, match="zip"):
            auc([True, False], [0.5])


class TestAuc:
    @given(SCORED)
    def test_it_is_the_share_of_pairs_in_the_right_order(self, pairs: list[tuple[bool, int]]) -> None:
        labels, scores = [label for label, _ in pairs], [float(score) for _, score in pairs]
        wins = [
            1.0 if p > n else 0.5 if p == n else 0.0
            for p, one in zip(scores, labels, strict=True)
            if one
            for n, other in zip(scores, labels, strict=True)
            if not other
        ]
        found = auc(labels, scores)
        assert found.value == pytest.approx(sum(wins) / len(wins))
        assert 0 <= found.low <= found.value <= found.high <= 1

    def test_a_perfect_ranking_is_one_and_a_constant_score_is_half(self) -> None:
        assert auc([False, False, True], [1, 2, 3]).value == 1.0
        assert auc([False, True, True], [2, 2, 2]).value == 0.5

    def test_the_interval_is_delongs(self) -> None:
        # Variance by DeLong's structural components, computed by hand: V10 = (1, 0.5), V01 = (1, 0.5).
        found = auc([True, True, False, False], [4.0, 2.0, 1.0, 3.0])
        assert found.value == 0.75
        error = math.sqrt(0.125 / 2 + 0.125 / 2)
        logit, reach = math.log(3), 1.959963984540054 * error / (0.75 * 0.25)
        assert found.low == pytest.approx(1 / (1 + math.exp(-(logit - reach))))
        assert found.high == pytest.approx(1 / (1 + math.exp(-(logit + reach))))

    def test_the_interval_covers_the_truth_about_as_often_as_it_says(self) -> None:
        draw = random.Random(5)
        truth = 0.5 * (1 + math.erf(1 / 2))  # two unit normals, one apart: P(a > b) = Phi(1 / sqrt 2)
        covered = 0
        for _ in range(300):
            labels = [n < 40 for n in range(120)]
            scores = [draw.gauss(1.0 if label else 0.0, 1.0) for label in labels]
            found = auc(labels, scores)
            covered += found.low <= truth <= found.high
        assert 0.91 <= covered / 300 <= 0.985


class TestProbabilities:
    def test_log_loss_of_a_coin_is_ln_two(self) -> None:
        assert log_loss([True, False], [0.5, 0.5]) == pytest.approx(math.log(2))

    def test_being_sure_and_wrong_costs_much_but_not_infinitely(self) -> None:
        assert 30 < log_loss([True], [0.0]) < 40

    def test_calibration_compares_what_was_said_with_what_came(self) -> None:
        table = calibration([True, False, True, True], [0.15, 0.15, 0.95, 1.0])
        assert table == [Bin(2, 0.15, 0.5), Bin(2, 0.975, 1.0)]
        assert calibration_error(table) == pytest.approx((2 * 0.35 + 2 * 0.025) / 4)

    @given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1))
    def test_every_prediction_falls_into_one_bin(self, pairs: list[tuple[bool, float]]) -> None:
        labels, scores = [label for label, _ in pairs], [score for _, score in pairs]
        table = calibration(labels, scores)
        assert sum(row.count for row in table) == len(pairs)
        assert 0 <= calibration_error(table) <= 1
