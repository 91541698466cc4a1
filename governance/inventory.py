"""Everything that holds data, what it says about people, and what follows from that.

The declarations stand on the columns themselves (``runtime.columns``) and beside the other carriers
(``runtime.carriers``). This module collects them and finds what is undeclared or declared wrongly; the gate
runs over every real table in CI, so a column without a declaration never reaches a database. What follows
from the declarations stands in ``governance.data_map``.

Source: GDPR Art. 5(1)(b), 5(1)(e), 5(1)(f), 25, 32(1)(a).
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from runtime.carriers import Carrier, Declared, payload_name
from runtime.columns import FOUND_BY, INFO_KEY, Basis, Category, EraseBy, NotPersonal, Personal

PERSON_COLUMNS: Final = re.compile(r"(subject|learner|guardian|instructor|reader)(_ref)?|[a-z]+_by")
"""Names of the columns that hold a person's own reference: whose row it is, or who did it (``posted_by``)."""

_MIN_REASON: Final = 8
_SAY_NOTHING: Final = (UUID, bool, int, float, NoneType)
_ALWAYS_SUSPECT: Final = frozenset(
    {"email", "mail", "phone", "birth", "birthday", "surname", "forename", "firstname", "lastname", "address"}
)
_SUSPECT_BESIDE_A_PERSON: Final = _ALWAYS_SUSPECT | {
    "name", "note", "notes", "comment", "text", "message", "answer", "response", "essay", "ip", "agent",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column and what it says of itself; ``declaration`` is None where it says nothing."""

    store: str
    table: str
    name: str
    kind: type
    key: bool
    declaration: Personal | NotPersonal | None

    @property
    def place(self) -> str:
        return f"{self.store}.{self.table}.{self.name}"

    @property
    def personal(self) -> Personal | None:
        return self.declaration if isinstance(self.declaration, Personal) else None


@dataclass(frozen=True)
class Table:
    """One table, with the reason it gives where no column leads from a person to its rows."""

    store: str
    name: str
    columns: tuple[Column, ...]
    found_by: str | None

    @property
    def place(self) -> str:
        return f"{self.store}.{self.name}"

    @property
    def personal(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.personal)


@dataclass(frozen=True)
class Fault:
    """One thing that the gate refuses, and where."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(frozen=True)
class Inventory:
    """All tables and all other carriers."""

    tables: tuple[Table, ...]
    carriers: tuple[Declared, ...]


@dataclass(frozen=True)
class Known:
    """The words that declarations may use: purposes with their basis, and retention classes."""

    purposes: Mapping[str, Basis]
    retentions: Collection[str]


def import_rooms(rooms: Iterable[str]) -> None:
    """Import every module of the rooms, so that each table and carrier in them has been declared."""
    for room in rooms:
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            importlib.import_module(module.name)


def take(stores: Mapping[str, sa.MetaData], carriers: Iterable[Declared]) -> Inventory:
    """The inventory of the tables of each named store and of the carriers."""
    tables = tuple(
        _table(store, table) for store, metadata in sorted(stores.items()) for table in metadata.sorted_tables
    )
    return Inventory(tables, tuple(carriers))


def faults(inventory: Inventory, known: Known) -> tuple[Fault, ...]:
    """Everything the gate refuses; empty when the inventory is sound."""
    return tuple(
        fault
        for found in (
            (fault for table in inventory.tables for fault in _table_faults(table, known)),
            (fault for carrier in inventory.carriers for fault in _carrier_faults(carrier, known)),
            _lost_rows(inventory),
        )
        for fault in found
    )


def undeclared_payloads(kinds: Iterable[type], carriers: Iterable[Declared]) -> tuple[Fault, ...]:
    """Types that workflows exchange and nobody declared. Ids, numbers and nothing need no declaration."""
    names = {declared.name for declared in carriers if declared.carrier is Carrier.PAYLOAD}
    return tuple(
        Fault(f"{Carrier.PAYLOAD}.{payload_name(kind)}", "is exchanged by workflows and not declared")
        for kind in kinds
        if not issubclass(kind, _SAY_NOTHING) and payload_name(kind) not in names
    )


def _table(store: str, table: sa.Table) -> Table:
    columns = tuple(
        Column(
            store=store,
            table=table.name,
            name=column.name,
            kind=_python_type(column.type),
            key=column.primary_key,
            declaration=column.info.get(INFO_KEY),
        )
        for column in table.columns
    )
    return Table(store, table.name, columns, table.info.get(FOUND_BY))


def _python_type(column_type: sa.types.TypeEngine[Any]) -> type:
    """What a column stores; a type that does not say counts as text, which asks for the most."""
    while isinstance(column_type, sa.types.TypeDecorator):
        column_type = column_type.impl_instance
    stored: type = column_type.python_type
    return str if stored is object else stored


def _table_faults(table: Table, known: Known) -> Iterator[Fault]:
    beside_a_person = bool(table.personal)
    for column in table.columns:
        match column.declaration:
            case Personal() as declaration:
                for message in (*_wording(declaration, known), *_protection(column, declaration)):
                    yield Fault(column.place, message)
            case NotPersonal(reason):
                if len(reason.strip()) < _MIN_REASON:
                    yield Fault(column.place, "says it is not personal and does not say why")
                if _looks_personal(column.name, beside_a_person=beside_a_person):
                    yield Fault(column.place, "says it is not personal, but its name says otherwise")
            case _:
                yield Fault(column.place, "is neither personal(...) nor not_personal(reason)")


def _carrier_faults(carrier: Declared, known: Known) -> Iterator[Fault]:
    place = f"{carrier.carrier}.{carrier.name}"
    if isinstance(carrier.declaration, NotPersonal):
        if len(carrier.declaration.reason.strip()) < _MIN_REASON:
            yield Fault(place, "says it is not personal and does not say why")
        return
    for message in _wording(carrier.declaration, known):
        yield Fault(place, message)
    if not carrier.declaration.sealed and not carrier.declaration.clear:
        yield Fault(place, "is neither sealed nor says what it can hold in clear")


def _wording(declaration: Personal, known: Known) -> Iterator[str]:
    basis = known.purposes.get(declaration.purpose)
    if basis is None:
        yield f"names the purpose {declaration.purpose!r}, which policy does not know"
    elif basis is not declaration.basis:
        yield f"rests on {declaration.basis}, but its purpose {declaration.purpose!r} rests on {basis}"
    if declaration.retention not in known.retentions:
        yield f"names the retention {declaration.retention!r}, which policy does not know"
    if declaration.erase_by is not EraseBy.DELETE and not declaration.sealed:
        yield "is to be erased with its key, but is not sealed under one"


def _protection(column: Column, declaration: Personal) -> Iterator[str]:
    """Direct identifiers and free text never stand in clear (GDPR Art. 32(1)(a))."""
    if declaration.sealed:
        if not issubclass(column.kind, bytes):
            yield f"is declared sealed, but stores {column.kind.__name__}: sealed values are bytes"
        return
    if declaration.category is Category.IDENTITY and not issubclass(column.kind, bytes):
        yield "identifies a person and stands in clear: seal it, and look it up by a blind index"
    elif issubclass(column.kind, (str, bytes, dict, list)) and not declaration.clear:
        yield "is personal text or bytes in clear: seal it, or say in clear=... what it can hold at most"


def _looks_personal(name: str, *, beside_a_person: bool) -> bool:
    words = set(re.split(r"[^a-z]+", name.lower()))
    return bool(words & (_SUSPECT_BESIDE_A_PERSON if beside_a_person else _ALWAYS_SUSPECT))


@dataclass(frozen=True)
class Route:
    """How an erasure gets from a person to the rows of a table.

    ``columns`` hold the person's own reference; without any, ``column`` leads to the key of ``table``, which
    is itself reached; without that, ``found_by`` says in words how the rows are found.
    """

    columns: tuple[str, ...] = ()
    column: str | None = None
    table: str | None = None
    found_by: str | None = None


def routes(inventory: Inventory) -> dict[str, Route]:
    """The shortest route to each table that holds personal data, by place; lost tables are left out."""
    about = [table for table in inventory.tables if table.personal]
    found = {
        table.place: Route(columns=columns)
        for table in about
        if (
            columns := tuple(
                column.name for column in table.personal if PERSON_COLUMNS.fullmatch(column.name)
            )
        )
    }
    while step := {
        table.place: route
        for table in about
        if table.place not in found
        and (route := _step(table, [other for other in about if other.place in found]))
    }:
        found |= step
    spoken = {table.place: Route(found_by=table.found_by) for table in about if table.found_by}
    return spoken | found


def _step(table: Table, reached: Iterable[Table]) -> Route | None:
    for other in reached:
        keys = {column.name for column in other.personal if column.key and other.store == table.store}
        for column in table.personal:
            if column.name in keys:
                return Route(column=column.name, table=other.name)
    return None


def _lost_rows(inventory: Inventory) -> Iterator[Fault]:
    reached = routes(inventory)
    for table in inventory.tables:
        if table.personal and table.place not in reached:
            yield Fault(table.place, "holds personal data, and nothing leads from a person to its rows")
