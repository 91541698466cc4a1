"""Reads ``policy.csv``: one rule a line, strict, whole or not at all.

Columns: rule (its name), role, relation, object, action, purpose, effect, obligations. A cell holds one word
of the vocabulary, several separated by ``|``, or ``*`` for all. Lines that begin with ``#`` are for people.

What is refused, besides unknown words: a name used twice; obligations on a deny; two allows for one cell
(nobody could say which obligations hold); an allow of which denies leave nothing. Rules are handed on as sets
of words and to Casbin as lists, never joined and split again: a comma in a value once turned into a role.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import TypeVar

from policy.vocabulary import Action, ObjectType, Obligation, Purpose, Relation, Role
from runtime.errors import FieldFault, TutelaError

COLUMNS = ("rule", "role", "relation", "object", "action", "purpose", "effect", "obligations")

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")

Word = TypeVar("Word", bound=StrEnum)

Cell = tuple[Role, Relation, ObjectType, Action, Purpose]
"""One point of the decision space."""


class PolicyUnusable(TutelaError):
    """Model or rules are empty, malformed or contradict themselves. ``faults`` name line and column."""

    slug = "policy-unusable"
    title = "The policy cannot be used"

    @classmethod
    def because(cls, faults: list[FieldFault]) -> PolicyUnusable:
        """The error that tells all ``faults``."""
        return cls("; ".join(f"{fault.field}: {fault.message}" for fault in faults), faults=tuple(faults))


class Effect(StrEnum):
    """What a rule does with the cells it covers. One deny outweighs every allow."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the policy: it covers the product of its words."""

    name: str
    line: int
    roles: frozenset[Role]
    relations: frozenset[Relation]
    objects: frozenset[ObjectType]
    actions: frozenset[Action]
    purposes: frozenset[Purpose]
    effect: Effect
    obligations: frozenset[Obligation]

    def covers(self, cell: Cell) -> bool:
        role, relation, object_, action, purpose = cell
        return (
            role in self.roles
            and relation in self.relations
            and object_ in self.objects
            and action in self.actions
            and purpose in self.purposes
        )

    def cells(self) -> Iterator[Cell]:
        """Every cell that the rule covers; the wildcards expanded."""
        return product(self.roles, self.relations, self.objects, self.actions, self.purposes)

    def row(self, cell: Cell) -> list[str]:
        """The rule for one cell, as the list that Casbin takes (columns of ``model.conf``)."""
        return [*map(str, cell), str(self.effect), "|".join(sorted(self.obligations)), self.name]


def read_rules(text: str, *, source: str = "policy.csv") -> tuple[Rule, ...]:
    """The rules of a policy file, in its order.

    Raises:
        PolicyUnusable: with every fault found, each at ``<source> line <n>, column <name>``.
    """
    reader = _Reader(source)
    rules = [rule for line, cells in _lines(text, source) if (rule := reader.rule(line, cells))]
    if not reader.faults:
        reader.compare(rules)
    if reader.faults:
        raise PolicyUnusable.because(reader.faults)
    if not rules:
        raise PolicyUnusable.because([FieldFault(source, "holds no rule")])
    return tuple(rules)


def _lines(text: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each rule line; the header is checked and left out."""
    header: list[str] | None = None
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            (cells,) = csv.reader([line.rstrip("\r\n")], strict=True)
        except (csv.Error, ValueError) as error:
            raise PolicyUnusable.because(
                [FieldFault(f"{source} line {number}", "not one CSV line")]
            ) from error
        if header is None:
            header = cells
            if tuple(cells) != COLUMNS:
                fault = FieldFault(f"{source} line {number}", f"the columns must be {','.join(COLUMNS)}")
                raise PolicyUnusable.because([fault])
            continue
        yield number, cells
    if header is None:
        raise PolicyUnusable.because([FieldFault(source, "is empty")])


class _Reader:
    """Reads lines into rules and collects faults instead of stopping at the first."""

    def __init__(self, source: str) -> None:
        self.faults: list[FieldFault] = []
        self._source = source
        self._names: dict[str, int] = {}

    def rule(self, line: int, cells: list[str]) -> Rule | None:
        if len(cells) != len(COLUMNS):
            message = f"{len(cells)} cells instead of {len(COLUMNS)}"
            self.faults.append(FieldFault(f"{self._source} line {line}", message))
            return None
        told = len(self.faults)
        by_column = dict(zip(COLUMNS, cells, strict=True))

        def words(column: str, vocabulary: type[Word], *, may_be_empty: bool = False) -> frozenset[Word]:
            return self._words(line, column, by_column[column], vocabulary, may_be_empty=may_be_empty)

        self._name(line, by_column["rule"])
        effect = words("effect", Effect)
        obligations = words("obligations", Obligation, may_be_empty=True)
        if len(effect) != 1:
            self._fault(line, "effect", "is allow or deny")
        elif Effect.DENY in effect and obligations:
            self._fault(line, "obligations", "a deny has none")
        rule = Rule(
            by_column["rule"],
            line,
            words("role", Role),
            words("relation", Relation),
            words("object", ObjectType),
            words("action", Action),
            words("purpose", Purpose),
            next(iter(effect), Effect.DENY),
            obligations,
        )
        return rule if len(self.faults) == told else None

    def compare(self, rules: list[Rule]) -> None:
        """Refuse what is well-formed by itself and wrong beside the other rules."""
        denies = [rule for rule in rules if rule.effect is Effect.DENY]
        allowed: dict[Cell, Rule] = {}
        for rule in rules:
            if rule.effect is Effect.DENY:
                continue
            for cell in rule.cells():
                earlier = allowed.setdefault(cell, rule)
                if earlier is not rule:
                    message = f"allows {' '.join(cell)} again, after line {earlier.line}"
                    self._fault(rule.line, "rule", message)
                    break
            if all(any(deny.covers(cell) for deny in denies) for cell in rule.cells()):
                self._fault(rule.line, "effect", "denies leave nothing of this allow")

    def _name(self, line: int, name: str) -> None:
        if not _NAME.fullmatch(name):
            self._fault(line, "rule", "a name is two or more lower-case words joined by hyphens")
        elif self._names.setdefault(name, line) != line:
            self._fault(line, "rule", f"this name already stands on line {self._names[name]}")

    def _words(
        self, line: int, column: str, cell: str, vocabulary: type[Word], *, may_be_empty: bool
    ) -> frozenset[Word]:
        if cell == "" and may_be_empty:
            return frozenset()
        if cell == "*" and not may_be_empty:
            return frozenset(vocabulary)
        known: set[Word] = set()
        for word in cell.split("|"):
            if word not in vocabulary._value2member_map_:
                self._fault(line, column, f"unknown word {word!r}" if word else "a word is missing")
            elif (member := vocabulary(word)) in known:
                self._fault(line, column, f"{word} stands twice")
            else:
                known.add(member)
        return frozenset(known)

    def _fault(self, line: int, column: str, message: str) -> None:
        self.faults.append(FieldFault(f"{self._source} line {line}, column {column}", message))
