"""A client of the public API that does not give up when the product restarts, and never sends a fact twice.

A request that got no answer, or a 429, 502, 503 or 504, is sent again as it was, ids included, with growing
waits, until ``PATIENCE_S`` are over. A 401 signs in anew once. Any other refusal is raised with its problem.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx

from runtime.errors import TutelaError

PATIENCE_S = 300.0
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0
TIMEOUT_S = 30.0
PASSING = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class Refused(TutelaError):
    """The product refused a request for good."""

    slug = "replay-refused"
    title = "The product refused a request of the replay"

    def __init__(self, method: str, path: str, status: int, problem: Mapping[str, Any]) -> None:
        faults = "; ".join(f"{fault['field']}: {fault['message']}" for fault in problem.get("faults", ()))
        said = ". ".join(str(part) for part in (problem.get("detail"), faults) if part)
        super().__init__(f"{method} {path} answered {status}: {said}")
        self.answered = status
        self.problem = dict(problem)

    @property
    def kind(self) -> str:
        """The slug of the problem type."""
        return str(self.problem.get("type", "")).rpartition("/")[2]


class Unreachable(TutelaError):
    """Nothing answered for a long time."""

    slug = "replay-unreachable"
    title = "The product does not answer; start it, then run the same command again"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an account signs in with."""

    school: str
    email: str
    password: str = field(repr=False)


@dataclass(slots=True)
class Tally:
    """What went over the wire: tries that failed and were repeated, and refusals, each by kind."""

    retries: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that succeeded: its JSON, and milliseconds from sending it (the try that succeeded)."""

    body: Any
    ms: float


class Api:
    """The product's API, without a sign-in."""

    def __init__(self, url: str, *, connections: int = 16, patience_s: float = PATIENCE_S) -> None:
        self.url = url.rstrip("/")
        self.tally = Tally()
        self._patience_s = patience_s
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._http = httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT_S, limits=limits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, Any] | None = None,
        token: str | None = None,
    ) -> Answered:
        """Send until it is answered.

        Raises:
            Refused: with the problem that the product answered.
            Unreachable: no answer within the patience.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        content: dict[str, Any] = {"json": body}
        if isinstance(body, bytes):  # the one kind of file that the API takes
            content = {"content": body}
            headers["Content-Type"] = "application/zip"
        until, wait_s = time.monotonic() + self._patience_s, FIRST_WAIT_S
        while True:
            began = time.perf_counter()
            try:
                response = await self._http.request(method, path, params=query, headers=headers, **content)
            except httpx.TransportError as error:
                trouble = type(error).__name__
            else:
                if response.is_success:
                    ms = (time.perf_counter() - began) * 1000
                    return Answered(response.json() if response.content else None, ms)
                if response.status_code not in PASSING:
                    refused = Refused(method, path, response.status_code, _problem(response))
                    self.tally.refusals[refused.kind or str(response.status_code)] += 1
                    raise refused
                trouble = str(response.status_code)
            self.tally.retries[trouble] += 1
            if time.monotonic() + wait_s > until:
                raise Unreachable(f"{self.url} does not answer ({trouble})")
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311  # spread, not secrecy
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def sign_in(self, credentials: Credentials) -> Caller:
        """An account's sign-in."""
        caller = Caller(self, credentials)
        await caller.renew()
        return caller


class Caller:
    """A signed-in account."""

    def __init__(self, api: Api, credentials: Credentials) -> None:
        self.api = api
        self.credentials = credentials
        self._token = ""
        self._renewing = asyncio.Lock()

    async def renew(self) -> None:
        """Sign in."""
        body = {
            "school": self.credentials.school,
            "email": self.credentials.email,
            "password": self.credentials.password,
        }
        answered = await self.api.send("POST", "/v1/sign-in", body=body)
        self._token = answered.body["token"]

    async def send(
        self, method: str, path: str, *, body: object = None, query: Mapping[str, Any] | None = None
    ) -> Answered:
        """As ``Api.send``, signed in; a sign-in that ran out is renewed once."""
        token = self._token
        try:
            return await self.api.send(method, path, body=body, query=query, token=token)
        except Refused as refused:
            if refused.answered != HTTPStatus.UNAUTHORIZED:
                raise
        async with self._renewing:
            if token == self._token:
                await self.renew()
        return await self.api.send(method, path, body=body, query=query, token=self._token)


def _problem(response: httpx.Response) -> dict[str, Any]:
    """The problem details; what is not one is told by its status alone."""
    if not response.headers.get("content-type", "").startswith("application/problem+json"):
        return {"title": response.reason_phrase, "detail": response.reason_phrase}
    found: dict[str, Any] = response.json()
    return found
