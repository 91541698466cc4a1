"""The file of purposes is complete, consistent and never asks less than the law."""

from __future__ import annotations

import pytest
import yaml

from policy.purposes import PURPOSES_FILE, PurposesUnusable, load_purposes, read_purposes
from policy.vocabulary import Purpose
from runtime.columns import Basis

TEXT = PURPOSES_FILE.read_text("utf-8")


def faults_of(text: str) -> str:
    with pytest.raises(PurposesUnusable) as refused:
        read_purposes(text)
    assert refused.value.faults
    return refused.value.detail


def changed(purpose: str, **terms: object) -> str:
    content = yaml.safe_load(TEXT)
    content["purposes"][purpose].update(terms)
    return yaml.safe_dump(content)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "valid dictionary"),
        ("purposes: [", "line 1"),
        ("\x00", "not YAML text"),
        ("? [a]\n: b", "unhashable"),
        (TEXT + "\nretention: {}\n", "retention stands twice"),
        (TEXT.replace("  audit:", "  espionage:"), "purposes.espionage"),
        (TEXT.replace("keep_days: 365", "keep_days: 0"), "retention.enrolment.keep_days"),
        (TEXT.replace("after: recorded", "after: whenever", 1), "retention.telemetry.after"),
        (changed("teaching", title=" "), "purposes.teaching.title"),
        (changed("teaching", colour="red"), "purposes.teaching.colour"),
        (changed("teaching", basis="6(1)(z)"), "purposes.teaching.basis"),
    ],
)
def test_a_malformed_file_is_refused_with_its_place(text: str, told: str) -> None:
    assert told in faults_of(text)


def test_a_missing_purpose_is_named() -> None:
    content = yaml.safe_load(TEXT)
    del content["purposes"]["audit"]
    assert "purposes without terms: audit" in faults_of(yaml.safe_dump(content))


def test_consent_cannot_be_on_by_default() -> None:
    assert "purposes.telemetry" in faults_of(changed("telemetry", on_by_default=True))


def test_consent_cannot_be_dropped_while_the_basis_is_consent() -> None:
    text = changed("telemetry", needs_consent=False, on_by_default=True)
    assert "go together" in faults_of(text)


def test_a_purpose_that_asks_says_what_happens_to_who_says_no() -> None:
    assert "without_it" in faults_of(changed("telemetry", without_it=None))


def test_consent_that_no_obligation_enforces_is_refused() -> None:
    text = changed("support", basis="6(1)(a)", needs_consent=True, on_by_default=False, without_it="x")
    assert "enforced for different purposes: support" in faults_of(text)


def test_the_shipped_purposes_ask_consent_for_everything_beyond_the_service() -> None:
    purposes = load_purposes()
    assert set(purposes.terms) == set(Purpose)
    assert purposes.asking_consent == (
        Purpose.PERSONALISATION,
        Purpose.TELEMETRY,
        Purpose.RESEARCH,
        Purpose.MODEL_TRAINING,
    )
    assert {purposes.terms[purpose].basis for purpose in purposes.asking_consent} == {Basis.CONSENT}


def test_the_loaded_purposes_cannot_be_changed() -> None:
    purposes = load_purposes()
    with pytest.raises(TypeError):
        purposes.terms[Purpose.TELEMETRY] = purposes.terms[Purpose.TEACHING]  # type: ignore[index]  # that is the test
    with pytest.raises(ValueError, match="frozen"):
        purposes.terms[Purpose.TELEMETRY].needs_consent = False  # type: ignore[misc]  # that is the test
