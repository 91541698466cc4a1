from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from sqlalchemy.engine import Connection

from governance.accounts import Principal
from governance.disclosures import disclosures_of
from governance.gate import GateState, move_gate, take_gate
from governance.keys import DataClass, KeyRing, SealBroken
from governance.permits import (
    WORKER_RELATIONS,
    ApprovalRequired,
    ConsentMissing,
    Forbidden,
    GateMoved,
    Governor,
    IdentityMasked,
    Permit,
    Refusal,
    StepUpRequired,
    SubjectErased,
    SubjectRestricted,
    UnknownSubject,
    permit,
    permits,
    worker,
)
from governance.schools import School
from policy.decision_point import MODEL_FILE, DecisionPoint
from policy.purposes import PURPOSES_FILE
from policy.vocabulary import Action, ObjectType, Purpose, Relation, Role
from runtime.database import Database
from runtime.errors import NotFound
from tests.clocks import SetClock
from tests.people import People

T = TypeVar("T")

SELF = frozenset({Relation.SELF, Relation.TENANT})
SCHOOL = frozenset({Relation.TENANT})
NONE = frozenset({Relation.NONE})

RULES = """rule,role,relation,object,action,purpose,effect,obligations
learners-answer,learner,self,session,answer,teaching,allow,
learners-are-adapted-to,learner,self,decision,adapt,personalisation,allow,consent:personalisation
auditors-look,auditor,tenant,decision,read,audit,allow,mask:identity|record
officers-look,officer,tenant,course,read,compliance,allow,record
admins-step-up,admin,tenant,account,delete,administration,allow,stepup
admins-need-two,admin,tenant,account,update,administration,allow,dual
everybody-sees-their-record,learner,self,session,read,transparency|account_security,allow,
officers-finish,officer,tenant,gate,read,compliance,allow,
nobody-grades-themselves,*,self,grade,*,*,deny,
"""


@pytest.fixture(scope="module")
def decision_point() -> DecisionPoint:
    return DecisionPoint(MODEL_FILE.read_text("utf-8"), RULES, PURPOSES_FILE.read_text("utf-8"))


@dataclass
class Desk:
    """Where permits are asked for, about one learner."""

    database: Database
    governor: Governor
    clock: SetClock
    learner: Principal

    def ask(
        self,
        action: Action = Action.ANSWER,
        object_: ObjectType = ObjectType.SESSION,
        purpose: Purpose = Purpose.TEACHING,
        *,
        by: Principal | None = None,
        relations: frozenset[Relation] = SELF,
        about: UUID | str | None = "learner",
        lock: bool = True,
    ) -> Permit:
        subject = self.learner.subject_ref if isinstance(about, str) else about
        ask = partial(
            permit,
            principal=by or self.learner,
            relations=relations,
            action=action,
            object=object_,
            purpose=purpose,
            subject=subject,
            governor=self.governor,
            lock=lock,
        )
        return self.write(ask)

    def write(self, work: Callable[[Connection], T]) -> T:
        return self.database.write_now(work, tenant=self.learner.tenant)

    def move(self, state: GateState | None = None, *consents: Purpose, days: float = 365) -> None:
        until = self.clock.now() + timedelta(days=days)
        live = dict.fromkeys(consents, until) if consents else None

        def work(tx: Connection) -> None:
            gate = take_gate(tx, self.learner.tenant, self.learner.subject_ref)
            assert gate is not None
            move_gate(tx, gate, self.clock.now(), state=state, consents=live)

        self.write(work)


@pytest.fixture
def desk(
    database: Database,
    keys: KeyRing,
    clock: SetClock,
    people: People,
    school: School,
    decision_point: DecisionPoint,
) -> Desk:
    governor = Governor(decision_point, keys, clock)
    return Desk(database, governor, clock, people.person(school, Role.LEARNER))


def staff(desk: Desk, role: Role) -> Principal:
    return replace(desk.learner, subject_ref=uuid4(), account_id=uuid4(), roles=frozenset({role}))


