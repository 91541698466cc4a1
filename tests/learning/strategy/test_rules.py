"""The rules artefact: a file that does not hold together is refused, and every word of it means something."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from learning.decisions import ChangeKind, Condition
from learning.moves import Move
from learning.state import SkillState
from learning.strategy.judging import HOLDS
from learning.strategy.rules import DEFAULT_RULES, Rules, RulesRefused
from learning.strategy.wording import BECAUSE, CHANGED, FOLLOWS, WOULD


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    content = json.loads(DEFAULT_RULES.read_bytes())
    change(content)
    return json.dumps(content).encode()


SPOILT: dict[str, Callable[[dict[str, Any]], object]] = {
    "an unknown condition": lambda r: r["rules"][0]["when"].append("full_moon"),
    "an unknown move": lambda r: r["rules"][0].update(move="expel"),
    "a guess of one half": lambda r: r["knowledge"].update(guess=0.5),
    "a slip of one half": lambda r: r["knowledge"].update(slip=0.5),
    "a probability above one": lambda r: r["thresholds"].update(ready_p=1.5),
    "a missing threshold": lambda r: r["thresholds"].pop("ready_p"),
    "an unknown threshold": lambda r: r["thresholds"].update(mood=0.5),
    "a list that may end without a move": lambda r: r["rules"].pop(),
    "an opening that may end without a move": lambda r: r["opening"][-1]["when"].append("review_due"),
    "two rules of one name": lambda r: r["rules"][0].update(id="practise"),
    "a next level that may not exist": lambda r: r["rules"][8].update(when=["right"]),
    "a review with nothing due": lambda r: r["opening"][0].update(when=[]),
    "another format": lambda r: r.update(format="tutela.rules/2"),
}


class TestRefusals:
    @pytest.mark.parametrize("change", SPOILT.values(), ids=SPOILT.keys())
    def test_rules_that_do_not_hold_together_are_refused(
        self, change: Callable[[dict[str, Any]], object]
    ) -> None:
        with pytest.raises(RulesRefused):
            Rules.parse(changed(change))

    def test_what_is_no_json_is_refused(self) -> None:
        with pytest.raises(RulesRefused):
            Rules.parse(b"{")

    def test_a_missing_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(RulesRefused, match="none-here"):
            Rules.load(tmp_path / "none-here.json")

    def test_the_refusal_names_the_place(self) -> None:
        with pytest.raises(RulesRefused, match=r"thresholds\.ready_p"):
            Rules.parse(changed(SPOILT["a probability above one"]))


class TestArtefact:
    def test_the_digest_is_of_the_file(self) -> None:
        assert Rules.load().digest == hashlib.sha256(DEFAULT_RULES.read_bytes()).hexdigest()

    def test_changing_a_threshold_changes_the_digest(self) -> None:
        other = Rules.parse(changed(lambda r: r["thresholds"].update(ready_p=0.9)))
        assert other.digest != Rules.load().digest

    def test_every_word_has_its_meaning_and_its_words(self) -> None:
        assert set(HOLDS) == set(BECAUSE) == set(Condition)
        assert set(WOULD) == set(FOLLOWS) == set(Move)
        assert set(CHANGED) == set(ChangeKind)

    def test_every_move_has_a_rule(self) -> None:
        rules = Rules.load()
        assert {rule.move for rule in rules.rules} == set(Move)


class TestThresholds:
    @pytest.mark.parametrize(
        ("skill", "mastered", "ready"),
        [
            (SkillState(p=0.96, opportunities=3, unaided_streak=1), True, True),
            (SkillState(p=0.96, opportunities=2, unaided_streak=1), False, False),
            (SkillState(p=0.96, opportunities=9, unaided_streak=0), False, False),
            (SkillState(p=0.86, opportunities=2, unaided_streak=2), False, True),
            (SkillState(p=0.86, opportunities=2, unaided_streak=1), False, False),
            (SkillState(p=0.84, opportunities=9, unaided_streak=9), False, False),
        ],
    )
    def test_mastered_needs_evidence_and_ready_a_run(
        self, rules: Rules, skill: SkillState, mastered: bool, ready: bool
    ) -> None:
        assert rules.thresholds.mastered(skill) is mastered
        assert rules.thresholds.ready(skill) is ready

    @pytest.mark.parametrize(
        ("choices", "imported", "guess"),
        [(None, False, 0.1), (4, False, 0.25), (2, False, 0.45), (2, True, 0.25)],
    )
    def test_guessing_is_one_over_the_options_but_never_one_half(
        self, rules: Rules, choices: int | None, imported: bool, guess: float
    ) -> None:
        assert rules.knowledge.guess_of(choices, imported=imported) == guess
