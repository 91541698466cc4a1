"""Made-up learners, for the demonstration. Nobody ever thought like this: a seeded machine, no evidence.

A mind knows some skills and holds some misconceptions. It answers by them, slips, guesses, asks for a hint
when it is lost, and learns a little from each answer, sooner when something was explained. Its times are
drawn, not waited for.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SLIP = 0.07
ASKS = 0.25
"""Chance to ask for a hint when lost."""
TEMPTED = 0.8
"""Chance to answer by a misconception that is held."""
FASTEST_MS = 1_500


@dataclass
class Mind:
    """A simulated learner. What it does follows from its seed, the turn, and what it was offered."""

    seed: str
    knows: set[str]
    misconceptions: set[str]
    learns: float
    """Chance to learn a skill from an answer on it."""
    pace_ms: float
    draw: random.Random = field(default_factory=random.Random)

    @classmethod
    def of(cls, seed: str, skills: Sequence[str], misconceptions: Sequence[str]) -> Mind:
        """A learner of a strength of their own: from nearly all skills known to hardly any."""
        draw = random.Random(seed)  # noqa: S311  # simulated learners, no secrets
        strength = draw.random()
        return cls(
            seed=seed,
            knows={
                skill for place, skill in enumerate(skills) if draw.random() < strength * (1 - place / 40)
            },
            misconceptions={one for one in misconceptions if draw.random() < 0.45 * (1 - strength)},
            learns=0.08 + 0.3 * draw.random(),
            pace_ms=draw.uniform(6_000, 22_000),
        )

    def begin(self, turn: str) -> None:
        """Begin a turn. Its chances are its own, whatever came before: a run can be taken up again."""
        self.draw = random.Random(f"{self.seed} {turn}")  # noqa: S311  # as above

    def wants_hint(self, item: Mapping[str, Any]) -> bool:
        """Whether it asks for a hint before answering: only when lost, and not always then."""
        unknown = [skill for skill in item["skills"] if skill not in self.knows]
        return bool(unknown) and bool(item["hints"]) and self.draw.random() < ASKS

    def answer(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """The response to an item of a package, with its times."""
        able = all(skill in self.knows for skill in item["skills"])
        right = self.draw.random() >= SLIP if able else False
        response = _right(item) if right else self._astray(item)
        took_ms = max(
            FASTEST_MS, round(self.pace_ms * self.draw.lognormvariate(0, 0.45) * (1 if able else 1.4))
        )
        hesitated_ms = round(took_ms * self.draw.uniform(0.15, 0.35 if able else 0.7))
        return {"response": response, "response_ms": took_ms, "hesitation_ms": hesitated_ms}

    def learn(self, item: Mapping[str, Any], move: str) -> None:
        """What an answer and what followed it leave behind."""
        helped = move in ("simpler_explanation", "tutor_prompt")
        for skill in item["skills"]:
            if skill not in self.knows and self.draw.random() < self.learns * (2 if helped else 1):
                self.knows.add(skill)
        for one in sorted(_misconceptions(item) & self.misconceptions):
            if self.draw.random() < self.learns:
                self.misconceptions.discard(one)

    def _astray(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """A wrong answer by a misconception it holds, else a guess, which may be right."""
        tempting = [one for one in _wrong(item) if one["misconception"] in self.misconceptions]
        if tempting and self.draw.random() < TEMPTED:
            return dict(self.draw.choice(tempting)["response"])
        return dict(self.draw.choice(_guesses(item)))


def _right(item: Mapping[str, Any]) -> dict[str, Any]:
    match item["kind"]:
        case "choice":
            (option,) = (one["id"] for one in item["options"] if one["correct"])
            return {"kind": "choice", "option": option}
        case "multiple":
            return {"kind": "multiple", "options": [one["id"] for one in item["options"] if one["correct"]]}
        case "numeric":
            return _number(item, item["answer"])
        case _:
            return {"kind": "text", "text": item["accepted"][0]}


def _wrong(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Foreseen wrong answers, each with the misconception that leads to it."""
    match item["kind"]:
        case "choice":
            return [
                {"response": {"kind": "choice", "option": one["id"]}, "misconception": one["misconception"]}
                for one in item["options"]
                if not one["correct"]
            ]
        case "multiple":
            good = [one["id"] for one in item["options"] if one["correct"]]
            return [
                {
                    "response": {"kind": "multiple", "options": [*good[1:], one["id"]]},
                    "misconception": one["misconception"],
                }
                for one in item["options"]
                if not one["correct"]
            ]
        case "numeric":
            return [
                {"response": _number(item, one["value"]), "misconception": one["misconception"]}
                for one in item["wrong"]
            ]
        case _:
            return [
                {"response": {"kind": "text", "text": one["value"]}, "misconception": one["misconception"]}
                for one in item["wrong"]
            ]


def _guesses(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What somebody who does not know may say: a choice may be lucky, a number or a word is not."""
    wrong = [one["response"] for one in _wrong(item)]
    if item["kind"] == "choice":
        return [*wrong, _right(item)]
    return wrong or [{"kind": "text", "text": "?"} if item["kind"] == "text" else _number(item, "0")]


def _number(item: Mapping[str, Any], value: str) -> dict[str, Any]:
    return {"kind": "numeric", "value": value, "unit": next(iter(item["units"]), "")}


def _misconceptions(item: Mapping[str, Any]) -> set[str]:
    return {one["misconception"] for one in _wrong(item) if one["misconception"]}
