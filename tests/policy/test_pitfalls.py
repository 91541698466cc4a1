"""Traps of the Casbin libraries that were seen to give wrong decisions, each shut.

Where the trap can be shown to be there without luck, the test shows it first: when a release closes it, the
test says so and the guard may be thought over.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import itertools
import logging
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import casbin
import pytest
from casbin.model import Model

from policy import decision_point
from policy.decision_point import FAILED, MALFORMED, DecisionPoint, Ruling
from policy.rules import PolicyUnusable
from policy.vocabulary import Action, ObjectType, Purpose, Relation, Role
from tests.policy.conftest import MODEL, PURPOSES, policy_of, policy_text

LEARNER = frozenset({Role.LEARNER})
SELF = frozenset({Relation.SELF})
ANSWER = (LEARNER, SELF, ObjectType.SESSION, Action.ANSWER, Purpose.TEACHING)
WORK = "learners-work,learner,self,session,answer,teaching,allow,"


def loaded(text: str, *rows: list[str]) -> casbin.Enforcer:
    model = Model()
    model.load_model_from_text(text)
    for row in rows:
        model.add_policy("p", "p", row)
    return casbin.Enforcer(model)


def test_casbin_is_the_maintained_distribution_alone() -> None:
    """Two distributions install over one another at the same paths; only one is maintained."""
    assert importlib.metadata.packages_distributions()["casbin"] == ["pycasbin"]


def test_the_expression_library_is_past_its_sandbox_escape() -> None:
    """CVE-2026-32640 was fixed in 1.0.5; the floor that Casbin itself asks for is below that."""
    version = tuple(int(part) for part in importlib.metadata.version("simpleeval").split("."))
    assert version >= (1, 0, 8)


def test_no_adapter_that_joins_and_splits_values_is_there_to_be_used() -> None:
    assert importlib.util.find_spec("sqlalchemy_adapter") is None
    assert importlib.util.find_spec("casbin_sqlalchemy_adapter") is None


def test_of_the_library_only_the_plain_enforcer_and_the_model_are_used() -> None:
    """The fast enforcer keeps a request's filter on the shared policy; the synced one fails in threads."""
    used: set[str] = set()
    for path in Path(decision_point.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("casbin"):
                used |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "casbin"
            ):
                used.add(f"casbin.{node.attr}")
    assert used == {"casbin.Enforcer", "casbin.model.Model"}


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads that change places so often that races show."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("hasty_threads")
def test_threads_give_no_wrong_decision() -> None:
    """Plain enforcers raise in threads (``ast.parse``), fast ones allow what they should refuse."""
    order = random.Random(7)
    requests = [
        (frozenset({role}), frozenset({relation, Relation.TENANT}), *rest)
        for role, relation, rest in itertools.product(
            (Role.LEARNER, Role.INSTRUCTOR, Role.AUDITOR),
            (Relation.SELF, Relation.INSTRUCTOR_OF),
            [
                (ObjectType.SESSION, Action.ANSWER, Purpose.TEACHING),
                (ObjectType.DECISION, Action.READ, Purpose.TRANSPARENCY),
                (ObjectType.DECISION, Action.ADAPT, Purpose.PERSONALISATION),
                (ObjectType.GRADE, Action.GRADE, Purpose.ASSESSMENT),
                (ObjectType.RISK, Action.LIST, Purpose.SUPPORT),
                (ObjectType.CONSENT, Action.GRANT, Purpose.COMPLIANCE),
            ],
        )
    ]
    alone = DecisionPoint.load()
    expected = {request: alone.decide(*request) for request in requests}
    assert {ruling.allowed for ruling in expected.values()} == {True, False}

    def decide_all(point: DecisionPoint, seed: int) -> dict[object, Ruling]:
        mine = requests.copy()
        random.Random(seed).shuffle(mine)
        return {request: point.decide(*request) for request in mine}

    with ThreadPoolExecutor(8) as threads:
        for _ in range(60):
            point = DecisionPoint.load()  # cold, so that the threads meet inside the library
            seeds = [order.random() for _ in range(8)]
            for decided in threads.map(lambda seed, point=point: decide_all(point, seed), seeds):
                assert decided == expected


def test_empty_strings_are_refused_though_an_empty_policy_allows_them() -> None:
    assert loaded(MODEL).enforce("", "", "", "", "") is True  # the trap
    with pytest.raises(PolicyUnusable, match="holds no rule"):
        policy_of()
    point = policy_of(WORK)
    assert point.decide(frozenset({""}), frozenset({""}), "", "", "") == MALFORMED  # type: ignore[arg-type]  # that is the test


