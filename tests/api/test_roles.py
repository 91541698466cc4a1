"""Each role runs each operation of the API. ``roles.csv`` says what comes of it.

A new operation needs a row there, and an entry in ``everybody.ASKS`` where its path alone is no request.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from governance.passwords import Passwords
from learning.resources import Resources
from tests.api.callers import Callers, calling
from tests.api.everybody import ASKS, CALLERS, PASSWORD, Ask, gather

TABLE = Path(__file__).with_name("roles.csv")
REFUSED = 400
PUBLIC = {"healthz", "readyz", "listProblemTypes", "readProblemType", "signIn"}


def expected() -> dict[str, dict[str, int]]:
    """Status by operation and caller."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["operation"]: {name: int(row[name]) for name in CALLERS} for row in rows}


EXPECTED = expected()


def operations(app: FastAPI) -> dict[str, tuple[str, str]]:
    """Method and path of each operation."""
    paths = app.openapi()["paths"]
    return {
        details["operationId"]: (method.upper(), path)
        for path, methods in paths.items()
        for method, details in methods.items()
    }


def ask(operation: str) -> Ask:
    return ASKS.get(operation, Ask())


def outcome(response: httpx.Response) -> int:
    """The status; of a bulk request, whose items stand or fall by themselves, that of its one item."""
    if not response.content or response.headers["content-type"] != "application/json":
        return response.status_code
    body = response.json()
    outcomes = body.get("outcomes", []) if isinstance(body, dict) else []
    return next((int(one["problem"]["status"]) for one in outcomes if one["problem"]), response.status_code)


def kind(response: httpx.Response) -> tuple[int, str, str]:
    """What a refusal tells."""
    problem = response.json()
    if "outcomes" in problem:
        ((problem),) = [one["problem"] for one in problem["outcomes"]]
    return problem["status"], problem["type"], problem["detail"]


@pytest.fixture(scope="module")
def password_hash() -> Iterator[str]:
    """One hash for everybody: it costs more than all the rest."""
    passwords = Passwords(1)
    yield asyncio.run(passwords.hash(PASSWORD))
    passwords.close()


@pytest.fixture
def app(resources: Resources) -> FastAPI:
    return create_app(resources, None)


@pytest.fixture
async def callers(app: FastAPI, resources: Resources) -> AsyncIterator[Callers]:
    async with calling(app, resources) as found:
        yield found


def test_every_operation_has_its_row_and_every_row_its_operation(app: FastAPI) -> None:
    assert set(EXPECTED) == set(operations(app))
    assert set(ASKS) <= set(EXPECTED)


def test_nobody_is_let_in_where_a_sign_in_is_asked_for(app: FastAPI) -> None:
    for name, row in EXPECTED.items():
        assert row["nobody"] == (200 if name in PUBLIC else 401), name


def test_whoever_may_everything_in_another_school_finds_nothing_of_this_one(app: FastAPI) -> None:
    for name, (_, path) in operations(app).items():
        names_somebody = name not in PUBLIC and "{" in path and not path.startswith("/v1/notices")
        if names_somebody or name == "startSession":
            assert EXPECTED[name]["elsewhere"] == 404, name


async def test_what_is_refused_is_refused_and_changes_nothing(
    app: FastAPI, callers: Callers, password_hash: str
) -> None:
    school = await gather(callers, password_hash)
    everything = school.everything()
    wrong: list[object] = []
    for name, (method, path) in operations(app).items():
        for caller, status in EXPECTED[name].items():
            if status >= REFUSED:
                response = await ask(name)(school.names, school.callers[caller], method, path)
                if outcome(response) != status:
                    wrong.append((name, caller, status, response.status_code, response.text))
        if school.everything() != everything:
            wrong.append((name, "changed something", set(school.everything()) ^ set(everything)))
    assert wrong == []


async def test_another_school_is_told_the_same_as_of_what_never_was(
    app: FastAPI, callers: Callers, password_hash: str
) -> None:
    school = await gather(callers, password_hash)
    for name, (method, path) in operations(app).items():
        for caller in ("stranger", "elsewhere"):
            if EXPECTED[name][caller] >= REFUSED:
                there, nowhere = [
                    await ask(name)(names, school.callers[caller], method, path)
                    for names in (school.names, school.unheard_of())
                ]
                assert kind(there) == kind(nowhere), (name, caller)


async def test_what_is_granted_is_granted(app: FastAPI, callers: Callers, password_hash: str) -> None:
    untouched = await gather(callers, password_hash)
    wrong: list[object] = []
    for name, (method, path) in operations(app).items():
        school = untouched if method == "GET" else await gather(callers, password_hash)
        for caller, status in EXPECTED[name].items():
            if status < REFUSED:
                response = await ask(name)(school.names, school.callers[caller], method, path)
                if outcome(response) != status:
                    wrong.append((name, caller, status, response.status_code, response.text))
    assert wrong == []
