"""Each column of each table says what it is."""

from __future__ import annotations

import ast

from tools.house.source import Broken, House, Source

DECLARATIONS = {"runtime.columns.personal", "runtime.columns.not_personal"}


def leaves_a_column_undeclared(source: Source, _: House) -> Broken:
    if source.path == "runtime/columns.py":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and source.meaning(node.func) in {
            "sqlmodel.Field",
            "sqlalchemy.Column",
            "sqlalchemy.Table",
        }:
            yield node, f"{source.meaning(node.func)} goes round personal(...) and not_personal(...)"
        if isinstance(node, ast.ClassDef) and _is_table(node):
            if not all(_has_no_columns(source, base) for base in node.bases):
                yield node, f"{node.name} may inherit columns: a table states its own"
            for statement in node.body:
                yield from _undeclared(source, node.name, statement)


def _is_table(node: ast.ClassDef) -> bool:
    return any(
        key.arg == "table" and isinstance(key.value, ast.Constant) and key.value.value
        for key in node.keywords
    )


def _has_no_columns(source: Source, base: ast.expr) -> bool:
    """Whether a base is SQLModel itself, or a class of this file that adds nothing to it."""
    if source.meaning(base) == "sqlmodel.SQLModel":
        return True
    own = [
        node for node in source.tree.body if isinstance(node, ast.ClassDef) and node.name == ast.unparse(base)
    ]
    return len(own) == 1 and not any(isinstance(part, ast.Assign | ast.AnnAssign) for part in own[0].body)


def _undeclared(source: Source, table: str, statement: ast.stmt) -> Broken:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        name, value = statement.target.id, statement.value
        if "ClassVar" in ast.unparse(statement.annotation):
            return
    elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        name, value = statement.targets[0].id, statement.value
    else:
        return
    declared = isinstance(value, ast.Call) and source.meaning(value.func) in DECLARATIONS
    if not declared and not name.startswith("__") and name != "model_config":
        yield statement, f"{table}.{name} is neither personal(...) nor not_personal(...)"
