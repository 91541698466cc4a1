"""The decision point refuses what no rule allows, what is odd and what fails, and says which rule spoke."""

from __future__ import annotations

import hashlib
import itertools
from enum import StrEnum
from typing import Any

import casbin
import pytest
from casbin.model import Model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.decision_point import FAILED, MALFORMED, MODEL_FILE, NO_RULE, DecisionPoint
from policy.rules import Effect, PolicyUnusable, Rule
from policy.vocabulary import Action, ObjectType, Obligation, Purpose, Relation, Role
from tests.policy.conftest import MODEL, PURPOSES, policy_of, policy_text

Request = tuple[frozenset[Role], frozenset[Relation], ObjectType, Action, Purpose]

LEARNER = frozenset({Role.LEARNER})
OWN = frozenset({Relation.SELF, Relation.TENANT})
ANSWER: Request = (LEARNER, OWN, ObjectType.SESSION, Action.ANSWER, Purpose.TEACHING)

WORK = "learners-work,learner,self,session,answer,teaching,allow,"


class TestRefusals:
    @pytest.mark.parametrize(
        "request_",
        [
            (frozenset(), *ANSWER[1:]),
            (LEARNER, frozenset(), *ANSWER[2:]),
            (*ANSWER[:2], "", *ANSWER[3:]),
            (*ANSWER[:3], "", ANSWER[4]),
            (*ANSWER[:4], ""),
            ("", "", "", "", ""),
            (frozenset({""}), *ANSWER[1:]),
            (None, None, None, None, None),
            (*ANSWER[:4], None),
            (*ANSWER[:4], "marketing"),
            (frozenset({"root"}), *ANSWER[1:]),
            (LEARNER | {None}, *ANSWER[1:]),
            (LEARNER | {"root"}, *ANSWER[1:]),
            (LEARNER, frozenset({Relation.SELF, "owner"}), *ANSWER[2:]),
            ({Role.LEARNER}, *ANSWER[1:]),
            ([Role.LEARNER], *ANSWER[1:]),
            ((Role.LEARNER,), *ANSWER[1:]),
            (LEARNER, (Relation.SELF,), *ANSWER[2:]),
            ("learner", *ANSWER[1:]),
            (Role.LEARNER, Relation.SELF, *ANSWER[2:]),
            (*ANSWER[:3], True, ANSWER[4]),
            (*ANSWER[:2], object(), *ANSWER[3:]),
            (*ANSWER[:2], b"session", *ANSWER[3:]),
            (*ANSWER[:2], ANSWER[3], ANSWER[2], ANSWER[4]),
        ],
    )
    def test_what_is_no_request_is_refused_also_when_the_table_is_warm(
        self, point: DecisionPoint, request_: tuple[Any, ...]
    ) -> None:
        assert point.decide(*ANSWER).allowed
        for _ in range(2):
            assert point.decide(*request_) == MALFORMED

    def test_a_request_that_no_rule_covers_is_refused(self, point: DecisionPoint) -> None:
        assert point.decide(LEARNER, OWN, ObjectType.GRADE, Action.GRADE, Purpose.TEACHING).allowed is False
        ruling = point.decide(LEARNER, OWN, ObjectType.MODEL, Action.TRAIN, Purpose.RESEARCH)
        assert ruling == NO_RULE

    def test_the_same_act_for_another_purpose_is_refused(self, point: DecisionPoint) -> None:
        for purpose in set(Purpose) - {Purpose.TEACHING}:
            assert not point.decide(*ANSWER[:4], purpose).allowed

    def test_a_failing_library_refuses_and_the_failure_is_forgotten(
        self, point: DecisionPoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise SystemError("AST constructor recursion depth mismatch")

        with monkeypatch.context() as patch:
            patch.setattr(casbin.Enforcer, "enforce_ex", broken)
            assert point.decide(*ANSWER) == FAILED
        assert point.decide(*ANSWER).allowed

    @pytest.mark.parametrize(
        "answer", [("yes", ["x"] * 8), (1, ["x"] * 8), (None, []), (True, []), (False, [])]
    )
    def test_an_odd_answer_of_the_library_refuses(
        self, point: DecisionPoint, monkeypatch: pytest.MonkeyPatch, answer: tuple[object, list[str]]
    ) -> None:
        monkeypatch.setattr(casbin.Enforcer, "enforce_ex", lambda *_: answer)
        assert not point.decide(*ANSWER).allowed

    @pytest.mark.parametrize(
        ("old", "new", "told"),
        [
            ("r.purpose == p.purpose", "r.purpose == r.purpose", "matchers"),
            (" && r.purpose == p.purpose", "", "matchers"),
            (" && r.purpose == p.purpose", ' || r.role == "root"', "matchers"),
            ("r.purpose == p.purpose", "r.purpose != p.purpose", "matchers"),
            ("r.purpose == p.purpose", "eval(p.purpose)", "matchers"),
            ("r.purpose == p.purpose", "keyMatch(r.purpose, p.purpose)", "matchers"),
            (" && !some(where (p.eft == deny))", "", "policy_effect"),
            ("r = role, relation", "r = relation, role", "request_definition"),
            ("eft, obligations, rule", "eft", "policy_definition"),
            ("[matchers]", "[role_definition]\ng = _, _\n[matchers]", "exactly one"),
            ("[matchers]", "[matchers]\nm2 = r.role == p.role", "exactly one"),
            ("[matchers]", "[nothing]", "exactly one"),
            ("[request_definition]", "nonsense\n[request_definition]", "cannot be parsed"),
        ],
    )
    def test_a_model_that_is_not_plain_equality_is_refused(self, old: str, new: str, told: str) -> None:
        assert old in MODEL
        with pytest.raises(PolicyUnusable, match=told):
            DecisionPoint(MODEL.replace(old, new), policy_text(WORK), PURPOSES)

    def test_an_empty_model_is_refused(self) -> None:
        with pytest.raises(PolicyUnusable, match=r"model\.conf"):
            DecisionPoint("", policy_text(WORK), PURPOSES)


class TestSeveralRoles:
    LINES = (
        WORK,
        "admins-look,admin,tenant,session,answer,teaching,allow,record",
        "auditors-never,auditor,*,session,*,*,deny,",
    )

    def test_a_deny_of_one_role_outweighs_the_allow_of_another(self) -> None:
        point = policy_of(*self.LINES)
        ruling = point.decide(LEARNER | {Role.AUDITOR}, *ANSWER[1:])
        assert (ruling.allowed, ruling.rule) == (False, "auditors-never")

    def test_every_allow_that_spoke_binds_with_its_obligations(self) -> None:
        point = policy_of(*self.LINES)
        ruling = point.decide(LEARNER | {Role.ADMIN}, *ANSWER[1:])
        assert (ruling.allowed, ruling.rule) == (True, "learners-work+admins-look")
        assert ruling.obligations == {Obligation.RECORD}

    def test_a_role_counts_only_with_the_relation_it_is_allowed_with(self) -> None:
        point = policy_of(*self.LINES)
        both = LEARNER | {Role.ADMIN}
        assert point.decide(both, frozenset({Relation.SELF}), *ANSWER[2:]).rule == "learners-work"
        assert point.decide(both, frozenset({Relation.CASE}), *ANSWER[2:]) == NO_RULE

    def test_in_the_shipped_policy_an_instructor_who_learns_grades_others_and_not_themselves(
        self, point: DecisionPoint
    ) -> None:
        roles = frozenset({Role.INSTRUCTOR, Role.LEARNER})
        what = (ObjectType.GRADE, Action.GRADE, Purpose.ASSESSMENT)
        assert point.decide(roles, frozenset({Relation.INSTRUCTOR_OF, Relation.TENANT}), *what).allowed
        own = point.decide(roles, frozenset({Relation.INSTRUCTOR_OF, Relation.SELF, Relation.TENANT}), *what)
        assert own.rule == "nobody-grades-themselves"


class TestSnapshot:
    def test_the_digest_changes_with_each_of_its_parts_and_with_nothing_else(self) -> None:
        texts = (MODEL, policy_text(WORK), PURPOSES)
        digest = DecisionPoint(*texts).digest
        assert digest == DecisionPoint(*texts).digest
        assert len(digest) == hashlib.sha256().digest_size * 2
        for part in range(3):
            changed = [text + "\n" if part == place else text for place, text in enumerate(texts)]
            assert DecisionPoint(*changed).digest != digest

    def test_the_digest_knows_where_one_part_ends_and_the_next_begins(self) -> None:
        remark = "# the same remark\n"
        before = DecisionPoint(MODEL + remark, policy_text(WORK), PURPOSES)
        behind = DecisionPoint(MODEL, remark + policy_text(WORK), PURPOSES)
        assert before.digest != behind.digest

    def test_the_shipped_policy_loads_from_its_files(self, tmp_path: Any) -> None:
        assert DecisionPoint.load().rules
        other = tmp_path / "policy.csv"
        other.write_text(policy_text(WORK))
        assert [rule.name for rule in DecisionPoint.load(model=MODEL_FILE, rules=other).rules] == [
            "learners-work"
        ]

    def test_a_warm_decision_does_not_reach_the_library(
        self, point: DecisionPoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cold = point.decide(*ANSWER)
        monkeypatch.setattr(casbin, "Enforcer", None)
        assert point.decide(*ANSWER) is cold


# ---- The table gives what a plain enforcer gives


def plain_enforcer(rules: tuple[Rule, ...]) -> casbin.Enforcer:
    model = Model()
    model.load_model_from_text(MODEL)
    model["p"]["p"].policy = [rule.row(cell) for rule in rules for cell in rule.cells()]
    return casbin.Enforcer(model)


def ask_plainly(enforcer: casbin.Enforcer, request: Request) -> tuple[bool, set[str]]:
    """Decide each pair with the plain enforcer; deny wins. The obligations as strings."""
    roles, relations, *rest = request
    duties: set[str] = set()
    allowed = False
    for pair in itertools.product(roles, relations):
        result, row = enforcer.enforce_ex(*map(str, pair), *map(str, rest))
        if row and row[5] == "deny":
            return False, set()
        if result:
            allowed = True
            duties |= set(filter(None, row[6].split("|")))
    return allowed, duties


def words(vocabulary: type[StrEnum], *, most: int = 3) -> st.SearchStrategy[str]:
    some = st.lists(st.sampled_from(list(vocabulary)), min_size=1, max_size=most, unique=True).map("|".join)
    return st.one_of(some, some, st.just("*"))


FEW_OBJECTS = [ObjectType.SESSION, ObjectType.GRADE]
FEW_ACTIONS = [Action.READ, Action.GRADE]
FEW_PURPOSES = [Purpose.TEACHING, Purpose.AUDIT]


@st.composite
def policies(draw: st.DrawFn) -> DecisionPoint:
    """Small policies over a corner of the space, so that their rules meet."""
    lines: list[str] = []
    for number in range(draw(st.integers(1, 6))):
        effect = draw(st.sampled_from(Effect))
        some = st.lists(st.sampled_from(list(Obligation)), max_size=2, unique=True).map("|".join)
        cells = [
            f"rule-{number}",
            draw(words(Role)),
            draw(words(Relation)),
            "|".join(draw(st.lists(st.sampled_from(FEW_OBJECTS), min_size=1, unique=True))),
            "|".join(draw(st.lists(st.sampled_from(FEW_ACTIONS), min_size=1, unique=True))),
            "|".join(draw(st.lists(st.sampled_from(FEW_PURPOSES), min_size=1, unique=True))),
            str(effect),
            draw(some) if effect is Effect.ALLOW else "",
        ]
        try:
            policy_of(*lines, ",".join(cells))
        except PolicyUnusable:
            continue  # two allows of one cell, or nothing left of an allow: not a policy
        lines.append(",".join(cells))
    return policy_of(*(lines or [WORK]))


requests = st.tuples(
    st.frozensets(st.sampled_from(Role), min_size=1, max_size=3),
    st.frozensets(st.sampled_from(Relation), min_size=1, max_size=3),
    st.sampled_from(FEW_OBJECTS),
    st.sampled_from(FEW_ACTIONS),
    st.sampled_from(FEW_PURPOSES),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policies(), st.lists(requests, min_size=1, max_size=8))
def test_on_any_policy_the_table_decides_as_a_plain_enforcer(
    point: DecisionPoint, asked: list[Request]
) -> None:
    enforcer = plain_enforcer(point.rules)
    for request in asked:
        for ruling in (point.decide(*request), point.decide(*request)):  # cold, then warm
            assert (ruling.allowed, set(ruling.obligations)) == ask_plainly(enforcer, request)


@pytest.fixture(scope="module")
def shipped() -> tuple[DecisionPoint, casbin.Enforcer]:
    point = DecisionPoint.load()
    return point, plain_enforcer(point.rules)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.data())
def test_on_the_shipped_policy_the_table_decides_as_a_plain_enforcer(
    shipped: tuple[DecisionPoint, casbin.Enforcer], data: st.DataObject
) -> None:
    point, enforcer = shipped
    rule = data.draw(st.sampled_from(point.rules))
    request = (
        data.draw(st.frozensets(st.sampled_from(sorted(rule.roles)), min_size=1, max_size=1)),
        data.draw(st.frozensets(st.sampled_from(sorted(rule.relations)), min_size=1, max_size=1)),
        data.draw(st.sampled_from(sorted(rule.objects))),
        data.draw(st.sampled_from(sorted(rule.actions))),
        data.draw(st.sampled_from(sorted(rule.purposes))),
    )
    ruling = point.decide(*request)
    assert (ruling.allowed, set(ruling.obligations)) == ask_plainly(enforcer, request)
