from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from governance.consent import (
    TERMS,
    GrantCommand,
    GuardianNeeded,
    OwnDecision,
    WithdrawCommand,
)
from governance.consent_events import (
    GRANTS,
    OUTBOX_KIND,
    Act,
    ConsentEvent,
    ConsentEventRow,
    EventIdTaken,
    GivenBy,
    subject_of_event,
)
from governance.gate import GateState, move_gate, take_gate
from governance.notices import NoSuchNotice, shipped_notices
from governance.permits import Forbidden, Governor, SubjectErased, SubjectRestricted
from policy.vocabulary import Purpose, Role
from runtime import outbox
from runtime.database import table
from runtime.errors import Invalid, NotFound
from tests.clocks import START, SetClock
from tests.households import Household
from tests.people import CHILD, GROWN_UP, TEENAGER, People

PERSONALISATION, TELEMETRY = Purpose.PERSONALISATION, Purpose.TELEMETRY
ASKED = (Purpose.PERSONALISATION, Purpose.TELEMETRY, Purpose.RESEARCH, Purpose.MODEL_TRAINING)


def set_state(household: Household, state: GateState) -> None:
    def work(tx: Connection) -> None:
        gate = take_gate(tx, household.school.tenant, household.learner.subject_ref)
        assert gate is not None
        move_gate(tx, gate, household.clock.now(), state=state)

    household.write(work)


class TestRefusals:
    def test_a_child_cannot_say_yes_alone(self, people: People, governor: Governor, clock: SetClock) -> None:
        household = Household.of(people, governor, clock, born=CHILD)
        with pytest.raises(GuardianNeeded) as refused:
            household.give()
        assert (refused.value.status, refused.value.slug) == (403, "guardian-needed")
        assert household.history() == []
        assert household.gate().consent_epoch == 0

    def test_a_learner_whose_age_nobody_knows_cannot_either(
        self, people: People, governor: Governor, clock: SetClock
    ) -> None:
        household = Household.of(people, governor, clock, born=None)
        with pytest.raises(GuardianNeeded):
            household.give()

    def test_a_guardian_cannot_say_yes_for_somebody_old_enough(self, household: Household) -> None:
        with pytest.raises(OwnDecision) as refused:
            household.give(by=household.guardian)
        assert refused.value.status == 403

    def test_an_instructor_cannot_say_anything_for_a_learner(
        self, household: Household, people: People
    ) -> None:
        instructor = people.person(household.school, Role.INSTRUCTOR)
        for act in (household.give, household.withdraw):
            with pytest.raises(Forbidden):
                act(by=instructor)

    def test_another_schools_learner_is_not_found(
        self, household: Household, people: People, governor: Governor, clock: SetClock
    ) -> None:
        elsewhere = Household.of(people, governor, clock, born=TEENAGER)
        borrowed = replace(
            household, learner=replace(household.learner, subject_ref=elsewhere.learner.subject_ref)
        )
        for act in (borrowed.give, borrowed.withdraw):
            with pytest.raises(NotFound):
                act()

    def test_nobody_is_asked_about_what_needs_no_consent(self, household: Household) -> None:
        notice = shipped_notices().get("telemetry", 1, "en")
        command = GrantCommand(uuid4(), household.learner.subject_ref, Purpose.TEACHING, *notice.key)
        with pytest.raises(Invalid) as refused:
            household.command(command)
        assert [fault.field for fault in refused.value.faults] == ["purpose"]
        with pytest.raises(Invalid):
            household.withdraw(Purpose.TEACHING)

    def test_a_yes_to_another_notice_is_no_yes(self, household: Household) -> None:
        command = GrantCommand(uuid4(), household.learner.subject_ref, PERSONALISATION, "telemetry", 1, "en")
        with pytest.raises(Invalid) as refused:
            household.command(command)
        assert [fault.field for fault in refused.value.faults] == ["notice_id"]

    def test_a_yes_to_a_notice_that_never_was_is_refused(self, household: Household) -> None:
        with pytest.raises(NoSuchNotice):
            household.give(version=7)
        with pytest.raises(NoSuchNotice):
            household.give(language="fr")

    def test_nothing_is_begun_while_data_is_restricted_but_one_can_still_say_no(
        self, household: Household
    ) -> None:
        household.give()
        set_state(household, GateState.RESTRICTED)
        with pytest.raises(SubjectRestricted):
            household.give(TELEMETRY)
        assert household.withdraw().act is Act.WITHDRAWN
        assert household.gate().state is GateState.RESTRICTED

    def test_an_erased_person_has_nothing_to_decide_on(self, household: Household) -> None:
        set_state(household, GateState.ERASED)
        for act in (household.give, household.withdraw):
            with pytest.raises(SubjectErased):
                act()


