"""The decision point: may somebody with these roles and relations do this to that, for this purpose?

An immutable snapshot of model, rules and purposes. Casbin decides; what it decided is remembered for the
exact request, so a warm decision is one look-up. A new policy is a new ``DecisionPoint``: nothing is reloaded
in place.

How a decision comes about:
1. Every (role, relation) pair of the request is decided for itself: allow-and-no-deny.
2. One deny refuses the whole request, whatever else was allowed: taking on a role never lifts a prohibition.
3. Otherwise one allow suffices, and the obligations of every allow that spoke hold together: taking on a role
   never lifts a duty either.
4. Nothing matched, anything odd, anything that fails: refused.

What Casbin is kept from, because it was seen to go wrong there: threads (its parser fails in them: cold
decisions hold a lock), shared state (each cold decision has an enforcer of its own), the empty policy and
empty strings (both match by accident: neither reaches it), joined values (rows are handed over as lists), log
lines with request values (logging stays off).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Self

import casbin
from casbin.model import Model

from policy.purposes import PURPOSES_FILE, Purposes, read_purposes
from policy.rules import Cell, Effect, PolicyUnusable, Rule, read_rules
from policy.vocabulary import Action, ObjectType, Obligation, Purpose, Relation, Role
from runtime.errors import FieldFault

MODEL_FILE = Path(__file__).with_name("model.conf")
RULES_FILE = Path(__file__).with_name("policy.csv")

_REQUEST = ("role", "relation", "object", "action", "purpose")
_POLICY = (*_REQUEST, "eft", "obligations", "rule")
_EFFECT = "some(where (p_eft == allow)) && !some(where (p_eft == deny))"
_EQUALITY = re.compile(r"r_(\w+) == p_(\w+)")


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision.

    ``rule`` names the line or lines that spoke (joined by ``+``), or says why none did. ``obligations`` bind
    an allow: ``governance.permits`` discharges every one of them or refuses.
    """

    allowed: bool
    rule: str
    obligations: frozenset[Obligation] = frozenset()


NO_RULE = Ruling(allowed=False, rule="(no rule)")
MALFORMED = Ruling(allowed=False, rule="(malformed request)")
FAILED = Ruling(allowed=False, rule="(decision failed)")


class DecisionPoint:
    """Decides by one snapshot of the policy. Safe to share between threads and tasks.

    Attributes:
        digest: SHA-256 of model, rules and purposes, hexadecimal; stored with each decision.
        purposes: the purposes that the snapshot was built with.
        rules: the rules in the order of the file.
    """

    def __init__(self, model_text: str, rules_text: str, purposes_text: str) -> None:
        self.purposes: Purposes = read_purposes(purposes_text)
        self.rules: tuple[Rule, ...] = read_rules(rules_text)
        self.digest: str = _digest(model_text, rules_text, purposes_text)
        _check_model(model_text)
        self._model_text = model_text
        self._lock = Lock()
        self._table: dict[tuple[object, ...], Ruling] = {}

    @classmethod
    def load(
        cls, *, model: Path = MODEL_FILE, rules: Path = RULES_FILE, purposes: Path = PURPOSES_FILE
    ) -> Self:
        """The decision point of the shipped policy, or of other files.

        Raises:
            PolicyUnusable: the model is not the expected one, or the rules are empty or malformed.
            PurposesUnusable: the purposes are.
        """
        return cls(*(path.read_text("utf-8") for path in (model, rules, purposes)))

    def decide(
        self,
        roles: frozenset[Role],
        relations: frozenset[Relation],
        object: ObjectType,  # noqa: A002  # the word of the field
        action: Action,
        purpose: Purpose,
    ) -> Ruling:
        """The ruling on one request. Never raises: what cannot be decided is refused.

        Args:
            roles: every role of the principal's account.
            relations: every relation of the principal to the data subject, as the database has it now.
            object: what is acted on.
            action: what is done.
            purpose: what for.
        """
        try:
            return self._table[(roles, relations, object, action, purpose)]
        except KeyError:
            return self._decide_cold(roles, relations, object, action, purpose)
        except Exception:  # noqa: BLE001  # fail closed: a key that cannot be hashed or compared is no request
            return MALFORMED

    def _decide_cold(
        self,
        roles: frozenset[Role],
        relations: frozenset[Relation],
        object_: ObjectType,
        action: Action,
        purpose: Purpose,
    ) -> Ruling:
        try:
            cells = _cells(roles, relations, object_, action, purpose)
        except (TypeError, ValueError):
            return MALFORMED
        try:
            with self._lock:
                ruling = self._ask(cells)
        except Exception:  # noqa: BLE001  # fail closed, whatever the library raises; forgotten, as it may pass
            return FAILED
        self._table[(roles, relations, object_, action, purpose)] = ruling
        return ruling

    def _ask(self, cells: list[Cell]) -> Ruling:
        """Ask Casbin about each cell, with an enforcer that knows just the rules that could match."""
        rows = [rule.row(cell) for rule in self.rules for cell in cells if rule.covers(cell)]
        if not rows:
            return NO_RULE
        enforcer = casbin.Enforcer(_model(self._model_text, rows))
        allowing: set[str] = set()
        for cell in cells:
            allowed, row = enforcer.enforce_ex(*map(str, cell))
            if row and row[_POLICY.index("eft")] == Effect.DENY:
                return Ruling(allowed=False, rule=row[-1])
            if allowed is True:
                allowing.add(row[-1])
        return _together([rule for rule in self.rules if rule.name in allowing]) if allowing else NO_RULE


