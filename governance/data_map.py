"""What follows from the inventory: the data map, the record of processing activities, the plan of an erasure.

Nothing here is written by hand, so none of it can say other than what the columns say.

Source: GDPR Art. 17(1), 30(1).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from governance.inventory import Inventory, Route, routes
from runtime.columns import Basis, Category, EraseBy, NotPersonal, Personal


@dataclass(frozen=True)
class ErasureStep:
    """What an erasure must do to one table.

    ``deletes`` the person's rows, unless every personal column goes with its key; ``shredded`` columns are
    unreadable from the destruction of the key on, in backups too. ``retentions`` may hold the step back.
    """

    store: str
    table: str
    route: Route
    deletes: bool
    shredded: tuple[str, ...]
    retentions: tuple[str, ...]


def erasure_plan(inventory: Inventory) -> tuple[ErasureStep, ...]:
    """One step for each table that holds personal data and can be reached."""
    reached = routes(inventory)
    return tuple(
        ErasureStep(
            store=table.store,
            table=table.name,
            route=reached[table.place],
            deletes=any(about.erase_by is not EraseBy.SHRED for _, about in declared),
            shredded=tuple(name for name, about in declared if about.sealed),
            retentions=tuple(sorted({about.retention for _, about in declared})),
        )
        for table in inventory.tables
        if table.place in reached
        for declared in [[(column.name, column.personal) for column in table.columns if column.personal]]
    )


@dataclass(frozen=True)
class ProcessingRecord:
    """One row of the record of processing activities (GDPR Art. 30(1)(b), (c), (f), (g))."""

    purpose: str
    basis: Basis
    categories: tuple[Category, ...]
    retentions: tuple[str, ...]
    places: tuple[str, ...]
    sealed: int
    in_clear: int


def records_of_processing(inventory: Inventory) -> tuple[ProcessingRecord, ...]:
    """The record, a row for each purpose and basis."""
    rows: defaultdict[tuple[str, Basis], list[tuple[str, Personal]]] = defaultdict(list)
    for place, declaration in _personal_things(inventory):
        rows[declaration.purpose, declaration.basis].append((place, declaration))
    return tuple(
        ProcessingRecord(
            purpose=purpose,
            basis=basis,
            categories=tuple(sorted({declaration.category for _, declaration in things})),
            retentions=tuple(sorted({declaration.retention for _, declaration in things})),
            places=tuple(sorted({place for place, _ in things})),
            sealed=sum(declaration.sealed for _, declaration in things),
            in_clear=sum(not declaration.sealed for _, declaration in things),
        )
        for (purpose, basis), things in sorted(rows.items())
    )


def _personal_things(inventory: Inventory) -> Iterator[tuple[str, Personal]]:
    for table in inventory.tables:
        for column in table.personal:
            if column.personal:
                yield table.place, column.personal
    for carrier in inventory.carriers:
        if isinstance(carrier.declaration, Personal):
            yield f"{carrier.carrier}.{carrier.name}", carrier.declaration


def data_map(inventory: Inventory) -> dict[str, Any]:
    """The whole inventory as JSON values, in a stable order."""
    reached = routes(inventory)
    return {
        "tables": [
            {
                "store": table.store,
                "table": table.name,
                "route": _spoken(reached.get(table.place)),
                "columns": [
                    {"name": column.name, "type": column.kind.__name__, **_said(column.declaration)}
                    for column in table.columns
                ],
            }
            for table in inventory.tables
        ],
        "carriers": [
            {"kind": carrier.carrier.value, "name": carrier.name, **_said(carrier.declaration)}
            for carrier in inventory.carriers
        ],
    }


def _spoken(route: Route | None) -> str | None:
    if route is None:
        return None
    if route.columns:
        return f"by {' and '.join(route.columns)}"
    return f"by {route.column} through {route.table}" if route.table else route.found_by


def _said(declaration: Personal | NotPersonal | None) -> dict[str, Any]:
    match declaration:
        case Personal():
            return {
                "personal": True,
                "category": declaration.category.value,
                "purpose": declaration.purpose,
                "basis": declaration.basis.value,
                "retention": declaration.retention,
                "erase_by": declaration.erase_by.value,
                "sealed": declaration.sealed,
                "clear": declaration.clear,
            }
        case NotPersonal(reason):
            return {"personal": False, "reason": reason}
    return {"personal": None}
