"""From what age a person decides alone: law as dated data, one row for each country, kind and first day.

``law/ages.csv`` holds the rows, each with a citation out of ``law/citations.csv``; ``*`` is every country
that has no row of its own. A new law is a new row, and what was decided under the old one stays explainable.

A birthday counts once it has begun everywhere on earth (UTC-12): nobody is treated as older than they are
where they live, and at most a day later than they could be. Born on 29 February counts from 1 March.

Source: GDPR Art. 8(1); 16 CFR 312.2; 34 CFR 99.5; UN Convention on the Rights of the Child Art. 1.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path

from runtime.errors import TutelaError

LAW = Path(__file__).parent / "law"
EVERYWHERE = "*"
LAST_ZONE_BEHIND_UTC = timedelta(hours=12)


class AgeKind(StrEnum):
    """What the age is for."""

    DIGITAL_CONSENT = "digital_consent"
    """From here on the learner, and nobody else, consents (GDPR Art. 8)."""
    MAJORITY = "majority"
    """From here on the guardian's rights have passed to the learner (34 CFR 99.5)."""


class LawUnreadable(TutelaError):
    """The table of ages contradicts itself or cites nothing we know."""

    slug = "law-unreadable"
    title = "The tables of law that ship with the product are broken"


@dataclass(frozen=True, slots=True)
class AgeRule:
    """One row: from ``valid_from`` the age in ``country`` is ``age`` years."""

    country: str
    kind: AgeKind
    age: int
    valid_from: date
    citation: str


@dataclass(frozen=True)
class Ages:
    """The whole table."""

    rules: tuple[AgeRule, ...]

    def rule(self, country: str, kind: AgeKind, on: date) -> AgeRule:
        """The rule in force in ``country`` (ISO 3166-1 alpha-2) on a day.

        Raises:
            LawUnreadable: no rule was in force yet, not even the general one.
        """
        in_force = [rule for rule in self.rules if rule.kind is kind and rule.valid_from <= on]
        for place in (country, EVERYWHERE):
            local = [rule for rule in in_force if rule.country == place]
            if local:
                return max(local, key=lambda rule: rule.valid_from)
        raise LawUnreadable(f"no {kind.value} age is known for {on.isoformat()}")

    def reached(self, birth_date: date, country: str, kind: AgeKind, at: datetime) -> bool:
        """Whether somebody born on ``birth_date`` has reached the age by ``at``."""
        return at >= self.reached_at(birth_date, country, kind, at)

    def reached_at(self, birth_date: date, country: str, kind: AgeKind, at: datetime) -> datetime:
        """The instant from which somebody counts as having reached the age, by the law in force at ``at``."""
        rule = self.rule(country, kind, at.astimezone(UTC).date())
        return birthday_begins(birth_date, rule.age)


def birthday_begins(birth_date: date, age: int) -> datetime:
    """The instant at which the birthday has begun everywhere on earth."""
    year = birth_date.year + age
    leap_day = (birth_date.month, birth_date.day) == (2, 29)
    try:
        day = birth_date.replace(year=year)
    except ValueError:
        assert leap_day
        day = date(year, 3, 1)
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + LAST_ZONE_BEHIND_UTC


def read_ages(rows: Iterable[Mapping[str, str]], citations: frozenset[str]) -> Ages:
    """Check the table: known kinds and citations, no two rows for one country, kind and day.

    Raises:
        LawUnreadable: names the row.
    """
    rules: dict[tuple[str, AgeKind, date], AgeRule] = {}
    for number, row in enumerate(rows, start=2):
        try:
            rule = AgeRule(
                row["country"],
                AgeKind(row["kind"]),
                int(row["age"]),
                date.fromisoformat(row["valid_from"]),
                row["citation"],
            )
        except (KeyError, ValueError) as error:
            raise LawUnreadable(f"ages.csv line {number}: {error}") from error
        key = (rule.country, rule.kind, rule.valid_from)
        if rule.citation not in citations:
            raise LawUnreadable(f"ages.csv line {number}: unknown citation {rule.citation}")
        if key in rules:
            raise LawUnreadable(f"ages.csv line {number}: a second rule for the same country, kind and day")
        rules[key] = rule
    return Ages(tuple(rules.values()))


@cache
def ages() -> Ages:
    """The table that ships with the product."""
    with (LAW / "citations.csv").open(encoding="utf-8", newline="") as lines:
        citations = frozenset(row["id"] for row in csv.DictReader(lines))
    with (LAW / "ages.csv").open(encoding="utf-8", newline="") as lines:
        return read_ages(csv.DictReader(lines), citations)
