"""Grading one response to one item. Pure: the item and the response in, the grade out.

Numbers are compared exactly (``fractions.Fraction``): a tolerance of 0.1 accepts 0.4 for 0.3, which binary
floating point would not. Refuses (``ResponseUnfit``) what cannot be read as an answer to this item at all; a
wrong answer is not a refusal, and never costs a learner more than the credit of this one item.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, assert_never

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
from learning.courses.texts import fold_text
from runtime.errors import FieldFault, Invalid

RIGHT: Final = "Right."
NOT_RIGHT: Final = "Not right yet."
ALMOST: Final = "What you picked is right, but something is missing."
UNREADABLE: Final = (
    "Write a number such as 0.75, 3/4 or 1 3/4, without a unit and without commas between thousands."
)


class ResponseUnfit(Invalid):
    """The response cannot be read as an answer to this item; the field at fault is named."""

    slug = "response-unfit"
    title = "This is not an answer to this item"


@dataclass(frozen=True, slots=True)
class Grade:
    """What an answer is worth and what it shows.

    ``credit`` is a share 0-1 and is 1 exactly when ``correct``. ``misconception`` is the id of the way of
    thinking that a foreseen wrong answer points to.
    """

    correct: bool
    credit: float
    feedback: str
    misconception: str | None = None


def grade(item: Item, response: Response) -> Grade:
    """Grade ``response``.

    Raises:
        ResponseUnfit: the response is of another kind than the item, names an option twice or one the item
            does not have, or holds a number or unit that cannot be read.
    """
    match item:
        case ChoiceItem():
            if isinstance(response, ChoiceResponse):
                return _grade_choice(item, response)
        case MultipleItem():
            if isinstance(response, MultipleResponse):
                return _grade_multiple(item, response)
        case NumericItem():
            if isinstance(response, NumericResponse):
                return _grade_numeric(item, response)
        case TextItem():
            if isinstance(response, TextResponse):
                return _grade_text(item, response)
        case _:
            assert_never(item)
    raise _unfit("response.kind", f"This item takes a response of kind {item.kind}.")


def _grade_choice(item: ChoiceItem, response: ChoiceResponse) -> Grade:
    for option in item.options:
        if option.id == response.option:
            return _right(option.feedback) if option.correct else _wrong(option)
    raise _unfit("response.option", "The item has no such option.")


def _grade_multiple(item: MultipleItem, response: MultipleResponse) -> Grade:
    """All right options and no other. Partial credit: right picks less wrong picks, over all right ones."""
    picked = set(response.options)
    if not picked:
        raise _unfit("response.options", "Pick at least one option.")
    if len(picked) != len(response.options):
        raise _unfit("response.options", "An option is named twice.")
    if not picked <= {option.id for option in item.options}:
        raise _unfit("response.options", "The item has no such option.")
    right = {option.id for option in item.options if option.correct}
    if picked == right:
        return _right()
    credit = max(0.0, (len(picked & right) - len(picked - right)) / len(right)) if right else 0.0
    wrong_picks = [option for option in item.options if option.id in picked and not option.correct]
    if wrong_picks:
        return _wrong(_most_telling(wrong_picks), credit)
    return Grade(correct=False, credit=credit, feedback=ALMOST)


def _most_telling(wrong: list[Option]) -> Option:
    """The first wrong pick, in the author's order, that reveals a misconception; else the first."""
    return next((option for option in wrong if option.misconception), wrong[0])


def _grade_numeric(item: NumericItem, response: NumericResponse) -> Grade:
    given = _readable(response.value) * _unit_factor(item, response.unit)
    tolerance = read_number(item.tolerance)
    if abs(given - read_number(item.answer)) <= tolerance:
        return _right()
    for wrong in item.wrong:
        if abs(given - read_number(wrong.value)) <= tolerance:
            return _wrong(wrong)
    return Grade(correct=False, credit=0.0, feedback=NOT_RIGHT)


def _readable(value: str) -> Fraction:
    try:
        return read_number(value)
    except NumberUnreadable:
        # Its own words may quote what the learner wrote; problems and logs must not.
        raise _unfit("response.value", UNREADABLE) from None


def _unit_factor(item: NumericItem, given: str) -> Fraction:
    unit = _plain_unit(given)
    if not item.units:
        if unit:
            raise _unfit("response.unit", "This item takes no unit.")
        return Fraction(1)
    known = ", ".join(item.units)
    if not unit:
        raise _unfit("response.unit", f"Give a unit: {known}.")
    for name, factor in item.units.items():
        if _plain_unit(name) == unit:
            return read_number(factor)
    raise _unfit("response.unit", f"This unit is not known here. Known are: {known}.")


def _plain_unit(unit: str) -> str:
    """Compatibility forms folded (``cm²`` is ``cm2``); case kept, because mW is not MW."""
    return unicodedata.normalize("NFKC", unit).strip()


def _grade_text(item: TextItem, response: TextResponse) -> Grade:
    given = fold_text(response.text)
    if not given:
        raise _unfit("response.text", "Write an answer.")
    if any(given == fold_text(accepted) for accepted in item.accepted):
        return _right()
    for wrong in item.wrong:
        if given == fold_text(wrong.value):
            return _wrong(wrong)
    return Grade(correct=False, credit=0.0, feedback=NOT_RIGHT)


def _right(feedback: str = "") -> Grade:
    return Grade(correct=True, credit=1.0, feedback=feedback or RIGHT)


def _wrong(foreseen: Option | WrongAnswer, credit: float = 0.0) -> Grade:
    return Grade(
        correct=False,
        credit=credit,
        feedback=foreseen.feedback or NOT_RIGHT,
        misconception=foreseen.misconception,
    )


def _unfit(field: str, message: str) -> ResponseUnfit:
    return ResponseUnfit(message, faults=(FieldFault(field, message),))
