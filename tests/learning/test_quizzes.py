"""Grading: what is refused, what is right, what a wrong answer shows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.courses.content import (
    ChoiceItem,
    ChoiceResponse,
    Item,
    MultipleItem,
    MultipleResponse,
    NumericItem,
    NumericResponse,
    Option,
    Response,
    TextItem,
    TextResponse,
    WrongAnswer,
)
from learning.courses.numbers import NumberUnreadable, read_number
from learning.quizzes import ALMOST, NOT_RIGHT, RIGHT, Grade, ResponseUnfit, grade

COMMON: dict[str, Any] = {"id": "i1", "stem": "What?", "skills": ("s1",), "solution": "So."}


def choice() -> ChoiceItem:
    return ChoiceItem(
        **COMMON,
        options=(
            Option(id="a", text="A", correct=True, feedback="Yes, a half."),
            Option(id="b", text="B", feedback="That is a third.", misconception="m1"),
            Option(id="c", text="C"),
        ),
    )


def multiple() -> MultipleItem:
    return MultipleItem(
        **COMMON,
        options=(
            Option(id="a", text="A", correct=True),
            Option(id="b", text="B", correct=True),
            Option(id="c", text="C", feedback="Not c."),
            Option(id="d", text="D", feedback="Not d.", misconception="m2"),
        ),
    )


def numeric(**more: Any) -> NumericItem:
    fields = {
        "answer": "3/4",
        "wrong": (WrongAnswer(value="4/3", feedback="Upside down.", misconception="m3"),),
        **more,
    }
    return NumericItem(**COMMON, **fields)


def length(**more: Any) -> NumericItem:
    units = {"m": "1", "cm": "1/100", "km": "1000"}
    return NumericItem(**COMMON, answer="1.5", units=units, **more)


def text() -> TextItem:
    return TextItem(
        **COMMON,
        accepted=("Numerator",),
        wrong=(WrongAnswer(value="denominator", feedback="That is below the line.", misconception="m4"),),
    )


RESPONSES: tuple[Response, ...] = (
    ChoiceResponse(option="a"),
    MultipleResponse(options=("a",)),
    NumericResponse(value="1"),
    TextResponse(text="numerator"),
)


def refused(item: Item, response: Response) -> str:
    """The field that the refusal names."""
    with pytest.raises(ResponseUnfit) as refusal:
        grade(item, response)
    assert refusal.value.status == 422
    (fault,) = refusal.value.faults
    return fault.field


def right(feedback: str) -> Grade:
    return Grade(correct=True, credit=1.0, feedback=feedback)


def wrong(credit: float, feedback: str, misconception: str | None = None) -> Grade:
    return Grade(correct=False, credit=credit, feedback=feedback, misconception=misconception)


class TestRefusals:
    @pytest.mark.parametrize("item", [choice(), multiple(), numeric(), text()], ids=lambda item: item.kind)
    def test_a_response_of_another_kind_is_refused(self, item: Item) -> None:
        for response in RESPONSES:
            if response.kind != item.kind:
                assert refused(item, response) == "response.kind"

    def test_an_unknown_option_is_refused(self) -> None:
        assert refused(choice(), ChoiceResponse(option="z")) == "response.option"
        assert refused(multiple(), MultipleResponse(options=("a", "z"))) == "response.options"

    def test_an_option_named_twice_is_refused(self) -> None:
        assert refused(multiple(), MultipleResponse(options=("a", "a"))) == "response.options"

    def test_no_option_at_all_is_refused(self) -> None:
        assert refused(multiple(), MultipleResponse(options=())) == "response.options"

    @pytest.mark.parametrize(
        "value", ["", " ", "x", "1/0", "1,500", "1e5", "3 cm", "1/2/3", "--1", "3²", "½½"]
    )
    def test_an_unreadable_number_is_refused(self, value: str) -> None:
        assert refused(numeric(), NumericResponse(value=value)) == "response.value"

    def test_the_refusal_does_not_repeat_what_the_learner_wrote(self) -> None:
        with pytest.raises(ResponseUnfit) as refusal:
            grade(numeric(), NumericResponse(value="7,531"))
        assert "7" not in refusal.value.detail.replace("0.75", "")
        assert refusal.value.__cause__ is None

    def test_a_missing_an_unknown_and_a_superfluous_unit_are_refused(self) -> None:
        assert refused(length(), NumericResponse(value="1.5")) == "response.unit"
        assert refused(length(), NumericResponse(value="1.5", unit="kg")) == "response.unit"
        assert refused(length(), NumericResponse(value="1.5", unit="M")) == "response.unit"
        assert refused(numeric(), NumericResponse(value="3/4", unit="m")) == "response.unit"

    @pytest.mark.parametrize("written", ["", "  ", "\u00a0\u2003"])
    def test_an_empty_text_is_refused(self, written: str) -> None:
        assert refused(text(), TextResponse(text=written)) == "response.text"


class TestChoice:
    def test_the_right_option_is_right(self) -> None:
        assert grade(choice(), ChoiceResponse(option="a")) == right("Yes, a half.")

    def test_a_wrong_option_carries_its_feedback_and_misconception(self) -> None:
        assert grade(choice(), ChoiceResponse(option="b")) == wrong(0.0, "That is a third.", "m1")

    def test_a_wrong_option_without_feedback_still_says_something(self) -> None:
        assert grade(choice(), ChoiceResponse(option="c")) == wrong(0.0, NOT_RIGHT)


class TestMultiple:
    def test_all_right_options_in_any_order_are_right(self) -> None:
        assert grade(multiple(), MultipleResponse(options=("b", "a"))) == right(RIGHT)

    def test_half_of_the_right_options_is_half_the_credit(self) -> None:
        assert grade(multiple(), MultipleResponse(options=("a",))) == wrong(0.5, ALMOST)

    def test_a_wrong_pick_costs_a_right_one(self) -> None:
        assert grade(multiple(), MultipleResponse(options=("a", "b", "c"))) == wrong(0.5, "Not c.")

    def test_the_wrong_pick_that_reveals_a_misconception_speaks(self) -> None:
        picked = grade(multiple(), MultipleResponse(options=("c", "d")))
        assert picked == wrong(0.0, "Not d.", "m2")

    @given(st.sets(st.sampled_from("abcd"), min_size=1))
    def test_credit_is_a_share_and_full_only_when_right(self, picked: set[str]) -> None:
        result = grade(multiple(), MultipleResponse(options=tuple(picked)))
        assert 0.0 <= result.credit <= 1.0
        assert result.correct == (picked == {"a", "b"}) == (result.credit == 1.0)


class TestNumeric:
    @pytest.mark.parametrize("value", ["3/4", "0.75", "0,75", "6/8", ".75", "¾", " 3 / 4 ", "+3/4"])
    def test_every_way_to_write_the_number_is_right(self, value: str) -> None:
        assert grade(numeric(), NumericResponse(value=value)).correct

    def test_a_foreseen_wrong_answer_is_recognised_in_any_writing(self) -> None:
        assert grade(numeric(), NumericResponse(value="1 1/3")) == wrong(0.0, "Upside down.", "m3")

    def test_the_edge_of_the_tolerance_is_inside(self) -> None:
        item = numeric(answer="0.3", tolerance="0.1", wrong=())
        assert grade(item, NumericResponse(value="0.4")).correct
        assert not grade(item, NumericResponse(value="0.40001")).correct

    def test_a_unit_is_converted_exactly(self) -> None:
        assert grade(length(), NumericResponse(value="150", unit="cm")).correct
        assert grade(length(), NumericResponse(value="0.0015", unit=" km ")).correct
        assert not grade(length(), NumericResponse(value="1.5", unit="cm")).correct

    def test_a_unit_typed_with_a_compatibility_character_is_the_same_unit(self) -> None:
        item = NumericItem(**COMMON, answer="2", units={"cm²": "1"})
        assert grade(item, NumericResponse(value="2", unit="cm2")).correct

    @given(
        answer=st.fractions(min_value=-1000, max_value=1000, max_denominator=1000),
        off=st.fractions(min_value=-2, max_value=2, max_denominator=1000),
        tolerance=st.fractions(min_value=0, max_value=1, max_denominator=1000),
    )
    def test_right_means_within_the_tolerance_and_nothing_else(
        self, answer: Fraction, off: Fraction, tolerance: Fraction
    ) -> None:
        item = numeric(answer=str(answer), tolerance=str(tolerance), wrong=())
        assert grade(item, NumericResponse(value=str(answer + off))).correct == (abs(off) <= tolerance)

    @given(st.text(max_size=64))
    def test_any_text_is_graded_or_refused_and_nothing_else(self, value: str) -> None:
        response = NumericResponse(value=value)
        try:
            readable = read_number(value) is not None
        except NumberUnreadable:
            readable = False
        if readable:
            assert grade(numeric(), response).credit in (0.0, 1.0)
        else:
            assert refused(numeric(), response) == "response.value"


class TestText:
    @pytest.mark.parametrize("written", ["numerator", "  NUMERATOR ", "\uff4eumerator", "Numerator\n"])
    def test_case_width_and_spacing_do_not_matter(self, written: str) -> None:
        assert grade(text(), TextResponse(text=written)).correct

    def test_spelling_matters(self) -> None:
        assert grade(text(), TextResponse(text="numerater")) == wrong(0.0, NOT_RIGHT)

    def test_a_foreseen_wrong_answer_is_recognised(self) -> None:
        assert grade(text(), TextResponse(text="Denominator")).misconception == "m4"
