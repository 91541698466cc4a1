"""What a learner may see of items, steps and moves: never what would give an open answer away. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from learning.courses.content import ChoiceItem, Item, MultipleItem, NumericItem
from learning.courses.plan import CoursePlan
from learning.decisions import Decision, TextKind, TextRef
from learning.moves import Move
from learning.sessions.messages import ItemView, MoveView, OptionView, StepView


def item_view(item: Item) -> ItemView:
    """An item without solutions, right options, feedback and hints."""
    options: tuple[OptionView, ...] = ()
    units: tuple[str, ...] = ()
    match item:
        case ChoiceItem() | MultipleItem():
            options = tuple(OptionView(id=option.id, text=option.text) for option in item.options)
        case NumericItem():
            units = tuple(item.units)
        case _:
            pass
    return ItemView(
        id=item.id, kind=item.kind, stem=item.stem, options=options, units=units, hints=len(item.hints)
    )


def step_view(plan: CoursePlan, step: Mapping[str, Any]) -> StepView:
    """A step's row as the player shows it, with the hints already asked for."""
    item, lesson = plan.item(step["item_id"]).item, plan.lessons[step["lesson_id"]]
    return StepView(
        step_id=step["step_id"],
        lesson_id=lesson.id,
        lesson_title=lesson.title,
        item=item_view(item),
        chosen=step["chosen"],
        hints_shown=item.hints[: step["hints_shown"]],
    )


def move_view(plan: CoursePlan, decision: Decision) -> MoveView:
    """The move with the text that goes with it."""
    target = decision.target
    text = None if target.text is None else text_of(plan, target.text)
    prompting = decision.move is Move.TUTOR_PROMPT
    return MoveView(
        kind=decision.move.value,
        lesson_id=target.lesson,
        skill=target.skill,
        explanation=None if prompting else text,
        prompt=text if prompting else None,
        why=decision.sentence,
    )


def text_of(plan: CoursePlan, text: TextRef) -> str:
    """The course text that a decision refers to."""
    match text.kind:
        case TextKind.ITEM_SIMPLER:
            return plan.item(text.id).item.simpler
        case TextKind.LESSON_SIMPLER:
            return plan.lessons[text.id].simpler
        case TextKind.HINT:
            return plan.item(text.id).item.hints[text.tier or 0]
        case TextKind.MISCONCEPTION:
            return next(m.explanation for m in plan.course.misconceptions if m.id == text.id)


def misconception_title(plan: CoursePlan, misconception: str | None) -> str | None:
    """What a misconception is called, in the author's words."""
    if misconception is None:
        return None
    return next((m.title for m in plan.course.misconceptions if m.id == misconception), misconception)
