"""The ladder: what the operator named is final, the first place that holds wins, none is tried in vain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.engine.locate import (
    NAMED_BY_OPERATOR,
    Absent,
    Cluster,
    EngineMissing,
    Outcome,
    Program,
    Refused,
    Rung,
    accept,
    climb,
    on_path,
)
from tests.runtime.engine.conftest import Script

HELD = {rung: Cluster("there:7233") if rung is Rung.ADDRESS else Program(Path(rung), rung) for rung in Rung}


def outcome_of(rung: Rung) -> st.SearchStrategy[Outcome]:
    return st.sampled_from([Absent(), Refused(f"{rung} broke"), HELD[rung]])


worlds = st.fixed_dictionaries({rung: outcome_of(rung) for rung in Rung})


def climb_world(world: dict[Rung, Outcome]) -> tuple[object, list[Rung]]:
    tried: list[Rung] = []

    def attempt(rung: Rung) -> Callable[[], Outcome]:
        def outcome() -> Outcome:
            tried.append(rung)
            return world[rung]

        return outcome

    try:
        return climb({rung: attempt(rung) for rung in Rung}), tried
    except EngineMissing as missing:
        return missing, tried


@given(worlds)
def test_the_first_place_that_holds_wins_unless_the_operator_named_a_broken_one(
    world: dict[Rung, Outcome],
) -> None:
    result, _ = climb_world(world)
    for rung in Rung:
        if isinstance(world[rung], Refused) and rung in NAMED_BY_OPERATOR:
            assert isinstance(result, EngineMissing)
            assert str(rung) in result.detail
            return
        if world[rung] == HELD[rung]:
            assert result == HELD[rung]
            return
    assert isinstance(result, EngineMissing)


@given(worlds)
def test_places_are_tried_in_order_and_none_after_the_one_that_holds(world: dict[Rung, Outcome]) -> None:
    result, tried = climb_world(world)
    assert tried == list(Rung)[: len(tried)]
    if isinstance(result, Cluster | Program):
        assert world[tried[-1]] == result


@given(worlds)
def test_the_last_word_names_each_refusal_and_what_to_do_next(world: dict[Rung, Outcome]) -> None:
    result, tried = climb_world(world)
    if isinstance(result, EngineMissing) and tried == list(Rung):
        for rung in Rung:
            outcome = world[rung]
            assert not isinstance(outcome, Refused) or outcome.reason in result.detail
        assert "TUTELA_TEMPORAL_CLI" in result.detail
        assert "TEMPORAL_ADDRESS" in result.detail


class TestAProgramIsAsked:
    def test_one_that_does_not_exist_is_refused(self, tmp_path: Path) -> None:
        assert accept(tmp_path / "nothing", Rung.SETTING) == Refused(
            f"{tmp_path / 'nothing'} cannot be run (No such file or directory)"
        )

    def test_one_without_permission_is_refused(self, temporal: Script) -> None:
        cli = temporal()
        cli.chmod(0o644)
        assert accept(cli, Rung.PATH) == Refused(f"{cli} cannot be run (Permission denied)")

    def test_another_program_of_that_name_is_refused(self, script: Script) -> None:
        cli = script("temporal", "echo 'temporal 4.2, the calendar'")
        outcome = accept(cli, Rung.PATH)
        assert isinstance(outcome, Refused)
        assert "not the Temporal CLI" in outcome.reason

    def test_one_that_fails_is_refused(self, script: Script) -> None:
        cli = script("temporal", "echo 'Server 1.29.1'; exit 3")
        assert isinstance(accept(cli, Rung.PATH), Refused)

    def test_one_that_prints_no_text_is_refused(self, script: Script) -> None:
        assert isinstance(accept(script("temporal", "head -c 100 /dev/urandom"), Rung.PATH), Refused)

    def test_one_that_does_not_answer_is_refused(
        self, script: Script, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("runtime.engine.locate.ANSWER_WITHIN_S", 0.2)
        outcome = accept(script("temporal", "exec sleep 30"), Rung.PATH)
        assert isinstance(outcome, Refused)
        assert "did not answer" in outcome.reason

    @pytest.mark.parametrize("server", ["1.28.9", "1.9.99", "0.30.0"])
    def test_one_with_an_older_server_is_refused(self, temporal: Script, server: str) -> None:
        outcome = accept(temporal(server=server), Rung.PATH)
        assert isinstance(outcome, Refused)
        assert f"holds server {server}, older than 1.29.0" in outcome.reason

    @pytest.mark.parametrize("server", ["1.29.0", "1.31.2", "2.0.0"])
    def test_one_with_a_new_enough_server_is_accepted(self, temporal: Script, server: str) -> None:
        cli = temporal(server=server)
        assert accept(cli, Rung.CACHE) == Program(cli, Rung.CACHE)


class TestPath:
    def test_a_path_without_it_has_none(self, tmp_path: Path) -> None:
        assert on_path(str(tmp_path)) == Absent()

    def test_the_first_on_the_path_is_taken(self, temporal: Script) -> None:
        first, second = temporal("one"), temporal("two")
        assert on_path(f"{first.parent}:{second.parent}") == Program(first, Rung.PATH)
