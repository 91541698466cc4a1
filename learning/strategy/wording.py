"""The one plain sentence a learner reads: the evidence, what follows from it, and what would have changed it.

Every part of the three closed vocabularies (conditions, moves, changes) has its words here, so no rule can
decide in silence. Other readers (instructor, auditor) read the same record in their own words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from learning.courses.plan import CoursePlan
from learning.decisions import (
    ChangeKind,
    Condition,
    Counterfactual,
    DecisionInputs,
    Evidence,
    Target,
)
from learning.features.definitions import FEATURES
from learning.moves import Move
from learning.strategy.rules import Rule

_Said = Callable[[Evidence, CoursePlan], str]

_NUMBERS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def sentence(
    rule: Rule, evidence: Evidence, target: Target, counterfactual: Counterfactual | None, plan: CoursePlan
) -> str:
    """What a learner is told about a decision made by the rules."""
    because = _because(rule, evidence, plan)
    said = f"{because}, so {_follows(rule, evidence, target, plan)}"
    if counterfactual is None:
        return f"{said}."
    would = "finished the course" if counterfactual.course_complete else WOULD[counterfactual.move]
    return f"{said}; {_changes(counterfactual, evidence, plan)} would have {would}."


def course_order_sentence(inputs: DecisionInputs, plan: CoursePlan, target: Target, move: Move) -> str:
    """What a learner is told where nothing about them was weighed, and why it was not."""
    if target.course_complete:
        where = "You have reached the end of the course"
    elif move is Move.NEXT_LEVEL and target.lesson is not None:
        where = f"Next comes the lesson “{plan.lessons[target.lesson].title}”"
    else:
        where = "Next comes the following question"
    if inputs.gates.assessment:
        return f"{where}: this is a test, so everybody gets the same questions in the same order."
    return (
        f"{where}, in the course's own order: fitting lessons to you is switched off, so your answers are "
        "graded but do not choose what comes next."
    )


def _because(rule: Rule, evidence: Evidence, plan: CoursePlan) -> str:
    """The evidence of the rule's first condition; conditions are listed most telling first."""
    if not rule.when:
        return _tally(evidence, plan)
    return BECAUSE[rule.when[0]](evidence, plan)


def _tally(evidence: Evidence, plan: CoursePlan) -> str:
    skill = _skill(evidence.skill, plan)
    if evidence.correct is None:
        return f"You are in the lesson “{plan.lessons[evidence.lesson].title}”"
    if evidence.correct and evidence.hints_used:
        return f"You got this one on {skill} right with a hint"
    if evidence.recent_count > 1:
        return f"You got {evidence.recent_right} of the last {evidence.recent_count} on {skill} right"
    return f"Your answer on {skill} was {'right' if evidence.correct else 'not right yet'}"


def _ready(evidence: Evidence, plan: CoursePlan) -> str:
    skill = _skill(evidence.skill, plan)
    if evidence.unaided_streak > 1:
        return f"You got the last {_number(evidence.unaided_streak)} on {skill} right without help"
    return f"You know {skill} well enough"


def _risky(evidence: Evidence, _: CoursePlan) -> str:
    drivers = [_TITLES[name] for name in evidence.risk_drivers if name in _TITLES]
    named = f" ({', '.join(drivers)})" if drivers else ""
    return f"Your last answers point to a hard patch{named}"


_TITLES: Final = {each.name: each.title.lower() for each in FEATURES}


def _slip(evidence: Evidence, plan: CoursePlan) -> str:
    title = next((m.title for m in plan.course.misconceptions if m.id == evidence.misconception), None)
    named = f"The same idea, “{title}”," if title else "The same slip"
    return f"{named} has come up {_times(evidence.misconception_times)}"


def _fading(evidence: Evidence, plan: CoursePlan) -> str:
    due = evidence.due[0]
    return f"You last practised {_skill(due.skill, plan)} {_count(due.days, 'day')} ago"


