from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from governance.consent_events import Act, ConsentEvent, GivenBy
from governance.notices import Notice, shipped_notices
from governance.receipts import PURPOSES, RECEIPT_SCHEMA, RECORD_SCHEMA, STATUS, NoReceipt, receipt
from governance.schools import School
from policy.purposes import load_purposes
from policy.vocabulary import Purpose
from tests.clocks import START
from tests.households import Household

PURPOSES_FILE = load_purposes()
SCHOOL = School(uuid4(), "linden", "Linden School", "DE", adults_only=False, contact="office@linden.example")
NOTICE = shipped_notices().get("telemetry", 1, "de")


def receipt_of(
    events: list[ConsentEvent], number: int = -1, *, notice: Notice | None = NOTICE, school: School = SCHOOL
) -> dict[str, Any]:
    return receipt(events[number], events, notice, school, PURPOSES_FILE)


@pytest.fixture
def events(household: Household) -> list[ConsentEvent]:
    household.give(Purpose.PERSONALISATION)
    household.give(Purpose.TELEMETRY, language="de")
    household.withdraw(Purpose.PERSONALISATION)
    household.withdraw(Purpose.TELEMETRY)
    return household.history()


def test_an_event_about_no_purpose_has_no_receipt() -> None:
    transferred = ConsentEvent(
        uuid4(), 1, uuid4(), Act.RIGHTS_TRANSFERRED, None, None, GivenBy.TIMER, None, START, None
    )
    with pytest.raises(NoReceipt) as refused:
        receipt_of([transferred])
    assert refused.value.status == 404


def test_the_receipt_has_every_field_that_the_standard_requires(events: list[ConsentEvent]) -> None:
    made = receipt_of(events)
    record = made["dpv:hasRecordOfActivity"]
    process = record["dpv:hasProcess"]
    assert (made["@type"], made["dct:conformsTo"]) == ("dpv:ConsentReceipt", RECEIPT_SCHEMA)
    assert (record["@type"], record["dct:conformsTo"]) == ("dpv:ConsentRecord", RECORD_SCHEMA)
    assert made["dct:identifier"] == str(events[-1].event_id)
    assert record["dct:identifier"]
    assert record["dpv:hasDataSubject"]["@id"] == f"urn:uuid:{events[-1].subject}"
    controller = record["dpv:hasDataController"]
    assert (controller["dpv:hasName"], controller["dpv:hasIdentifier"]) == (SCHOOL.name, str(SCHOOL.tenant))
    assert controller["schema:contactPoint"]["schema:description"] == "office@linden.example"
    assert record["dpv:hasJurisdiction"] == "loc:DE"
    assert process["dpv:hasPurpose"]["@id"] == "urn:tutela:purpose:telemetry"
    assert process["dpv:hasPurpose"]["dct:description"]
    assert process["dpv:hasLegalBasis"] == ["dpv:ExplicitlyExpressedConsent", "eu-gdpr:A6-1-a"]
    assert process["dpv:hasPersonalData"] == ["urn:tutela:category:behaviour"]
    assert process["dpv:hasRecipient"] == ["deine Schule", "deine Lehrkräfte"]
    assert process["dpv:hasStorageCondition"]["dpv:hasDuration"] == "P180D"
    notice = record["dpv:hasNotice"]
    assert (notice["dct:language"], notice["dct:hasVersion"]) == ("de", "1")
    assert notice["spdx:checksum"]["spdx:checksumValue"] == NOTICE.sha256
    assert "dpv:WithdrawConsent" in record["dpv:hasConsentControl"]["@type"]
    assert record["dpv:hasConsentControl"]["dpv:isExercisedAt"]
    articles = {kind for right in record["dpv:hasRight"] for kind in right["@type"]}
    assert {"eu-gdpr:A7-3", "eu-gdpr:A17", "eu-gdpr:A77"} <= articles


def test_the_record_tells_the_whole_story_of_this_purpose_up_to_this_event_and_no_other(
    events: list[ConsentEvent],
) -> None:
    told = receipt_of(events)["dpv:hasRecordOfActivity"]["dpv:hasConsentStatus"]
    assert [status["@type"] for status in told] == ["dpv:ConsentGiven", "dpv:ConsentWithdrawn"]
    assert [status["schema:position"] for status in told] == [2, 4]
    assert "dpv:hasDuration" in told[0]
    assert "dpv:hasDuration" not in told[1]
    earlier = receipt_of(events, 1)["dpv:hasRecordOfActivity"]["dpv:hasConsentStatus"]
    assert earlier == told[:1]


def test_the_same_event_has_the_same_receipt_for_ever(
    events: list[ConsentEvent], household: Household
) -> None:
    before = json.dumps(receipt_of(events, 1), sort_keys=True)
    household.clock.advance(86_400)
    household.give(Purpose.TELEMETRY)
    assert json.dumps(receipt_of(household.history(), 1), sort_keys=True) == before


def test_a_guardians_yes_says_whose_it_was(events: list[ConsentEvent]) -> None:
    by_guardian = [replace(event, given_by=GivenBy.GUARDIAN) for event in events]
    told = receipt_of(by_guardian, 1)["dpv:hasRecordOfActivity"]["dpv:hasConsentStatus"]
    assert told[0]["dpv:isIndicatedBy"] == "dpv:GuardianOfDataSubject"


def test_outside_the_regulations_reach_no_article_of_it_is_claimed(events: list[ConsentEvent]) -> None:
    made = receipt_of(events, school=replace(SCHOOL, country="US"))
    del made["@context"]
    assert "eu-gdpr" not in json.dumps(made)


def test_a_no_to_what_nobody_read_names_no_notice(household: Household) -> None:
    household.withdraw(Purpose.TELEMETRY)
    record = receipt_of(household.history(), notice=None)["dpv:hasRecordOfActivity"]
    assert "dpv:hasNotice" not in record
    assert record["dpv:hasConsentStatus"][0]["@type"] == "dpv:ConsentRefused"


def test_a_receipt_names_the_person_by_pseudonym_only(
    events: list[ConsentEvent], household: Household
) -> None:
    text = json.dumps(receipt_of(events))
    assert str(household.learner.account_id) not in text
    assert "Robin" not in text


def test_every_act_about_a_purpose_and_every_purpose_asked_for_can_be_expressed() -> None:
    assert set(STATUS) == set(Act) - {Act.RIGHTS_TRANSFERRED}
    assert set(PURPOSES) == set(PURPOSES_FILE.asking_consent)