def _together(rules: list[Rule]) -> Ruling:
    """One allow out of those that spoke, in the order of the policy: all their obligations hold."""
    return Ruling(
        allowed=True,
        rule="+".join(rule.name for rule in rules),
        obligations=frozenset[Obligation]().union(*(rule.obligations for rule in rules)),
    )


def _cells(roles: object, relations: object, object_: object, action: object, purpose: object) -> list[Cell]:
    """The request as cells, one for each pair of role and relation.

    Raises:
        TypeError: not a set of words, or not a word.
        ValueError: a word that the vocabulary does not know, or no role, or no relation.
    """
    if not isinstance(roles, frozenset) or not isinstance(relations, frozenset):
        raise TypeError
    if not (isinstance(object_, str) and isinstance(action, str) and isinstance(purpose, str)):
        raise TypeError
    if not roles or not relations:
        raise ValueError
    return [
        (Role(role), Relation(relation), ObjectType(object_), Action(action), Purpose(purpose))
        for role in sorted(roles)
        for relation in sorted(relations)
    ]


def _model(text: str, rows: Iterable[list[str]] = ()) -> Any:
    model = Model()
    model.load_model_from_text(text)
    for row in rows:
        model.add_policy("p", "p", row)
    return model


def _check_model(text: str) -> None:
    """Refuse every model but equality in all five fields with allow-and-no-deny.

    Anything looser (a clause that does not look at the rule, a function, ``eval``, role links) has been seen
    to allow what no rule allows.
    """
    try:
        sections: dict[str, Any] = dict(_model(text).items())
    except Exception as error:
        raise PolicyUnusable.because([FieldFault("model.conf", "cannot be parsed")]) from error
    faults = []
    if {name: set(section) for name, section in sections.items()} != {name: {name} for name in "rpem"}:
        faults.append(FieldFault("model.conf", "holds exactly one r, p, e and m"))
    else:
        if tuple(sections["r"]["r"].tokens) != tuple(f"r_{field}" for field in _REQUEST):
            faults.append(FieldFault("model.conf, request_definition", f"must be {', '.join(_REQUEST)}"))
        if tuple(sections["p"]["p"].tokens) != tuple(f"p_{field}" for field in _POLICY):
            faults.append(FieldFault("model.conf, policy_definition", f"must be {', '.join(_POLICY)}"))
        if sections["e"]["e"].value != _EFFECT:
            faults.append(FieldFault("model.conf, policy_effect", "must be allow-and-no-deny"))
        compared = [_EQUALITY.fullmatch(part.strip()) for part in sections["m"]["m"].value.split("&&")]
        fields = [found[1] if found and found[1] == found[2] else None for found in compared]
        if sorted(str(field) for field in fields) != sorted(_REQUEST):
            message = "must compare each field of the request with the same field of the rule, and do no more"
            faults.append(FieldFault("model.conf, matchers", message))
    if faults:
        raise PolicyUnusable.because(faults)


def _digest(*texts: str) -> str:
    """SHA-256 over the texts, each with its length before it so that no two splits are alike."""
    digest = hashlib.sha256(b"tutela policy 1\n")
    for text in texts:
        encoded = text.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()