BECAUSE: Final[dict[Condition, _Said]] = {
    Condition.RIGHT: _tally,
    Condition.WRONG: _tally,
    Condition.STUCK: lambda e, plan: (
        f"You have tried {_skill(e.skill, plan)} {_times(e.stuck)} without three right answers in a row"
    ),
    Condition.RAPID: lambda e, _: (
        f"{e.rapid} of your last {e.rapid_of} answers came faster than the question can be read"
    ),
    Condition.MISCONCEPTION_REPEATED: _slip,
    Condition.WRONG_AFTER_EXPLANATION: lambda e, plan: (
        f"The easier explanation of {_skill(e.skill, plan)} was not enough yet"
    ),
    Condition.HESITANT: lambda e, _: (
        f"You thought for long before you began on {e.hesitant} of the last {e.hesitant_of} questions"
    ),
    Condition.WRONG_IN_A_ROW: lambda e, plan: (
        f"The last {_number(e.wrong_streak)} on {_skill(e.skill, plan)} were not right"
    ),
    Condition.STRUGGLING: lambda e, plan: f"{_tally(e, plan)} and the next would be hard too",
    Condition.RISK_HIGH: _risky,
    Condition.REVIEW_DUE: _fading,
    Condition.LESSON_READY: _ready,
    Condition.LEVEL_OPEN: _ready,
    Condition.OFFERED_BEFORE: lambda _, __: "You stopped at this question",
}


def _follows(rule: Rule, evidence: Evidence, target: Target, plan: CoursePlan) -> str:
    if target.course_complete:
        return "you have finished the course"
    if rule.move is Move.NEXT_LEVEL and target.lesson is not None:
        return f"{FOLLOWS[rule.move]}, “{plan.lessons[target.lesson].title}”"
    if rule.move is Move.ASK_TEACHER and target.skill == evidence.skill:
        return "we let your teacher know; until then you can go on trying"
    if rule.move is Move.PRACTISE_ON and Condition.RAPID in rule.when:
        return "take your time with the next one"
    if rule.move is Move.PRACTISE_ON and evidence.correct is None:
        return "we go on there"
    return FOLLOWS[rule.move]


FOLLOWS: Final[dict[Move, str]] = {
    Move.PRACTISE_ON: "we practise on",
    Move.NEXT_LEVEL: "you move to the next level",
    Move.SIMPLER_EXPLANATION: "here it is explained more simply",
    Move.TUTOR_PROMPT: "here is something to think about first",
    Move.REVIEW_DUE_ITEM: "we look at it once more before it fades",
    Move.ASK_TEACHER: "we let your teacher know and try something else meanwhile",
}


WOULD: Final[dict[Move, str]] = {
    Move.PRACTISE_ON: "kept you practising",
    Move.NEXT_LEVEL: "moved you to the next level",
    Move.SIMPLER_EXPLANATION: "brought a simpler explanation",
    Move.TUTOR_PROMPT: "brought something to think about",
    Move.REVIEW_DUE_ITEM: "brought back something learned earlier",
    Move.ASK_TEACHER: "let your teacher know",
}


def _changes(counterfactual: Counterfactual, evidence: Evidence, plan: CoursePlan) -> str:
    """Changes of one kind and count are said once, for all their skills."""
    grouped: dict[tuple[ChangeKind, int], list[str]] = {}
    for change in counterfactual.changes:
        grouped.setdefault((change.kind, change.count), []).append(change.skill or "")
    other_skills = {c.skill for c in counterfactual.changes if c.skill is not None} - {evidence.skill}
    parts = []
    for (kind, count), skills in grouped.items():
        named = _joined([_skill(skill, plan) for skill in skills])
        where = f" on {named}" if other_skills else ""
        parts.append(CHANGED[kind].format(count=_number(count), where=where, skills=named))
    return _joined(parts)


CHANGED: Final[dict[ChangeKind, str]] = {
    ChangeKind.ANSWER_RIGHT: "a right answer here",
    ChangeKind.ANSWER_WRONG: "a wrong answer here",
    ChangeKind.ANSWER_UNAIDED: "this answer without a hint",
    ChangeKind.MORE_RIGHT: "{count} more right in a row without help{where}",
    ChangeKind.MORE_WRONG: "{count} more wrong{where}",
    ChangeKind.NOT_RAPID: "taking more time",
    ChangeKind.NOT_HESITANT: "beginning sooner",
    ChangeKind.REVIEWED: "practising {skills} today",
    ChangeKind.UNDISTURBED: "no interruption shortly before",
    ChangeKind.UNLOCKED: "a lesson that your teacher has not locked",
}


def _skill(skill: str | None, plan: CoursePlan) -> str:
    return f"“{plan.skills[skill].title}”" if skill in plan.skills else "this"


def _joined(parts: Sequence[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _count(count: int, noun: str) -> str:
    return f"{_number(count)} {noun}{'' if count == 1 else 's'}"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{_number(count)} times")
