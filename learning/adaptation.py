"""What comes next for a learner, and why. One pure function; everything it reads is an argument.

1. With consent to personalisation and outside tests, the rules decide; else the course's own order
   (``learning.strategy.course_order``), with no model run and nothing about the learner weighed.
2. Judge (``learning.strategy.judging``): knowledge by ONNX, state, features, risk by ONNX, scores rounded,
   gates, eligible moves, first rule that applies.
3. Choose the skill and the item (``learning.strategy.selection``).
4. Find what would have changed the move (``learning.strategy.counterfactual``), by trying it.
5. Say it in one sentence (``learning.strategy.wording``) and return decision and state.

A session begins or resumes by the same call, with no attempt: a review that is due comes first, then the
item that was left open. Clock, ids, randomness (the decision's id is the seed), consent, course, rules and
models are arguments, so a replay of recorded inputs is this same call (``replay``).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from learning.courses.plan import CoursePlan
from learning.decisions import Decided, Decision, DecisionInputs, Evidence, Provenance, Scores, Target
from learning.models.runner import Models
from learning.moves import Move
from learning.state import LearnerState, moved
from learning.strategy.counterfactual import what_would_change
from learning.strategy.course_order import in_course_order
from learning.strategy.evidence import SCORE_DIGITS
from learning.strategy.judging import Judgement, alternatives, judge
from learning.strategy.rules import Rules
from learning.strategy.selection import choose
from learning.strategy.wording import sentence
from runtime.errors import TutelaError

__all__ = ["CourseDiffers", "Replay", "Rules", "compare", "decide", "replay"]


class CourseDiffers(TutelaError):
    """The course at hand is not the version that the inputs name."""

    status = 409
    slug = "course-differs"
    title = "This belongs to another version of the course"


def decide(inputs: DecisionInputs, plan: CoursePlan, rules: Rules, models: Models) -> Decided:
    """The decision to record, and the learner's state after it to store.

    Raises:
        CourseDiffers: ``plan`` is not of the course version that the inputs name.
        NotInCourse: the answered item is not in the course.
    """
    if inputs.course_digest != plan.digest:
        raise CourseDiffers
    if not inputs.personalised or inputs.gates.assessment:
        return in_course_order(inputs, plan, rules)
    judgement = judge(inputs, plan, rules, models)
    target = choose(inputs, plan, rules, judgement)
    counterfactual = what_would_change(inputs, plan, rules, models, judgement)
    decision = Decision(
        decision_id=inputs.decision_id,
        decided_at=inputs.decided_at,
        personalised=True,
        strategy="rules",
        rule=judgement.rule.id,
        move=judgement.rule.move,
        target=target,
        because=judgement.rule.when,
        evidence=judgement.evidence,
        features=judgement.measurement.features,
        scores=_scores(judgement),
        alternatives=alternatives(inputs, rules, judgement),
        counterfactual=counterfactual,
        sentence=sentence(judgement.rule, judgement.evidence, target, counterfactual, plan),
        provenance=Provenance(
            course=plan.digest,
            rules=rules.digest,
            models={role.value: digest for role, digest in models.digests.items()},
        ),
    )
    return Decided(decision, _after(inputs, judgement, target))


def _scores(judgement: Judgement) -> Scores:
    made = judgement.measurement
    measured = made.measured
    return Scores(
        expected=None if measured is None else measured.expected,
        knowledge=_rounded(measured.knowledge) if measured is not None else {},
        risk=round(made.risk.p, SCORE_DIGITS),
        risk_drivers=tuple(_rounded({name: made.risk.contributions[name] for name in made.risk.top}).items()),
    )


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    return {name: round(score, SCORE_DIGITS) for name, score in scores.items()}


def _after(inputs: DecisionInputs, judgement: Judgement, target: Target) -> LearnerState:
    evidence, move = judgement.evidence, judgement.rule.move
    leaves = move is Move.NEXT_LEVEL
    return moved(
        judgement.measurement.state,
        move,
        lesson=_level(inputs.state, evidence, move, target),
        item=target.item,
        skill=evidence.skill,
        passed=evidence.lesson if leaves else None,
        at=inputs.decided_at,
        profiled=True,
    )


def _level(state: LearnerState, evidence: Evidence, move: Move, target: Target) -> str:
    """The learner's level after the move; reviews and going back to something known do not change it."""
    goes_on = move in {Move.NEXT_LEVEL, Move.ASK_TEACHER}
    if goes_on and target.lesson is not None and target.lesson not in state.passed:
        return target.lesson
    return evidence.lesson


class Replay(StrEnum):
    """What deciding again from recorded inputs came to."""

    IDENTICAL = "identical"
    EQUIVALENT = "equivalent"
    """Scores differ in their bits; the decision does not."""
    DIFFERS = "differs"
    UNAVAILABLE = "unavailable"
    """Course version, rules or models of then are not at hand."""


def replay(
    inputs: DecisionInputs, recorded: Decision, plan: CoursePlan, rules: Rules, models: Models
) -> tuple[Replay, Decision | None]:
    """Decide again from recorded inputs and compare; with it the decision made now, where it can be made."""
    then = recorded.provenance
    now: Mapping[str, str] = {role.value: digest for role, digest in models.digests.items()}
    same_models = all(now.get(role) == digest for role, digest in then.models.items())
    if (then.course, then.rules) != (plan.digest, rules.digest) or not same_models:
        return Replay.UNAVAILABLE, None
    again = decide(inputs, plan, rules, models).decision
    return compare(recorded, again), again


def compare(recorded: Decision, again: Decision) -> Replay:
    """Whether two decisions from the same inputs are the same."""
    if recorded == again:
        return Replay.IDENTICAL
    scored = {"scores", "features", "evidence"}
    if recorded.model_dump(exclude=scored) == again.model_dump(exclude=scored):
        return Replay.EQUIVALENT
    return Replay.DIFFERS
