"""From an answer to the facts that rules read: knowledge, features, risk, and the way ahead in the course.

The order is fixed: the knowledge model first (its expectation enters the features), then the state, then the
features, then the risk model. Scores are rounded to 1e-4 before any rule sees them, so that a difference in
the last bits of a processor's arithmetic cannot change a move.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from learning.courses.plan import CoursePlan, PlannedItem
from learning.decisions import DecisionInputs, Due, Evidence, GradedAttempt
from learning.features import feature
from learning.features.definitions import FEATURES, Seen
from learning.features.times import timing
from learning.models.runner import KnowledgeRow, Models, RiskScore
from learning.reviews import retrievability
from learning.state import Attempt, LearnerState, Measured, advance
from learning.strategy.rules import Rules

SCORE_DIGITS: Final = 4
KNOWLEDGE_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Measurement:
    """The state after the answer and what was measured on the way."""

    state: LearnerState
    measured: Measured | None
    skill: str
    """The skill in focus."""
    lesson: str
    """The learner's level."""
    features: dict[str, float | None]
    risk: RiskScore


@dataclass(frozen=True, slots=True)
class Ahead:
    """What lies after a lesson: the next one, or what is missing for it, or nothing."""

    lesson: str | None
    missing: tuple[str, ...]
    finished: bool


def reduced(attempt: GradedAttempt, planned: PlannedItem, at: datetime) -> Attempt:
    """The attempt as the state remembers it."""
    hints = len(planned.item.hints)
    return Attempt(
        item=planned.id,
        lesson=planned.lesson,
        correct=attempt.correct,
        credit=attempt.credit,
        hints_used=attempt.hints_used,
        bottomed_out=0 < hints <= attempt.hints_used,
        misconception=attempt.misconception,
        at=at,
    )


def measure(inputs: DecisionInputs, plan: CoursePlan, rules: Rules, models: Models) -> Measurement:
    """Take the answer in, or look at the state as it is when a session begins."""
    if inputs.attempt is None:
        state, measured = inputs.state, None
        first = next(to_come(plan, state, None), plan.course.lessons[0].id)
        lesson = state.lesson if state.lesson in plan.lessons else first
        skill = weakest(state, plan.practised[lesson] or tuple(plan.skills))
        item = None
    else:
        planned = plan.item(inputs.attempt.item)
        attempt = reduced(inputs.attempt, planned, inputs.decided_at)
        measured = _measured(inputs, inputs.attempt, attempt, plan, rules, models)
        state = advance(inputs.state, attempt, measured)
        lesson = state.lesson if state.lesson in plan.lessons else planned.lesson
        skill, item = measured.skill, planned.id
    features = feature.values(FEATURES, Seen(state, skill, item))
    risk = models.risk(feature.vector(FEATURES, features))
    return Measurement(state, measured, skill, lesson, features, risk)


def _measured(
    inputs: DecisionInputs,
    given: GradedAttempt,
    attempt: Attempt,
    plan: CoursePlan,
    rules: Rules,
    models: Models,
) -> Measured:
    """Knowledge of each skill of the item after the answer: the weakest moves fully, the others in part."""
    planned, before = plan.item(attempt.item), inputs.state
    skills = planned.item.skills
    focus = weakest(before, skills)
    guess = rules.knowledge.guess_of(planned.choices, imported=plan.course.imported)
    steps = models.knowledge(
        [
            KnowledgeRow(
                before.skill(skill).p,
                guess,
                rules.knowledge.slip,
                rules.knowledge.learn,
                attempt.assisted_credit,
            )
            for skill in skills
        ]
    )
    knowledge = {}
    for skill, step in zip(skills, steps, strict=True):
        p = before.skill(skill).p
        weight = 1.0 if skill == focus else rules.knowledge.secondary_weight
        knowledge[skill] = round(p + weight * (step.p_after - p), KNOWLEDGE_DIGITS)
    times = timing(
        response_ms=given.response_ms,
        hesitation_ms=given.hesitation_ms,
        reading_ms=planned.reading_ms,
        item_times=inputs.item_times,
        course_times=inputs.course_times,
        habit=before.averages.hesitation,
    )
    return Measured(
        skill=focus,
        knowledge=knowledge,
        expected=round(steps[skills.index(focus)].p_correct, SCORE_DIGITS),
        response_time_z=times.response_time_z,
        hesitation_ln=times.hesitation_ln,
        hesitation_z=times.hesitation_z,
        rapid=times.rapid,
    )


def weakest(state: LearnerState, skills: tuple[str, ...]) -> str:
    """The skill known least; of equals the one that the author names first."""
    return min(skills, key=lambda skill: state.skill(skill).p)


