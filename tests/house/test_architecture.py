"""ARCHITECTURE.md is a map; these tests walk it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAP = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
STOPS = sorted(set(re.findall(r"`((?:\w+/)+\w+\.py)(?:: ([\w.]+))?`", MAP)))


def test_the_map_names_enough_stops_to_be_a_map() -> None:
    assert len(STOPS) > 15


@pytest.mark.parametrize(("file", "name"), STOPS)
def test_every_stop_on_the_map_is_there(file: str, name: str) -> None:
    path = ROOT / file
    assert path.is_file()
    scope: list[ast.stmt] = ast.parse(path.read_text("utf-8")).body
    for part in filter(None, name.split(".")):
        found = [
            node
            for node in scope
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == part
        ]
        assert found, f"{file} has no {name}"
        scope = found[0].body


def test_every_folder_the_map_names_is_there() -> None:
    for folder in set(re.findall(r"`((?:\w+/)+)`", MAP)):
        assert (ROOT / folder).is_dir(), folder
