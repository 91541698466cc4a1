"""Where a move goes: the skill, then the item that practises it best now.

Of the items that practise the skill, the first by: not the one just answered; the skill is the one of the
item's skills known least, so that the answer counts for it; not of the same template; not seen lately; not
answered right before; chance of a right answer within 0.70-0.85; fewest attempts; and among equals, by a hash
seeded with the decision's id, so that learners are spread and a replay picks the same.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from learning.courses.plan import CoursePlan, PlannedItem
from learning.decisions import Condition, DecisionInputs, Evidence, Target, TextKind, TextRef
from learning.moves import Move
from learning.state import LearnerState
from learning.strategy.evidence import (
    SCORE_DIGITS,
    in_reach,
    missing_for,
    p_correct,
    to_come,
    unready,
    weakest,
)
from learning.strategy.judging import Judgement, simpler_text
from learning.strategy.rules import Rules

T = TypeVar("T")


def choose(inputs: DecisionInputs, plan: CoursePlan, rules: Rules, judgement: Judgement) -> Target:
    """The target of the judgement's move."""
    if judgement.completes:
        return Target(course_complete=True)
    evidence, state = judgement.evidence, judgement.measurement.state
    if Condition.OFFERED_BEFORE in judgement.rule.when and evidence.offered is not None:
        return _at(plan.item(evidence.offered))
    skill, pool = _pool(inputs, plan, rules, judgement)
    if judgement.rule.move is Move.TUTOR_PROMPT and evidence.misconception is None:
        reachable = in_reach(plan.hinted[skill], state, evidence.lesson)
        pool = tuple(p for p in reachable if p.lesson == evidence.lesson) or reachable
    current = None if inputs.attempt is None else plan.item(inputs.attempt.item)
    chosen = pick(pool, skill, current, state, plan, rules, inputs.decision_id)
    return _at(chosen, skill, _text(judgement, plan, current, chosen))


def _at(planned: PlannedItem, skill: str | None = None, text: TextRef | None = None) -> Target:
    named = skill if skill in planned.item.skills else planned.item.skills[0]
    return Target(lesson=planned.lesson, item=planned.id, skill=named, text=text)


def _text(
    judgement: Judgement, plan: CoursePlan, current: PlannedItem | None, chosen: PlannedItem
) -> TextRef | None:
    """What to show before ``chosen``; a hint is of the item that comes, not of the one that was solved."""
    match judgement.rule.move:
        case Move.SIMPLER_EXPLANATION if current is not None:
            return simpler_text(current, plan)
        case Move.TUTOR_PROMPT:
            if judgement.evidence.misconception is not None:
                return TextRef(kind=TextKind.MISCONCEPTION, id=judgement.evidence.misconception)
            return TextRef(kind=TextKind.HINT, id=chosen.id, tier=0)
        case _:
            return None


def _pool(
    inputs: DecisionInputs, plan: CoursePlan, rules: Rules, judgement: Judgement
) -> tuple[str, tuple[PlannedItem, ...]]:
    """The skill to practise and the items that may practise it."""
    evidence, state = judgement.evidence, judgement.measurement.state
    match judgement.rule.move:
        case Move.NEXT_LEVEL:
            assert evidence.next_lesson is not None
            return _of_lesson(plan, state, evidence.next_lesson, rules)
        case Move.REVIEW_DUE_ITEM:
            skill = evidence.due[0].skill
            return skill, _met(plan, state, evidence.lesson, skill)
        case Move.ASK_TEACHER:
            return _elsewhere(inputs, plan, rules, judgement)
        case Move.SIMPLER_EXPLANATION | Move.TUTOR_PROMPT:
            skill = evidence.skill
        case Move.PRACTISE_ON:
            locked_to = plan.practised[evidence.lesson] if inputs.gates.lesson_locked else ()
            skill = to_practise(evidence, state, locked_to)
    here = plan.by_both.get((evidence.lesson, skill), ())
    just_answered = None if inputs.attempt is None else inputs.attempt.item
    if any(p.id != just_answered for p in here):
        return skill, here
    if inputs.gates.lesson_locked:
        return skill, plan.by_lesson[evidence.lesson]
    return skill, _met(plan, state, evidence.lesson, skill)


def to_practise(evidence: Evidence, state: LearnerState, locked_to: tuple[str, ...]) -> str:
    """Stay with the skill in focus until it is ready, then the weakest of the lesson, then what is missing.

    ``locked_to``: skills that a locked lesson keeps to once all of it is ready; empty where none is locked.
    """
    if evidence.skill in evidence.unready:
        return evidence.skill
    if candidates := evidence.unready or locked_to:
        return min(candidates, key=lambda skill: state.skill(skill).p)
    return evidence.missing[0] if evidence.missing else evidence.skill


