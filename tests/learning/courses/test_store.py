from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from learning.courses.catalogue import list_courses, list_versions
from learning.courses.changes import Change, How
from learning.courses.content import Course
from learning.courses.package import Package, parse
from learning.courses.store import (
    CourseCache,
    CourseDamaged,
    CourseImportRow,
    CourseUnknown,
    CourseUnsound,
    CourseVersion,
    CourseVersionRow,
    Imported,
    canonical,
    digest_of,
    import_course,
    latest_version,
    load_course,
    load_recording,
)
from runtime.database import Database, table
from tests.learning.courses.packages import ROOT, edited, example_package

HERE, ELSEWHERE, EDITOR = uuid4(), uuid4(), uuid4()
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
FIRST = parse(example_package())
SECOND = parse(edited("items/questions.yaml", "You share 8 walnuts", "You divide 8 walnuts"))
GOLDEN = ROOT / "tests" / "vectors" / "course.json"


def bring_in(
    database: Database, package: Package = FIRST, tenant: UUID = HERE, by: UUID | None = EDITOR
) -> Imported:
    return database.write_now(
        lambda tx: import_course(tx, tenant, package.course, NOW, by, package.recordings), tenant=tenant
    )


def load(database: Database, version: int | None = None, tenant: UUID = HERE) -> CourseVersion:
    return database.read_now(lambda tx: load_course(tx, tenant, "sharing", version), tenant)


class TestRefused:
    def test_a_course_that_does_not_hold_together_is_refused_whole(self, database: Database) -> None:
        broken = FIRST.course.model_copy(update={"misconceptions": ()})
        with pytest.raises(CourseUnsound) as refused:
            bring_in(database, Package(broken))
        assert refused.value.faults[0].field == "items.0.options.1.misconception"
        with pytest.raises(CourseUnknown):
            load(database)

    def test_another_school_has_neither_course_nor_recording(self, database: Database) -> None:
        bring_in(database)
        digest = FIRST.recordings[0].sha256
        with pytest.raises(CourseUnknown):
            load(database, tenant=ELSEWHERE)
        with pytest.raises(CourseUnknown):
            database.read_now(lambda tx: load_recording(tx, ELSEWHERE, digest), ELSEWHERE)
        with pytest.raises(CourseUnknown):
            database.read_now(lambda tx: latest_version(tx, ELSEWHERE, "sharing"), ELSEWHERE)
        assert database.read_now(lambda tx: list_courses(tx, ELSEWHERE, limit=9), ELSEWHERE) == []

    def test_a_version_that_never_was_is_unknown(self, database: Database) -> None:
        bring_in(database)
        with pytest.raises(CourseUnknown):
            load(database, version=2)

    def test_content_that_was_altered_by_hand_is_not_used(self, database: Database) -> None:
        bring_in(database)
        versions = table(CourseVersionRow)
        altered = sa.update(versions).values(
            content=sa.func.replace(versions.c.content, "walnuts", "peanuts")
        )
        database.write_now(lambda tx: tx.execute(altered).rowcount, tenant=HERE)
        with pytest.raises(CourseDamaged):
            load(database)


class TestVersions:
    def test_the_first_import_is_version_one(self, database: Database) -> None:
        imported = bring_in(database)
        assert (imported.version, imported.new, imported.changes) == (1, True, ())
        loaded = load(database)
        assert (loaded.course, loaded.version, loaded.digest) == (FIRST.course, 1, imported.digest)

    def test_the_same_content_again_is_no_new_version(self, database: Database) -> None:
        first = bring_in(database)
        again = bring_in(database)
        assert (again.version, again.new, again.digest) == (1, False, first.digest)
        assert len(database.read_now(lambda tx: list_versions(tx, HERE, "sharing", limit=9), HERE)) == 1

    def test_a_change_is_the_next_version_and_the_old_one_stays_as_it_was(self, database: Database) -> None:
        bring_in(database)
        imported = bring_in(database, SECOND)
        assert (imported.version, imported.new) == (2, True)
        assert imported.changes == (Change(How.CHANGED, "item", "half-of-eight"),)
        assert load(database, version=1).course == FIRST.course
        assert database.read_now(lambda tx: latest_version(tx, HERE, "sharing"), HERE) == 2
        assert load(database).course == load(database, version=2).course == SECOND.course

    def test_going_back_is_a_version_of_its_own(self, database: Database) -> None:
        first = bring_in(database)
        bring_in(database, SECOND)
        back = bring_in(database)
        assert (back.version, back.digest) == (3, first.digest)

    def test_the_history_says_what_each_version_changed_newest_first(self, database: Database) -> None:
        bring_in(database)
        bring_in(database, SECOND)
        history = database.read_now(lambda tx: list_versions(tx, HERE, "sharing", limit=9), HERE)
        assert [(version.version, version.changes) for version in history] == [
            (2, (Change(How.CHANGED, "item", "half-of-eight"),)),
            (1, ()),
        ]
        assert history[0].imported_at == NOW
        older = database.read_now(lambda tx: list_versions(tx, HERE, "sharing", before=2, limit=9), HERE)
        assert [version.version for version in older] == [1]

    def test_imports_at_once_make_versions_without_gap_or_double(self, database: Database) -> None:
        packages = [
            parse(edited("course.yaml", "Sharing fairly", f"Sharing fairly {number}")) for number in range(6)
        ]
        barrier = threading.Barrier(len(packages))

        def one(package: Package) -> int:
            barrier.wait()
            return bring_in(database, package).version

        with ThreadPoolExecutor(len(packages)) as threads:
            assert sorted(threads.map(one, packages)) == [1, 2, 3, 4, 5, 6]

    def test_who_imported_is_kept_apart_and_can_go_without_the_course(self, database: Database) -> None:
        bring_in(database)
        imports = table(CourseImportRow)
        gone = sa.delete(imports).where(imports.c.tenant == HERE, imports.c.imported_by == EDITOR)
        assert database.write_now(lambda tx: tx.execute(gone).rowcount, tenant=HERE) == 1
        assert load(database).course == FIRST.course

    def test_an_import_by_the_installation_names_nobody(self, database: Database) -> None:
        bring_in(database, by=None)
        count = sa.select(sa.func.count()).select_from(table(CourseImportRow))
        assert database.read_now(lambda tx: tx.execute(count).scalar_one(), HERE) == 0