class TestRefusals:
    def test_what_no_rule_allows_is_forbidden_and_says_which_rule_it_was(self, desk: Desk) -> None:
        with pytest.raises(Forbidden) as refused:
            desk.ask(Action.DELETE)
        assert (refused.value.status, refused.value.rule) == (403, "(no rule)")
        with pytest.raises(Forbidden) as refused:
            desk.ask(Action.GRADE, ObjectType.GRADE, Purpose.ASSESSMENT)
        assert refused.value.rule == "nobody-grades-themselves"

    def test_a_refusal_carries_the_whole_request_for_the_audit_and_nothing_of_it_in_its_text(
        self, desk: Desk
    ) -> None:
        with pytest.raises(Refusal) as refused:
            desk.ask(Action.DELETE)
        request = refused.value.request
        assert (request.principal, request.subject) == (desk.learner, desk.learner.subject_ref)
        assert (request.action, request.object, request.purpose) == (
            Action.DELETE,
            ObjectType.SESSION,
            Purpose.TEACHING,
        )
        assert str(desk.learner.subject_ref) not in str(refused.value)

    def test_a_person_who_does_not_exist_is_not_found(self, desk: Desk) -> None:
        with pytest.raises(UnknownSubject) as refused:
            desk.ask(about=uuid4())
        assert (refused.value.status, refused.value.slug) == (404, "not-found")

    def test_another_schools_person_is_not_found_whatever_relations_are_claimed(
        self, desk: Desk, people: People
    ) -> None:
        stranger = people.person(people.school(), Role.LEARNER)
        for relations in (SELF, SCHOOL, NONE):
            with pytest.raises(NotFound):
                desk.ask(about=stranger.subject_ref, relations=relations)
        as_if_there = replace(desk.learner, tenant=stranger.tenant)
        ask = partial(
            permit,
            principal=as_if_there,
            relations=SELF,
            action=Action.ANSWER,
            object=ObjectType.SESSION,
            purpose=Purpose.TEACHING,
            subject=desk.learner.subject_ref,
            governor=desk.governor,
        )
        with pytest.raises(NotFound):
            desk.database.read_now(ask, stranger.tenant)

    def test_without_consent_what_needs_it_is_refused(self, desk: Desk) -> None:
        request = (Action.ADAPT, ObjectType.DECISION, Purpose.PERSONALISATION)
        with pytest.raises(ConsentMissing) as refused:
            desk.ask(*request)
        assert refused.value.status == 403
        desk.move(None, Purpose.TELEMETRY)
        with pytest.raises(ConsentMissing):
            desk.ask(*request)
        with pytest.raises(ConsentMissing):
            desk.ask(*request, about=None)

    def test_a_consent_that_ran_out_is_dead_though_nobody_closed_it(self, desk: Desk) -> None:
        desk.move(None, Purpose.PERSONALISATION, days=1)
        given = desk.ask(Action.ADAPT, ObjectType.DECISION, Purpose.PERSONALISATION)
        assert given.allows(Purpose.PERSONALISATION)
        desk.clock.advance(86_400)
        assert not given.allows(Purpose.PERSONALISATION)
        with pytest.raises(ConsentMissing):
            desk.ask(Action.ADAPT, ObjectType.DECISION, Purpose.PERSONALISATION)

    def test_restricted_data_is_shown_to_its_subject_and_used_for_nothing(self, desk: Desk) -> None:
        desk.move(GateState.RESTRICTED)
        with pytest.raises(SubjectRestricted):
            desk.ask()
        desk.ask(Action.READ, purpose=Purpose.TRANSPARENCY)

    def test_of_an_erased_person_only_the_erasure_itself_goes_on(self, desk: Desk) -> None:
        desk.move(GateState.ERASED)
        for purpose, action in ((Purpose.TEACHING, Action.ANSWER), (Purpose.TRANSPARENCY, Action.READ)):
            with pytest.raises(SubjectErased) as refused:
                desk.ask(action, purpose=purpose)
            assert refused.value.status == 410
        officer = staff(desk, Role.OFFICER)
        desk.ask(Action.READ, ObjectType.GATE, Purpose.COMPLIANCE, by=officer, relations=SCHOOL)

    def test_who_may_not_know_is_not_told_that_somebody_was_erased(self, desk: Desk) -> None:
        desk.move(GateState.ERASED)
        with pytest.raises(Forbidden):
            desk.ask(by=staff(desk, Role.AUDITOR), relations=SCHOOL)

    @pytest.mark.parametrize(
        ("action", "error"), [(Action.DELETE, StepUpRequired), (Action.UPDATE, ApprovalRequired)]
    )
    def test_a_duty_that_nobody_fulfilled_refuses(
        self, desk: Desk, action: Action, error: type[Refusal]
    ) -> None:
        with pytest.raises(error):
            desk.ask(
                action,
                ObjectType.ACCOUNT,
                Purpose.ADMINISTRATION,
                by=staff(desk, Role.ADMIN),
                relations=SCHOOL,
            )

    def test_a_duty_to_record_that_cannot_be_fulfilled_refuses(self, desk: Desk) -> None:
        look = (Action.READ, ObjectType.DECISION, Purpose.AUDIT)
        with pytest.raises(Forbidden):
            desk.ask(*look, by=staff(desk, Role.AUDITOR), relations=SCHOOL, lock=False)
        with pytest.raises(Forbidden):
            desk.ask(
                Action.READ,
                ObjectType.COURSE,
                Purpose.COMPLIANCE,
                by=staff(desk, Role.OFFICER),
                relations=SCHOOL,
                about=None,
            )

    def test_a_decision_point_that_fails_refuses(self, desk: Desk) -> None:
        nobody = replace(desk.learner, roles=frozenset())
        with pytest.raises(Forbidden):
            desk.ask(by=nobody)


