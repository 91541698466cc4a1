"""Which move the rules choose, and why not another.

1. Evidence is gathered (``learning.strategy.evidence``).
2. Gates close moves, whatever the evidence says.
3. The first rule whose conditions all hold and whose move is open decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from learning.courses.plan import CoursePlan, PlannedItem
from learning.decisions import (
    Alternative,
    Condition,
    DecisionInputs,
    Evidence,
    Gate,
    Standing,
    TextKind,
    TextRef,
)
from learning.models.runner import Models
from learning.moves import INTERVENTIONS, Move
from learning.state import LearnerState
from learning.strategy.evidence import Measurement, gather, in_reach, measure
from learning.strategy.rules import Rule, Rules, Thresholds

HOLDS: Final[dict[Condition, Callable[[Evidence, Thresholds], bool]]] = {
    Condition.RIGHT: lambda e, _: e.correct is True,
    Condition.WRONG: lambda e, _: e.correct is False,
    Condition.STUCK: lambda e, t: e.stuck >= t.stuck_opportunities,
    Condition.RAPID: lambda e, t: e.last_rapid and e.rapid >= t.rapid_at_least,
    Condition.MISCONCEPTION_REPEATED: lambda e, t: e.misconception_times >= t.misconception_times,
    Condition.WRONG_AFTER_EXPLANATION: lambda e, _: e.explained and e.correct is False,
    Condition.HESITANT: lambda e, t: e.hesitant >= t.hesitant_at_least,
    Condition.WRONG_IN_A_ROW: lambda e, t: e.wrong_streak >= t.wrong_in_a_row,
    Condition.STRUGGLING: lambda e, t: (
        e.opportunities >= t.struggling_opportunities and e.p_correct_next < t.struggling_p_correct
    ),
    Condition.RISK_HIGH: lambda e, t: e.risk is not None and e.risk >= t.risk_high,
    Condition.REVIEW_DUE: lambda e, _: bool(e.due),
    Condition.LESSON_READY: lambda e, _: not e.unready,
    Condition.LEVEL_OPEN: lambda e, _: e.next_lesson is not None or e.finished,
    Condition.OFFERED_BEFORE: lambda e, _: e.offered is not None,
}
"""What each condition means."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The move chosen, and everything it rests on."""

    measurement: Measurement
    evidence: Evidence
    rule: Rule
    closed: dict[Move, tuple[Gate, ...]]

    @property
    def completes(self) -> bool:
        """The move leaves the last lesson."""
        return self.rule.move is Move.NEXT_LEVEL and self.evidence.finished


def judge(inputs: DecisionInputs, plan: CoursePlan, rules: Rules, models: Models) -> Judgement:
    """Apply the rules to the inputs."""
    made = measure(inputs, plan, rules, models)
    evidence = gather(inputs, plan, rules, made)
    closed = closures(inputs, plan, rules, made.state, evidence)
    for rule in listed(inputs, rules):
        if rule.move not in closed and not unmet(rule, evidence, rules):
            return Judgement(made, evidence, rule, closed)
    raise AssertionError("the last rule always applies: Rules.parse refuses any other list")


def listed(inputs: DecisionInputs, rules: Rules) -> tuple[Rule, ...]:
    """The rules for this occasion: after an answer, or when a session begins."""
    return rules.opening if inputs.attempt is None else rules.rules


def unmet(rule: Rule, evidence: Evidence, rules: Rules) -> tuple[Condition, ...]:
    """Conditions of ``rule`` that do not hold."""
    return tuple(c for c in rule.when if not HOLDS[c](evidence, rules.thresholds))


def closures(
    inputs: DecisionInputs, plan: CoursePlan, rules: Rules, state: LearnerState, evidence: Evidence
) -> dict[Move, tuple[Gate, ...]]:
    """Moves that may not be made now, with every reason. Practising on is never closed."""
    found: dict[Move, list[Gate]] = {move: [] for move in Move}
    if inputs.gates.lesson_locked:
        found[Move.NEXT_LEVEL].append(Gate.LESSON_LOCKED)
        found[Move.REVIEW_DUE_ITEM].append(Gate.LESSON_LOCKED)
    if inputs.gates.tutor_off:
        found[Move.TUTOR_PROMPT].append(Gate.TUTOR_OFF)
    if inputs.attempt is not None and state.interventions.last_move is Move.REVIEW_DUE_ITEM:
        found[Move.REVIEW_DUE_ITEM].append(Gate.JUST_REVIEWED)
    for move in INTERVENTIONS:
        found[move] += _interrupts(move, state, inputs.decided_at, rules)
        if not has_text(move, inputs, plan, state, evidence):
            found[move].append(Gate.NO_TEXT)
    if state.interventions.explained == evidence.skill:
        found[Move.SIMPLER_EXPLANATION].append(Gate.JUST_EXPLAINED)
    return {move: tuple(gates) for move, gates in found.items() if gates}


def _interrupts(move: Move, state: LearnerState, now: datetime, rules: Rules) -> list[Gate]:
    """Why practice may not be interrupted now."""
    memory, limits = state.interventions, rules.limits
    since, prompted = memory.answers_since, memory.tutor_prompted_at
    too_soon = since is not None and since < limits.answers_between_interventions
    if move is Move.TUTOR_PROMPT and prompted is not None:
        too_soon = too_soon or now - prompted < timedelta(seconds=limits.tutor_prompt_every_s)
    quiet = memory.declined >= limits.declined_until_quiet
    return [gate for gate, holds in ((Gate.TOO_SOON, too_soon), (Gate.QUIET, quiet)) if holds]


def has_text(
    move: Move, inputs: DecisionInputs, plan: CoursePlan, state: LearnerState, evidence: Evidence
) -> bool:
    """Whether the course has something to show for ``move`` after this answer."""
    if inputs.attempt is None:
        return False
    if move is Move.SIMPLER_EXPLANATION:
        return simpler_text(plan.item(inputs.attempt.item), plan) is not None
    if evidence.misconception is not None:
        return True
    return bool(in_reach(plan.hinted[evidence.skill], state, evidence.lesson))


def simpler_text(planned: PlannedItem, plan: CoursePlan) -> TextRef | None:
    """The simpler explanation of an item, else of its lesson."""
    if planned.item.simpler.strip():
        return TextRef(kind=TextKind.ITEM_SIMPLER, id=planned.id)
    if plan.lessons[planned.lesson].simpler.strip():
        return TextRef(kind=TextKind.LESSON_SIMPLER, id=planned.lesson)
    return None


def alternatives(inputs: DecisionInputs, rules: Rules, judgement: Judgement) -> tuple[Alternative, ...]:
    """Why each other move was not chosen, by the rule for it that came closest."""
    found = []
    for move in Move:
        if move is judgement.rule.move:
            continue
        if gates := judgement.closed.get(move):
            found.append(Alternative(move=move, standing=Standing.CLOSED, why=gates))
            continue
        lacks = [unmet(r, judgement.evidence, rules) for r in listed(inputs, rules) if r.move is move]
        if any(not lack for lack in lacks):
            why: tuple[str, ...] = (judgement.rule.id,)
            found.append(Alternative(move=move, standing=Standing.OUTRANKED, why=why))
        else:
            why = min(lacks, key=len, default=())
            found.append(Alternative(move=move, standing=Standing.NOT_CALLED_FOR, why=why))
    return tuple(found)
