"""A route says in its signature who calls, and lets errors carry their own answers."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.house.source import Broken, House, Source

METHODS = {"get", "post", "put", "patch", "delete", "head", "options", "api_route", "route", "websocket"}
REGISTRATIONS = {"add_api_route", "add_route", "add_api_websocket_route", "add_websocket_route", "mount"}

Route = ast.FunctionDef | ast.AsyncFunctionDef


def _routes(source: Source) -> Iterator[Route]:
    if not source.path.startswith("api/"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                called = decorator.func if isinstance(decorator, ast.Call) else decorator
                if isinstance(called, ast.Attribute) and called.attr in METHODS:
                    yield node
                    break


def serves_nobody_in_particular(source: Source, house: House) -> Broken:
    known = _principal_types(house)
    for route in _routes(source):
        arguments = [*route.args.posonlyargs, *route.args.args, *route.args.kwonlyargs]
        named = {
            getattr(node, "id", getattr(node, "attr", ""))
            for argument in arguments
            if argument.annotation is not None
            for node in ast.walk(argument.annotation)
        }
        if not named & known:
            yield route, f"{route.name} asks for no principal: add one to its signature, or '# public: why'"
    if source.path.startswith("api/"):
        for node in ast.walk(source.tree):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr in REGISTRATIONS:
                yield called, f"{called.attr}() hides who may call: use a decorator, or '# public: why'"


def _principal_types(house: House) -> set[str]:
    """Aliases in api/dependencies.py of ``Annotated[Principal, ...]``."""
    source = house.get("api/dependencies.py")
    found = set()
    for node in source.tree.body if source else []:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):
            parts = node.value.slice.elts if isinstance(node.value.slice, ast.Tuple) else []
            if parts and isinstance(parts[0], ast.Name) and parts[0].id == "Principal":
                found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def catches(source: Source, _: House) -> Broken:
    for route in _routes(source):
        for node in ast.walk(route):
            if isinstance(node, ast.Try | ast.TryStar):
                yield (
                    node,
                    f"{route.name} catches: let the error carry its answer, or catch where it is known",
                )
