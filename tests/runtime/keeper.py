"""The activity that the gate asks, and its refusals."""

from __future__ import annotations

from collections import Counter

from temporalio import activity

from runtime.errors import Conflict, FieldFault, TutelaError


class Closed(Conflict):
    slug = "gate-closed"
    title = "The gate is closed"

    def __init__(self, hour: int) -> None:
        super().__init__(f"closed at {hour}", faults=(FieldFault("body.hour", "is late"),))


class Away(TutelaError):
    status = 503
    slug = "gate-keeper-away"
    title = "The keeper is away"


class Keeper:
    """Counts how often it was asked; keeps its number to itself."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    @activity.defn
    async def ask(self, word: str) -> str:
        self.asked[word] += 1
        if word == "late":
            raise Closed(23)
        if word == "away" and self.asked[word] < 3:
            raise Away
        return f"{word}, please"