def test_a_comma_in_a_value_stays_in_its_value() -> None:
    row = ["evil, admin", "self", "session", "answer", "teaching", "allow", "", "learners-work"]
    kept = loaded(MODEL, row)
    assert kept.enforce("evil, admin", "self", "session", "answer", "teaching") is True
    assert kept.enforce("admin", "self", "session", "answer", "teaching") is False
    with pytest.raises(PolicyUnusable, match="column role"):
        policy_of('learners-work,"evil, admin",self,session,answer,teaching,allow,')


def test_operators_in_a_literal_of_the_matcher_cannot_mislead_because_there_are_no_literals() -> None:
    text = MODEL.replace("r.role == p.role", 'r.role == "any!one"')
    row = ["any!one", "self", "session", "answer", "teaching", "allow", "", "learners-work"]
    assert loaded(text, row).enforce("any!one", *row[1:5]) is False  # the trap
    with pytest.raises(PolicyUnusable, match="matchers"):
        DecisionPoint(text, policy_text(WORK), PURPOSES)


def test_a_clause_that_no_rule_speaks_to_is_refused() -> None:
    text = MODEL.replace("r.role == p.role", '(r.role == p.role || r.role == "root")')
    with pytest.raises(PolicyUnusable, match="matchers"):
        DecisionPoint(text, policy_text(WORK), PURPOSES)


def test_enforcement_that_was_switched_off_refuses_instead_of_allowing_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    off = loaded(MODEL)
    off.enable_enforce(enabled=False)
    assert off.enforce("nobody", "none", "policy", "delete", "audit") is True  # the trap

    switched_on = casbin.Enforcer._initialize

    def switched_off(self: casbin.Enforcer) -> None:
        switched_on(self)
        self.enable_enforce(enabled=False)

    monkeypatch.setattr(casbin.Enforcer, "_initialize", switched_off)
    assert policy_of(WORK).decide(*ANSWER) == FAILED


def test_no_enforcer_can_be_reached_from_outside(point: DecisionPoint) -> None:
    point.decide(*ANSWER)
    assert not [
        name for name, value in vars(point).items() if type(value).__module__.partition(".")[0] == "casbin"
    ]


def test_no_request_value_reaches_a_log_even_when_logging_was_switched_on(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("casbin", "casbin.policy", "casbin.enforcer", "casbin.role"):
        monitored = logging.getLogger(name)
        monitored.disabled = False
        monitored.setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        assert policy_of(WORK).decide(*ANSWER).allowed
    assert "Model:" in caplog.text  # the library's logging is on; the model is no secret
    assert not [record for record in caplog.records if record.name == "casbin.enforcer"]
    assert not [word for word in ("learner", "session", "teaching") if word in caplog.text]
    assert capfd.readouterr() == ("", "")


def test_a_new_policy_is_a_new_snapshot_and_the_old_one_decides_as_before() -> None:
    """Reloading in place empties the rules for a moment, in which denies are missing."""
    old = policy_of(WORK, "auditors-never,auditor,*,session,*,*,deny,")
    both = (LEARNER | {Role.AUDITOR}, *ANSWER[1:])
    assert not old.decide(*both).allowed
    new = policy_of(WORK)
    assert new.decide(*both).allowed
    assert not old.decide(*both).allowed
    assert not [name for name in dir(DecisionPoint) if "load" in name and name != "load"]
    with pytest.raises(AttributeError):
        old.rules[0].effect = old.rules[1].effect  # type: ignore[misc]  # that is the test


def test_rules_are_words_and_never_expressions() -> None:
    text = MODEL.replace("r.role == p.role", "eval(p.role)")
    with pytest.raises(PolicyUnusable, match="matchers"):
        DecisionPoint(text, policy_text(WORK), PURPOSES)
    with pytest.raises(PolicyUnusable, match="column role: unknown word"):
        policy_of('learners-work,r.role == "learner",self,session,answer,teaching,allow,')


def test_roles_are_linked_nowhere_so_no_link_can_leak() -> None:
    text = MODEL.replace("[matchers]", "[role_definition]\ng = _, _\n\n[matchers]")
    with pytest.raises(PolicyUnusable, match="exactly one"):
        DecisionPoint(text, policy_text(WORK), PURPOSES)
