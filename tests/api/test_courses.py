from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from api import courses, problems
from api.dependencies import principal
from governance.accounts import Principal
from learning.courses.package import parse, read_package
from learning.courses.store import import_course
from learning.resources import Resources
from policy.vocabulary import Role
from tests.learning.courses.packages import ROOT, SILENCE, edited, example_package, zipped
from tests.people import GROWN_UP, People

ZIP = {"Content-Type": "application/zip"}
SEERS = [Role.LEARNER, Role.GUARDIAN, Role.INSTRUCTOR, Role.EDITOR, Role.ADMIN]
BLIND = [Role.AUDITOR, Role.OFFICER, Role.SCHOOL_SYSTEM]


class School:
    """A school whose people call the API."""

    def __init__(self, resources: Resources, people: People) -> None:
        self.resources = resources
        self.people = people
        self.school = people.school()
        self.app = FastAPI()
        self.app.state.resources = resources
        problems.install(self.app)
        self.app.include_router(courses.router)

    def person(self, *roles: Role) -> Principal:
        return self.people.person(self.school, *roles, born=GROWN_UP)

    @asynccontextmanager
    async def as_(self, caller: Principal | Role) -> AsyncIterator[httpx.AsyncClient]:
        who = self.person(caller) if isinstance(caller, Role) else caller
        self.app.dependency_overrides[principal] = lambda: who
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://tutela") as client:
            yield client

    def bring_in(self, files: dict[str, bytes]) -> None:
        package, now = parse(files), self.resources.clock.now()
        self.resources.database.write_now(
            lambda tx: import_course(tx, self.school.tenant, package.course, now, None, package.recordings),
            tenant=self.school.tenant,
        )


@pytest.fixture
def school(resources: Resources) -> School:
    return School(resources, People(resources.database, resources.keyring, resources.clock))


