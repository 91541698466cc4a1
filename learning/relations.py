"""How a principal stands to a data subject: facts read from the database, never a caller's claim.

Each relation is one SQL predicate over a column of subjects, used twice: as the check of one subject and as
the WHERE clause of a list. So a list can never hold a row that a look-up would refuse, or hide one that it
would show. One query answers all of them; ``self`` needs none.

A guardian's tie ends with the learner's majority, and birth dates are sealed: the learners of a guardian, who
are few, are looked up first and are the predicate's parameter.

Source: relation tuples after Zanzibar (Pang et al. 2019), read from the tables that own the facts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from governance.accounts import Principal
from governance.gate import SubjectGate
from governance.guardians import is_guardian_of_minor, links_of_guardian
from governance.keys import KeyRing
from learning.classes import ClassGroup, NoSuchClass, taught_by
from learning.enrolments import attended_by
from policy.vocabulary import Relation, Role
from runtime.database import table

Subject = sa.ColumnElement[UUID]

_class, _gate = table(ClassGroup), table(SubjectGate)


@dataclass(frozen=True, slots=True)
class Standpoint:
    """From where relations are seen, in SQL: who asks, on which day (UTC), the minors they guard."""

    tenant: sa.ColumnElement[UUID]
    me: sa.ColumnElement[UUID]
    day: sa.ColumnElement[date]
    wards: sa.BindParameter[Any]


def _self(here: Standpoint, subject: Subject) -> sa.ColumnElement[bool]:
    return subject == here.me


def _instructor_of(here: Standpoint, subject: Subject) -> sa.ColumnElement[bool]:
    """Nobody is their own instructor, even where they sit in the class they teach."""
    return sa.and_(
        subject != here.me,
        sa.exists()
        .where(_class.c.tenant == here.tenant, taught_by(here.me, here.day), attended_by(subject, here.day))
        .correlate_except(_class),
    )


def _guardian_of_minor(here: Standpoint, subject: Subject) -> sa.ColumnElement[bool]:
    return subject.in_(here.wards)


def _tenant(here: Standpoint, subject: Subject) -> sa.ColumnElement[bool]:
    one = _gate.alias()
    return sa.exists().where(one.c.tenant == here.tenant, one.c.subject_ref == subject).correlate_except(one)


REGISTRY: Mapping[Relation, Callable[[Standpoint, Subject], sa.ColumnElement[bool]]] = MappingProxyType(
    {
        Relation.SELF: _self,
        Relation.INSTRUCTOR_OF: _instructor_of,
        Relation.GUARDIAN_OF_MINOR: _guardian_of_minor,
        Relation.TENANT: _tenant,
    }
)
"""Every relation that the database can tell. A new one is a new entry, and nothing else."""

_OWN = frozenset({Relation.SELF, Relation.TENANT})
_SAME_SCHOOL = frozenset({Relation.TENANT})
_TEACHING = frozenset({Relation.TENANT, Relation.INSTRUCTOR_OF})
_STRANGER = frozenset({Relation.NONE})


_HERE = Standpoint(
    tenant=sa.bindparam("tenant", type_=sa.Uuid()),
    me=sa.bindparam("me", type_=sa.Uuid()),
    day=sa.bindparam("day", type_=sa.Date()),
    wards=sa.bindparam("wards", type_=sa.Uuid(), expanding=True),
)
_ASKED = sa.bindparam("subject", type_=sa.Uuid())
_one = sa.select(*(predicate(_HERE, _ASKED) for predicate in REGISTRY.values()))
_many = sa.select(
    _gate.c.subject_ref, *(predicate(_HERE, _gate.c.subject_ref) for predicate in REGISTRY.values())
).where(
    _gate.c.tenant == _HERE.tenant,
    _gate.c.subject_ref.in_(sa.bindparam("subjects", type_=sa.Uuid(), expanding=True)),
)


def relations(
    tx: Connection, principal: Principal, subject: UUID, at: datetime, keyring: KeyRing
) -> frozenset[Relation]:
    """How ``principal`` stands to ``subject`` at ``at``; ``none`` where this school has no such person.

    To themselves everybody is just that: an own record is reached as a learner, whoever else one is.
    """
    if subject == principal.subject_ref:
        return _OWN
    facts = _standing(tx, principal, at, keyring)
    return _held(tx.execute(_one, {**facts, "subject": subject}).one())


def relations_to(
    tx: Connection, principal: Principal, subjects: Collection[UUID], at: datetime, keyring: KeyRing
) -> dict[UUID, frozenset[Relation]]:
    """As ``relations``, for many subjects in one query; whom this school does not have is left out."""
    facts = _standing(tx, principal, at, keyring)
    rows = tx.execute(_many, {**facts, "subjects": list(subjects)})
    return {row[0]: _OWN if row[0] == principal.subject_ref else _held(row[1:]) for row in rows}


def _standing(tx: Connection, principal: Principal, at: datetime, keyring: KeyRing) -> dict[str, object]:
    """The values of a standpoint. Asks the database of guardians only."""
    wards: list[UUID] = []
    if Role.GUARDIAN in principal.roles:
        learners = {link.learner for link in links_of_guardian(tx, principal.tenant, principal.subject_ref)}
        wards = [one for one in learners if is_guardian_of_minor(tx, keyring, principal, one, at)]
    return {"tenant": principal.tenant, "me": principal.subject_ref, "day": at.date(), "wards": wards}


def class_relations(
    tx: Connection, principal: Principal, class_id: UUID, at: datetime
) -> frozenset[Relation]:
    """How ``principal`` stands to a class: ``instructor_of`` who teaches it now.

    Raises:
        NoSuchClass: this school has none.
    """
    facts = {"tenant": principal.tenant, "me": principal.subject_ref, "day": at.date(), "class_id": class_id}
    taught = tx.execute(_taught, facts).scalar_one_or_none()
    if taught is None:
        raise NoSuchClass
    return _TEACHING if taught else _SAME_SCHOOL


_taught = sa.select(taught_by(_HERE.me, _HERE.day)).where(
    _class.c.tenant == _HERE.tenant, _class.c.class_id == sa.bindparam("class_id", type_=sa.Uuid())
)


def _held(row: Collection[bool]) -> frozenset[Relation]:
    holding = frozenset(name for name, holds in zip(REGISTRY, row, strict=True) if holds)
    return holding if Relation.TENANT in holding else _STRANGER
