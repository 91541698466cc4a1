"""A policy file is read whole or refused with line and column."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.decision_point import RULES_FILE
from policy.rules import COLUMNS, Effect, PolicyUnusable, read_rules
from policy.vocabulary import Action, ObjectType, Obligation, Purpose, Relation, Role

HEADER = ",".join(COLUMNS)
GOOD = "learners-work,learner,self,session,answer,teaching,allow,"


def refusal(text: str) -> PolicyUnusable:
    with pytest.raises(PolicyUnusable) as refused:
        read_rules(text)
    assert refused.value.faults
    return refused.value


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing but a remark\n", HEADER, HEADER + "\n# no rule\n"])
def test_an_empty_policy_is_refused(text: str) -> None:
    assert "policy.csv" in refusal(text).detail


@pytest.mark.parametrize(
    ("line", "place", "message"),
    [
        ("learners-work,learner,self,session,answer,teaching", "line 2", "6 cells instead of 8"),
        (GOOD + ",", "line 2", "9 cells instead of 8"),
        ('"learners-work,learner', "line 2", "not one CSV line"),
        ("work,learner,self,session,answer,teaching,allow,", "column rule", "two or more"),
        ("Learners-Work,learner,self,session,answer,teaching,allow,", "column rule", "lower-case"),
        ("learners-work,pupil,self,session,answer,teaching,allow,", "column role", "unknown word 'pupil'"),
        ("learners-work, learner,self,session,answer,teaching,allow,", "column role", "unknown word"),
        ("learners-work,,self,session,answer,teaching,allow,", "column role", "a word is missing"),
        ("learners-work,learner,me,session,answer,teaching,allow,", "column relation", "'me'"),
        ("learners-work,learner,self,cookie,answer,teaching,allow,", "column object", "'cookie'"),
        ("learners-work,learner,self,session,shout,teaching,allow,", "column action", "'shout'"),
        ("learners-work,learner,self,session,answer,marketing,allow,", "column purpose", "'marketing'"),
        ("learners-work,learner,self,session,answer,teaching,maybe,", "column effect", "'maybe'"),
        ("learners-work,learner,self,session,answer,teaching,allow|deny,", "column effect", "allow or deny"),
        ("learners-work,learner,self,session,answer,teaching,*,", "column effect", "allow or deny"),
        ("learners-work,learner,self,session,answer,teaching,,", "column effect", "a word is missing"),
        ("learners-work,learner,self,session,answer,teaching,allow,*", "column obligations", "'*'"),
        ("learners-work,learner,self,session,answer,teaching,deny,record", "column obligations", "none"),
        ("learners-work,learner|,self,session,answer,teaching,allow,", "column role", "a word is missing"),
        ("learners-work,learner|*,self,session,answer,teaching,allow,", "column role", "'*'"),
        ("learners-work,learner|learner,self,session,answer,teaching,allow,", "column role", "twice"),
        ('learners-work,"learner, admin",self,session,answer,teaching,allow,', "column role", "unknown"),
    ],
)
def test_a_faulty_line_is_refused_with_line_and_column(line: str, place: str, message: str) -> None:
    error = refusal(f"{HEADER}\n{line}\n")
    assert place in error.faults[0].field
    assert "policy.csv line 2" in error.faults[0].field
    assert message in error.faults[0].message


def test_other_columns_are_refused() -> None:
    assert "the columns must be" in refusal("sub,obj,act\nalice,data,read\n").detail


def test_every_fault_is_told_at_once() -> None:
    first, last = "work,pupil,me,session,answer,teaching,allow,", "x-y,learner,self,tea,end,teaching,deny,"
    told = refusal(f"{HEADER}\n{first}\n\n{GOOD}\n{last}\n").detail
    for place in (
        "line 2, column rule",
        "line 2, column role",
        "line 2, column relation",
        "line 5, column object",
    ):
        assert place in told


def test_a_name_used_twice_is_refused() -> None:
    assert (
        "already stands on line 2" in refusal(f"{HEADER}\n{GOOD}\n{GOOD.replace('answer', 'end')}\n").detail
    )


def test_two_allows_for_one_cell_are_refused_because_their_obligations_would_be_a_guess() -> None:
    text = f"{HEADER}\n{GOOD}\nsecond-rule,*,self,session,answer|end,teaching,allow,record\n"
    assert (
        "line 3, column rule: allows learner self session answer teaching again, after line 2"
        in refusal(text).detail
    )


def test_an_allow_of_which_denies_leave_nothing_is_refused() -> None:
    text = f"{HEADER}\n{GOOD}\nno-work,*,*,session,*,*,deny,\n"
    assert "line 2, column effect: denies leave nothing" in refusal(text).detail


def test_denies_may_overlap_and_may_take_part_of_an_allow() -> None:
    first, second, third = read_rules(
        f"{HEADER}\nlearners-work,learner,self,session,*,teaching,allow,\n"
        "no-end,*,*,session,end,*,deny,\nno-end-again,learner,*,session,end,*,deny,\n"
    )
    assert (first.effect, second.effect, third.effect) == (Effect.ALLOW, Effect.DENY, Effect.DENY)


def test_wildcards_and_lists_are_expanded_over_the_vocabulary() -> None:
    (rule,) = read_rules(f"{HEADER}\nlearners-work,*,self|case,session,*,teaching,allow,record|dual\n")
    cells = set(rule.cells())
    assert len(cells) == len(Role) * 2 * 1 * len(Action) * 1
    assert all(rule.covers(cell) for cell in cells)
    assert not rule.covers((Role.ADMIN, Relation.TENANT, ObjectType.SESSION, Action.END, Purpose.TEACHING))
    assert rule.obligations == {Obligation.RECORD, Obligation.DUAL}
    assert rule.row((Role.ADMIN, Relation.CASE, ObjectType.SESSION, Action.END, Purpose.TEACHING)) == [
        "admin", "case", "session", "end", "teaching", "allow", "dual|record", "learners-work",
    ]  # fmt: skip


@given(st.text())
def test_any_text_is_read_or_refused_and_never_anything_else(text: str) -> None:
    with contextlib.suppress(PolicyUnusable):
        assert read_rules(text)


@given(st.data())
def test_no_cell_of_the_shipped_policy_can_be_replaced_by_noise_unnoticed(data: st.DataObject) -> None:
    lines = [line for line in RULES_FILE.read_text("utf-8").splitlines() if line and line[0] != "#"]
    number = data.draw(st.integers(1, len(lines) - 1))
    cells = lines[number].split(",")
    column = data.draw(st.integers(1, len(cells) - 1))
    cells[column] = data.draw(st.text("abcxyz |*", min_size=1, max_size=6).filter(lambda cell: cell != "*"))
    lines[number] = ",".join(cells)
    assert f"column {COLUMNS[column]}" in refusal("\n".join(lines)).detail
