"""Features: each card is complete, each null rule is what its function does, values stay in range."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning.features.definitions import FEATURE_NAMES, FEATURES, Seen
from learning.features.feature import NEVER_NULL, Feature, values, vector
from learning.features.times import (
    GENERAL_RESPONSE,
    ItemTimes,
    Moments,
    Norm,
    norm,
    rapid_threshold_ms,
    timing,
)
from learning.features.withdrawal import WITHDRAWAL_FEATURES
from learning.state import Attempt, LearnerState, Measured, advance
from policy.vocabulary import Purpose, Role

START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)


def after(answers: str, *, hints: int = 0, rapid: bool | None = None, repeat: bool = False) -> LearnerState:
    """The state after answers written as R (right) and W (wrong)."""
    state = LearnerState.new()
    for n, right in enumerate(answer == "R" for answer in answers):
        attempt = Attempt(
            item="i" if repeat else f"i{n}",
            lesson="l",
            correct=right,
            credit=float(right),
            hints_used=hints,
            misconception=None if right else "m",
            at=START + timedelta(minutes=n),
        )
        measured = Measured(skill="s", knowledge={"s": 0.5}, expected=0.5, rapid=rapid)
        state = advance(state, attempt, measured)
    return state


def seen(state: LearnerState, item: str | None = "i0") -> dict[str, float | None]:
    return values(FEATURES, Seen(state, "s", item))


class TestCards:
    @pytest.mark.parametrize("feature", [*FEATURES, *WITHDRAWAL_FEATURES], ids=lambda f: f.name)
    def test_every_card_is_complete(self, feature: Feature[object]) -> None:
        for text in (feature.title, feature.formula, feature.unit, feature.window, feature.null_rule):
            assert text.strip()
        assert feature.source.strip()
        assert feature.low <= feature.neutral <= feature.high
        assert Role.LEARNER in feature.visible_to, "whom it is about may always see it"
        assert feature.purpose in {Purpose.PERSONALISATION, Purpose.SUPPORT}

    def test_no_name_stands_twice(self) -> None:
        assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)

    def test_nothing_says_who_the_learner_is_or_measures_the_body(self) -> None:
        cards = [(f.name, f.formula) for f in FEATURES] + [(f.name, f.formula) for f in WITHDRAWAL_FEATURES]
        words = " ".join(f"{name} {formula}" for name, formula in cards).lower()
        for forbidden in ("gender", "age ", "disab", "region", "ethnic", "camera", "keystroke", "gaze"):
            assert forbidden not in words


class TestNullRules:
    def test_before_any_answer_only_counts_are_known(self) -> None:
        computed = seen(LearnerState.new(), None)
        known = {name for name, value in computed.items() if value is not None}
        assert known == {f.name for f in FEATURES if f.null_rule == NEVER_NULL}

    @pytest.mark.parametrize(("answers", "known"), [(2, False), (3, True)])
    def test_accuracy_needs_three_first_attempts(self, answers: int, known: bool) -> None:
        assert (seen(after("R" * answers))["accuracy_level"] is not None) == known

    @pytest.mark.parametrize(("answers", "known"), [(4, False), (5, True)])
    def test_the_trend_needs_five(self, answers: int, known: bool) -> None:
        assert (seen(after("R" * answers))["accuracy_trend"] is not None) == known

    def test_repeats_of_one_item_are_one_first_attempt(self) -> None:
        assert seen(after("R" * 9, repeat=True))["accuracy_level"] is None

    @pytest.mark.parametrize(("answers", "share"), [(4, None), (5, 1.0)])
    def test_rapid_guessing_needs_five_timed_answers(self, answers: int, share: float | None) -> None:
        assert seen(after("R" * answers, rapid=True))["rapid_guess_share"] == share
        assert seen(after("R" * answers))["rapid_guess_share"] is None

    def test_unknown_values_enter_a_model_as_their_neutral(self) -> None:
        row = vector(FEATURES, dict.fromkeys(FEATURE_NAMES))
        assert row == tuple(feature.neutral for feature in FEATURES)


class TestValues:
    def test_accuracy_weighs_the_newest_by_three_tenths(self) -> None:
        level = seen(after("RRRW"))["accuracy_level"]
        assert level == pytest.approx(0.7)

    def test_a_hint_halves_accuracy(self) -> None:
        assert seen(after("RRR", hints=1))["accuracy_level"] == pytest.approx(0.5)

    def test_getting_better_than_expected_is_a_rising_trend(self) -> None:
        rising = seen(after("WWWRRR"))["accuracy_trend"]
        falling = seen(after("RRRWWW"))["accuracy_trend"]
        assert rising is not None
        assert falling is not None
        assert falling < 0 < rising

    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=30))
    @settings(max_examples=50)
    def test_every_value_stays_in_its_range(self, answers: list[tuple[bool, int]]) -> None:
        state = LearnerState.new()
        for n, (right, hints) in enumerate(answers):
            attempt = Attempt(
                item=f"i{n % 7}", lesson="l", correct=right, credit=float(right), hints_used=hints, at=START
            )
            times = timing(
                response_ms=n * 997 % 60_000,
                hesitation_ms=n * 331 % 30_000,
                reading_ms=900,
                item_times=ItemTimes(),
                course_times=ItemTimes(),
                habit=state.averages.hesitation,
            )
            measured = Measured(
                skill="s",
                knowledge={"s": 0.5},
                expected=0.3,
                response_time_z=times.response_time_z,
                hesitation_ln=times.hesitation_ln,
                hesitation_z=times.hesitation_z,
                rapid=times.rapid,
            )
            state = advance(state, attempt, measured)
        for feature in FEATURES:
            value = values(FEATURES, Seen(state, "s", "i0" if answers else None))[feature.name]
            assert value is None or feature.low <= value <= feature.high


def measured_time(response_ms: int | None, hesitation_ms: int | None = None, habit: float | None = None):  # type: ignore[no-untyped-def]  # noqa: ANN201  # the type is timing's own
    return timing(
        response_ms=response_ms,
        hesitation_ms=hesitation_ms,
        reading_ms=1_000,
        item_times=ItemTimes(),
        course_times=ItemTimes(),
        habit=habit,
    )


class TestTimes:
    def test_an_unreported_time_is_unknown_and_not_zero(self) -> None:
        times = measured_time(None)
        assert (times.response_time_z, times.hesitation_z, times.rapid) == (None, None, None)

    def test_the_usual_time_is_z_zero(self) -> None:
        assert measured_time(20_000).response_time_z == pytest.approx(0.0, abs=1e-3)

    def test_beyond_ten_medians_more_time_says_no_more(self) -> None:
        assert measured_time(200_000).response_time_z == measured_time(20_000_000).response_time_z

    def test_faster_than_a_tenth_of_the_usual_is_rapid(self) -> None:
        threshold = rapid_threshold_ms(GENERAL_RESPONSE)
        assert 2_000 < threshold < 10_000
        assert measured_time(int(threshold) - 1).rapid is True
        assert measured_time(int(threshold) + 1).rapid is False

    @pytest.mark.parametrize(("usual_ms", "threshold"), [(1_000, 2_000), (10_000_000, 10_000)])
    def test_the_threshold_of_rapid_stays_between_two_and_ten_seconds(
        self, usual_ms: int, threshold: float
    ) -> None:
        assert rapid_threshold_ms(Norm(math.log(usual_ms), 0.5)) == threshold

    def test_reading_is_not_hesitating(self) -> None:
        assert measured_time(5_000, 900).hesitation_ln == measured_time(5_000, 0).hesitation_ln

    def test_a_learners_habit_is_taken_out(self) -> None:
        plain = measured_time(90_000, 60_000)
        assert plain.hesitation_z > 1
        assert measured_time(90_000, 60_000, habit=plain.hesitation_ln).hesitation_z == pytest.approx(0)

    def test_an_item_with_few_answers_is_pulled_towards_its_course(self) -> None:
        course = Moments()
        for _ in range(40):
            course = course.including(math.log(8_000)).including(math.log(12_000))
        item = Moments().including(math.log(100_000))
        pulled = norm(item, course, GENERAL_RESPONSE)
        assert math.log(10_000) * 0.95 < pulled.mean < math.log(100_000) * 0.9
        for _ in range(5_000):
            item = item.including(math.log(100_000))
        assert norm(item, course, GENERAL_RESPONSE).mean == pytest.approx(math.log(100_000), abs=0.02)

    @given(st.lists(st.floats(0, 17), min_size=1, max_size=50))
    def test_running_moments_are_the_moments(self, logs: list[float]) -> None:
        moments = Moments()
        for value in logs:
            moments = moments.including(value)
        mean = sum(logs) / len(logs)
        assert moments.count == len(logs)
        assert moments.mean == pytest.approx(mean, abs=1e-9)
        assert moments.squares == pytest.approx(sum((x - mean) ** 2 for x in logs), abs=1e-6)
