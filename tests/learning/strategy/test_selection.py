"""Which item is picked: each preference holds among equals of the ones before it."""

from __future__ import annotations

import itertools
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.courses.plan import CoursePlan, PlannedItem
from learning.models.runner import KnowledgeRow, Models
from learning.state import ItemMemory, LearnerState, SkillState
from learning.strategy.evidence import p_correct
from learning.strategy.rules import Rules
from learning.strategy.selection import _sample, chance_of, pick

SEED = UUID(int=7)


def known(p: float, **items: ItemMemory) -> LearnerState:
    skills = {f"s{n}": SkillState(p=p, opportunities=1) for n in range(3)}
    named = {name.replace("_", "-"): memory for name, memory in items.items()}
    return LearnerState.new().model_copy(update={"skills": skills, "items": named, "answers": 20})


class TestPick:
    def pool(self, plan: CoursePlan, *names: str) -> tuple[PlannedItem, ...]:
        return tuple(plan.items[name] for name in names)

    def test_the_item_just_answered_comes_last(self, plan: CoursePlan, rules: Rules) -> None:
        pool = self.pool(plan, "i0-0", "i0-1")
        chosen = pick(pool, "s0", plan.items["i0-0"], known(0.5), plan, rules, SEED)
        assert chosen.id == "i0-1"

    def test_the_only_item_there_is_comes_again(self, plan: CoursePlan, rules: Rules) -> None:
        pool = self.pool(plan, "i0-0")
        assert pick(pool, "s0", plan.items["i0-0"], known(0.5), plan, rules, SEED).id == "i0-0"

    def test_another_template_is_preferred(self, plan: CoursePlan, rules: Rules) -> None:
        pool = self.pool(plan, "i0-0", "i0-1", "i0-2")
        assert pick(pool, "s0", plan.items["i0-0"], known(0.5), plan, rules, SEED).id == "i0-2"

    def test_an_item_where_the_skill_is_in_focus_is_preferred(self, plan: CoursePlan, rules: Rules) -> None:
        state = known(0.9)
        state.skills["s1"] = SkillState(p=0.3)
        pool = self.pool(plan, "i0-4", "i1-5")
        assert pick(pool, "s0", None, state, plan, rules, SEED).id == "i0-4"

    def test_an_item_not_seen_lately_is_preferred(self, plan: CoursePlan, rules: Rules) -> None:
        state = known(0.5, i0_0=ItemMemory(1, right=False, last=18), i0_2=ItemMemory(1, right=False, last=2))
        pool = self.pool(plan, "i0-0", "i0-2")
        assert pick(pool, "s0", None, state, plan, rules, SEED).id == "i0-2"

    def test_an_item_not_solved_yet_is_preferred(self, plan: CoursePlan, rules: Rules) -> None:
        state = known(0.5, i0_0=ItemMemory(1, right=True, last=2), i0_2=ItemMemory(3, right=False, last=2))
        pool = self.pool(plan, "i0-0", "i0-2")
        assert pick(pool, "s0", None, state, plan, rules, SEED).id == "i0-2"

    def test_who_knows_more_gets_harder_items(self, plan: CoursePlan, rules: Rules) -> None:
        pool = self.pool(plan, "i0-0", "i0-2", "i0-4")
        weak = pick(pool, "s0", None, known(0.3), plan, rules, SEED)
        strong = pick(pool, "s0", None, known(0.99), plan, rules, SEED)
        assert weak.item.difficulty < strong.item.difficulty

    @given(st.integers(0, 2**128 - 1))
    def test_the_same_seed_picks_the_same_and_seeds_spread(
        self, plan: CoursePlan, rules: Rules, seed: int
    ) -> None:
        pool = tuple(p for p in plan.order if p.lesson == "l0")
        first, again = (pick(pool, "s0", None, known(0.5), plan, rules, UUID(int=seed)) for _ in range(2))
        assert first is again

    def test_of_thousands_of_items_a_few_spread_evenly_are_weighed(self, plan: CoursePlan) -> None:
        pool = range(10_007)
        weighed = _sample(pool, 64, SEED)  # positions stand for items
        assert len(set(weighed)) == 64
        gaps = {(b - a) % 10_007 for a, b in itertools.pairwise(weighed)}
        assert gaps <= {10_007 // 64, 10_007 // 64 + 1}


class TestChance:
    @pytest.mark.parametrize("p", [0.001, 0.3, 0.7, 0.999])
    def test_it_is_the_knowledge_models_own_at_middling_difficulty(
        self, plan: CoursePlan, rules: Rules, models: Models, p: float
    ) -> None:
        guess, slip = rules.knowledge.guess, rules.knowledge.slip
        (step,) = models.knowledge([KnowledgeRow(p, guess, slip, 0.1, 1.0)])
        assert p_correct(p, guess, slip) == pytest.approx(step.p_correct, abs=1e-4)
        middling = plan.items["i0-3"]
        assert middling.item.difficulty == 0.5
        assert chance_of(middling, known(p), plan, rules) == pytest.approx(step.p_correct, abs=1e-4)

    def test_harder_items_have_smaller_chances(self, plan: CoursePlan, rules: Rules) -> None:
        chances = [chance_of(plan.items[f"i0-{n}"], known(0.5), plan, rules) for n in (1, 3, 5)]
        assert chances == sorted(chances, reverse=True)
        assert all(0 < chance < 1 for chance in chances)
