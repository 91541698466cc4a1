"""What would have changed the move: the smallest difference of evidence that the rules themselves answer to.

Nothing is claimed that was not tried: each candidate difference is applied to the inputs and judged by the
same rules and models, and the first that leads to another move is what the learner is told.

Source: Wachter, Mittelstadt, Russell 2018, "Counterfactual explanations without opening the black box";
GDPR Art. 13(2)(f), recital 71.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from learning.courses.plan import CoursePlan
from learning.decisions import (
    Change,
    ChangeKind,
    Condition,
    Counterfactual,
    DecisionInputs,
    Evidence,
    Gates,
)
from learning.models.runner import KnowledgeRow, Models
from learning.moves import Move
from learning.state import IN_A_ROW, Attempt, Interventions, LearnerState, Measured, advance
from learning.strategy.evidence import KNOWLEDGE_DIGITS
from learning.strategy.judging import Judgement, judge
from learning.strategy.rules import Rules

MOST_RIGHT: Final = 6
"""Right answers in a row beyond which a difference no longer explains anything."""
SUPPOSED: Final = "~supposed"
"""Item id of answers that were not given; no author can use it."""

Changes = tuple[Change, ...]


def what_would_change(
    inputs: DecisionInputs, plan: CoursePlan, rules: Rules, models: Models, judgement: Judgement
) -> Counterfactual | None:
    """The first difference that flips the move; None where a session begins and none explains it."""

    def flipped(changes: Changes) -> Judgement | None:
        other = judge(apply(changes, inputs, rules, models), plan, rules, models)
        return other if other.rule.move is not judgement.rule.move else None

    named = tuple(_named(judgement))
    for changes in _candidates(inputs, judgement, named):
        if (other := flipped(changes)) is not None:
            kept = len(named) if changes[: len(named)] == named else 0
            least, other = _least(changes, kept, other, flipped)
            return Counterfactual(
                changes=least, move=other.rule.move, rule=other.rule.id, course_complete=other.completes
            )
    return None


def _least(
    changes: Changes, kept: int, other: Judgement, flipped: Callable[[Changes], Judgement | None]
) -> tuple[Changes, Judgement]:
    """``changes`` without what is not needed: each left out or counted down while the same move results.

    The first ``kept`` stay: they are what the rule itself speaks of.
    """
    if len(changes) == 1:
        return changes, other  # counts of a single change were tried from 1 upwards
    for place in range(len(changes) - 1, kept - 1, -1):
        for fewer in _fewer(changes, place):
            still = flipped(fewer) if fewer else None
            if still is not None and still.rule.move is other.rule.move:
                changes, other = fewer, still
                break
    return changes, other


def _fewer(changes: Changes, place: int) -> Iterator[Changes]:
    """``changes`` with the one at ``place`` left out, then with smaller counts of it."""
    before, change, after = changes[:place], changes[place], changes[place + 1 :]
    yield (*before, *after)
    for count in range(1, change.count):
        yield (*before, change.model_copy(update={"count": count}), *after)


def apply(changes: Changes, inputs: DecisionInputs, rules: Rules, models: Models) -> DecisionInputs:
    """The inputs as they would be, had ``changes`` been so."""
    for change in changes:
        inputs = _applied(change, inputs, rules, models)
    return inputs


_ANSWER: Final[dict[ChangeKind, dict[str, object]]] = {
    ChangeKind.ANSWER_RIGHT: {"correct": True, "credit": 1.0, "hints_used": 0, "misconception": None},
    ChangeKind.ANSWER_WRONG: {"correct": False, "credit": 0.0, "misconception": None},
    ChangeKind.ANSWER_UNAIDED: {"hints_used": 0},
    ChangeKind.NOT_RAPID: {"response_ms": None},
    ChangeKind.NOT_HESITANT: {"hesitation_ms": None},
}
"""What a change makes of the answer itself. An unreported time is neither rapid nor hesitant."""


def _applied(change: Change, inputs: DecisionInputs, rules: Rules, models: Models) -> DecisionInputs:
    update: dict[str, object] = {"state": _state_with(change, inputs, rules, models)}
    if inputs.attempt is not None and change.kind in _ANSWER:
        update["attempt"] = inputs.attempt.model_copy(update=_ANSWER[change.kind])
    if change.kind is ChangeKind.UNLOCKED:
        update["gates"] = Gates()
    return inputs.model_copy(update=update)


def _state_with(change: Change, inputs: DecisionInputs, rules: Rules, models: Models) -> LearnerState:
    """The state before the answer, as ``change`` would have it."""
    state = inputs.state
    match change.kind:
        case ChangeKind.MORE_RIGHT | ChangeKind.MORE_WRONG:
            assert change.skill is not None
            for _ in range(change.count):
                right = change.kind is ChangeKind.MORE_RIGHT
                state = _one_more(state, change.skill, right, inputs, rules, models)
            return state
        case ChangeKind.NOT_RAPID:
            recent = tuple(r._replace(rapid=None) for r in state.recent)
            return state.model_copy(update={"recent": recent})
        case ChangeKind.NOT_HESITANT:
            recent = tuple(r._replace(hesitation_z=None) for r in state.recent)
            return state.model_copy(update={"recent": recent})
        case ChangeKind.REVIEWED:
            assert change.skill is not None
            return _reviewed(state, change.skill, inputs.decided_at)
        case ChangeKind.UNDISTURBED:
            calm = Interventions(explained=state.interventions.explained)
            return state.model_copy(update={"interventions": calm})
        case _:
            return state


def _one_more(
    state: LearnerState, skill: str, right: bool, inputs: DecisionInputs, rules: Rules, models: Models
) -> LearnerState:
    """The state after one more unaided answer on ``skill``, given the moment before."""
    before, credit = state.skill(skill), 1.0 if right else 0.0
    parameters = rules.knowledge
    (step,) = models.knowledge(
        [KnowledgeRow(before.p, parameters.guess, parameters.slip, parameters.learn, credit)]
    )
    answer = Attempt(
        item=SUPPOSED,
        lesson=state.lesson or "",
        correct=right,
        credit=credit,
        hints_used=0,
        at=inputs.decided_at,
    )
    measured = Measured(
        skill=skill, knowledge={skill: round(step.p_after, KNOWLEDGE_DIGITS)}, expected=step.p_correct
    )
    after = advance(state, answer, measured)
    return after.model_copy(update={"lesson": state.lesson, "offered": state.offered})


def _reviewed(state: LearnerState, skill: str, at: datetime) -> LearnerState:
    known = state.skill(skill)
    if known.memory is None:
        return state
    fresh = known.memory.model_copy(update={"practised_at": at})
    return state.model_copy(
        update={"skills": {**state.skills, skill: known.model_copy(update={"memory": fresh})}}
    )


def _candidates(inputs: DecisionInputs, judgement: Judgement, named: Changes) -> Iterator[Changes]:
    """Differences to try: what the matched rule names, then better and worse answers, then all together."""
    evidence = judgement.evidence
    if named:
        yield named
    if inputs.attempt is None:
        if judgement.rule.move is Move.NEXT_LEVEL:
            yield (Change(kind=ChangeKind.MORE_WRONG, skill=evidence.skill),)
        return
    up, down = tuple(_up(evidence)), tuple(_down(evidence))
    up_first = evidence.correct is False or judgement.rule.move is Move.PRACTISE_ON
    ways = (*up, *down) if up_first else (*down, *up)
    circumstances = (
        Change(kind=ChangeKind.UNLOCKED),
        Change(kind=ChangeKind.UNDISTURBED),
        Change(kind=ChangeKind.NOT_RAPID),
        Change(kind=ChangeKind.NOT_HESITANT),
        *(Change(kind=ChangeKind.REVIEWED, skill=due.skill) for due in evidence.due),
    )
    for besides in dict.fromkeys([named, (), circumstances]):
        yield from ((*besides, *way) for way in ways)


def _named(judgement: Judgement) -> Iterator[Change]:
    """What the conditions of the matched rule name, where it is more than this answer."""
    evidence, conditions = judgement.evidence, judgement.rule.when
    if Condition.STUCK in conditions:
        yield Change(kind=ChangeKind.MORE_RIGHT, skill=evidence.skill, count=IN_A_ROW)
    if Condition.RAPID in conditions:
        yield Change(kind=ChangeKind.NOT_RAPID)
    if Condition.HESITANT in conditions:
        yield Change(kind=ChangeKind.NOT_HESITANT)
    if Condition.REVIEW_DUE in conditions:
        for due in evidence.due:
            yield Change(kind=ChangeKind.REVIEWED, skill=due.skill)


def _up(evidence: Evidence) -> Iterator[Changes]:
    """Had it gone better: this answer right and unaided, then more right answers on what is not ready."""
    mended: Changes = ()
    if evidence.correct is False:
        mended = (Change(kind=ChangeKind.ANSWER_RIGHT),)
    elif evidence.hints_used:
        mended = (Change(kind=ChangeKind.ANSWER_UNAIDED),)
    if mended:
        yield mended
    wanted = dict.fromkeys((*evidence.unready, *evidence.missing)) or {evidence.skill: None}
    for count in range(1, MOST_RIGHT + 1):
        yield (
            *mended,
            *(Change(kind=ChangeKind.MORE_RIGHT, skill=skill, count=count) for skill in wanted),
        )


def _down(evidence: Evidence) -> Iterator[Changes]:
    """Had it gone worse: this answer wrong, then the one before it too."""
    mended = () if evidence.correct is False else (Change(kind=ChangeKind.ANSWER_WRONG),)
    if mended:
        yield mended
    yield (*mended, Change(kind=ChangeKind.MORE_WRONG, skill=evidence.skill))
