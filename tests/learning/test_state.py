"""What is remembered of a learner: round trip, bounds, what a withdrawal of consent leaves."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning.moves import Move
from learning.state import (
    MAX_ITEMS,
    MAX_MISCONCEPTIONS,
    MAX_RECENT,
    MAX_SKILLS,
    Attempt,
    LearnerState,
    Measured,
    StateUnreadable,
    advance,
    declined,
    forget_profile,
    moved,
    new_session,
)

VECTOR = Path(__file__).parent.parent / "vectors" / "learner-state-1.json"
START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)


def attempt(item: str = "i1", *, correct: bool = True, hints_used: int = 0, at: datetime = START) -> Attempt:
    return Attempt(
        item=item,
        lesson="l1",
        correct=correct,
        credit=1.0 if correct else 0.0,
        hints_used=hints_used,
        misconception=None if correct else "m1",
        at=at,
    )


def measured(skill: str = "s1", p: float = 0.5, **timing: float | bool) -> Measured:
    return Measured(skill=skill, knowledge={skill: p}, expected=0.4, **timing)


def grown() -> LearnerState:
    """A state in which every field has a value."""
    state = LearnerState.new()
    state = advance(
        state,
        attempt("i1"),
        measured("s1", 0.646, response_time_z=-0.25, hesitation_ln=0.5, hesitation_z=0.4, rapid=False),
    )
    state = advance(
        state, attempt("i2", correct=False, at=START + timedelta(seconds=40)), measured("s2", 0.15)
    )
    state = moved(
        state,
        Move.SIMPLER_EXPLANATION,
        lesson="l2",
        item="i3",
        skill="s2",
        passed="l1",
        at=START,
        profiled=True,
    )
    state = advance(state, attempt("i3", hints_used=1, at=START + timedelta(days=3)), measured("s1", 0.7))
    state = moved(
        state,
        Move.TUTOR_PROMPT,
        lesson="l2",
        item="i4",
        skill="s1",
        at=START + timedelta(days=3),
        profiled=True,
    )
    return declined(state)


STATES = st.lists(
    st.tuples(
        st.sampled_from(["i1", "i2", "i3"]),
        st.booleans(),
        st.integers(0, 2),
        st.floats(0.0001, 0.9999),
        st.integers(0, 10_000_000),
        st.one_of(st.none(), st.sampled_from(list(Move))),
    ),
    max_size=30,
)


def played(steps: list[tuple[str, bool, int, float, int, Move | None]]) -> LearnerState:
    state = LearnerState.new()
    now = START
    for item, correct, hints, p, gap_s, move in steps:
        now += timedelta(seconds=gap_s)
        state = advance(
            state, attempt(item, correct=correct, hints_used=hints, at=now), measured(f"s-{item}", p)
        )
        if move is not None:
            state = moved(state, move, lesson="l1", item="i1", skill=f"s-{item}", at=now, profiled=True)
    return state


class TestStoredBytes:
    @pytest.mark.parametrize(
        "stored",
        [
            b"",
            b"{}",
            b"null",
            b"\xff",
            b'{"format":"tutela.learner-state/2"}',
            b'{"format":"tutela.learner-state/1","surprise":1}',
            b'{"format":"tutela.learner-state/1","skills":{"s":{"p":1.0}}}',
            b'{"format":"tutela.learner-state/1","averages":{"accuracy":NaN}}',
        ],
    )
    def test_anything_else_is_refused_without_quoting_it(self, stored: bytes) -> None:
        with pytest.raises(StateUnreadable) as refusal:
            LearnerState.from_bytes(stored)
        assert refusal.value.detail == StateUnreadable.title
        assert refusal.value.__cause__ is None

    def test_the_golden_vector_is_read_and_written_to_the_byte(self) -> None:
        golden = VECTOR.read_bytes().strip()
        assert LearnerState.from_bytes(golden) == grown()
        assert grown().to_bytes() == golden

    def test_a_new_learner_is_only_a_format(self) -> None:
        assert json.loads(LearnerState.new().to_bytes()) == {"format": "tutela.learner-state/1"}

    @given(STATES)
    @settings(max_examples=50)
    def test_what_is_written_is_what_is_read(
        self, steps: list[tuple[str, bool, int, float, int, Move | None]]
    ) -> None:
        state = played(steps)
        again = LearnerState.from_bytes(state.to_bytes())
        assert again == state
        assert again.to_bytes() == state.to_bytes()


class TestBounds:
    def test_no_learner_makes_the_state_grow_without_end(self) -> None:
        state = LearnerState.new()
        for n in range(MAX_ITEMS + 50):
            wrong = attempt(f"item-{n}", correct=False).model_copy(update={"misconception": f"m-{n % 20}"})
            state = advance(state, wrong, measured(f"skill-{n % (MAX_SKILLS + 10)}"))
        assert len(state.items) == MAX_ITEMS
        assert len(state.skills) == MAX_SKILLS
        assert len(state.recent) == MAX_RECENT
        assert max(len(skill.misconceptions) for skill in state.skills.values()) <= MAX_MISCONCEPTIONS
        assert "item-0" not in state.items
        assert f"item-{MAX_ITEMS + 49}" in state.items
        assert state.answers == MAX_ITEMS + 50


class TestAdvance:
    def test_without_personalisation_only_progress_moves(self) -> None:
        state = advance(LearnerState.new(), attempt(), None)
        assert state.items["i1"].attempts == 1
        assert (state.answers, state.right, state.lesson) == (1, 1, "l1")
        assert forget_profile(state) == state

    def test_the_state_before_is_untouched(self) -> None:
        before = grown()
        stored = before.to_bytes()
        advance(before, attempt("i9", correct=False), measured("s1"))
        moved(before, Move.ASK_TEACHER, lesson="l1", item="i1", skill="s1", at=START, profiled=True)
        assert before.to_bytes() == stored

    def test_a_hint_ends_the_unaided_streak_but_is_not_wrong(self) -> None:
        state = advance(LearnerState.new(), attempt("i1"), measured())
        state = advance(state, attempt("i2", hints_used=1), measured())
        assert (state.skill("s1").unaided_streak, state.skill("s1").wrong_streak) == (0, 0)

    def test_three_right_in_a_row_end_being_stuck(self) -> None:
        state = LearnerState.new()
        for n in range(8):
            state = advance(state, attempt(f"i{n}", correct=n % 2 == 0), measured())
        assert state.skill("s1").stuck == 8
        for n in range(3):
            state = advance(state, attempt(f"j{n}"), measured())
        assert state.skill("s1").stuck == 0

    def test_only_first_attempts_at_an_item_move_accuracy(self) -> None:
        once = advance(LearnerState.new(), attempt("i1", correct=False), measured())
        twice = advance(once, attempt("i1"), measured())
        assert twice.averages.first_attempts == 1
        assert twice.averages.accuracy == once.averages.accuracy == 0.0

    def test_help_halves_credit_and_the_last_hint_takes_it(self) -> None:
        assert attempt().assisted_credit == 1.0
        assert attempt(hints_used=1).assisted_credit == 0.5
        assert attempt(hints_used=2).model_copy(update={"bottomed_out": True}).assisted_credit == 0.0

    def test_only_the_skill_in_focus_counts_the_opportunity(self) -> None:
        both = Measured(skill="s1", knowledge={"s1": 0.6, "s2": 0.7}, expected=0.4)
        state = advance(LearnerState.new(), attempt(), both)
        assert (state.skill("s1").opportunities, state.skill("s2").opportunities) == (1, 0)
        assert (state.skill("s1").p, state.skill("s2").p) == (0.6, 0.7)

    def test_a_right_answer_closes_the_simpler_explanation_of_its_skill_only(self) -> None:
        state = moved(
            LearnerState.new(),
            Move.SIMPLER_EXPLANATION,
            lesson="l1",
            item="i1",
            skill="s1",
            at=START,
            profiled=True,
        )
        assert advance(state, attempt(), measured("s2")).interventions.explained == "s1"
        assert advance(state, attempt(correct=False), measured("s1")).interventions.explained == "s1"
        assert advance(state, attempt(), measured("s1")).interventions.explained is None


class TestMoves:
    def test_telling_the_teacher_restarts_the_count_of_being_stuck(self) -> None:
        state = advance(LearnerState.new(), attempt(correct=False), measured())
        told = moved(state, Move.ASK_TEACHER, lesson="l1", item="i1", skill="s1", at=START, profiled=True)
        assert (state.skill("s1").stuck, told.skill("s1").stuck) == (1, 0)

    def test_an_unprofiled_move_leaves_no_memory_of_moves(self) -> None:
        state = moved(
            LearnerState.new(), Move.NEXT_LEVEL, lesson="l2", item="i1", skill=None, at=START, profiled=False
        )
        assert state.interventions == LearnerState.new().interventions
        assert state.lesson == "l2"

    def test_a_new_session_forgets_what_was_turned_down(self) -> None:
        assert grown().interventions.declined == 1
        assert new_session(grown()).interventions.declined == 0


class TestForgetting:
    def test_a_withdrawal_leaves_progress_and_nothing_of_the_profile(self) -> None:
        left = json.loads(forget_profile(grown()).to_bytes())
        assert set(left) == {"format", "answers", "right", "lesson", "passed", "offered", "items"}
