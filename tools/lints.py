"""The house's own rules, which no general linter knows. ``python -m tools.lints`` prints what breaks them.

    commit           only runtime/database.py begins and commits transactions
    clock            only runtime/clock.py reads the time; durations are measured in runtime alone
    randomness       ids and chance come from the clock or as arguments; where keys are made, the line says so
    workflow-import  workflows take only types and constants from the rooms below
    workflow-id      only governance/workflow_ids.py makes workflow ids, because they stay in clear for ever
    principal        each route asks for a principal in its signature, or says ``# public: why``
    route-try        routes have no ``try``: an error carries its own answer
    column           each column of each table is personal(...) or not_personal(...)
    unexplained      each suppression names its code and reason; each escape too, and it excuses something
    place            no registry's host and no absolute path of somebody's machine in any file

A line that must break a rule says why, on the line or alone on the line above: ``# house: <rule> <reason>``.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tools.house import ground, routes, tables, texts, workflows
from tools.house.source import Broken, Finding, House, Source, lines_of

RULES: dict[str, Callable[[Source, House], Broken]] = {
    "commit": ground.commits_elsewhere,
    "clock": ground.reads_a_clock,
    "randomness": ground.draws_by_itself,
    "workflow-import": workflows.takes_behaviour,
    "workflow-id": workflows.makes_an_id,
    "principal": routes.serves_nobody_in_particular,
    "route-try": routes.catches,
    "column": tables.leaves_a_column_undeclared,
}
"""The rules over the syntax trees of the rooms, by the name that escapes use."""


def check_house(files: Mapping[str, str]) -> list[Finding]:
    """Every finding in a set of files, given by path (relative, with slashes) and text."""
    sources = [Source(path, text) for path, text in files.items()]
    findings = [finding for source in sources for finding in texts.places(source)]
    house: dict[str, Source] = {}
    for source in sources:
        if source.path.endswith(".py"):
            try:
                source.tree  # noqa: B018  # parsing is the point
            except SyntaxError as error:
                findings.append(Finding(source.path, error.lineno or 1, "unexplained", "is not Python"))
            else:
                house[source.path] = source
    for source in house.values():
        findings += _python_findings(source, house)
        findings += texts.suppressions(source)
        findings += texts.idle_escapes(source, {*RULES, "place"})
    return sorted(findings)


def _python_findings(source: Source, house: House) -> Iterator[Finding]:
    for name, check in RULES.items():
        if not (source.in_rooms or (name == "commit" and source.path.startswith("deploy/"))):
            continue
        for node, message in check(source, house):
            first, last = lines_of(node)
            marker = "public:" if name == "principal" else f"house: {name} "
            if not source.excuse(marker, first, last):
                yield Finding(source.path, node.lineno, name, message)


def tracked(root: Path) -> dict[str, str]:
    """Path and text of each file that git tracks or would track; what is not text is left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
    )
    found = {}
    for name in listed.stdout.decode().split("\0"):
        path = root / name
        if name and path.is_file():
            content = path.read_bytes()
            if b"\0" not in content[:8000]:
                found[name] = content.decode("utf-8", errors="replace")
    return found


def main() -> int:
    """Check the whole checkout."""
    findings = check_house(tracked(Path(__file__).resolve().parent.parent))
    print("\n".join(map(str, findings)) if findings else "The house is in order.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
