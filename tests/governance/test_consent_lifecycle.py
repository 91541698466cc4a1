from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from governance.accounts import Maturity
from governance.consent import TERMS, ConsentTerms
from governance.consent_events import Act, ConsentEvent, GivenBy, append
from governance.consent_lifecycle import (
    Due,
    DueKind,
    LifecycleInput,
    LifecycleStep,
    advance,
    schedule,
)
from governance.gate import GateState, move_gate, take_gate
from governance.permits import Governor, UnknownSubject, permit
from policy.vocabulary import Action, ObjectType, Purpose
from tests.clocks import START, SetClock
from tests.households import GUARDIAN, Household
from tests.people import GROWN_UP, People

PERSONALISATION, TELEMETRY = Purpose.PERSONALISATION, Purpose.TELEMETRY
DAY_S = 86_400.0
SHORT = ConsentTerms(valid_s=100 * DAY_S, ask_again_s=10 * DAY_S, grace_s=5 * DAY_S, recheck_s=1000 * DAY_S)


def step(household: Household, terms: ConsentTerms = SHORT) -> LifecycleStep:
    begin = LifecycleInput(
        tenant=household.school.tenant, subject_ref=household.learner.subject_ref, terms=terms
    )
    return household.write(lambda tx: advance(tx, household.governor, begin))


def live_through(household: Household, days: float, terms: ConsentTerms = SHORT) -> list[tuple[float, Act]]:
    """What happens, and on which day, when the lifecycle is followed for so many days."""
    done, until = [], household.clock.now() + timedelta(days=days)
    while True:
        taken = step(household, terms)
        passed = (household.clock.now() - START).total_seconds() / DAY_S
        if taken.done is not None:
            done.append((passed, taken.done))
        elif taken.wait_s is None:
            return done
        else:
            left_s = (until - household.clock.now()).total_seconds()
            if taken.wait_s > left_s:
                return done
            household.clock.advance(taken.wait_s)