class TestPermits:
    def test_a_permit_seals_and_opens_its_subjects_values_and_nobody_elses(
        self, desk: Desk, people: People, school: School
    ) -> None:
        mine = desk.ask()
        sealed = mine.seal("answer", "response", "7", b"three quarters")
        assert b"three" not in sealed
        assert mine.open("answer", "response", "7", sealed) == b"three quarters"
        other = people.person(school, Role.LEARNER)
        theirs = desk.ask(by=other, about=other.subject_ref)
        for opening in (theirs.open, partial(mine.open, data_class=DataClass.EVIDENCE)):
            with pytest.raises(SealBroken):
                opening("answer", "response", "7", sealed)
        with pytest.raises(SealBroken):
            mine.open("answer", "response", "8", sealed)

    def test_a_permit_about_nobody_has_no_data_to_open(self, desk: Desk) -> None:
        desk_rule = RULES + "editors-read,editor,tenant,course,read,administration,allow,\n"
        governor = replace(
            desk.governor,
            decision_point=DecisionPoint(
                MODEL_FILE.read_text("utf-8"), desk_rule, PURPOSES_FILE.read_text("utf-8")
            ),
        )
        about_nobody = replace(desk, governor=governor).ask(
            Action.READ,
            ObjectType.COURSE,
            Purpose.ADMINISTRATION,
            by=staff(desk, Role.EDITOR),
            relations=SCHOOL,
            about=None,
        )
        for use in (
            lambda: about_nobody.seal("answer", "response", "7", b""),
            lambda: about_nobody.consent_epoch,
            lambda: about_nobody.allows(Purpose.TELEMETRY),
        ):
            with pytest.raises(AssertionError, match="no person"):
                use()

    def test_a_masked_permit_opens_no_name(self, desk: Desk) -> None:
        seen = desk.ask(
            Action.READ,
            ObjectType.DECISION,
            Purpose.AUDIT,
            by=staff(desk, Role.AUDITOR),
            relations=SCHOOL,
        )
        sealed = seen.seal("account", "display_name", "7", b"Robin", DataClass.IDENTITY)
        with pytest.raises(IdentityMasked):
            seen.open("account", "display_name", "7", sealed, DataClass.IDENTITY)
        assert seen.open("d", "c", "7", seen.seal("d", "c", "7", b"why")) == b"why"

    def test_a_look_that_must_be_recorded_is_recorded_in_its_own_transaction(self, desk: Desk) -> None:
        auditor = staff(desk, Role.AUDITOR)
        look = (Action.READ, ObjectType.DECISION, Purpose.AUDIT)
        desk.ask(*look, by=auditor, relations=SCHOOL)
        find = partial(disclosures_of, tenant=desk.learner.tenant, subject=desk.learner.subject_ref)
        (seen,) = desk.database.read_now(find, desk.learner.tenant)
        assert (seen.reader, seen.reader_roles) == (auditor.subject_ref, ("auditor",))
        assert (seen.object, seen.action, seen.purpose) == ("decision", "read", "audit")
        assert (seen.rule, seen.at) == ("auditors-look", desk.clock.now())

        def fails(tx: Connection) -> None:
            permit(
                tx,
                auditor,
                SCHOOL,
                *look,
                subject=desk.learner.subject_ref,
                governor=desk.governor,
                lock=True,
            )
            raise RuntimeError("after the look")

        with pytest.raises(RuntimeError):
            desk.write(fails)
        assert len(desk.database.read_now(find, desk.learner.tenant)) == 1

    @pytest.mark.parametrize("moved", ["consent", "restriction", "nothing"])
    def test_a_permit_confirms_exactly_when_the_gate_stands_as_it_was(self, desk: Desk, moved: str) -> None:
        given = desk.ask(lock=False)
        assert given.consent_epoch == 0
        if moved == "nothing":
            desk.write(given.confirm)
            return
        if moved == "consent":
            desk.move(None, Purpose.TELEMETRY)
        else:
            desk.move(GateState.RESTRICTED)
        with pytest.raises(GateMoved) as refused:
            desk.write(given.confirm)
        assert refused.value.status == 409

    def test_a_list_leaves_out_whom_it_is_refused_for_without_a_word(
        self, desk: Desk, people: People, school: School
    ) -> None:
        allowed, refused = desk.learner, people.person(school, Role.LEARNER)
        elsewhere = people.person(people.school(), Role.LEARNER)
        relations = {
            allowed.subject_ref: SELF,
            refused.subject_ref: SCHOOL,
            elsewhere.subject_ref: SELF,
            uuid4(): SELF,
        }
        granted = desk.database.read_now(
            lambda tx: permits(
                tx,
                desk.learner,
                relations,
                Action.ANSWER,
                ObjectType.SESSION,
                Purpose.TEACHING,
                governor=desk.governor,
            ),
            desk.learner.tenant,
        )
        assert set(granted) == {allowed.subject_ref}
        assert granted[allowed.subject_ref].rule == "learners-answer"

    def test_tutelas_own_workflows_act_by_the_shipped_rules_and_no_further(self, desk: Desk) -> None:
        shipped = replace(desk, governor=replace(desk.governor, decision_point=DecisionPoint.load()))
        timer = worker(desk.learner.tenant)
        shipped.ask(Action.END, ObjectType.SESSION, Purpose.TEACHING, by=timer, relations=WORKER_RELATIONS)
        with pytest.raises(Forbidden):
            shipped.ask(
                Action.GRANT, ObjectType.CONSENT, Purpose.COMPLIANCE, by=timer, relations=WORKER_RELATIONS
            )
