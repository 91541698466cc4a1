"""When a skill should be looked at again: the forgetting curve of FSRS-6, for skills instead of flash cards.

``retrievability = (1 + F * days / stability) ** -decay``, with F such that it is 0.9 when ``days``, counted
in whole days, equals the stability. Stability and difficulty move with each answer: right without help is
*good*, right with a hint is *hard*, wrong is *again*.

Source: Ye et al. 2022, "A Stochastic Shortest Path Algorithm for Optimizing Spaced Repetition Scheduling"
(KDD); default weights of FSRS-6 as shipped by the ``fsrs`` package, without its random fuzz and its
minute-long learning steps (within a session the knowledge model decides, not the calendar).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from fsrs import Card, Rating, Scheduler, State
from pydantic import BaseModel, ConfigDict, Field

_SCHEDULER: Final = Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)
_DIGITS: Final = 4
"""Stored memory is rounded, so that the last bits of a platform's ``exp`` cannot change a later decision."""


class Memory(BaseModel):
    """How firmly a skill sits. ``stability_days``: days until it is recalled with probability 0.9."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    stability_days: float = Field(gt=0)
    difficulty: float = Field(ge=1, le=10)
    practised_at: datetime


def practised(memory: Memory | None, *, right: bool, aided: bool, at: datetime) -> Memory:
    """The memory after one more answer on the skill; None is a skill never practised before."""
    rating = Rating.Again if not right else Rating.Hard if aided else Rating.Good
    now = at.astimezone(UTC)
    card, _ = _SCHEDULER.review_card(_card(memory, now), rating, now)
    assert card.stability is not None
    assert card.difficulty is not None
    return Memory(
        stability_days=round(card.stability, _DIGITS),
        difficulty=round(card.difficulty, _DIGITS),
        practised_at=now,
    )


def retrievability(memory: Memory, at: datetime) -> float:
    """Probability 0-1, rounded to 1e-4, that the skill is still there at ``at``."""
    now = at.astimezone(UTC)
    return round(_SCHEDULER.get_card_retrievability(_card(memory, now), now), _DIGITS)


def _card(memory: Memory | None, now: datetime) -> Card:
    # Id and due date are given because the library else reads the clock, and sleeps to keep its ids apart.
    if memory is None:
        return Card(card_id=0, due=now)
    return Card(
        card_id=0,
        state=State.Review,
        stability=memory.stability_days,
        difficulty=memory.difficulty,
        due=now,
        last_review=min(memory.practised_at, now),
    )