class TestDoing:
    def test_where_nobody_said_anything_there_is_nothing_to_look_after(
        self, people: People, governor: Governor, clock: SetClock
    ) -> None:
        household = Household.of(people, governor, clock, born=GROWN_UP)
        assert step(household) == LifecycleStep(done=None, wait_s=None)

    def test_a_person_who_does_not_exist_is_not_found(self, household: Household) -> None:
        begin = LifecycleInput(tenant=household.school.tenant, subject_ref=uuid4())
        with pytest.raises(UnknownSubject):
            household.write(lambda tx: advance(tx, household.governor, begin))

    def test_of_an_erased_person_nothing_is_written_any_more(self, household: Household) -> None:
        household.give(terms=SHORT)

        def erase(tx: Connection) -> None:
            gate = take_gate(tx, household.school.tenant, household.learner.subject_ref)
            assert gate is not None
            move_gate(tx, gate, household.clock.now(), state=GateState.ERASED)

        household.write(erase)
        household.clock.advance(200 * DAY_S)
        assert step(household) == LifecycleStep(done=None, wait_s=None)
        assert household.gate().consent_epoch == 1

    def test_a_grown_ups_consent_is_asked_about_and_then_ends(
        self, people: People, governor: Governor, clock: SetClock
    ) -> None:
        household = Household.of(people, governor, clock, born=GROWN_UP)
        given = household.give(terms=SHORT)
        assert live_through(household, 1000) == [(90, Act.RECONFIRMATION_DUE), (100, Act.EXPIRED)]
        asked, expired = household.history()[1:]
        assert (asked.given_by, asked.given_by_ref, asked.notice) == (GivenBy.TIMER, None, given.notice)
        assert asked.valid_until == given.valid_until
        assert (expired.valid_until, expired.purpose) == (None, PERSONALISATION)
        assert household.gate().consents() == {}

    def test_whoever_says_yes_again_in_time_goes_on(
        self, people: People, governor: Governor, clock: SetClock
    ) -> None:
        household = Household.of(people, governor, clock, born=GROWN_UP)
        household.give(terms=SHORT)
        assert live_through(household, 95) == [(90, Act.RECONFIRMATION_DUE)]
        clock.advance(5 * DAY_S)
        assert household.give(terms=SHORT).act is Act.RECONFIRMED
        assert live_through(household, 80) == []
        assert household.standing().live

    def test_a_withdrawn_consent_is_never_asked_about_and_never_ends_a_second_time(
        self, people: People, governor: Governor, clock: SetClock
    ) -> None:
        household = Household.of(people, governor, clock, born=GROWN_UP)
        household.give(terms=SHORT)
        household.withdraw()
        assert live_through(household, 1000) == []

    def test_the_engine_may_be_away_for_a_year_and_nothing_late_is_asked(
        self, people: People, governor: Governor, clock: SetClock
    ) -> None:
        household = Household.of(people, governor, clock, born=GROWN_UP)
        household.give(terms=SHORT)
        household.give(TELEMETRY, terms=SHORT)
        clock.advance(365 * DAY_S)
        assert [step(household).done for _ in range(3)] == [Act.EXPIRED, Act.EXPIRED, None]

    def test_a_child_who_becomes_old_enough_is_asked_for_their_own_decision_once(
        self, people: People, governor: Governor, clock: SetClock
    ) -> None:
        sixteen_in_20_days = (START + timedelta(days=20)).date()
        born = date(sixteen_in_20_days.year - 16, sixteen_in_20_days.month, sixteen_in_20_days.day)
        household = Household.of(people, governor, clock, born=born)
        household.give(by=household.guardian, terms=SHORT)
        done = live_through(household, 85)
        assert [act for _, act in done] == [Act.RECONFIRMATION_DUE]
        assert 20 <= done[0][0] < 21.5
        assert household.standing().live, "what a guardian agreed to stays valid until the learner decides"
        own = household.give(terms=SHORT)
        assert (own.act, own.given_by) == (Act.RECONFIRMED, GivenBy.SELF)

    def test_at_majority_what_a_guardian_agreed_to_needs_the_learners_own_yes(
        self, people: People, governor: Governor, clock: SetClock
    ) -> None:
        eighteen_in_40_days = (START + timedelta(days=40)).date()
        born = date(eighteen_in_40_days.year - 18, eighteen_in_40_days.month, eighteen_in_40_days.day)
        household = Household.of(people, governor, clock, born=born)
        household.give(TELEMETRY, terms=SHORT)
        given = ConsentEvent(
            household.learner.subject_ref, 2, uuid4(), Act.GIVEN, PERSONALISATION, None, GivenBy.GUARDIAN,
            household.guardian.subject_ref, START, START + timedelta(days=100),
        )  # fmt: skip
        write_as_it_was_years_ago(household, given)
        done = live_through(household, 60)
        assert [act for _, act in done] == [Act.RIGHTS_TRANSFERRED, Act.RECONFIRMATION_DUE, Act.EXPIRED]
        assert 40 <= done[0][0] < 41.5
        assert done[2][0] - done[0][0] == 5
        assert not household.standing(PERSONALISATION).live
        assert household.standing(TELEMETRY).live, "what the learner said stays"
        transferred = household.history()[2]
        assert (transferred.purpose, transferred.given_by) == (None, GivenBy.TIMER)

    def test_it_comes_back_at_least_as_often_as_the_terms_say(
        self, people: People, governor: Governor, clock: SetClock
    ) -> None:
        household = Household.of(people, governor, clock, born=GROWN_UP)
        household.give()
        assert step(household, TERMS).wait_s == TERMS.recheck_s

    def test_a_repeated_step_does_nothing_twice(
        self, people: People, governor: Governor, clock: SetClock
    ) -> None:
        household = Household.of(people, governor, clock, born=GROWN_UP)
        household.give(terms=SHORT)
        clock.advance(100 * DAY_S)
        assert step(household).done is Act.EXPIRED
        assert [step(household).done for _ in range(3)] == [None, None, None]


