"""The course's own order: what comes next when nothing about the learner may be weighed.

For learners without consent to personalisation, and for tests. Each item comes once, right or wrong, lesson
by lesson; items that were passed over (a learner may choose freely) come at the end. No model is run and no
feature computed; the state keeps progress only.
"""

from __future__ import annotations

from learning.courses.plan import CoursePlan, PlannedItem
from learning.decisions import Decided, Decision, DecisionInputs, Provenance, Target
from learning.moves import Move
from learning.state import LearnerState, advance, moved
from learning.strategy.evidence import reduced
from learning.strategy.rules import Rules
from learning.strategy.wording import course_order_sentence

STRATEGY = "course-order"


def in_course_order(inputs: DecisionInputs, plan: CoursePlan, rules: Rules) -> Decided:
    """The next item of the course that was not answered yet; after the last, the course is complete."""
    state, at = inputs.state, -1
    if inputs.attempt is not None:
        planned = plan.item(inputs.attempt.item)
        state = advance(state, reduced(inputs.attempt, planned, inputs.decided_at), None)
        at = planned.position
    following = _offered(plan, state) or _following(plan, state, at)
    level = state.lesson if state.lesson in plan.lessons else None
    goes_on = following is None or (level is not None and following.lesson != level)
    move = Move.NEXT_LEVEL if goes_on else Move.PRACTISE_ON
    target = Target(course_complete=True)
    if following is not None:
        target = Target(lesson=following.lesson, item=following.id, skill=following.item.skills[0])
    decision = Decision(
        decision_id=inputs.decision_id,
        decided_at=inputs.decided_at,
        personalised=inputs.personalised,
        strategy=STRATEGY,
        rule=STRATEGY,
        move=move,
        target=target,
        sentence=course_order_sentence(inputs, plan, target, move),
        provenance=Provenance(course=plan.digest, rules=rules.digest),
    )
    after = moved(
        state,
        move,
        lesson=target.lesson or level,
        item=target.item,
        skill=target.skill,
        passed=level if goes_on else None,
        at=inputs.decided_at,
        profiled=False,
    )
    return Decided(decision, after)


def _offered(plan: CoursePlan, state: LearnerState) -> PlannedItem | None:
    """What was offered and is still open; an answer has closed it."""
    return plan.items.get(state.offered) if state.offered is not None else None


def _following(plan: CoursePlan, state: LearnerState, at: int) -> PlannedItem | None:
    """The first item after position ``at`` that was not answered, else the first of all."""
    open_items = [planned for planned in plan.order if planned.id not in state.items]
    return next((p for p in open_items if p.position > at), open_items[0] if open_items else None)
