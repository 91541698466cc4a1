"""Workflows order and wait: they take no behaviour from below, and their ids say nothing."""

from __future__ import annotations

import ast
import re

from tools.house.source import ROOMS, Broken, House, Source


def takes_behaviour(source: Source, house: House) -> Broken:
    if not source.path.startswith("workflows/"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] in ROOMS[ROOMS.index("workflows") + 1 :]:
                    yield node, f"imports the module {alias.name}: name the types that are needed"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ROOMS[2:]:
            for alias in node.names:
                if not _is_type_or_constant(house, node.module or "", alias.name):
                    yield node, f"{node.module}.{alias.name} is neither a type nor a constant"


def _is_type_or_constant(house: House, module: str, name: str) -> bool:
    base = module.replace(".", "/")
    defining = house.get(f"{base}.py") or house.get(f"{base}/__init__.py")
    if defining is None:
        return False
    for node in defining.tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return True
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return name[0].isupper() and not isinstance(node.value, ast.Lambda)
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _is_type_or_constant(house, node.module, alias.name)
    return False


ID = re.compile(r"(ses|con|era)\.\S*$")
"""The start of a workflow id; f-strings hold their constant parts as constants."""

STARTS = {
    "start_workflow": "id",
    "execute_workflow": "id",
    "start_child_workflow": "id",
    "execute_child_workflow": "id",
    "WithStartWorkflowOperation": "id",
    "get_workflow_handle": "workflow_id",
    "get_workflow_handle_for": "workflow_id",
    "get_external_workflow_handle": "workflow_id",
    "get_external_workflow_handle_for": "workflow_id",
}


def makes_an_id(source: Source, _: House) -> Broken:
    """Functions of governance/workflow_ids.py, which end in ``workflow_id``, make every workflow id."""
    if source.path == "governance/workflow_ids.py":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and ID.match(node.value):
            yield node, "a workflow id is made by a function of governance/workflow_ids.py"
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called not in STARTS:
                continue
            given = [key.value for key in node.keywords if key.arg in {STARTS[called], "id"}]
            given += node.args[:1] if called.startswith("get_") and "_for" not in called else []
            for value in given:
                made = isinstance(value, ast.Call) and ast.unparse(value.func).endswith("workflow_id")
                if not made and not isinstance(value, ast.Name | ast.Attribute):
                    yield node, "takes a workflow id that no function of governance/workflow_ids.py made"
