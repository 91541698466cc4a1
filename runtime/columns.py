"""How a column says what it is: every column of every table is ``personal(...)`` or ``not_personal(reason)``.

The marker *is* the SQLModel field, so a column cannot exist without it except by going round it, and
``governance.inventory`` refuses that. Data map, records of processing and erasure plan are derived from it.

Source: GDPR Art. 5(1)(b), 5(1)(e), 30(1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field

INFO_KEY = "tutela"
FOUND_BY = "tutela_found_by"
"""Key of a table's ``info`` that says how a person's rows are found where no column leads to the person."""


class Category(StrEnum):
    """What kind of personal data a column holds."""

    PSEUDONYM = "pseudonym"
    IDENTITY = "identity"
    CREDENTIAL = "credential"
    RELATION = "relation"
    CONSENT = "consent"
    LEARNING = "learning"
    ASSESSMENT = "assessment"
    BEHAVIOUR = "behaviour"
    PROFILING = "profiling"
    STAFF = "staff"


class Basis(StrEnum):
    """The lawful basis of GDPR Art. 6(1)."""

    CONSENT = "6(1)(a)"
    CONTRACT = "6(1)(b)"
    LEGAL_OBLIGATION = "6(1)(c)"
    PUBLIC_TASK = "6(1)(e)"


class EraseBy(StrEnum):
    """How the column loses the person: its row goes, its key goes, or both."""

    DELETE = "delete"
    SHRED = "shred"
    DELETE_AND_SHRED = "delete-and-shred"


@dataclass(frozen=True)
class Personal:
    """Declaration of a personal column. ``purpose`` and ``retention`` are names known to ``policy``.

    ``clear`` says of text or bytes that are not sealed what they can hold at most: a code, a name of a role,
    a keyed hash; never what a person wrote or is called.
    """

    category: Category
    purpose: str
    basis: Basis
    retention: str
    erase_by: EraseBy
    sealed: bool
    clear: str | None = None


@dataclass(frozen=True)
class NotPersonal:
    """Declaration that a column says nothing about a person, with the reason a reviewer can judge."""

    reason: str


def personal(
    category: Category,
    *,
    purpose: str,
    basis: Basis = Basis.PUBLIC_TASK,
    retention: str = "enrolment",
    erase_by: EraseBy = EraseBy.DELETE,
    sealed: bool = False,
    clear: str | None = None,
    sa_type: TypeEngine[Any] | type[TypeEngine[Any]] | None = None,
    **field: Any,
) -> Any:
    """A column that says something about a person.

    Args:
        category: kind of data.
        purpose: name of a purpose in ``policy/purposes``; checked by the inventory gate.
        basis: lawful basis.
        retention: name of a retention class; checked by the inventory gate.
        erase_by: what makes it go.
        sealed: the stored bytes are ciphertext under the subject's own key.
        clear: what text or bytes that are not sealed can hold at most; the inventory gate asks for it.
        sa_type: SQLAlchemy type where the annotation does not decide it.
        field: further ``sqlmodel.Field`` arguments (``primary_key``, ``index``, ...).
    """
    about = Personal(category, purpose, basis, retention, erase_by, sealed, clear)
    return _declared(about, sa_type, field)


def not_personal(
    reason: str, *, sa_type: TypeEngine[Any] | type[TypeEngine[Any]] | None = None, **field: Any
) -> Any:
    """A column that says nothing about a person, and why."""
    return _declared(NotPersonal(reason), sa_type, field)


def _declared(
    declaration: Personal | NotPersonal,
    sa_type: TypeEngine[Any] | type[TypeEngine[Any]] | None,
    field: dict[str, Any],
) -> Any:
    column_kwargs: Mapping[str, Any] = {"info": {INFO_KEY: declaration}, **field.pop("sa_column_kwargs", {})}
    if sa_type is not None:
        field["sa_type"] = sa_type
    return Field(sa_column_kwargs=column_kwargs, **field)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant with microseconds: ``timestamptz`` on PostgreSQL, integer µs on SQLite.

    SQLite has no time type; an integer sorts, compares and never loses its zone.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return _to_micros(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return datetime.fromtimestamp(value // 1_000_000, UTC).replace(microsecond=value % 1_000_000)
        aware: datetime = value
        return aware.astimezone(UTC)

    def process_literal_param(self, value: datetime | None, dialect: Dialect) -> str:
        bound = self.process_bind_param(value, dialect)
        return "NULL" if bound is None else f"'{bound}'" if dialect.name != "sqlite" else str(bound)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _to_micros(value: datetime) -> int:
    delta = value - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