class TestGivingAndWithdrawing:
    def test_before_anybody_said_anything_every_purpose_is_off(self, household: Household) -> None:
        for purpose in ASKED:
            standing = household.standing(purpose)
            assert (standing.live, standing.valid_until, standing.last) == (False, None, None)

    def test_a_yes_is_live_for_a_year_and_names_the_exact_wording(self, household: Household) -> None:
        event = household.give(language="de")
        notice = shipped_notices().get("personalisation", 1, "de")
        assert (event.act, event.given_by, event.seq) == (Act.GIVEN, GivenBy.SELF, 1)
        assert event.given_by_ref == household.learner.subject_ref
        assert event.notice is not None
        assert (event.notice.sha256, event.notice.language) == (notice.sha256, "de")
        assert event.valid_until == START + timedelta(seconds=TERMS.valid_s)
        assert household.gate().allows(PERSONALISATION, household.clock.now())
        assert not household.gate().allows(TELEMETRY, household.clock.now())
        assert household.history() == [event]

    def test_a_guardian_says_yes_for_a_child_and_either_can_take_it_back(
        self, people: People, governor: Governor, clock: SetClock
    ) -> None:
        for taker in ("learner", "guardian"):
            household = Household.of(people, governor, clock, born=CHILD)
            given = household.give(by=household.guardian)
            assert (given.given_by, given.given_by_ref) == (
                GivenBy.GUARDIAN,
                household.guardian.subject_ref,
            )
            taken = household.withdraw(by=getattr(household, taker))
            assert taken.act is Act.WITHDRAWN
            assert not household.standing().live

    def test_at_a_school_for_adults_nobody_asks_for_an_age(
        self, people: People, governor: Governor, clock: SetClock
    ) -> None:
        school = people.school("GB", adults_only=True)
        household = Household.of(people, governor, clock, born=None, school=school)
        assert household.give().act is Act.GIVEN

    def test_said_yes_twice_and_no_once_means_no(self, household: Household) -> None:
        household.give()
        household.clock.advance(60)
        again = household.give()
        assert again.act is Act.RECONFIRMED
        assert again.valid_until == START + timedelta(seconds=60 + TERMS.valid_s)
        assert household.withdraw().act is Act.WITHDRAWN
        assert not household.standing().live
        assert household.gate().consents() == {}

    def test_a_no_without_a_yes_before_is_recorded_as_a_no(self, household: Household) -> None:
        event = household.withdraw()
        assert (event.act, event.notice, event.valid_until) == (Act.REFUSED, None, None)
        assert household.standing().last == event

    def test_one_purpose_taken_back_leaves_the_others(self, household: Household) -> None:
        for purpose in ASKED:
            household.give(purpose)
        household.withdraw(TELEMETRY)
        assert set(household.gate().consents()) == set(ASKED) - {TELEMETRY}

    def test_after_its_time_a_yes_is_given_anew_and_not_reconfirmed(self, household: Household) -> None:
        household.give()
        household.clock.advance(TERMS.valid_s)
        assert not household.standing().live
        assert household.give().act is Act.GIVEN

    def test_taking_back_is_as_short_as_giving(self) -> None:
        giving = {field.name for field in fields(GrantCommand)}
        assert {field.name for field in fields(WithdrawCommand)} < giving

    def test_each_event_tells_the_engine_in_its_own_transaction(self, household: Household) -> None:
        event = household.give()
        tenant = household.school.tenant

        def told(tx: Connection) -> list[tuple[str, Any, int]]:
            return outbox.due(tx, tenant, frozenset({OUTBOX_KIND}), household.clock.now(), 10)

        assert household.read(told) == [(OUTBOX_KIND, event.event_id, 0)]
        assert household.read(lambda tx: subject_of_event(tx, tenant, event.event_id)) == event.subject
        assert household.read(lambda tx: subject_of_event(tx, tenant, uuid4())) is None

        def fails(tx: Connection) -> None:
            gate = take_gate(tx, tenant, household.learner.subject_ref)
            assert gate is not None
            move_gate(tx, gate, household.clock.now(), consents={})
            outbox.post(tx, tenant, OUTBOX_KIND, uuid4(), household.clock.now())
            raise RuntimeError("the fact is not stored")

        with pytest.raises(RuntimeError):
            household.write(fails)
        assert len(household.read(told)) == 1
        assert household.gate().consent_epoch == 1


