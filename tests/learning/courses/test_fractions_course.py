"""The course that ships: it imports, it keeps its promises, and its arithmetic is checked by other means."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations

import pytest

from learning.courses.content import (
    ChoiceItem,
    ChoiceResponse,
    Item,
    MultipleItem,
    MultipleResponse,
    NumericItem,
    NumericResponse,
    Option,
    TextItem,
    TextResponse,
    WrongAnswer,
)
from learning.courses.numbers import read_number
from learning.courses.package import read_package
from learning.quizzes import Grade, grade
from tests.learning.courses.packages import ROOT

PACKAGE = read_package(ROOT / "courses" / "fractions")
COURSE = PACKAGE.course
ITEMS = {item.id: item for item in COURSE.items}
each_item = pytest.mark.parametrize("item", COURSE.items, ids=lambda item: item.id)


def answer(item: NumericItem, value: str) -> Grade:
    return grade(item, NumericResponse(value=value, unit=next(iter(item.units), "")))


def wrong_answers(item: Item) -> Iterator[tuple[Option | WrongAnswer, Grade]]:
    """Each foreseen wrong answer of an item with the grade that it gets."""
    match item:
        case ChoiceItem():
            wrong = [option for option in item.options if not option.correct]
            yield from ((option, grade(item, ChoiceResponse(option=option.id))) for option in wrong)
        case MultipleItem():
            wrong = [option for option in item.options if not option.correct]
            yield from ((option, grade(item, MultipleResponse(options=(option.id,)))) for option in wrong)
        case NumericItem():
            yield from ((foreseen, answer(item, foreseen.value)) for foreseen in item.wrong)
        case TextItem():
            yield from ((foreseen, grade(item, TextResponse(text=foreseen.value))) for foreseen in item.wrong)


class TestPromises:
    def test_it_is_large_enough(self) -> None:
        assert len(COURSE.lessons) >= 6
        assert len(COURSE.skills) >= 8
        assert sum(bool(skill.prerequisites) for skill in COURSE.skills) >= 8
        assert len(COURSE.items) >= 40
        assert len(COURSE.media) >= 2
        assert 2 <= len(COURSE.assignments) <= 3
        assert {item.kind for item in COURSE.items} == {"choice", "multiple", "numeric", "text"}
        assert COURSE.licence == "CC-BY-4.0"

    def test_no_more_than_three_items_share_a_template(self) -> None:
        templates = Counter(item.template for item in COURSE.items if item.template)
        assert max(templates.values()) <= 3

    def test_questions_that_differ_in_their_numbers_only_name_their_template(self) -> None:
        bare: dict[str, list[Item]] = {}
        for item in COURSE.items:
            bare.setdefault(re.sub(r"[\d/ ]+", " ", item.stem), []).append(item)
        for alike in bare.values():
            assert len({item.template or item.id for item in alike}) == 1

    def test_every_skill_is_practised_often_enough_to_be_mastered(self) -> None:
        practised = Counter(skill for item in COURSE.items for skill in item.skills)
        assert all(practised[skill.id] >= 5 for skill in COURSE.skills)

    def test_every_misconception_is_revealed_by_some_answer(self) -> None:
        revealed = {
            shown.misconception
            for item in COURSE.items
            for shown in (item.options if isinstance(item, ChoiceItem | MultipleItem) else item.wrong)
        }
        assert {known.id for known in COURSE.misconceptions} <= revealed

    def test_the_right_option_is_not_to_be_found_by_its_place(self) -> None:
        places = Counter(
            place
            for item in COURSE.items
            if isinstance(item, ChoiceItem)
            for place, option in enumerate(item.options)
            if option.correct
        )
        assert max(places.values()) <= sum(places.values()) * 0.45
        assert min(places.values()) >= 4

    def test_recordings_are_small_and_spoken_word_for_word_as_captioned(self) -> None:
        assert sum(len(recording.content) for recording in PACKAGE.recordings) < 300_000
        for medium in COURSE.media:
            captions = [line for line in medium.captions.split("\n")[1:] if line and "-->" not in line]
            transcript = [line for line in medium.transcript.split("\n") if line and line[0] != "*"]
            assert captions == transcript


@each_item
class TestItem:
    def test_the_right_answer_is_graded_right(self, item: Item) -> None:
        match item:
            case ChoiceItem():
                right = [option.id for option in item.options if option.correct]
                assert [grade(item, ChoiceResponse(option=name)).correct for name in right] == [True]
            case MultipleItem():
                right = [option.id for option in item.options if option.correct]
                assert grade(item, MultipleResponse(options=tuple(right))).correct
            case NumericItem():
                assert answer(item, item.answer).correct
            case TextItem():
                assert all(grade(item, TextResponse(text=text)).correct for text in item.accepted)

    def test_every_wrong_answer_is_graded_wrong_with_its_own_feedback(self, item: Item) -> None:
        for foreseen, graded in wrong_answers(item):
            assert not graded.correct
            assert (graded.feedback, graded.misconception) == (foreseen.feedback, foreseen.misconception)
            assert graded.misconception

    def test_only_all_the_right_options_are_right(self, item: Item) -> None:
        if isinstance(item, MultipleItem):
            right = {option.id for option in item.options if option.correct}
            for size in range(1, len(item.options) + 1):
                for picked in combinations([option.id for option in item.options], size):
                    assert grade(item, MultipleResponse(options=picked)).correct == (set(picked) == right)

    def test_it_helps_in_steps(self, item: Item) -> None:
        assert 2 <= len(item.hints) <= 3
        assert item.solution
        assert item.simpler

    def test_the_simpler_question_is_in_shorter_sentences_than_a_hard_text(self, item: Item) -> None:
        assert words_in_a_sentence(item.simpler) <= 12

    def test_a_solution_says_the_answer(self, item: Item) -> None:
        if isinstance(item, NumericItem):
            said = {read_number(found) for found in re.findall(r"\d+ \d+/\d+|\d+/\d+|\d+", item.solution)}
            named = {Fraction(1, 2)} if re.search(r"\bhalf\b", item.solution) else set()
            named |= {Fraction(3, 2)} if "one and a half" in item.solution else set()
            assert read_number(item.answer) in said | named


class TestLessons:
    def test_simpler_words_are_simpler(self) -> None:
        for lesson in COURSE.lessons:
            prose = re.sub(
                r"```.*?```|^\|.*?$|^#.*?$|^\d\. |^- ", "", lesson.body, flags=re.DOTALL | re.MULTILINE
            )
            assert words_in_a_sentence(lesson.simpler) < words_in_a_sentence(prose)
            assert len(lesson.simpler.split()) < len(prose.split())


def words_in_a_sentence(text: str) -> float:
    sentences = [part for part in re.split(r"[.?!:]\s|[.?!]$|\n\n", text) if part.strip()]
    return sum(len(part.split()) for part in sentences) / len(sentences)


def number(text: str) -> Fraction:
    """Sums, differences and products of fractions and mixed numbers, worked out from left to right."""
    first, *rest = re.split(r" ([+x-]) ", text)
    value = read_number(first)
    for sign, other in zip(rest[::2], rest[1::2], strict=True):
        right = read_number(other)
        value = {"+": value + right, "-": value - right, "x": value * right}[sign]
    return value


F = Fraction
EXPECTED: dict[str, Fraction | int] = {
    "ribbon-in-six": F(24) / 6,
    "tenths-in-a-whole": 1 / F(1, 10),
    "cake-left": 1 - F(5, 12),
    "third-jump": 3 * F(1, 5),
    "jumps-to-one": (1 - F(5, 8)) / F(1, 8),
    "thirds-to-two": 2 / F(1, 3),
    "slices-on-the-counter": (3 + F(5, 8)) / F(1, 8),
    "simplest-form": F(18, 24).denominator,
    "compare-in-twelfths": max(F(2, 3), F(3, 4)) * 12,
    "jug-of-juice": F(9, 10) - F(4, 10),
    "thirds-in-two-and-a-third": (2 + F(1, 3)) / F(1, 3),
    "quarters-left-over": 11 - 2 / F(1, 4),
    "past-the-whole": (F(5, 6) + F(3, 6) - 1) / F(1, 6),
    "missing-tenths": (F(9, 10) - F(3, 10)) / F(1, 10),
    "two-fifths-from-one": 1 - F(2, 5),
    "sum-in-twelfths": (F(2, 3) + F(1, 4)) * 12,
    "difference-in-twelfths": (F(5, 6) - F(1, 4)) * 12,
    "carry-a-whole": (1 + F(1, 2) + F(2, 3) - 2) * 6,
    "five-times-two-thirds": 5 * F(2, 3),
    "rope-left": F(3, 4) - F(2, 5),
    "juice-for-four": 4 * F(3, 8),
    "three-quarters-of-twenty": 20 * F(3, 4),
    "pages-of-the-book": 14 / F(1, 5),
    "part-of-an-hour": 60 * F(2, 5),
    "rest-of-the-book": 1 - F(1, 4) - F(1, 3),
    "who-cycles": 30 * (1 - F(2, 5) - F(1, 3)),
    "end-of-the-trail": 2 + F(1, 2) - F(3, 4) - (1 + F(1, 8)),
}
"""Answers of story problems, worked out here from the story."""


class TestArithmetic:
    """No answer is trusted: each numeric one is worked out again from its question."""

    @pytest.mark.parametrize(
        "item", [item for item in COURSE.items if isinstance(item, NumericItem)], ids=lambda item: item.id
    )
    def test_the_answer_is_what_the_question_comes_to(self, item: NumericItem) -> None:
        if plain := re.fullmatch(r"What is (.*)\?", item.stem):
            assert number(plain[1]) == read_number(item.answer)
        elif equation := re.match(r"(.*) = (.*)\. Which number belongs", item.stem):
            left, right = (side.replace("?", item.answer) for side in equation.groups())
            assert number(left) == number(right)
        else:
            assert read_number(item.answer) == EXPECTED[item.id]

    @pytest.mark.parametrize(
        ("item", "target"),
        [
            ("smaller-than-a-quarter", lambda value: value < F(1, 4)),
            ("right-of-one", lambda value: value > 1),
            ("equal-to-a-half", lambda value: value == F(1, 2)),
            ("more-than-half", lambda value: value > F(1, 2)),
            ("ways-to-write-two-and-a-half", lambda value: value == F(5, 2)),
            ("makes-two-sevenths", lambda value: value == F(2, 7)),
            ("differences-of-a-half", lambda value: value == F(1, 2)),
            ("makes-twelve", lambda value: value == 12),
            ("more-than-one", lambda value: value > 1),
            ("open-a-whole", lambda value: value == 3 + F(1, 4) - F(3, 4)),
            ("half-from-two-and-a-third", lambda value: value == 2 + F(1, 3) - F(1, 2)),
            ("three-times-as-a-sum", lambda value: value == 3 * F(2, 5)),
            ("near-a-half", lambda value: value == max(F(5, 12), F(4, 9), F(1, 3), F(1, 2))),
            ("blue-boxes", lambda value: value == F(3, 8)),
            ("striped-flag", lambda value: value == F(2, 4)),
            ("close-to-what", lambda value: abs(value - F(8, 9) - F(14, 15)) < F(1, 2)),
            ("smallest-common-denominator", lambda value: value == 12),
        ],
    )
    def test_the_right_options_are_those_that_fit(self, item: str, target: object) -> None:
        chosen = ITEMS[item]
        assert isinstance(chosen, ChoiceItem | MultipleItem)
        assert callable(target)
        for option in chosen.options:
            assert bool(target(number(option.text.replace(" of ", " x ")))) == option.correct, option.text

    def test_solutions_and_hints_state_no_false_equation(self) -> None:
        """Every "a = b = c" of numbers in solutions, hints, feedback and lessons is true."""
        texts = [lesson.body for lesson in COURSE.lessons] + [lesson.simpler for lesson in COURSE.lessons]
        texts += [text for item in COURSE.items for text in (item.solution, *item.hints)]
        side = r"\d(?:[\d/ ]*\d)?(?: [+x-] \d(?:[\d/ ]*\d)?)*"
        checked = 0
        for text in texts:
            for found in re.finditer(rf"(?<![\d+x-] )(?<![\w/(.]){side}(?: = {side})+(?![\w(/])", text):
                values = [number(part.strip()) for part in found[0].split(" = ")]
                checked += 1
                assert len(set(values)) == 1, found[0]
        assert checked > 40
