"""Each invariant holds for the shipped policy, and is broken by a policy that breaks it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policy.decision_point import RULES_FILE, DecisionPoint
from policy.invariants import GRANTED, NEVER, PROHIBITED, check_invariants
from policy.matrix import Matrix
from policy.rules import read_rules
from tests.policy.conftest import MODEL, PURPOSES, policy_text

RULES = RULES_FILE.read_text("utf-8")

PLANTED: list[tuple[str, list[str], list[str]]] = [
    # the invariant, rules added to the shipped policy, rules taken out of it
    ("another_school_reaches_in", ["a-b,editor,none,course,read,teaching,allow,"], []),
    (
        "a_stranger_reads_what_a_learner_did",
        ["a-b,officer,tenant,answer,list,compliance,allow,mask:identity"],
        [],
    ),
    (
        "a_name_comes_with_learning_without_a_close_tie",
        ["a-b,instructor,tenant,session,list,support,allow,record"],
        [],
    ),
    ("a_tie_belongs_to_the_wrong_role", ["a-b,editor,instructor_of,course,read,teaching,allow,"], []),
    ("a_tie_belongs_to_the_wrong_role", ["a-b,instructor,case,consent,read,compliance,allow,record"], []),
    ("those_who_run_the_school_see_learning", ["a-b,admin,self,grade,read,assessment,allow,"], []),
    ("an_editor_sees_a_person", ["a-b,editor,tenant,learner_profile,list,administration,allow,"], []),
    (
        "a_guardian_changes_more_than_consent",
        ["a-b,guardian,guardian_of_minor,learner_profile,update,transparency,allow,"],
        [],
    ),
    ("a_learner_posts_a_grade", ["a-b,learner,tenant,grade,grade,assessment,allow,"], []),
    (
        "a_learner_posts_a_grade",
        ["a-b,learner,self,grade,import,assessment,allow,"],
        ["nobody-grades-themselves"],
    ),
    ("a_grade_comes_from_elsewhere", ["a-b,instructor,instructor_of,grade,update,assessment,allow,"], []),
    ("a_grade_comes_from_elsewhere", ["a-b,admin,tenant,grade,grade,assessment,allow,"], []),
    ("nobody_grades_themselves", [], ["nobody-grades-themselves"]),
    ("consent_is_given_for_somebody", ["a-b,instructor,instructor_of,consent,grant,compliance,allow,"], []),
    ("consent_is_given_for_somebody", ["a-b,worker,tenant,consent,grant,compliance,allow,"], []),
    ("consent_is_given_for_somebody", ["a-b,learner,tenant,consent,grant,compliance,allow,"], []),
    ("consent_is_taken_back_by_staff", ["a-b,officer,case,consent,withdraw,compliance,allow,record"], []),
    (
        "withdrawing_is_as_easy_as_granting",
        [
            "a-b,learner,self,consent,withdraw,compliance,deny,",
            "c-d,learner,self,consent,grant,compliance,allow,",
        ],
        ["learners-decide-on-consent"],
    ),
    (
        "withdrawing_is_as_easy_as_granting",
        [
            "a-b,guardian,guardian_of_minor,consent,withdraw,compliance,allow,stepup",
            "c-d,guardian,guardian_of_minor,consent,grant,compliance,allow,",
        ],
        ["guardians-decide-on-consent"],
    ),
    (
        "a_purpose_goes_without_its_consent",
        ["a-b,learner,self,decision,adapt,personalisation,allow,"],
        ["learners-are-adapted-to"],
    ),
    (
        "a_purpose_goes_without_its_consent",
        ["a-b,learner,self,event,create,telemetry,allow,consent:personalisation"],
        ["learners-report-interaction"],
    ),
    ("a_thing_is_done_for_another_purpose", ["a-b,learner,self,decision,adapt,teaching,allow,"], []),
    ("a_thing_is_done_for_another_purpose", ["a-b,learner,self,event,create,support,allow,"], []),
    ("a_thing_is_done_for_another_purpose", ["a-b,worker,tenant,model,train,administration,allow,"], []),
    ("interaction_becomes_a_mark", ["a-b,instructor,instructor_of,event,read,assessment,allow,"], []),
    (
        "a_study_knows_names",
        ["a-b,officer,case,knowledge,read,research,allow,record|consent:research"],
        [],
    ),
    (
        "an_auditor_writes",
        ["a-b,auditor,tenant,decision,delete,account_security,allow,mask:identity|record"],
        [],
    ),
    ("an_auditor_with_a_second_role_still_writes_nothing", [], ["auditors-change-nothing"]),
    ("an_auditor_sees_a_name", ["a-b,auditor,tenant,account,list,audit,allow,record"], []),
    ("a_case_is_looked_at_unrecorded", ["a-b,officer,case,answer,read,audit,allow,"], []),
    ("evidence_is_rewritten", ["a-b,admin,tenant,disclosure,delete,administration,allow,"], []),
    ("the_policy_is_changed_from_within", ["a-b,admin,tenant,policy,update,administration,allow,"], []),
    ("one_person_erases", ["a-b,officer,case,learner_profile,erase,compliance,allow,record|stepup"], []),
    ("one_person_erases", ["a-b,admin,tenant,learner_profile,erase,compliance,allow,dual|stepup"], []),
    (
        "records_leave_or_stop_on_a_stolen_session",
        ["a-b,officer,case,learner_profile,export,compliance,allow,record"],
        [],
    ),
    (
        "records_leave_or_stop_on_a_stolen_session",
        ["a-b,officer,case,gate,restrict,compliance,allow,record"],
        [],
    ),
    ("a_timer_does_more_than_time_can", ["a-b,worker,tenant,session,answer,teaching,allow,"], []),
    ("a_timer_does_more_than_time_can", ["a-b,worker,tenant,learner_profile,read,teaching,allow,"], []),
    ("nobody_vouches_for_their_own_tie", [], ["nobody-vouches-for-their-own-tie"]),
    ("people_see_their_own_record", [], ["learners-see-their-record"]),
    ("people_see_their_own_record", [], ["guardians-see-the-consents"]),
    (
        "learning_asks_for_no_consent",
        [
            "a-b,learner,self,session,create|read|list|resume|answer|end,teaching,allow,consent:personalisation"
        ],
        ["learners-work"],
    ),
]


def changed(matrix: Matrix, add: list[str], remove: list[str]) -> Matrix:
    """The matrix of the shipped policy with rules added and taken out.

    Only the cells that these rules cover can have changed; they are decided anew, by a real decision point.
    """
    before = {rule.name: rule for rule in read_rules(RULES)}
    kept = [line for line in RULES.splitlines() if line.partition(",")[0] not in remove]
    point = DecisionPoint(MODEL, "\n".join([*kept, *add]), PURPOSES)
    touched = [before[name] for name in remove] + (list(read_rules(policy_text(*add))) if add else [])
    allowed, prohibited = matrix.allowed.copy(), matrix.prohibited.copy()
    for cell in (cell for rule in touched for cell in rule.cells()):
        allowed.pop(cell, None)
        prohibited.pop(cell, None)
        ruling = point.decide(frozenset(cell[:1]), frozenset(cell[1:2]), *cell[2:])
        if ruling.allowed:
            allowed[cell] = ruling
        elif ruling.rule in {rule.name for rule in point.rules}:
            prohibited[cell] = ruling
    return replace(matrix, allowed=allowed, prohibited=prohibited)


def test_the_shipped_policy_breaks_no_invariant(matrix: Matrix) -> None:
    assert check_invariants(matrix) == []


@pytest.mark.parametrize(("invariant", "add", "remove"), PLANTED)
def test_a_policy_that_breaks_an_invariant_is_caught(
    matrix: Matrix, invariant: str, add: list[str], remove: list[str]
) -> None:
    found = check_invariants(changed(matrix, add, remove))
    assert invariant in {line.partition(":")[0] for line in found}


def test_a_finding_names_the_cell(matrix: Matrix) -> None:
    found = check_invariants(changed(matrix, ["a-b,admin,tenant,policy,update,audit,allow,"], []))
    assert found == ["the_policy_is_changed_from_within: admin tenant policy update audit"]


def test_every_invariant_has_a_sentence_and_a_planted_breach() -> None:
    invariants = [*NEVER, *PROHIBITED, *GRANTED]
    assert all(invariant.__doc__ for invariant in invariants)
    assert {invariant.__name__ for invariant in invariants} == {name for name, _, _ in PLANTED}
