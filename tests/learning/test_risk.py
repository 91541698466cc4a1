"""The withdrawal risk: when it is too early to say, what raises it, what changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from learning.features.feature import values
from learning.features.withdrawal import WITHDRAWAL_FEATURE_NAMES, WITHDRAWAL_FEATURES
from learning.models.runner import Models
from learning.risk import (
    WORDS,
    Band,
    EnrolmentFacts,
    GradeFacts,
    Risk,
    RiskInputs,
    SessionFacts,
    assess,
    shifts,
)


def work(
    due: int | None, handed_in: int | None = None, score: float | None = None, **more: object
) -> GradeFacts:
    return GradeFacts.model_validate({"due_day": due, "submitted_day": handed_in, "score": score, **more})


def features(inputs: RiskInputs) -> dict[str, float | None]:
    return values(WITHDRAWAL_FEATURES, inputs)


class TestRefusals:
    @pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
    def test_a_score_outside_a_share_is_refused(self, score: float) -> None:
        with pytest.raises(ValidationError):
            work(1, 1, score)


class TestTooEarly:
    def test_without_work_or_sessions_it_is_too_early_to_say(self, models: Models) -> None:
        assert assess(RiskInputs(day=3), models).band is Band.TOO_EARLY
        two = SessionFacts(days=(0, 1))
        assert assess(RiskInputs(day=3, sessions=two), models).band is Band.TOO_EARLY

    @pytest.mark.parametrize(
        "inputs",
        [
            RiskInputs(day=3, sessions=SessionFacts(days=(0, 1, 2))),
            RiskInputs(day=3, grades=(work(2),)),
            RiskInputs(day=3, grades=(work(9, 1, 0.9),)),
        ],
    )
    def test_three_sessions_or_one_piece_of_work_are_enough(self, inputs: RiskInputs, models: Models) -> None:
        assert assess(inputs, models).band is not Band.TOO_EARLY

    def test_what_lies_ahead_is_not_known_yet(self) -> None:
        ahead = RiskInputs(day=10, grades=(work(20), work(15, 12, 0.9)), sessions=SessionFacts(days=(11,)))
        assert features(ahead) == features(RiskInputs(day=10))


class TestFeatures:
    def test_scores_are_weighted_and_banked_ones_left_out(self) -> None:
        grades = (
            work(1, 1, 0.5, weight=3),
            work(2, 2, 0.9, weight=1),
            work(3, 3, 0.1, banked=True),
            work(4, 4),
        )
        computed = features(RiskInputs(day=9, grades=grades))
        assert computed["score"] == pytest.approx(0.6)
        assert computed["banked"] == 1.0

    def test_work_that_counts_for_nothing_is_averaged_plainly(self) -> None:
        grades = (work(1, 1, 0.4, weight=0), work(2, 2, 0.8, weight=0))
        assert features(RiskInputs(day=9, grades=grades))["score"] == pytest.approx(0.6)

    def test_missing_late_and_early_work(self) -> None:
        grades = (work(5), work(5, 9, 0.5), work(8, 2, 0.5), work(8, banked=True), work(None, 3, 0.5))
        computed = features(RiskInputs(day=10, grades=grades))
        assert computed["missing_share"] == pytest.approx(0.25)
        assert computed["late_share"] == pytest.approx(0.5)
        assert computed["early_days"] == pytest.approx(3)
        assert computed["days_since_submission"] == 1

    def test_sessions_are_counted_from_joining(self) -> None:
        sessions = SessionFacts(days=(12, 25, 26, 27))
        computed = features(RiskInputs(day=27, enrolment=EnrolmentFacts(joined_day=7), sessions=sessions))
        assert computed["days_to_first"] == 5
        assert computed["days_idle"] == 0
        assert computed["sessions_per_week"] == pytest.approx((1 * 0.5 + 0) * 0.5 + 3 * 0.5)

    def test_joining_before_the_class_starts_is_joining_at_its_start(self) -> None:
        inputs = RiskInputs(
            day=20, enrolment=EnrolmentFacts(joined_day=-90), sessions=SessionFacts(days=(4,))
        )
        assert features(inputs)["days_to_first"] == 4


class TestReasons:
    def test_trouble_raises_the_score_and_is_named(self, models: Models) -> None:
        fine = RiskInputs(day=40, grades=(work(10, 5, 0.9), work(30, 20, 0.85)))
        trouble = RiskInputs(day=40, grades=(work(10, 12, 0.4), work(30)))
        low, high = assess(fine, models), assess(trouble, models)
        assert (low.band, high.band) == (Band.LOW, Band.HIGH)
        assert low.score < high.score
        said = [reason.words for reason in high.reasons]
        assert "scores average 40%" in said
        assert "1 of 2 pieces of work due is missing" in said
        assert all(reason.contribution > 0 for reason in high.reasons)

    def test_every_feature_has_its_words(self) -> None:
        assert set(WORDS) == set(WITHDRAWAL_FEATURE_NAMES)

    def test_the_risk_survives_its_bytes(self, models: Models) -> None:
        risk = assess(RiskInputs(day=40, grades=(work(10, 12, 0.4), work(30))), models)
        assert Risk.model_validate_json(risk.model_dump_json()) == risk

    @given(days=st.integers(0, 200), more=st.integers(0, 100))
    def test_more_days_without_a_session_never_lower_the_score(
        self, models: Models, days: int, more: int
    ) -> None:
        def score(day: int) -> float:
            scored = models.withdrawal(
                [day if feature.name == "days_idle" else feature.neutral for feature in WITHDRAWAL_FEATURES]
            )
            return scored.p

        assert score(days + more) >= score(days)


class TestShifts:
    def test_the_first_look_has_no_change(self, models: Models) -> None:
        assert shifts(None, assess(RiskInputs(day=3), models)) == ()

    def test_what_moved_the_score_is_named_with_what_it_was_before(self, models: Models) -> None:
        done = work(10, 5, 0.9)
        before = assess(RiskInputs(day=12, grades=(done, work(15))), models)
        now = assess(RiskInputs(day=19, grades=(done, work(15))), models)
        (first, *_) = shifts(before, now)
        assert first.feature == "missing_share"
        assert first.delta > 0
        assert (
            first.words
            == "1 of 2 pieces of work due is missing (before: 0 of 1 piece of work due is missing)"
        )

    def test_nothing_new_is_no_change(self, models: Models) -> None:
        risk = assess(RiskInputs(day=12, grades=(work(10, 5, 0.9),)), models)
        assert shifts(risk, risk) == ()
