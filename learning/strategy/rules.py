"""The rules artefact: thresholds and an ordered list of rules, in a file with a digest.

A rule asks for conditions of a closed vocabulary (``learning.decisions.Condition``); the first rule whose
conditions all hold and whose move is not closed by a gate decides. Changing a threshold is changing the
file, so its digest, so what every later decision record says it was decided by.

Sources of the defaults: mastery at 0.95, OATutor and Corbett & Anderson 1995; two or three right in a row,
Kolibri; wheel-spinning at 10 opportunities, Beck & Gong 2013; rapid guessing, Wise & Kong 2005; review below
0.9 retrievability, FSRS; items near a chance of 0.70-0.85, Pelanek 2016; guess, slip and learning rate are
the usual starting values of knowledge tracing, uncalibrated.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from learning.decisions import Condition
from learning.moves import Move
from learning.state import SkillState
from runtime.errors import TutelaError

DEFAULT_RULES: Final = Path(__file__).parent / "rules.json"

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Half = Annotated[float, Field(gt=0, lt=0.5)]
"""Guess and slip stay under one half, or "right" would no longer speak for knowing (van de Sande 2013)."""


class RulesRefused(TutelaError):
    """The rules file is missing or does not hold together; the fault is named."""

    status = 500
    slug = "rules-refused"
    title = "The rules cannot be used"


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Knowledge(_Read):
    """Parameters of knowledge tracing. A choice item's guess is one over its options, at most the limit."""

    learn: Share
    slip: Half
    guess: Half
    choice_guess_limit: Half
    imported_choices: Count
    """Options assumed of an item rebuilt from a response log, which does not say."""
    secondary_weight: Share
    """Part of the update that an item's other skills get."""

    def guess_of(self, choices: int | None, *, imported: bool) -> float:
        """Probability of a right answer without the skill."""
        if choices is None:
            return self.guess
        return min(1 / (self.imported_choices if imported else choices), self.choice_guess_limit)


class Thresholds(_Read):
    """Where a condition begins to hold."""

    mastered_p: Share
    mastered_opportunities: Count
    ready_p: Share
    ready_streak: Count
    prerequisite_p: Share
    wrong_in_a_row: Count
    struggling_p_correct: Share
    struggling_opportunities: Count
    stuck_opportunities: Count
    rapid_at_least: Count
    rapid_of: Count
    hesitant_z: float
    hesitant_at_least: Count
    hesitant_of: Count
    misconception_times: Count
    risk_high: Share
    review_retrievability: Share
    recent_of: Count
    """How many last answers on the skill a sentence speaks of."""

    def mastered(self, skill: SkillState) -> bool:
        """Known, on enough evidence, and the last answer right without help."""
        return (
            round(skill.p, 4) >= self.mastered_p
            and skill.opportunities >= self.mastered_opportunities
            and skill.unaided_streak > 0
        )

    def ready(self, skill: SkillState) -> bool:
        """Good enough to go on from: mastered, or nearly known with a run of right answers."""
        nearly = round(skill.p, 4) >= self.ready_p and skill.unaided_streak >= self.ready_streak
        return nearly or self.mastered(skill)


class Limits(_Read):
    """How often practice may be interrupted."""

    answers_between_interventions: int = Field(ge=0)
    tutor_prompt_every_s: int = Field(ge=0)
    declined_until_quiet: Count


class Selection(_Read):
    """Which item is picked among those that practise the skill."""

    p_correct_low: Share
    p_correct_high: Share
    difficulty_weight: float = Field(ge=0)
    """Logits that an item of difficulty 0 is easier, and of 1 harder, than one of 0.5, each by half."""
    not_seen_for_answers: int = Field(ge=0)
    most_candidates: Count


class Rule(_Read):
    """``move`` when all of ``when`` hold; no condition always holds."""

    id: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    move: Move
    when: tuple[Condition, ...]


class _RulesFile(_Read):
    format: Literal["tutela.rules/1"]
    name: str
    source: str
    knowledge: Knowledge
    thresholds: Thresholds
    limits: Limits
    selection: Selection
    rules: tuple[Rule, ...] = Field(min_length=1)
    """For after an answer."""
    opening: tuple[Rule, ...] = Field(min_length=1)
    """For when a session begins."""

    @model_validator(mode="after")
    def _something_always_applies(self) -> Self:
        for field, rules in (("rules", self.rules), ("opening", self.opening)):
            if rules[-1].when or rules[-1].move is not Move.PRACTISE_ON:
                raise ValueError(f"the last of {field} must be practise_on without conditions")
        ids = [rule.id for rule in (*self.rules, *self.opening)]
        if len(set(ids)) != len(ids):
            raise ValueError("two rules have the same id")
        for rule in (*self.rules, *self.opening):
            if missing := _NEEDED.get(rule.move, set()) - set(rule.when):
                raise ValueError(f"rule {rule.id} must ask for {', '.join(sorted(missing))}")
        return self


_NEEDED: Final[dict[Move, set[Condition]]] = {
    Move.NEXT_LEVEL: {Condition.LEVEL_OPEN},
    Move.REVIEW_DUE_ITEM: {Condition.REVIEW_DUE},
}
"""Conditions without which a move has nowhere to go."""


class Rules(_RulesFile):
    """The rules in force. ``digest`` is the SHA-256 of the file they were read from, hexadecimal."""

    digest: str

    @classmethod
    def load(cls, path: Path = DEFAULT_RULES) -> Self:
        """Read and check a rules file.

        Raises:
            RulesRefused: it is missing, names something unknown, or does not hold together.
        """
        try:
            content = path.read_bytes()
        except OSError:
            raise RulesRefused(f"There is no rules file {path.name}.") from None
        return cls.parse(content)

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """The rules in ``content``.

        Raises:
            RulesRefused: as ``load``.
        """
        try:
            read = _RulesFile.model_validate_json(content)
        except ValidationError as fault:
            first = fault.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise RulesRefused(f"{where}: {first['msg']}.") from None
        fields = {name: getattr(read, name) for name in _RulesFile.model_fields}
        return cls(**fields, digest=hashlib.sha256(content).hexdigest())
