"""People who call an API that runs in the test's own process, signed in without the cost of a password."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from api.app import create_app
from governance.access_sessions import SECRET_BYTES, open_session
from governance.accounts import Principal
from learning.resources import Resources

PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Caller:
    """Somebody with a token, or nobody."""

    http: httpx.AsyncClient
    principal: Principal
    token: str | None

    @property
    def ref(self) -> str:
        return str(self.principal.subject_ref)

    async def send(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """Call; whatever comes back."""
        headers = {**more.pop("headers", {})}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        sent = {} if body is None else {"json": body}
        return await self.http.request(method, path, headers=headers, **sent, **more)

    async def __call__(self, method: str, path: str, expects: int, body: Any = None, **more: Any) -> Any:
        """Call; the status must be the expected one, and a refusal must be a problem."""
        response = await self.send(method, path, body, **more)
        assert response.status_code == expects, response.text
        if response.status_code >= 400:
            assert response.headers["content-type"] == PROBLEM
        return response.json() if response.content else None

    def nobody(self) -> Caller:
        return replace(self, token=None)


def signed_in(http: httpx.AsyncClient, resources: Resources, principal: Principal) -> Caller:
    """The caller who has just signed in."""
    who = replace(principal, session_ref=uuid4())
    return Caller(http, who, token_of(resources, who))


def token_of(resources: Resources, who: Principal) -> str:
    """The token of a sign-in just now; ``who.session_ref`` names it and is new."""
    now, secret = resources.clock.now(), secrets.token_bytes(SECRET_BYTES)
    opened = resources.database.write_now(lambda tx: open_session(tx, who, now, secret), tenant=who.tenant)
    return opened.token


@dataclass
class Callers:
    """Sends requests as anybody of any school."""

    resources: Resources
    http: httpx.AsyncClient
    _known: dict[UUID, Caller] = field(default_factory=dict)

    def caller(self, who: Principal) -> Caller:
        """The person, signed in once."""
        if who.subject_ref not in self._known:
            self._known[who.subject_ref] = signed_in(self.http, self.resources, who)
        return self._known[who.subject_ref]

    async def send(
        self, who: Principal, method: str, path: str, body: Any = None, **more: Any
    ) -> httpx.Response:
        return await self.caller(who).send(method, path, body, **more)

    async def every(self, who: Principal, path: str, limit: int = 2) -> list[Any]:
        """Every row of a list, page after page."""
        rows: list[Any] = []
        following: str | None = ""
        while following is not None:
            query = {"limit": limit, **({"cursor": following} if following else {})}
            page = (await self.send(who, "GET", path, params=query)).json()
            rows += page["rows"]
            following = page["next"]
        return rows


@asynccontextmanager
async def calling(app: FastAPI, resources: Resources) -> AsyncIterator[Callers]:
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://tutela.test") as http,
    ):
        yield Callers(resources, http)


@asynccontextmanager
async def analytics(resources: Resources) -> AsyncIterator[Callers]:
    """The service that keeps classes, gradebook and risk, alone."""
    async with calling(create_app(resources, None, {"analytics"}), resources) as callers:
        yield callers


def problem(response: httpx.Response, status: int) -> set[str]:
    """The fields that a refusal names."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    return {fault["field"] for fault in response.json()["faults"]}
