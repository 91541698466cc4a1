"""What each workflow asks of the engine, in order, read from its syntax tree.

``python -m tests.workflows.fingerprints`` writes ``tests/vectors/workflow_commands.json``.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMANDS_FILE = ROOT / "tests" / "vectors" / "workflow_commands.json"
QUIET = {"info", "now", "time", "logger", "unsafe", "in_workflow", "instance", "memo", "uuid4", "random"}
"""Names of ``workflow`` that are no commands: everything else that is called counts as one."""

HANDLERS = {"run", "init", "signal", "update", "query"}
Method = ast.FunctionDef | ast.AsyncFunctionDef


def fingerprints(source: str) -> dict[str, dict[str, list[str]]]:
    """By workflow and method: its commands in order, indented under the conditions that they stand under."""
    return {
        node.name: {method.name: lines for method in _methods(node) if (lines := _outline(method))}
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
        and any(_is_of_workflow(one, {"defn"}) for one in node.decorator_list)
    }


def all_fingerprints() -> dict[str, dict[str, list[str]]]:
    """Those of every workflow of the product."""
    found: dict[str, dict[str, list[str]]] = {}
    for path in sorted((ROOT / "workflows").rglob("*.py")):
        found |= fingerprints(path.read_text("utf-8"))
    return found


def _methods(workflow: ast.ClassDef) -> Iterator[Method]:
    for node in workflow.body:
        if isinstance(node, Method):
            yield node


def _is_of_workflow(node: ast.expr, names: set[str]) -> bool:
    target = node.func if isinstance(node, ast.Call) else node
    match target:
        case ast.Attribute(value=ast.Name(id="workflow"), attr=name):
            return name in names
    return False


def _outline(method: Method) -> list[str]:
    handles = [f"@{ast.unparse(one)}" for one in method.decorator_list if _is_of_workflow(one, HANDLERS)]
    return handles + list(_block(method.body, ""))


def _block(body: Iterable[ast.stmt], indent: str) -> Iterator[str]:
    for node in body:
        yield from _statement(node, indent)


def _statement(node: ast.AST, indent: str) -> Iterator[str]:
    """A compound statement stands as its first line where commands stand under it."""
    head = [call for child in _heads(node) for call in _calls(child)]
    yield from (f"{indent}{call}" for call in head)
    for label, block in _blocks(node):
        if lines := list(_block(block, indent + "  ")):
            yield f"{indent}{label}"
            yield from lines


def _blocks(node: ast.AST) -> Iterator[tuple[str, list[ast.stmt]]]:
    for name in ("body", "handlers", "orelse", "finalbody", "cases"):
        for child in [getattr(node, name, [])]:
            if child and name in ("handlers", "cases"):
                yield from ((_first_line(one), one.body) for one in child)
            elif child:
                yield (_first_line(node) if name == "body" else f"{name}:"), child


def _heads(node: ast.AST) -> Iterator[ast.AST]:
    """The expressions of a statement itself, without the statements under it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.stmt, ast.excepthandler, ast.match_case)):
            yield child


def _first_line(node: ast.AST) -> str:
    return ast.unparse(node).strip().splitlines()[0]


def _calls(node: ast.AST) -> Iterator[str]:
    """Commands and calls of own methods, in the order in which they are evaluated."""
    if isinstance(node, ast.Lambda):
        return
    for child in ast.iter_child_nodes(node):
        yield from _calls(child)
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="workflow"), attr=name)) if name not in QUIET:
            yield _told(node, f"workflow.{name}")
        case ast.Await(value=ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)) as call):
            yield _told(call, f"self.{name}")


def _told(call: ast.Call, name: str) -> str:
    """The call with what decides about its command: what is asked for, and whether a timer starts."""
    first = [ast.unparse(argument) for argument in call.args[:1]]
    timer = ["timeout"] if any(one.arg == "timeout" for one in call.keywords) else []
    return f"{name}({', '.join(first + timer)})"


if __name__ == "__main__":
    COMMANDS_FILE.write_text(json.dumps(all_fingerprints(), indent=2) + "\n", "utf-8")