def p_correct(p: float, guess: float, slip: float) -> float:
    """Probability of a right unaided answer (Corbett & Anderson 1995), rounded."""
    return round(p * (1 - slip) + (1 - p) * guess, SCORE_DIGITS)


def unready(plan: CoursePlan, state: LearnerState, lesson: str, rules: Rules) -> tuple[str, ...]:
    """Skills of ``lesson`` that are practised somewhere and not ready to move on from."""
    return tuple(s for s in plan.practised[lesson] if not rules.thresholds.ready(state.skill(s)))


def ahead(plan: CoursePlan, state: LearnerState, lesson: str | None, rules: Rules) -> Ahead:
    """The first lesson not passed yet, other than ``lesson``: the author's order is kept.

    Where its prerequisites are not known, they come first instead of a later lesson.
    """
    following = next(to_come(plan, state, lesson), None)
    if following is None:
        return Ahead(None, (), finished=True)
    missing = missing_for(plan, state, following, rules)
    return Ahead(None if missing else following, missing, finished=False)


def to_come(plan: CoursePlan, state: LearnerState, lesson: str | None) -> Iterator[str]:
    """Lessons not passed yet, other than ``lesson``, in the course's order."""
    return (name for name in plan.lessons if name != lesson and name not in state.passed)


def missing_for(plan: CoursePlan, state: LearnerState, lesson: str, rules: Rules) -> tuple[str, ...]:
    """Prerequisites of ``lesson`` that are not known well enough."""
    return tuple(
        skill
        for skill in plan.prerequisites[lesson]
        if round(state.skill(skill).p, SCORE_DIGITS) < rules.thresholds.prerequisite_p
    )


def due(plan: CoursePlan, state: LearnerState, at: datetime, rules: Rules) -> tuple[Due, ...]:
    """Skills once mastered whose memory is fading, most faded first."""
    found = []
    for name, skill in state.skills.items():
        if (
            skill.memory is None
            or skill.opportunities < rules.thresholds.mastered_opportunities
            or round(skill.p, SCORE_DIGITS) < rules.thresholds.mastered_p
            or not plan.by_skill.get(name)
        ):
            continue
        left = retrievability(skill.memory, at)
        if left < rules.thresholds.review_retrievability:
            days = (at - skill.memory.practised_at).days
            found.append(Due(skill=name, retrievability=left, days=days))
    return tuple(sorted(found, key=lambda faded: (faded.retrievability, faded.skill)))


def in_reach(pool: Sequence[PlannedItem], state: LearnerState, lesson: str) -> tuple[PlannedItem, ...]:
    """Those in lessons the learner has been in, the present one included."""
    return tuple(p for p in pool if p.lesson == lesson or p.lesson in state.passed)


def gather(inputs: DecisionInputs, plan: CoursePlan, rules: Rules, made: Measurement) -> Evidence:
    """The facts for the rules."""
    state, thresholds = made.state, rules.thresholds
    skill = state.skill(made.skill)
    attempt = inputs.attempt
    on_skill = [r for r in state.recent if r.skill == made.skill][-thresholds.recent_of :]
    paces = [r.rapid for r in state.recent[-thresholds.rapid_of :] if r.rapid is not None]
    pauses = [r.hesitation_z for r in state.recent[-thresholds.hesitant_of :] if r.hesitation_z is not None]
    misconception = attempt.misconception if attempt is not None else None
    beyond = ahead(plan, state, made.lesson, rules)
    return Evidence(
        skill=made.skill,
        lesson=made.lesson,
        correct=None if attempt is None else attempt.correct,
        hints_used=0 if attempt is None else attempt.hints_used,
        p=round(skill.p, SCORE_DIGITS),
        p_correct_next=p_correct(skill.p, rules.knowledge.guess, rules.knowledge.slip),
        opportunities=skill.opportunities,
        unaided_streak=skill.unaided_streak,
        wrong_streak=skill.wrong_streak,
        stuck=skill.stuck,
        recent_right=sum(r.correct for r in on_skill),
        recent_count=len(on_skill),
        rapid=sum(paces),
        rapid_of=len(paces),
        last_rapid=attempt is not None and bool(state.recent[-1].rapid),
        hesitant=sum(z > thresholds.hesitant_z for z in pauses),
        hesitant_of=len(pauses),
        misconception=misconception,
        misconception_times=skill.misconceptions.get(misconception, 0) if misconception else 0,
        explained=state.interventions.explained == made.skill,
        risk=round(made.risk.p, SCORE_DIGITS),
        risk_drivers=made.risk.top,
        due=due(plan, state, inputs.decided_at, rules),
        unready=unready(plan, state, made.lesson, rules),
        next_lesson=beyond.lesson,
        missing=beyond.missing,
        finished=beyond.finished,
        offered=state.offered if state.offered in plan.items else None,
    )