def _of_lesson(
    plan: CoursePlan, state: LearnerState, lesson: str, rules: Rules
) -> tuple[str, tuple[PlannedItem, ...]]:
    skills = unready(plan, state, lesson, rules) or plan.practised[lesson]
    for skill in skills:
        if here := plan.by_both.get((lesson, skill)):
            return skill, here
    return plan.by_lesson[lesson][0].item.skills[0], plan.by_lesson[lesson]


def _met(plan: CoursePlan, state: LearnerState, lesson: str, skill: str) -> tuple[PlannedItem, ...]:
    """Items on ``skill`` where the learner has been; where there are none, anywhere in the course."""
    return in_reach(plan.by_skill[skill], state, lesson) or plan.by_skill[skill]


def _elsewhere(
    inputs: DecisionInputs, plan: CoursePlan, rules: Rules, judgement: Judgement
) -> tuple[str, tuple[PlannedItem, ...]]:
    """Something other than the skill the learner is stuck on, while a person is told.

    Another skill of the lesson; else the first lesson to come that is open; else the skill known best, for a
    success; only where there is nothing else, the same skill. A locked lesson is not left.
    """
    evidence, state, lesson = judgement.evidence, judgement.measurement.state, judgement.evidence.lesson
    for skill in evidence.unready:
        builds_on = plan.skills[skill].prerequisites
        if skill != evidence.skill and evidence.skill not in builds_on and (lesson, skill) in plan.by_both:
            return skill, plan.by_both[lesson, skill]
    locked = inputs.gates.lesson_locked
    open_lessons = (n for n in to_come(plan, state, lesson) if not missing_for(plan, state, n, rules))
    if not locked and (another := next(open_lessons, None)) is not None:
        return _of_lesson(plan, state, another, rules)
    reachable = plan.practised[lesson] if locked else tuple(state.skills)
    known = [s for s in reachable if s != evidence.skill and plan.by_skill.get(s)]
    skill = max(known, key=lambda s: state.skill(s).p, default=evidence.skill)
    return skill, plan.by_both.get((lesson, skill)) or _met(plan, state, lesson, skill)


def pick(
    pool: Sequence[PlannedItem],
    skill: str,
    current: PlannedItem | None,
    state: LearnerState,
    plan: CoursePlan,
    rules: Rules,
    seed: UUID,
) -> PlannedItem:
    """The best item of ``pool`` (not empty)."""
    candidates = _sample(pool, rules.selection.most_candidates, seed)
    ranked = [(_rank(p, skill, current, state, plan, rules), p) for p in candidates]
    best = min(rank for rank, _ in ranked)
    return min((p for rank, p in ranked if rank == best), key=lambda p: _draw(seed, p.id))


def _sample(pool: Sequence[T], most: int, seed: UUID) -> Sequence[T]:
    """At most ``most`` of the pool, evenly spread from a seeded start: a course may have thousands."""
    if len(pool) <= most:
        return pool
    start = seed.int % len(pool)
    return [pool[(start + n * len(pool) // most) % len(pool)] for n in range(most)]


def _rank(
    planned: PlannedItem,
    skill: str,
    current: PlannedItem | None,
    state: LearnerState,
    plan: CoursePlan,
    rules: Rules,
) -> tuple[bool, bool, bool, bool, bool, float, int]:
    """Smaller is better; each part decides only among equals of the parts before it."""
    selection = rules.selection
    memory = state.items.get(planned.id)
    same = current is not None and current.id == planned.id
    same_template = (
        current is not None
        and planned.item.template is not None
        and planned.item.template == current.item.template
    )
    lately = memory is not None and state.answers - memory.last < selection.not_seen_for_answers
    chance = chance_of(planned, state, plan, rules)
    off = max(selection.p_correct_low - chance, chance - selection.p_correct_high, 0.0)
    return (
        same,
        weakest(state, planned.item.skills) != skill,
        same_template,
        lately,
        memory is not None and memory.right,
        round(off, SCORE_DIGITS),
        memory.attempts if memory is not None else 0,
    )


def chance_of(planned: PlannedItem, state: LearnerState, plan: CoursePlan, rules: Rules) -> float:
    """Probability 0-1 of a right unaided answer to the item now, rounded to 1e-4.

    Knowledge tracing's, for the skill known least, moved on the logit scale by the author's difficulty.
    """
    knowledge = rules.knowledge
    p = min(state.skill(skill).p for skill in planned.item.skills)
    by_skill = p_correct(
        p, knowledge.guess_of(planned.choices, imported=plan.course.imported), knowledge.slip
    )
    easier = rules.selection.difficulty_weight * (0.5 - planned.item.difficulty)
    return round(1 / (1 + (1 - by_skill) / by_skill * math.exp(-easier)), SCORE_DIGITS)


def _draw(seed: UUID, item: str) -> bytes:
    return hashlib.sha256(seed.bytes + item.encode()).digest()
