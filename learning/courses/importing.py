"""Checking and importing a course folder, as a person meets them on the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from uuid import UUID

from learning.courses.changes import Change
from learning.courses.package import PackageFaulty, read_package
from learning.courses.store import Imported, import_course
from runtime.clock import Clock
from runtime.database import Database

Say = Callable[[str], object]


def check_path(path: Path, *, say: Say, complain: Say) -> int:
    """Read the package in ``path`` and import nothing; exit status 1 when it has faults.

    ``say`` takes the line about a package without fault; ``complain`` takes the faults, one a line, as
    ``file:line:column: field: message``.
    """
    try:
        course = read_package(path).course
    except PackageFaulty as faulty:
        _complain(path, faulty, complain)
        return 1
    say(f"{course.id} has no fault: {len(course.lessons)} lessons, {len(course.items)} items.")
    return 0


def import_path(
    database: Database, tenant: UUID, path: Path, *, clock: Clock, by: UUID | None, say: Say, complain: Say
) -> int:
    """Import the package in ``path`` for a school, all of it or nothing.

    ``by`` is the subject reference of the person who imports, None when the installation itself does. ``say``
    takes the lines about what was imported; ``complain`` takes the faults, one a line, as
    ``file:line:column: field: message``.

    Returns:
        The exit status: 0 when the course is in, 1 when it has faults.
    """
    try:
        package = read_package(path)
    except PackageFaulty as faulty:
        _complain(path, faulty, complain)
        complain("Nothing was imported.")
        return 1
    at = clock.now()
    imported = database.write_now(
        lambda tx: import_course(tx, tenant, package.course, at, by, package.recordings), tenant=tenant
    )
    for line in report(imported):
        say(line)
    return 0


def _complain(path: Path, faulty: PackageFaulty, complain: Say) -> None:
    for fault in faulty.found:
        complain(f"{path}/{fault}")
    complain(faulty.detail)


def report(imported: Imported) -> list[str]:
    """What an import did, in lines for a person."""
    if not imported.new:
        return [f"{imported.course_id} is unchanged: still version {imported.version}."]
    if imported.version == 1:
        return [f"{imported.course_id} is in: version 1."]
    return [f"{imported.course_id} is now version {imported.version}.", *_grouped(imported.changes)]


def _grouped(changes: Sequence[Change]) -> list[str]:
    def kind(change: Change) -> tuple[str, str]:
        return (change.kind, change.how)

    groups = groupby(sorted(changes, key=kind), key=kind)
    lines = [(name, how, ", ".join(change.id for change in group)) for (name, how), group in groups]
    return [f"  {name} {how}: {ids}" if ids else f"  {name}s {how}" for name, how, ids in lines]
