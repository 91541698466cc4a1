"""What no policy of Tutela may ever say, written apart from the rules and checked against every decision.

A rule is a line that somebody changes one day; these sentences are why the product can be trusted on the day
after. There are three kinds, each a small predicate whose name and docstring say the sentence:

- ``never``: no allowed cell is like this;
- ``prohibited``: every cell like this is refused *by name*, so that no second role can lift it;
- ``granted``: these cells are allowed, and free of conditions: rights that a policy may not take away.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from policy.matrix import SPACE, Matrix
from policy.rules import Cell
from policy.vocabulary import WRITES, Action, ObjectType, Obligation, Purpose, Relation, Role


class Point(NamedTuple):
    """A cell with what it is allowed on condition of."""

    role: Role
    relation: Relation
    object: ObjectType
    action: Action
    purpose: Purpose
    obligations: frozenset[Obligation] = frozenset()


NEVER: list[Callable[[Point], bool]] = []
PROHIBITED: list[Callable[[Point], bool]] = []
GRANTED: list[Callable[[], Iterator[Cell]]] = []

RECORD_OF_LEARNING = frozenset(
    {
        ObjectType.SESSION,
        ObjectType.ANSWER,
        ObjectType.EVENT,
        ObjectType.DECISION,
        ObjectType.KNOWLEDGE,
        ObjectType.GRADE,
        ObjectType.RISK,
    }
)
"""What a learner did and what was concluded from it."""

WHO_SOMEBODY_IS = frozenset({ObjectType.LEARNER_PROFILE, ObjectType.ACCOUNT, ObjectType.GUARDIAN_LINK})

CLOSE_TIES = frozenset(
    {Relation.SELF, Relation.INSTRUCTOR_OF, Relation.GUARDIAN_OF_MINOR, Relation.CASE},
)

NEEDING_CONSENT = {duty.consent: duty for duty in Obligation if duty.consent is not None}
"""Purpose to the obligation that asks for its consent; ``policy.purposes`` keeps the two in step."""

OWN_SIGN_IN = frozenset({ObjectType.ACCOUNT, ObjectType.ACCESS_SESSION})


def check_invariants(matrix: Matrix) -> list[str]:
    """Every invariant that ``matrix`` breaks, one line for each cell that breaks it."""
    points = [Point(*cell, ruling.obligations) for cell, ruling in matrix.allowed.items()]
    findings = [_told(broken, point) for broken in NEVER for point in points if broken(point)]
    for must in PROHIBITED:
        findings += [_told(must, point) for point in _all(must) if point[:5] not in matrix.prohibited]
    for right in GRANTED:
        denied = (cell for cell in right() if cell not in matrix.allowed or matrix.allowed[cell].obligations)
        findings += [_told(right, Point(*cell)) for cell in denied]
    return findings


@cache
def _all(predicate: Callable[[Point], bool]) -> tuple[Point, ...]:
    """Every point of the space that satisfies the predicate."""
    return tuple(filter(predicate, itertools.starmap(Point, itertools.product(*SPACE))))


def _told(invariant: Callable[..., object], point: Point) -> str:
    return f"{invariant.__name__}: {' '.join(point[:5])}"


def never(predicate: Callable[[Point], bool]) -> Callable[[Point], bool]:
    """No allowed cell satisfies the predicate."""
    NEVER.append(predicate)
    return predicate


def prohibited(predicate: Callable[[Point], bool]) -> Callable[[Point], bool]:
    """Every cell that satisfies the predicate is refused by a rule with a name."""
    PROHIBITED.append(predicate)
    return predicate


def granted(cells: Callable[[], Iterator[Cell]]) -> Callable[[], Iterator[Cell]]:
    """Each of these cells is allowed without obligation."""
    GRANTED.append(cells)
    return cells


# ---- Schools and people


@never
def another_school_reaches_in(point: Point) -> bool:
    """Without a tie nothing is allowed: tenants are apart (other schools' things answer 404)."""
    return point.relation is Relation.NONE


@never
def a_stranger_reads_what_a_learner_did(point: Point) -> bool:
    """Answers, interaction, knowledge: close ties only (34 CFR 99.31(a)(1); GDPR Art. 5(1)(f))."""
    apart = {ObjectType.ANSWER, ObjectType.EVENT, ObjectType.KNOWLEDGE}
    return point.object in apart and point.action not in WRITES and point.relation not in CLOSE_TIES


@never
def a_name_comes_with_learning_without_a_close_tie(point: Point) -> bool:
    """People who stand apart may see records of learning only without names; machines show them to nobody."""
    machine = point.role in {Role.WORKER, Role.SCHOOL_SYSTEM}
    masked = Obligation.MASK_IDENTITY in point.obligations
    reads = point.object in RECORD_OF_LEARNING and point.action not in WRITES
    return reads and point.relation not in CLOSE_TIES and not machine and not masked


@never
def a_tie_belongs_to_the_wrong_role(point: Point) -> bool:
    """A tie serves the role it is made of: a class is no reason for an editor, nor a case for a teacher."""
    owner = {
        Relation.INSTRUCTOR_OF: Role.INSTRUCTOR,
        Relation.GUARDIAN_OF_MINOR: Role.GUARDIAN,
        Relation.CASE: Role.OFFICER,
    }
    return point.relation in owner and point.role is not owner[point.relation]


@never
def those_who_run_the_school_see_learning(point: Point) -> bool:
    """Administrators and editors have no use for what anybody answered (GDPR Art. 5(1)(c))."""
    return point.role in {Role.ADMIN, Role.EDITOR} and point.object in RECORD_OF_LEARNING


@never
def an_editor_sees_a_person(point: Point) -> bool:
    """Writing courses needs nobody's data."""
    return (
        point.role is Role.EDITOR and point.object in WHO_SOMEBODY_IS and point.relation is not Relation.SELF
    )


@never
def a_guardian_changes_more_than_consent(point: Point) -> bool:
    """Guardians see, and decide on consent; they do not write into the record."""
    own = point.object in OWN_SIGN_IN and point.relation is Relation.SELF
    return (
        point.role is Role.GUARDIAN
        and point.action in WRITES
        and point.object is not ObjectType.CONSENT
        and not own
    )


# ---- Grades


@never
def a_learner_posts_a_grade(point: Point) -> bool:
    """Grades come from teachers and the school, by no role or purpose from a learner."""
    return point.role is Role.LEARNER and point.object is ObjectType.GRADE and point.action in WRITES


@never
def a_grade_comes_from_elsewhere(point: Point) -> bool:
    """Only a class's instructor and the school's own system grade, and only by the action for it."""
    right = (point.role, point.relation, point.action) in {
        (Role.INSTRUCTOR, Relation.INSTRUCTOR_OF, Action.GRADE),
        (Role.SCHOOL_SYSTEM, Relation.TENANT, Action.GRADE),
    }
    return point.object is ObjectType.GRADE and point.action in WRITES and not right


@prohibited
def nobody_grades_themselves(point: Point) -> bool:
    """Whatever else a person is, the own grade is out of reach."""
    grading = {Action.CREATE, Action.UPDATE, Action.DELETE, Action.GRADE, Action.IMPORT}
    return point.object is ObjectType.GRADE and point.relation is Relation.SELF and point.action in grading


# ---- Consent


@never
def consent_is_given_for_somebody(point: Point) -> bool:
    """Only the learner or the guardian of a learner under age grants (GDPR Art. 4(11), 8; COPPA 312.5)."""
    entitled = (point.role, point.relation) in {
        (Role.LEARNER, Relation.SELF),
        (Role.GUARDIAN, Relation.GUARDIAN_OF_MINOR),
    }
    return point.action is Action.GRANT and not (entitled and point.object is ObjectType.CONSENT)


@never
def consent_is_taken_back_by_staff(point: Point) -> bool:
    """Those who grant withdraw; beside them only time does (expiry, majority)."""
    entitled = (point.role, point.relation) in {
        (Role.LEARNER, Relation.SELF),
        (Role.GUARDIAN, Relation.GUARDIAN_OF_MINOR),
        (Role.WORKER, Relation.TENANT),
    }
    return point.action is Action.WITHDRAW and not entitled


@granted
def withdrawing_is_as_easy_as_granting() -> Iterator[Cell]:
    """GDPR Art. 7(3): who can give consent can take it back, by an equal act."""
    for tie in ((Role.LEARNER, Relation.SELF), (Role.GUARDIAN, Relation.GUARDIAN_OF_MINOR)):
        for action in (Action.GRANT, Action.WITHDRAW):
            yield (*tie, ObjectType.CONSENT, action, Purpose.COMPLIANCE)


@never
def a_purpose_goes_without_its_consent(point: Point) -> bool:
    """What is done for a purpose that rests on consent asks for exactly that consent (GDPR Art. 6(1)(a))."""
    return point.purpose in NEEDING_CONSENT and NEEDING_CONSENT[point.purpose] not in point.obligations


@never
def a_thing_is_done_for_another_purpose(point: Point) -> bool:
    """Adapting is personalisation, recording interaction telemetry, training a model model training."""
    return (
        (point.action is Action.ADAPT and point.purpose is not Purpose.PERSONALISATION)
        or (point.action is Action.TRAIN and point.purpose is not Purpose.MODEL_TRAINING)
        or (
            point.object is ObjectType.EVENT
            and point.action in WRITES
            and point.purpose is not Purpose.TELEMETRY
        )
    )


@never
def interaction_becomes_a_mark(point: Point) -> bool:
    """Telemetry is never read for a grade, a risk list or the teacher's view of a class."""
    elsewhere = {Purpose.TEACHING, Purpose.ASSESSMENT, Purpose.SUPPORT, Purpose.ADMINISTRATION}
    return point.object is ObjectType.EVENT and point.purpose in elsewhere


@never
def a_study_knows_names(point: Point) -> bool:
    """Research and model training work without direct identifiers (GDPR Art. 89(1))."""
    study = point.purpose in {Purpose.RESEARCH, Purpose.MODEL_TRAINING}
    return study and Obligation.MASK_IDENTITY not in point.obligations


# ---- Evidence


@never
def an_auditor_writes(point: Point) -> bool:
    """An auditor changes nothing but the own sign-in."""
    own = point.object in OWN_SIGN_IN and point.relation is Relation.SELF
    return point.role is Role.AUDITOR and point.action in WRITES and not own


@prohibited
def an_auditor_with_a_second_role_still_writes_nothing(point: Point) -> bool:
    """Independence is not lifted by another role of the same account."""
    return (
        point.role is Role.AUDITOR
        and point.action in WRITES
        and point.purpose is not Purpose.ACCOUNT_SECURITY
    )


@never
def an_auditor_sees_a_name(point: Point) -> bool:
    """Evidence about persons is shown to auditors without names, and each look is recorded."""
    duties = {Obligation.MASK_IDENTITY, Obligation.RECORD}
    about_nobody = {
        ObjectType.NOTICE,
        ObjectType.MODEL,
        ObjectType.POLICY,
        ObjectType.OPERATIONS,
        ObjectType.COURSE,
    }
    return (
        point.role is Role.AUDITOR
        and point.relation is not Relation.SELF
        and point.object not in about_nobody
        and not duties <= point.obligations
    )


@never
def a_case_is_looked_at_unrecorded(point: Point) -> bool:
    """What an officer is shown for a case stands in the disclosure record (34 CFR 99.32)."""
    return point.relation is Relation.CASE and Obligation.RECORD not in point.obligations


@never
def evidence_is_rewritten(point: Point) -> bool:
    """What was answered, decided, agreed, disclosed and published is added to, never changed."""
    written_once = {
        ObjectType.ANSWER,
        ObjectType.EVENT,
        ObjectType.DECISION,
        ObjectType.CONSENT,
        ObjectType.CONSENT_RECEIPT,
        ObjectType.DISCLOSURE,
        ObjectType.NOTICE,
    }
    return point.object in written_once and point.action in {Action.UPDATE, Action.DELETE, Action.IMPORT}


@never
def the_policy_is_changed_from_within(point: Point) -> bool:
    """Rules change in the repository, with a reason and a review, and through no request."""
    return point.object is ObjectType.POLICY and point.action in WRITES


# ---- What cannot be undone


@never
def one_person_erases(point: Point) -> bool:
    """Erasing takes an officer's case, a second factor and a second person."""
    duties = {Obligation.STEPUP, Obligation.DUAL}
    return point.action is Action.ERASE and not (
        point.role is Role.OFFICER and point.relation is Relation.CASE and duties <= point.obligations
    )


@never
def records_leave_or_stop_on_a_stolen_session(point: Point) -> bool:
    """Exporting and restricting take a second factor."""
    return point.action in {Action.EXPORT, Action.RESTRICT} and Obligation.STEPUP not in point.obligations


@never
def a_timer_does_more_than_time_can(point: Point) -> bool:
    """Tutela's own workflows let things end, forget profiles, keep figures current; never names, grants."""
    timely = {Action.READ, Action.LIST, Action.END, Action.WITHDRAW, Action.SCORE, Action.TRAIN}
    forgets = point.action is Action.UPDATE and point.object is ObjectType.KNOWLEDGE
    allowed = point.action in timely or forgets
    return point.role is Role.WORKER and (not allowed or point.object in WHO_SOMEBODY_IS)


@prohibited
def nobody_vouches_for_their_own_tie(point: Point) -> bool:
    """Neither learner nor guardian makes or changes the link between them; nor do they as administrators."""
    concerned = {Relation.SELF, Relation.GUARDIAN_OF_MINOR}
    changes = {Action.CREATE, Action.UPDATE, Action.DELETE, Action.IMPORT}
    return (
        point.object is ObjectType.GUARDIAN_LINK and point.relation in concerned and point.action in changes
    )


# ---- Rights


@granted
def people_see_their_own_record() -> Iterator[Cell]:
    """GDPR Art. 15, 34 CFR 99.10: the learner, and the guardian while the learner is under age."""
    shown = (
        ObjectType.SESSION,
        ObjectType.ANSWER,
        ObjectType.EVENT,
        ObjectType.DECISION,
        ObjectType.KNOWLEDGE,
        ObjectType.GRADE,
        ObjectType.LEARNER_PROFILE,
        ObjectType.CONSENT,
        ObjectType.CONSENT_RECEIPT,
        ObjectType.DISCLOSURE,
    )
    for tie in ((Role.LEARNER, Relation.SELF), (Role.GUARDIAN, Relation.GUARDIAN_OF_MINOR)):
        for object_ in shown:
            yield (*tie, object_, Action.READ, Purpose.TRANSPARENCY)


@granted
def learning_asks_for_no_consent() -> Iterator[Cell]:
    """GDPR Art. 7(4): lessons, answers and grades do not depend on agreeing to anything."""
    for action in (Action.CREATE, Action.RESUME, Action.ANSWER, Action.END, Action.READ):
        yield (Role.LEARNER, Relation.SELF, ObjectType.SESSION, action, Purpose.TEACHING)
    yield (Role.LEARNER, Relation.SELF, ObjectType.GRADE, Action.READ, Purpose.ASSESSMENT)
