"""One run of a replay: what was acknowledged is noted once, under the key of the source's row."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from replays.client import Api, Caller, Credentials, Refused
from replays.identity import minted, secret
from replays.journal import Journal

T = TypeVar("T")
Keep = Callable[[Any], Mapping[str, Any]]
WIDTH = 8
"""Requests under way at once."""


@dataclass
class Run:
    """A run: its secret, its journal, and the API it talks to."""

    api: Api
    journal: Journal
    progress: Progress
    console: Console

    @property
    def secret(self) -> str:
        """Drawn once for each run; ids and passwords come from it."""
        return str(self.journal.head["secret"])

    @property
    def day(self) -> date:
        """The day the run began, UTC: when a class of the present starts."""
        return date.fromisoformat(self.journal.head["day"])

    def id(self, *parts: str | int) -> UUID:
        return minted(self.secret, *parts)

    def password(self, *parts: str | int) -> str:
        return secret(self.secret, *parts)

    async def once(
        self,
        key: str,
        kind: str,
        caller: Caller,
        method: str,
        path: str,
        body: object = None,
        keep: Keep = lambda _: {},
    ) -> dict[str, Any]:
        """Send a fact unless it was acknowledged before; what ``keep`` takes of the reply is noted.

        A refusal is noted too, as ``refused``: it would be the same the next time.
        """
        if key in self.journal:
            return self.journal[key]
        try:
            answered = await caller.send(method, path, body=body)
        except Refused as refused:
            return self.journal.note(key, kind=kind, refused=refused.kind)
        return self.journal.note(key, kind=kind, ms=round(answered.ms, 2), **keep(answered.body))

    async def need(self, key: str, kind: str, caller: Caller, *request: Any, **more: Any) -> dict[str, Any]:
        """As ``once``, for what the run cannot go on without.

        Raises:
            Refused: the product refused it, now or in an earlier try of this run.
        """
        entry = await self.once(key, kind, caller, *request, **more)
        if "refused" in entry:
            method, path = request[:2]
            raise Refused(
                method, path, 0, {"detail": f"refused as {entry['refused']}", "type": entry["refused"]}
            )
        return entry

    def bar(self, what: str, total: int) -> Callable[[], None]:
        """A progress bar; call what it returns for each piece done."""
        task = self.progress.add_task(what, total=total)
        return lambda: self.progress.advance(task)

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """What was noted of a kind, in the order of acknowledgement."""
        return [entry for entry in self.journal if entry.get("kind") == kind]

    def count(self, kind: str, field: str) -> Counter[str]:
        """How often each value of a field was noted."""
        return Counter(str(entry[field]) for entry in self.entries(kind) if field in entry)


@asynccontextmanager
async def running(
    api_url: str, journal: Path, head: Mapping[str, Any], first: Mapping[str, Any], console: Console
) -> AsyncIterator[Run]:
    """A run over an open journal. ``first``, its secret and its day, is kept when the journal is new."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    with Journal.open(journal, head, first) as book, progress:
        async with Api(api_url, connections=WIDTH * 2) as api:
            yield Run(api, book, progress, console)


async def spread(work: Iterable[Callable[[], Coroutine[Any, Any, T]]], width: int = WIDTH) -> list[T]:
    """Run pieces of work, at most ``width`` at once, begun in their order; the first failure ends all."""
    places = asyncio.Semaphore(width)

    async def one(piece: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async with places:
            return await piece()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(piece)) for piece in work]
    return [task.result() for task in tasks]


async def account(
    run: Run, admin: Caller, role: str, key: str, name: str, *, signs_in: bool
) -> tuple[UUID, Credentials]:
    """An account made for this run; whoever signs in has a password of the run. Adults, by birth date."""
    address = f"{key}@{run.id('school').hex[:12]}.replay.invalid"
    password = run.password(role, key)
    body = {
        "account_id": str(run.id("account", key)),
        "email": address,
        "display_name": name,
        "roles": [role],
        "birth_date": "1990-01-01",
        **({"password": password} if signs_in else {}),
    }
    entry = await run.need(
        f"account {key}",
        "account",
        admin,
        "POST",
        "/v1/accounts",
        body,
        keep=lambda made: {"subject": made["subject_ref"]},
    )
    return UUID(entry["subject"]), Credentials(admin.credentials.school, address, password)