class TestLists:
    def test_courses_come_by_id_page_by_page_at_their_latest_version(self, database: Database) -> None:
        for name in ("b", "c", "a"):
            bring_in(database, parse(edited("course.yaml", "id: sharing", f"id: {name}")))
        bring_in(database, parse(edited("course.yaml", "id: sharing\ntitle: Sharing", "id: b\ntitle: New")))
        first = database.read_now(lambda tx: list_courses(tx, HERE, limit=2), HERE)
        assert [(course.course_id, course.version, course.title) for course in first] == [
            ("a", 1, "Sharing fairly"),
            ("b", 2, "New fairly"),
        ]
        rest = database.read_now(lambda tx: list_courses(tx, HERE, after="b", limit=2), HERE)
        assert [course.course_id for course in rest] == ["c"]


class TestRecordings:
    def test_a_recording_is_kept_once_and_read_back(self, database: Database) -> None:
        bring_in(database)
        bring_in(database, SECOND)
        digest = FIRST.course.media[0].sha256
        recording = database.read_now(lambda tx: load_recording(tx, HERE, digest), HERE)
        assert recording == FIRST.recordings[0]
        assert sha256(recording.content).hexdigest() == digest


class TestCache:
    def test_a_version_is_read_from_the_database_once(self, database: Database) -> None:
        bring_in(database)
        cache = CourseCache()
        once = database.read_now(lambda tx: cache.get(tx, HERE, "sharing", 1), HERE)
        again = database.read_now(lambda tx: cache.get(tx, HERE, "sharing", 1), HERE)
        assert again is once

    def test_a_cached_course_is_still_unknown_to_another_school(self, database: Database) -> None:
        bring_in(database)
        cache = CourseCache()
        database.read_now(lambda tx: cache.get(tx, HERE, "sharing", 1), HERE)
        with pytest.raises(CourseUnknown):
            database.read_now(lambda tx: cache.get(tx, ELSEWHERE, "sharing", 1), ELSEWHERE)

    def test_the_version_that_was_not_used_longest_makes_room(self, database: Database) -> None:
        bring_in(database)
        bring_in(database, SECOND)
        bring_in(database)
        cache = CourseCache(capacity=2)

        def get(version: int) -> CourseVersion:
            return database.read_now(lambda tx: cache.get(tx, HERE, "sharing", version), HERE)

        first, second = get(1), get(2)
        assert get(1) is first
        get(3)
        assert get(1) is first
        assert get(2) is not second


class TestCanonical:
    """``course.json`` is a course in canonical form; its digest changes with the schema, on purpose only."""

    DIGEST = "bab6cbd226ea244e1414aabc71ef7221dae5c5d58aee43f170bc24ad5c1fabf6"

    def test_the_canonical_form_of_a_course_is_the_recorded_one(self) -> None:
        text = GOLDEN.read_text().removesuffix("\n")
        assert canonical(Course.model_validate_json(text)) == text
        assert digest_of(text) == self.DIGEST

    def test_other_processes_compute_the_same_digest(self) -> None:
        code = (
            "import sys; from learning.courses.store import *; "
            "print(digest_of(canonical(Course.model_validate_json(sys.stdin.read()))), end='')"
        )
        for seed in ("1", "2"):
            run = subprocess.run(
                [sys.executable, "-c", code],
                cwd=ROOT,
                env={"PYTHONHASHSEED": seed},
                input=GOLDEN.read_text(),
                capture_output=True,
                text=True,
                check=True,
            )
            assert run.stdout == self.DIGEST

    def test_characters_beyond_ascii_are_kept_as_they_are(self) -> None:
        course = FIRST.course.model_copy(update={"title": "Brüche ½"})
        assert '"title":"Brüche ½"' in canonical(course)
