"""The decision: what it refuses, where it leads, that it can be replayed, and that its reasons are true."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning.adaptation import CourseDiffers, Replay, compare, decide, replay
from learning.courses.plan import CoursePlan, NotInCourse
from learning.decisions import (
    ChangeKind,
    Decided,
    Decision,
    DecisionInputs,
    Gates,
    GradedAttempt,
    Standing,
    TextKind,
)
from learning.models.runner import Models
from learning.moves import Move
from learning.state import LearnerState, forget_profile
from learning.strategy.counterfactual import apply
from learning.strategy.rules import Rules

START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
ROOT = Path(__file__).parent.parent.parent


class Unused:
    """Models that must not be run."""

    digests: dict[Any, str] = {}  # noqa: RUF012  # stands in for a mapping

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"{name} was run without consent")


class Learner:
    """Somebody who answers whatever is offered."""

    def __init__(
        self,
        plan: CoursePlan,
        rules: Rules,
        models: Models,
        *,
        personalised: bool = True,
        gates: Gates | None = None,
        seed: int = 1,
    ) -> None:
        self.plan, self.rules, self.models = plan, rules, models
        self.personalised, self.gates = personalised, gates or Gates()
        self.random = random.Random(seed)
        self.now = START
        self.state = LearnerState.new()
        self.inputs: DecisionInputs
        self.decision: Decision
        self.decide(None)

    def decide(self, attempt: GradedAttempt | None) -> Decision:
        self.inputs = DecisionInputs(
            decision_id=UUID(int=self.random.getrandbits(128)),
            decided_at=self.now,
            course_digest=self.plan.digest,
            personalised=self.personalised,
            gates=self.gates,
            state=self.state,
            attempt=attempt,
        )
        decided = decide(self.inputs, self.plan, self.rules, self.models)
        self.decision, self.state = decided.decision, decided.state
        return decided.decision

    def answer(self, *, right: bool, item: str | None = None, wait_s: int = 30, **more: Any) -> Decision:
        self.now += timedelta(seconds=wait_s)
        item = item or self.decision.target.item
        assert item is not None
        attempt = GradedAttempt(item=item, correct=right, credit=1.0 if right else 0.0, **more)
        return self.decide(attempt)

    def resume(self, wait: timedelta) -> Decision:
        self.now += wait
        return self.decide(None)


@pytest.fixture
def learner(plan: CoursePlan, rules: Rules, models: Models) -> Learner:
    return Learner(plan, rules, models)


class TestRefusals:
    def test_inputs_of_another_course_version_are_refused(
        self, learner: Learner, rules: Rules, models: Models
    ) -> None:
        other = CoursePlan.of(learner.plan.course, "f" * 64)
        with pytest.raises(CourseDiffers):
            decide(learner.inputs, other, rules, models)

    @pytest.mark.parametrize("personalised", [True, False])
    def test_an_item_that_the_course_does_not_have_is_refused(
        self, learner: Learner, personalised: bool
    ) -> None:
        learner.personalised = personalised
        with pytest.raises(NotInCourse):
            learner.answer(right=True, item="nowhere")


class TestWithoutConsent:
    def test_no_model_is_run_and_no_feature_computed(self, plan: CoursePlan, rules: Rules) -> None:
        learner = Learner(plan, rules, Unused(), personalised=False)  # type: ignore[arg-type]  # must not be run
        decision = learner.answer(right=False, response_ms=900, hesitation_ms=100)
        assert decision.strategy == "course-order"
        assert (decision.features, decision.evidence, decision.counterfactual) == ({}, None, None)
        assert decision.scores.knowledge == {}
        assert decision.provenance.models == {}
        assert forget_profile(learner.state) == learner.state
        assert "switched off" in decision.sentence

    def test_every_item_comes_once_in_the_courses_order_then_the_course_is_complete(
        self, plan: CoursePlan, rules: Rules, models: Models
    ) -> None:
        learner = Learner(plan, rules, models, personalised=False)
        offered = []
        while not learner.decision.target.course_complete:
            offered.append(learner.decision.target.item)
            learner.answer(right=len(offered) % 3 == 0)
        assert offered == [planned.id for planned in plan.order]
        assert learner.state.passed == ("l0", "l1", "l2")
        assert learner.decision.target.item is None
        assert learner.resume(timedelta(days=9)).target.course_complete

    def test_a_session_resumes_at_the_item_left_open(
        self, plan: CoursePlan, rules: Rules, models: Models
    ) -> None:
        learner = Learner(plan, rules, models, personalised=False)
        left_open = learner.answer(right=True).target.item
        assert learner.resume(timedelta(days=2)).target.item == left_open

    def test_what_was_passed_over_comes_at_the_end(
        self, plan: CoursePlan, rules: Rules, models: Models
    ) -> None:
        learner = Learner(plan, rules, models, personalised=False)
        learner.answer(right=True, item="i2-4")
        assert learner.decision.target.item == "i2-5"
        assert learner.answer(right=True).target.item == "i0-0"

    def test_a_test_goes_in_the_courses_order_whatever_the_consent(
        self, plan: CoursePlan, rules: Rules
    ) -> None:
        learner = Learner(plan, rules, Unused(), gates=Gates(assessment=True))  # type: ignore[arg-type]  # must not be run
        decision = learner.answer(right=False)
        assert decision.target.item == "i0-1"
        assert "test" in decision.sentence

    def test_after_a_withdrawal_the_course_goes_on_from_where_the_learner_is(self, learner: Learner) -> None:
        while learner.decision.move is not Move.NEXT_LEVEL:
            learner.answer(right=True)
        learner.personalised = False
        learner.state = forget_profile(learner.state)
        decision = learner.answer(right=False)
        assert decision.strategy == "course-order"
        assert decision.target.lesson == "l1"


class TestMoves:
    def test_right_answers_lead_to_the_next_level_and_to_the_end(self, learner: Learner) -> None:
        moves = []
        for _ in range(30):
            if learner.decision.target.course_complete:
                break
            moves.append(learner.answer(right=True).move)
        assert set(moves) == {Move.PRACTISE_ON, Move.NEXT_LEVEL}
        assert moves.count(Move.NEXT_LEVEL) == 3
        assert learner.decision.target.course_complete
        assert learner.decision.sentence.startswith("You got the last")
        assert "finished the course" in learner.decision.sentence

    def test_a_hint_counts_less_than_an_answer_without_help(
        self, plan: CoursePlan, rules: Rules, models: Models
    ) -> None:
        alone, helped = Learner(plan, rules, models), Learner(plan, rules, models)
        for _ in range(2):
            alone.answer(right=True)
            helped.answer(right=True, hints_used=1)
        assert alone.decision.move is Move.NEXT_LEVEL
        assert helped.decision.move is Move.PRACTISE_ON
        assert "with a hint" in helped.decision.sentence

    def test_two_wrong_in_a_row_bring_the_simpler_explanation_once(self, learner: Learner) -> None:
        learner.answer(right=False)
        decision = learner.answer(right=False)
        assert (decision.move, decision.rule) == (Move.SIMPLER_EXPLANATION, "wrong-in-a-row")
        assert decision.target.text is not None
        assert decision.target.text.kind is TextKind.LESSON_SIMPLER
        assert decision.target.item is not None
        following = [learner.answer(right=False).move for _ in range(3)]
        assert Move.SIMPLER_EXPLANATION not in following

    def test_wrong_after_the_simpler_explanation_brings_a_prompt(self, learner: Learner) -> None:
        for _ in range(2):
            learner.answer(right=False)
        decision = learner.answer(right=False)
        assert (decision.move, decision.rule) == (Move.TUTOR_PROMPT, "wrong-after-explanation")
        text = decision.target.text
        assert text is not None
        assert (text.kind, text.id, text.tier) == (TextKind.HINT, decision.target.item, 0)

    def test_the_same_misconception_twice_brings_its_explanation(self, learner: Learner) -> None:
        learner.answer(right=False, misconception="upside-down")
        decision = learner.answer(right=False, misconception="upside-down")
        assert (decision.move, decision.rule) == (Move.TUTOR_PROMPT, "same-misconception")
        assert decision.target.text is not None
        assert decision.target.text.kind is TextKind.MISCONCEPTION
        assert "“Top and bottom swapped”" in decision.sentence
        assert "twice" in decision.sentence

    def test_prompts_keep_five_minutes_apart(self, learner: Learner) -> None:
        for _ in range(2):
            learner.answer(right=False, misconception="upside-down")
        soon = learner.answer(right=False, misconception="upside-down", wait_s=100)
        later = learner.answer(right=False, misconception="upside-down", wait_s=300)
        assert soon.move is not Move.TUTOR_PROMPT
        assert later.move is Move.TUTOR_PROMPT

    def test_ten_tries_without_three_right_in_a_row_tell_the_teacher_once(self, learner: Learner) -> None:
        moves = [learner.answer(right=n % 3 == 0).move for n in range(15)]
        assert moves.count(Move.ASK_TEACHER) == 1
        assert moves.index(Move.ASK_TEACHER) >= 9
        assert learner.decision.target.item is not None

    def test_who_is_stuck_goes_on_elsewhere_and_comes_back_later(self, learner: Learner) -> None:
        while learner.decision.target.lesson != "l1":
            learner.answer(right=True)
        # Nothing ahead is open without this lesson's skill, so what is known best gives a success meanwhile.
        while learner.decision.move is not Move.ASK_TEACHER:
            learner.answer(right=False)
        assert learner.decision.target.skill == "s0"
        assert "something else" in learner.decision.sentence
        assert learner.state.lesson == "l1"
        assert learner.answer(right=True).target.skill == "s1"

    def test_a_prerequisite_that_was_lost_comes_before_the_lesson_that_needs_it(
        self, learner: Learner
    ) -> None:
        learner.state = learner.state.model_copy(update={"passed": ("l1",)})  # and yet s1 is not known
        learner.answer(right=True)
        decision = learner.answer(right=True)
        assert (decision.move, decision.target.lesson) == (Move.PRACTISE_ON, "l1")
        assert decision.target.skill == "s1"
        assert decision.evidence is not None
        assert decision.evidence.missing == ("s1",)
        learner.answer(right=True)
        assert learner.answer(right=True).target.lesson == "l2"

    def test_rapid_wrong_answers_bring_a_word_and_nothing_easier(self, learner: Learner) -> None:
        for _ in range(3):
            decision = learner.answer(right=False, response_ms=700)
        assert (decision.move, decision.rule) == (Move.PRACTISE_ON, "rapid-guessing")
        assert "take your time" in decision.sentence

    def test_a_skill_that_fades_comes_back_when_the_learner_returns(self, learner: Learner) -> None:
        while learner.decision.target.lesson != "l1":
            learner.answer(right=True)
        for _ in range(2):
            learner.answer(right=True, item="i0-2")
        decision = learner.resume(timedelta(days=60))
        assert (decision.move, decision.rule) == (Move.REVIEW_DUE_ITEM, "begin-with-review")
        assert decision.target.skill == "s0"
        assert learner.state.lesson == "l1"
        assert learner.answer(right=True).target.lesson == "l1"

    def test_a_session_resumes_at_the_item_left_open(self, learner: Learner) -> None:
        left_open = learner.answer(right=True).target.item
        decision = learner.resume(timedelta(minutes=20))
        assert (decision.rule, decision.target.item) == ("resume", left_open)

    def test_an_item_left_open_that_a_new_version_dropped_is_not_offered(self, learner: Learner) -> None:
        learner.state = learner.state.model_copy(update={"offered": "dropped", "lesson": "dropped"})
        decision = learner.resume(timedelta(minutes=1))
        assert decision.target.item in learner.plan.items

    def test_neither_item_nor_template_comes_twice_in_a_row(self, learner: Learner) -> None:
        for n in range(25):
            before = learner.decision.target.item
            assert before is not None
            after = learner.answer(right=n % 3 == 0).target.item
            if after is None:
                break
            items = learner.plan.items
            assert before != after
            assert items[before].item.template != items[after].item.template


class TestGates:
    def test_a_locked_lesson_is_not_left(self, plan: CoursePlan, rules: Rules, models: Models) -> None:
        learner = Learner(plan, rules, models, gates=Gates(lesson_locked=True))
        for n in range(30):
            decision = learner.answer(right=n % 4 != 3)
            assert decision.target.lesson == "l0"
            assert decision.move not in {Move.NEXT_LEVEL, Move.REVIEW_DUE_ITEM}
        closed = {a.move: a for a in decision.alternatives}[Move.NEXT_LEVEL]
        assert closed.standing is Standing.CLOSED
        assert "lesson_locked" in closed.why

    def test_no_prompt_comes_where_the_tutor_is_off(
        self, plan: CoursePlan, rules: Rules, models: Models
    ) -> None:
        learner = Learner(plan, rules, models, gates=Gates(tutor_off=True))
        moves = {learner.answer(right=False, misconception="upside-down", wait_s=400).move for _ in range(12)}
        assert Move.TUTOR_PROMPT not in moves

    def test_who_turned_two_offers_down_is_left_in_peace(self, learner: Learner) -> None:
        interventions = learner.state.interventions.model_copy(update={"declined": 2})
        learner.state = learner.state.model_copy(update={"interventions": interventions})
        for _ in range(8):
            assert learner.answer(right=False, wait_s=400).move is Move.PRACTISE_ON

    def test_every_other_move_says_why_it_was_not_made(self, learner: Learner) -> None:
        decision = learner.answer(right=True)
        assert {a.move for a in decision.alternatives} == set(Move) - {decision.move}
        assert all(alternative.why for alternative in decision.alternatives)


def walks() -> st.SearchStrategy[list[dict[str, Any]]]:
    """What a learner may do, step by step."""
    steps = st.fixed_dictionaries(
        {
            "right": st.booleans(),
            "hints_used": st.sampled_from([0, 0, 0, 1, 2]),
            "misconception": st.sampled_from([None, "upside-down"]),
            "response_ms": st.sampled_from([None, 800, 20_000, 300_000]),
            "hesitation_ms": st.sampled_from([None, 200, 60_000, 290_000]),
            "wait_s": st.sampled_from([20, 400, 86_400 * 5]),
            "item": st.sampled_from([None, None, None, None, "i0-1", "i1-5", "i2-2"]),
        }
    )
    # Runs of right answers are what leads anywhere; fair coins hardly ever make them.
    runs = st.tuples(steps, st.integers(1, 5)).map(lambda run: [run[0]] * run[1])
    return st.lists(runs, min_size=1, max_size=12).map(lambda found: [step for run in found for step in run])


def walk(learner: Learner, steps: list[dict[str, Any]]) -> Iterator[Decision]:
    for step in steps:
        if learner.decision.target.item is None and step["item"] is None:
            yield learner.resume(timedelta(seconds=step["wait_s"]))
            continue
        more = dict(step)
        if more["right"]:
            more["misconception"] = None
        yield learner.answer(**more)


GATES = st.builds(Gates, lesson_locked=st.booleans(), tutor_off=st.booleans())


class TestReasonsAreTrue:
    @given(steps=walks(), gates=GATES, seed=st.integers(0, 99))
    @settings(max_examples=120, deadline=None)
    def test_changing_the_evidence_as_said_changes_the_move_as_said(
        self,
        plan: CoursePlan,
        rules: Rules,
        models: Models,
        steps: list[dict[str, Any]],
        gates: Gates,
        seed: int,
    ) -> None:
        learner = Learner(plan, rules, models, gates=gates, seed=seed)
        for decision in walk(learner, steps):
            said = decision.counterfactual
            if said is None:
                assert learner.inputs.attempt is None, "every decision after an answer has one"
                continue
            changed = apply(said.changes, learner.inputs, rules, models)
            assert changed != learner.inputs
            other = decide(changed, plan, rules, models).decision
            assert other.move is said.move is not decision.move
            assert other.rule == said.rule
            assert other.target.course_complete == said.course_complete

    @given(steps=walks(), gates=GATES, seed=st.integers(0, 99))
    @settings(max_examples=60, deadline=None)
    def test_there_is_always_something_to_do_until_the_course_is_complete(
        self,
        plan: CoursePlan,
        rules: Rules,
        models: Models,
        steps: list[dict[str, Any]],
        gates: Gates,
        seed: int,
    ) -> None:
        learner = Learner(plan, rules, models, gates=gates, seed=seed)
        for decision in walk(learner, steps):
            target = decision.target
            assert (target.item is None) == target.course_complete
            if target.item is not None:
                assert plan.items[target.item].lesson == target.lesson
                assert target.skill in plan.items[target.item].item.skills
            assert learner.state.offered == target.item
            assert decision.sentence.endswith(".")
            assert "{" not in decision.sentence

    @given(steps=walks(), seed=st.integers(0, 99), consents_late=st.booleans())
    @settings(max_examples=40, deadline=None)
    def test_whoever_answers_right_from_now_on_finishes_the_course(
        self,
        plan: CoursePlan,
        rules: Rules,
        models: Models,
        steps: list[dict[str, Any]],
        seed: int,
        consents_late: bool,
    ) -> None:
        learner = Learner(plan, rules, models, seed=seed, personalised=not consents_late)
        for _ in walk(learner, steps):
            pass
        learner.personalised = True
        learner.resume(timedelta(hours=1))
        for _ in range(100):
            if learner.decision.target.course_complete:
                return
            learner.answer(right=True)
        pytest.fail("a hundred right answers did not finish a course of three skills")

    @given(steps=walks(), seed=st.integers(0, 99))
    @settings(max_examples=30, deadline=None)
    def test_a_recorded_decision_replays_to_the_bit_and_state_survives_its_bytes(
        self, plan: CoursePlan, rules: Rules, models: Models, steps: list[dict[str, Any]], seed: int
    ) -> None:
        learner = Learner(plan, rules, models, seed=seed)
        for decision in walk(learner, steps):
            stored_inputs = learner.inputs.model_dump_json(exclude_defaults=True)
            stored = decision.model_dump_json(exclude_defaults=True)
            inputs = DecisionInputs.model_validate_json(stored_inputs)
            recorded = Decision.model_validate_json(stored)
            assert inputs == learner.inputs
            assert recorded == decision
            outcome, again = replay(inputs, recorded, plan, rules, models)
            assert outcome is Replay.IDENTICAL
            assert again == decision
            assert LearnerState.from_bytes(learner.state.to_bytes()) == learner.state


class TestReplay:
    def test_a_fresh_process_decides_the_same_to_the_byte(self, learner: Learner) -> None:
        for n in range(8):
            learner.answer(right=n % 3 > 0, response_ms=9_000 + n, hesitation_ms=4_000)
        script = (
            "import sys\n"
            "sys.path[:0] = ['.', 'tests/learning']\n"
            "from conftest import small_course\n"
            "from learning.adaptation import Rules, decide\n"
            "from learning.courses.plan import CoursePlan\n"
            "from learning.decisions import DecisionInputs\n"
            "from learning.models.runner import Models\n"
            "inputs = DecisionInputs.model_validate_json(sys.stdin.read())\n"
            "plan = CoursePlan.of(small_course(), inputs.course_digest)\n"
            "print(decide(inputs, plan, Rules.load(), Models.load()).decision.model_dump_json())\n"
        )
        fresh = subprocess.run(
            [sys.executable, "-c", script],
            input=learner.inputs.model_dump_json(),
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=True,
        )
        assert fresh.stdout.strip() == learner.decision.model_dump_json()

    def test_other_rules_or_models_make_a_replay_unavailable(
        self, learner: Learner, plan: CoursePlan, rules: Rules, models: Models
    ) -> None:
        decision = learner.answer(right=True)
        changed = rules.model_copy(update={"digest": "0" * 64})
        assert replay(learner.inputs, decision, plan, changed, models) == (Replay.UNAVAILABLE, None)

    def test_other_score_bits_are_equivalent_and_another_move_differs(self, learner: Learner) -> None:
        decision = learner.answer(right=True)
        bits = decision.model_copy(update={"scores": decision.scores.model_copy(update={"risk": 0.1234})})
        move = decision.model_copy(update={"move": Move.ASK_TEACHER})
        assert compare(decision, decision) is Replay.IDENTICAL
        assert compare(decision, bits) is Replay.EQUIVALENT
        assert compare(decision, move) is Replay.DIFFERS

    def test_a_tampered_input_is_found_out(
        self, learner: Learner, plan: CoursePlan, rules: Rules, models: Models
    ) -> None:
        learner.answer(right=True)
        decision = learner.answer(right=True)
        assert decision.move is Move.NEXT_LEVEL
        assert learner.inputs.attempt is not None
        wrong = learner.inputs.attempt.model_copy(update={"correct": False, "credit": 0.0})
        tampered = learner.inputs.model_copy(update={"attempt": wrong})
        assert replay(tampered, decision, plan, rules, models)[0] is Replay.DIFFERS

    def test_the_decision_names_all_it_was_made_with(
        self, learner: Learner, rules: Rules, models: Models
    ) -> None:
        provenance = learner.answer(right=True).provenance
        assert provenance.rules == rules.digest
        assert set(provenance.models) == {"knowledge", "session_risk", "withdrawal_risk"}
        assert json.loads(learner.decision.model_dump_json())["propensity"] == 1.0


class TestSentence:
    def test_it_names_the_evidence_and_what_would_have_changed_the_move(self, learner: Learner) -> None:
        learner.answer(right=True)
        learner.answer(right=False)
        decision = learner.answer(right=True)
        assert decision.sentence == (
            "You got 2 of the last 3 on “Skill 0” right, so we practise on; one more right in a row without "
            "help would have moved you to the next level."
        )
        assert decision.counterfactual is not None
        (change,) = decision.counterfactual.changes
        assert (change.kind, change.skill, change.count) == (ChangeKind.MORE_RIGHT, "s0", 1)


def test_decided_carries_decision_and_state(learner: Learner) -> None:
    decided = decide(learner.inputs, learner.plan, learner.rules, learner.models)
    assert isinstance(decided, Decided)
    assert decided.state == learner.state