def write_as_it_was_years_ago(household: Household, event: ConsentEvent) -> None:
    """A guardian's yes of the time before the learner could decide alone, which nobody could give now."""

    def work(tx: Connection) -> None:
        leave = permit(
            tx, household.guardian, GUARDIAN, Action.GRANT, ObjectType.CONSENT, Purpose.COMPLIANCE,
            subject=event.subject, governor=household.governor, exclusive=True,
        )  # fmt: skip
        append(
            tx, leave, event.event_id, event.act, event.purpose, event.given_by, event.at,
            notice=None, valid_until=event.valid_until,
        )  # fmt: skip

    household.write(work)


# The rule itself, without a database.

SUBJECT = uuid4()
GROWN = Maturity(START, datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC))


def event(
    seq: int, act: Act, day: float, *, by: GivenBy = GivenBy.SELF, purpose: Purpose | None = PERSONALISATION
) -> ConsentEvent:
    at = START + timedelta(days=day)
    return ConsentEvent(SUBJECT, seq, uuid4(), act, purpose, None, by, SUBJECT, at, None)


class TestSchedule:
    def test_a_consent_shorter_than_the_notice_time_is_not_asked_about_at_once(self) -> None:
        live = {PERSONALISATION: START + timedelta(days=5)}
        due = schedule(live, [event(1, Act.GIVEN, 0)], GROWN, SHORT)
        assert due == [Due(START + timedelta(days=5), DueKind.EXPIRE, PERSONALISATION)]

    def test_without_a_birth_date_there_is_no_majority_to_wait_for(self) -> None:
        unknown = Maturity(START, None, None)
        due = schedule({}, [event(1, Act.GIVEN, 0)], unknown, SHORT)
        assert due == []

    def test_whoever_was_of_age_when_it_began_has_no_rights_to_receive(self) -> None:
        assert schedule({}, [event(1, Act.GIVEN, 0)], GROWN, SHORT) == []

    def test_rights_are_transferred_once(self) -> None:
        minor = Maturity(START, START - timedelta(days=700), START + timedelta(days=3))
        said = [event(1, Act.GIVEN, 0)]
        assert [due.kind for due in schedule({}, said, minor, SHORT)] == [DueKind.COME_OF_AGE]
        said.append(event(2, Act.RIGHTS_TRANSFERRED, 3, by=GivenBy.TIMER, purpose=None))
        assert schedule({}, said, minor, SHORT) == []

    @given(
        st.dictionaries(st.sampled_from([PERSONALISATION, TELEMETRY]), st.integers(-50, 200)),
        st.lists(
            st.tuples(
                st.sampled_from([Act.GIVEN, Act.RECONFIRMED, Act.RECONFIRMATION_DUE]),
                st.sampled_from([GivenBy.SELF, GivenBy.GUARDIAN]),
                st.sampled_from([PERSONALISATION, TELEMETRY]),
            ),
            max_size=6,
        ),
    )
    def test_every_live_purpose_ends_once_and_nothing_is_asked_after_its_end(
        self, days: dict[Purpose, int], said: list[tuple[Act, GivenBy, Purpose]]
    ) -> None:
        live = {purpose: START + timedelta(days=day) for purpose, day in days.items()}
        events = [
            event(number, act, number - 60, by=by, purpose=purpose)
            for number, (act, by, purpose) in enumerate(said, start=1)
        ]
        minor = Maturity(START, START + timedelta(days=7), START + timedelta(days=90))
        due = schedule(live, events, minor, SHORT)
        assert due == sorted(due, key=lambda one: one.at)
        ends = [one.purpose for one in due if one.kind is DueKind.EXPIRE]
        assert sorted(ends, key=str) == sorted(live, key=str)
        for one in due:
            if one.kind is DueKind.ASK_AGAIN:
                assert one.purpose is not None
                assert live[one.purpose] > START
