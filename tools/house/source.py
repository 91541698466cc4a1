"""A file as the house's rules see it: text, syntax tree, comments, and what its names stand for."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

ROOMS = ("api", "workflows", "activities", "learning", "governance", "policy", "runtime")


@dataclass(frozen=True, order=True)
class Finding:
    """One place that breaks one rule."""

    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


@dataclass
class Source:
    """One file, parsed when a rule needs it."""

    path: str
    text: str
    excused: set[int] = field(default_factory=set)
    """Lines of escapes that excused something."""

    @property
    def in_rooms(self) -> bool:
        return self.path.split("/")[0] in ROOMS or self.path == "tutela.py"

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def comments(self) -> dict[int, str]:
        """Line number to the comment on that line."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Imported name to what it stands for, in full."""
        names = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    names[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        return names

    def meaning(self, node: ast.AST) -> str:
        """The full dotted name that an expression refers to, or nothing when it is no imported name."""
        if isinstance(node, ast.Name):
            return self.aliases.get(node.id, "")
        if isinstance(node, ast.Attribute):
            owner = self.meaning(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        return ""

    def excuse(self, marker: str, first: int, last: int) -> bool:
        """Whether a comment that begins with ``marker`` stands on these lines or alone on the line above."""
        lines = self.text.splitlines()
        above = first - 1
        candidates = [
            *range(first, last + 1),
            *([above] if lines[above - 1].lstrip().startswith("#") else []),
        ]
        for line in candidates:
            if self.comments.get(line, "").startswith(f"# {marker}"):
                self.excused.add(line)
                return True
        return False


Node = ast.expr | ast.stmt
House = Mapping[str, Source]
Broken = Iterator[tuple[Node, str]]
"""What a rule yields: the place, and what is wrong there."""


def lines_of(node: Node) -> tuple[int, int]:
    """First and last line of an expression; of a function, of what stands above its body."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        return first, max(node.lineno, node.body[0].lineno - 1)
    return node.lineno, node.end_lineno or node.lineno


def references(source: Source) -> Iterator[ast.expr]:
    """Each imported name that is used, in full: of ``a.b.c`` the whole, not its parts."""
    inner = {node.value for node in ast.walk(source.tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute | ast.Name) and node not in inner:
            yield node
