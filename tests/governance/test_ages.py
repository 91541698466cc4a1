from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.ages import LAW, AgeKind, LawUnreadable, ages, birthday_begins, read_ages

CONSENT, MAJORITY = AgeKind.DIGITAL_CONSENT, AgeKind.MAJORITY
TODAY = date(2026, 11, 23)


def row(**changes: str) -> dict[str, str]:
    first = {
        "country": "DE",
        "kind": "majority",
        "age": "18",
        "valid_from": "2000-01-01",
        "citation": "CRC-1",
    }
    return {**first, **changes}


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (row(kind="driving"), "line 2"),
        (row(age="eighteen"), "line 2"),
        (row(valid_from="1.1.2000"), "line 2"),
        (row(citation="HEARSAY-1"), "unknown citation HEARSAY-1"),
        ({"country": "DE"}, "line 2"),
    ],
)
def test_a_row_that_cannot_be_read_refuses_the_table(broken: dict[str, str], told: str) -> None:
    with pytest.raises(LawUnreadable, match=told):
        read_ages([broken], frozenset({"CRC-1"}))


def test_two_rules_for_the_same_day_refuse_the_table() -> None:
    with pytest.raises(LawUnreadable, match="line 3"):
        read_ages([row(), row(age="19")], frozenset({"CRC-1"}))


def test_before_any_rule_was_in_force_there_is_no_answer() -> None:
    with pytest.raises(LawUnreadable):
        ages().rule("DE", CONSENT, date(1980, 1, 1))


@pytest.mark.parametrize(
    ("country", "age"),
    [("AT", 14), ("BE", 13), ("CZ", 15), ("DE", 16), ("ES", 14), ("FR", 15), ("GB", 13), ("IE", 16),
     ("NL", 16), ("PL", 16), ("US", 13), ("BR", 16)],
)  # fmt: skip
def test_the_age_of_digital_consent_is_the_countrys_own(country: str, age: int) -> None:
    assert ages().rule(country, CONSENT, TODAY).age == age


def test_denmark_raised_its_age_on_the_first_of_january_2024() -> None:
    assert ages().rule("DK", CONSENT, date(2023, 12, 31)).age == 13
    assert ages().rule("DK", CONSENT, date(2024, 1, 1)).age == 15


def test_before_slovenia_had_its_own_law_the_general_rule_held() -> None:
    assert ages().rule("SI", CONSENT, date(2023, 1, 25)).age == 16
    assert ages().rule("SI", CONSENT, date(2023, 1, 26)).age == 15


def test_every_rule_lies_within_what_the_regulation_leaves_to_the_states() -> None:
    assert {rule.age for rule in ages().rules if rule.kind is CONSENT} <= {13, 14, 15, 16}


def test_every_citation_in_the_list_is_used() -> None:
    with (LAW / "citations.csv").open(encoding="utf-8", newline="") as lines:
        listed = {line["id"] for line in csv.DictReader(lines)}
    assert listed == {rule.citation for rule in ages().rules}


def test_nobody_is_older_than_where_the_day_begins_last() -> None:
    begins = datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert birthday_begins(date(2010, 6, 1), 16) == begins
    assert not ages().reached(date(2010, 6, 1), "DE", CONSENT, begins - timedelta(microseconds=1))
    assert ages().reached(date(2010, 6, 1), "DE", CONSENT, begins)


def test_a_leap_day_child_has_the_birthday_in_march() -> None:
    assert birthday_begins(date(2008, 2, 29), 18) == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert birthday_begins(date(2008, 2, 29), 16) == datetime(2024, 2, 29, 12, tzinfo=UTC)


@given(st.dates(date(1900, 1, 1), date(2090, 1, 1)), st.integers(13, 18))
def test_a_birthday_is_never_before_the_same_day_so_many_years_later(born: date, age: int) -> None:
    begins = birthday_begins(born, age)
    assert begins.year == born.year + age
    assert (begins.month, begins.day) == ((3, 1) if (born.month, born.day) == (2, 29) and begins.month == 3
                                          else (born.month, born.day))  # fmt: skip
