from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.courses.texts import fold_text


@pytest.mark.parametrize(("one", "other"), [("half", "halve"), ("a b", "ab"), ("cafe", "café"), ("", "a")])
def test_different_words_stay_different(one: str, other: str) -> None:
    assert fold_text(one) != fold_text(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("One  Half", "one half"),
        (" one half\n", "ONE HALF"),
        ("Stra\u00dfe", "STRASSE"),
        ("cafe\u0301", "caf\u00e9"),
        ("\uff48\uff41\uff4c\uff46", "half"),
        ("one\u00a0half", "one half"),
    ],
)
def test_width_case_and_spacing_do_not_matter(one: str, other: str) -> None:
    assert fold_text(one) == fold_text(other)


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold_text(fold_text(text)) == fold_text(text)


@given(st.text())
def test_upper_case_never_matters(text: str) -> None:
    assert fold_text(text.upper()) == fold_text(text.upper().lower())
