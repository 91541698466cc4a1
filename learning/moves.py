"""The moves that may follow an answer. A closed vocabulary: stored in learner states and decision records.

Source: the three arms of the product's purpose (next level, simpler explanation, tutor prompt), carrying on
with practice, spaced review, and the hand-over to a person for wheel-spinning (Beck & Gong 2013).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Move(StrEnum):
    """What the platform does next. Append members, never rename one."""

    PRACTISE_ON = "practise_on"
    """Another item at this level."""
    NEXT_LEVEL = "next_level"
    """The next lesson; after the last one, the course is complete."""
    SIMPLER_EXPLANATION = "simpler_explanation"
    """The same matter explained more simply, then an item on it."""
    TUTOR_PROMPT = "tutor_prompt"
    """A hint or a question that points at the thought to look at again, then an item."""
    REVIEW_DUE_ITEM = "review_due_item"
    """An item on a mastered skill that is about to be forgotten."""
    ASK_TEACHER = "ask_teacher"
    """A person is told; meanwhile something else is offered."""


INTERVENTIONS: Final = frozenset({Move.SIMPLER_EXPLANATION, Move.TUTOR_PROMPT})
"""Moves that interrupt practice: rate limits and a learner's "not now" hold for them."""
