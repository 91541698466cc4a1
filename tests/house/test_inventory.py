"""The inventory gate over the real product: every table of every room, every payload of every workflow."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import SQLModel
from temporalio import activity, workflow

from governance.data_map import data_map, erasure_plan
from governance.inventory import Inventory, Known, faults, import_rooms, take, undeclared_payloads
from governance.keystore import KEY_METADATA
from policy.purposes import load_purposes
from runtime.carriers import declared

ROOMS_WITH_TABLES = ("runtime", "policy", "governance", "learning")


@pytest.fixture(scope="module")
def inventory() -> Inventory:
    import_rooms(ROOMS_WITH_TABLES)
    ours = tuple(carrier for carrier in declared() if not carrier.name.startswith("tests."))
    return take({"data": SQLModel.metadata, "keys": KEY_METADATA}, ours)


@pytest.fixture(scope="module")
def known() -> Known:
    purposes = load_purposes()
    return Known(
        purposes={str(purpose): terms.basis for purpose, terms in purposes.terms.items()},
        retentions=frozenset(purposes.retention),
    )


def test_every_column_of_every_table_is_declared_and_soundly(inventory: Inventory, known: Known) -> None:
    assert [str(fault) for fault in faults(inventory, known)] == []


def test_the_inventory_has_seen_the_tables_of_every_room(inventory: Inventory) -> None:
    assert {"outbox", "data_key"} <= {table.name for table in inventory.tables}


def test_every_table_about_people_has_its_step_in_the_erasure_plan(inventory: Inventory) -> None:
    about = {(table.store, table.name) for table in inventory.tables if table.personal}
    assert {(step.store, step.table) for step in erasure_plan(inventory)} == about


def test_the_data_map_can_be_drawn(inventory: Inventory) -> None:
    assert len(data_map(inventory)["tables"]) == len(inventory.tables)


def members(room: str) -> Iterator[Any]:
    package = importlib.import_module(room)
    for module in pkgutil.walk_packages(package.__path__, f"{room}."):
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if member.__module__ == module.name:
                yield member


def exchanged() -> Iterator[type]:
    """Every type that a workflow or an activity of the product takes or returns."""
    handlers: list[Any] = []
    for kind in members("workflows"):
        definition = workflow._Definition.from_class(kind)
        if definition is not None:
            handlers.append(definition)
            handlers += [
                *definition.signals.values(),
                *definition.updates.values(),
                *definition.queries.values(),
            ]
    for kind in members("activities"):
        methods = (method for _, method in inspect.getmembers(kind, inspect.isfunction))
        handlers += [found for method in methods if (found := activity._Definition.from_callable(method))]
    for handler in handlers:
        for hint in (*(handler.arg_types or ()), getattr(handler, "ret_type", None)):
            if isinstance(hint, type):
                yield hint


def test_every_type_that_workflows_exchange_is_declared(inventory: Inventory) -> None:
    assert [str(fault) for fault in undeclared_payloads(set(exchanged()), inventory.carriers)] == []
