"""Transactions, time, ids and chance each have one home."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.house.source import Broken, House, Source, references

STATEMENT = re.compile(r"\s*(COMMIT|ROLLBACK|BEGIN( IMMEDIATE| EXCLUSIVE)?|SAVEPOINT .*);?\s*")


TRANSACTIONS = {"commit", "begin", "begin_nested", "rollback"}


def commits_elsewhere(source: Source, _: House) -> Broken:
    if source.path == "runtime/database.py":
        return
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=called)) if called in TRANSACTIONS:
                yield node, f"{called}() belongs to runtime/database.py: go through Database.write"
            case ast.Constant(value=str(text)) if STATEMENT.fullmatch(text):
                yield node, "transactions are made by runtime/database.py alone"


WALL_CLOCKS = {
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
    "time.ctime",
}
STOPWATCHES = {
    f"time.{name}{unit}" for name in ("monotonic", "perf_counter", "process_time") for unit in ("", "_ns")
}
SEEDED = {"random.Random", "numpy.random.default_rng", "numpy.random.Generator"}


def reads_a_clock(source: Source, _: House) -> Broken:
    if source.path == "runtime/clock.py":
        return
    for node in references(source):
        name = source.meaning(node)
        if name in WALL_CLOCKS:
            yield node, f"{name} is read in runtime/clock.py alone: take a Clock, or the instant, as argument"
        elif name in STOPWATCHES and not source.path.startswith("runtime/"):
            yield node, f"{name} stands in runtime alone: take a Clock as argument"


def draws_by_itself(source: Source, _: House) -> Broken:
    if source.path == "runtime/clock.py":
        return
    seeded = {
        node.func
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and (node.args or node.keywords)
    }
    types = set(_annotations(source))
    for node in references(source):
        name = source.meaning(node)
        if name in SEEDED:
            if node not in seeded and node not in types:
                yield node, f"{name} without a seed: take the generator or the seed as argument"
        elif name in {"uuid.uuid1", "uuid.uuid4"} or name.startswith("uuid_utils."):
            yield node, f"{name}: ids come from Clock.new_id"
        elif name.startswith(("random.", "numpy.random.")):
            yield node, f"{name}: chance is an argument"
        elif name.startswith("secrets.") or name == "os.urandom":
            yield node, f"{name}: say what is made here"


def _annotations(source: Source) -> Iterator[ast.AST]:
    for node in ast.walk(source.tree):
        annotation = getattr(node, "annotation", None) or getattr(node, "returns", None)
        if isinstance(annotation, ast.AST):
            yield from ast.walk(annotation)
