from __future__ import annotations

import contextlib
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.courses.numbers import MAX_LENGTH, NumberUnreadable, read_number


class TestRefused:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            "-",
            ".",
            "three",
            "1e3",
            "nan",
            "inf",
            "0x10",
            "1_000",
            "1.2.3",
            "1 000",
            "--1",
            "1 -1/2",
            "1/2/3",
            "1.5/2",
            "3/-4",
            "1/",
            "/2",
            "3²",
            "½/2",
            "½½",
            "1,2,3",
            "4 apples",
            "50%",
        ],
    )
    def test_what_is_no_number_is_refused(self, text: str) -> None:
        with pytest.raises(NumberUnreadable):
            read_number(text)

    @pytest.mark.parametrize("text", ["3/0", "1 3/0", "0/0", "-1/0"])
    def test_a_bottom_number_of_zero_is_refused_in_words(self, text: str) -> None:
        with pytest.raises(NumberUnreadable, match="cannot be 0"):
            read_number(text)

    @pytest.mark.parametrize("text", ["1,500", "-12,000", "1,000,000"])
    def test_a_comma_that_two_readers_read_differently_is_refused(self, text: str) -> None:
        with pytest.raises(NumberUnreadable, match="two ways"):
            read_number(text)

    def test_a_text_too_long_is_refused_before_it_is_read(self) -> None:
        with pytest.raises(NumberUnreadable, match="at most"):
            read_number("1" * (MAX_LENGTH + 1))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.75", Fraction(3, 4)),
        ("0,75", Fraction(3, 4)),
        ("0,750", Fraction(3, 4)),
        (".5", Fraction(1, 2)),
        ("5.", Fraction(5)),
        ("3/4", Fraction(3, 4)),
        ("3 / 4", Fraction(3, 4)),
        ("¾", Fraction(3, 4)),
        ("3\u20444", Fraction(3, 4)),
        ("1 3/4", Fraction(7, 4)),
        ("1¾", Fraction(7, 4)),
        ("1 ¾", Fraction(7, 4)),
        ("-1 3/4", Fraction(-7, 4)),
        ("\u22121/2", Fraction(-1, 2)),
        ("- 2", Fraction(-2)),
        ("+2", Fraction(2)),
        ("  12 ", Fraction(12)),
        ("007", Fraction(7)),
        ("0/5", Fraction(0)),
        ("6/8", Fraction(3, 4)),
        ("\uff13\uff0f\uff14", Fraction(3, 4)),
        ("٣/٤", Fraction(3, 4)),
        ("१२", Fraction(12)),
    ],
)
def test_each_way_to_write_a_number_is_read(text: str, value: Fraction) -> None:
    assert read_number(text) == value


@given(st.fractions(max_denominator=10**6), st.sampled_from(["/", " / ", "\u2044"]))
def test_every_fraction_is_read_back(value: Fraction, slash: str) -> None:
    assert read_number(f"{value.numerator}{slash}{value.denominator}") == value


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4))
def test_every_decimal_is_read_exactly(value: Decimal) -> None:
    assert read_number(f"{value:f}") == Fraction(value)


@given(st.integers(0, 10**6), st.integers(0, 999), st.integers(1, 999))
def test_every_mixed_number_is_its_whole_plus_its_part(whole: int, top: int, bottom: int) -> None:
    assert read_number(f"{whole} {top}/{bottom}") == whole + Fraction(top, bottom)


@given(st.text(max_size=80))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    with contextlib.suppress(NumberUnreadable):
        assert isinstance(read_number(text), Fraction)