def slugs(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


class TestRefused:
    @pytest.mark.parametrize("role", BLIND)
    async def test_who_has_no_use_for_courses_sees_none(self, school: School, role: Role) -> None:
        school.bring_in(example_package())
        async with school.as_(role) as client:
            for path in ("", "/sharing", "/sharing/versions", "/sharing/package"):
                assert slugs(await client.get(f"/v1/courses{path}")) == (403, "forbidden")

    @pytest.mark.parametrize("role", [Role.LEARNER, Role.GUARDIAN])
    async def test_who_learns_does_not_see_the_package(self, school: School, role: Role) -> None:
        school.bring_in(example_package())
        async with school.as_(role) as client:
            assert slugs(await client.get("/v1/courses/sharing/package")) == (403, "forbidden")

    @pytest.mark.parametrize(
        "role", [role for role in SEERS + BLIND if role not in (Role.EDITOR, Role.ADMIN)]
    )
    async def test_only_editors_and_admins_bring_courses_in(self, school: School, role: Role) -> None:
        async with school.as_(role) as client:
            answer = await client.post("/v1/courses", content=zipped(example_package()), headers=ZIP)
            assert slugs(answer) == (403, "forbidden")
        async with school.as_(Role.EDITOR) as client:
            assert (await client.get("/v1/courses")).json()["rows"] == []

    async def test_another_school_has_no_such_course(self, school: School, resources: Resources) -> None:
        school.bring_in(example_package())
        other = School(resources, school.people)
        async with other.as_(Role.INSTRUCTOR) as client:
            assert (await client.get("/v1/courses")).json()["rows"] == []
            for path in ("", "/versions", "/package", "/media/folding/recording"):
                assert slugs(await client.get(f"/v1/courses/sharing{path}")) == (404, "course-unknown")

    async def test_faults_of_a_package_are_named_and_nothing_is_imported(self, school: School) -> None:
        broken = zipped(edited("course.yaml", "language: en", "language: English"))
        async with school.as_(Role.EDITOR) as client:
            answer = await client.post("/v1/courses", content=broken, headers=ZIP)
            assert slugs(answer) == (422, "course-package-faulty")
            assert answer.json()["faults"] == [
                {
                    "field": "course.yaml:3:11 language",
                    "message": "This is a language tag: write it as in en, de or pt-BR.",
                }
            ]
            assert (await client.get("/v1/courses")).json()["rows"] == []

    @pytest.mark.parametrize("body", [b"", b"PK", b"{}", b"\xff" * 100])
    async def test_what_is_no_archive_is_refused(self, school: School, body: bytes) -> None:
        async with school.as_(Role.EDITOR) as client:
            answer = await client.post("/v1/courses", content=body, headers=ZIP)
            assert answer.status_code == 422

    @pytest.mark.parametrize(
        "path",
        ["/Sharing", "/sharing?version=0", "/sharing?version=x", f"/sharing?version={2**31}", "/a%00b"],
    )
    async def test_a_malformed_name_or_version_is_named(self, school: School, path: str) -> None:
        async with school.as_(Role.LEARNER) as client:
            assert slugs(await client.get(f"/v1/courses{path}")) == (422, "invalid-input")

    async def test_a_version_or_medium_that_is_not_there_is_404(self, school: School) -> None:
        school.bring_in(example_package())
        async with school.as_(Role.LEARNER) as client:
            for path in ("/sharing?version=2", "/nothing", "/sharing/media/nothing/recording"):
                assert slugs(await client.get(f"/v1/courses{path}")) == (404, "course-unknown")


class TestRead:
    @pytest.mark.parametrize("role", SEERS)
    async def test_a_course_is_shown_to_those_who_teach_learn_and_care(
        self, school: School, role: Role
    ) -> None:
        school.bring_in(example_package())
        async with school.as_(role) as client:
            course = (await client.get("/v1/courses/sharing")).json()
        assert (course["course_id"], course["version"], course["title"]) == ("sharing", 1, "Sharing fairly")
        assert [lesson["id"] for lesson in course["lessons"]] == ["halves", "quarters"]
        assert course["media"][0]["captions"].startswith("WEBVTT")

    async def test_nothing_that_answers_a_question_is_shown(self, school: School) -> None:
        """Every text that only the package may hold is looked for in the whole reply."""
        package = read_package(ROOT / "courses" / "fractions")
        school.resources.database.write_now(
            lambda tx: import_course(
                tx, school.school.tenant, package.course, school.resources.clock.now(), None
            ),
            tenant=school.school.tenant,
        )
        async with school.as_(Role.LEARNER) as client:
            course = (await client.get("/v1/courses/fractions")).json()
        shown = json.dumps(course, ensure_ascii=False)
        for item in package.course.items:
            assert item.stem in shown
            assert item.solution not in shown
            assert not any(hint in shown for hint in item.hints)
            foreseen = getattr(item, "options", ()) or getattr(item, "wrong", ())
            assert not any(answer.feedback in shown for answer in foreseen if answer.feedback)
        keys = {key for item in course["items"] for key in item}
        assert keys == {"id", "kind", "stem", "options", "units", "hints"}
        assert {key for item in course["items"] for option in item["options"] for key in option} == {
            "id",
            "text",
        }

    async def test_the_package_holds_everything_for_those_who_teach_it(self, school: School) -> None:
        school.bring_in(example_package())
        async with school.as_(Role.INSTRUCTOR) as client:
            package = (await client.get("/v1/courses/sharing/package")).json()
        assert package["course"]["items"][0]["options"][0]["correct"] is True

    async def test_a_recording_is_heard_whole_or_in_part(self, school: School) -> None:
        school.bring_in(example_package())
        path = "/v1/courses/sharing/media/folding/recording"
        async with school.as_(Role.LEARNER) as client:
            whole = await client.get(path)
            part = await client.get(path, headers={"Range": "bytes=0-3"})
        assert (whole.content, whole.headers["Content-Type"]) == (SILENCE, "audio/wav")
        assert (part.status_code, part.content) == (206, b"RIFF")

    async def test_courses_come_page_by_page(self, school: School) -> None:
        for name in ("b", "c", "a"):
            school.bring_in(edited("course.yaml", "id: sharing", f"id: {name}"))
        async with school.as_(Role.LEARNER) as client:
            first = (await client.get("/v1/courses", params={"limit": 2})).json()
            rest = (await client.get("/v1/courses", params={"limit": 2, "cursor": first["next"]})).json()
        assert [row["course_id"] for row in first["rows"] + rest["rows"]] == ["a", "b", "c"]
        assert rest["next"] is None


class TestImport:
    async def test_an_import_is_a_version_and_the_same_again_is_none(self, school: School) -> None:
        editor = school.person(Role.EDITOR)
        first, second = (
            zipped(files)
            for files in (
                example_package(),
                edited("items/questions.yaml", "You share 8 walnuts", "You divide 8 walnuts"),
            )
        )
        async with school.as_(editor) as client:
            replies = [
                (await client.post("/v1/courses", content=body, headers=ZIP)).json()
                for body in (first, first, second)
            ]
            history = (await client.get("/v1/courses/sharing/versions")).json()["rows"]
            old = (await client.get("/v1/courses/sharing/package", params={"version": 1})).json()
        assert [(reply["version"], reply["new"]) for reply in replies] == [(1, True), (1, False), (2, True)]
        change = {"how": "changed", "kind": "item", "id": "half-of-eight"}
        assert replies[2]["changes"] == [change]
        assert [(row["version"], row["changes"]) for row in history] == [(2, [change]), (1, [])]
        assert "You share 8 walnuts" in json.dumps(old)