class TestRepetition:
    @pytest.mark.parametrize("act", ["give", "withdraw"])
    def test_the_same_command_again_is_the_same_event(self, household: Household, act: str) -> None:
        household.give()
        say: Callable[..., ConsentEvent] = getattr(household, act)
        event_id = uuid4()
        first = say(event_id=event_id)
        household.clock.advance(60)
        assert say(event_id=event_id) == first
        assert len(household.history()) == 2

    def test_a_repeated_yes_does_not_undo_the_no_that_came_between(self, household: Household) -> None:
        event_id = uuid4()
        first = household.give(event_id=event_id)
        household.withdraw()
        assert household.give(event_id=event_id) == first
        assert not household.standing().live

    @pytest.mark.parametrize("other", ["purpose", "language", "act", "person", "giver"])
    def test_the_same_id_with_other_content_is_a_conflict(
        self, people: People, governor: Governor, clock: SetClock, other: str
    ) -> None:
        household = Household.of(people, governor, clock, born=CHILD)
        event = household.give(by=household.guardian)
        second = Household.of(people, governor, clock, born=CHILD, school=household.school)
        again = partial(household.give, event_id=event.event_id, by=household.guardian)
        say = {
            "purpose": partial(again, TELEMETRY),
            "language": partial(again, language="de"),
            "act": partial(household.withdraw, event_id=event.event_id, by=household.guardian),
            "person": partial(second.give, event_id=event.event_id, by=second.guardian),
            "giver": partial(again, by=people.person(household.school, Role.GUARDIAN)),
        }[other]
        with pytest.raises(EventIdTaken) as refused:
            say()
        assert refused.value.status == 409
        assert household.history() == [event]
        assert second.history() == []

    def test_the_same_id_sent_for_two_people_at_once_is_one_event(
        self, people: People, governor: Governor, clock: SetClock
    ) -> None:
        school, event_id = people.school(), uuid4()
        two = [Household.of(people, governor, clock, born=GROWN_UP, school=school) for _ in range(2)]
        outcomes: list[object] = []

        def say(household: Household) -> None:
            try:
                outcomes.append(household.give(event_id=event_id))
            except EventIdTaken as refused:
                outcomes.append(refused)

        threads = [threading.Thread(target=say, args=(household,)) for household in two]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConsentEvent", "EventIdTaken"]
        assert sum(len(household.history()) for household in two) == 1


class TestOrder:
    def test_events_of_a_person_said_at_once_have_one_order_without_gaps(self, household: Household) -> None:
        def say(number: int) -> None:
            (household.give if number % 2 else household.withdraw)(ASKED[number % 4])

        threads = [threading.Thread(target=say, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [event.seq for event in household.history()] == list(range(1, 13))
        assert household.gate().consent_epoch == 12

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(said=st.lists(st.tuples(st.booleans(), st.sampled_from(ASKED), st.integers(0, 400)), max_size=12))
    def test_whatever_was_said_in_whatever_order_the_last_word_on_each_purpose_counts(
        self, people: People, governor: Governor, clock: SetClock, said: list[tuple[bool, Purpose, int]]
    ) -> None:
        household = Household.of(people, governor, clock, born=GROWN_UP)
        last: dict[Purpose, ConsentEvent] = {}
        for yes, purpose, days in said:
            last[purpose] = (household.give if yes else household.withdraw)(purpose)
            clock.advance(days * 86_400.0)
        now = clock.now()
        for purpose in ASKED:
            event = last.get(purpose)
            live = event is not None and event.act in GRANTS and event.valid_until is not None
            live = live and event is not None and event.valid_until is not None and now < event.valid_until
            assert household.gate().allows(purpose, now) == live == household.standing(purpose).live
        assert [event.seq for event in household.history()] == list(range(1, len(said) + 1))


def test_a_later_event_leaves_the_earlier_ones_as_they_were_written(household: Household) -> None:
    stored = sa.select(table(ConsentEventRow)).order_by(table(ConsentEventRow).c.seq)
    household.give()
    first = household.read(lambda tx: list(tx.execute(stored)))
    household.withdraw()
    assert household.read(lambda tx: list(tx.execute(stored)))[:1] == first
