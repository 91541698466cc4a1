"""Learners at work over HTTP, with a journal of what was acknowledged to them.

They behave as a good client does: ids are minted before sending, and what got no outcome is sent again as it
was. Nothing of the product is imported, so what the journal says is a client's truth, not the product's.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, cast
from uuid import uuid4

import httpx

RETRY_S = 0.05
GIVES_UP_AFTER_S = 60.0

Json = dict[str, Any]


class Refused(AssertionError):
    """A request that had to be granted was refused."""


@dataclass
class Entry:
    """One answer: what was sent, how often, and what came back in the end."""

    session_id: str
    body: Json
    sent: int = 0
    reply: Json | None = None


@dataclass
class Learner:
    """Somebody with a token, and what got in their way.

    Attributes:
        interruptions: outcomes that were none (connection errors, 503), by name.
        met: items that were offered so far, for who has completed the course and goes on practising.
    """

    client: httpx.AsyncClient
    headers: dict[str, str]
    class_id: str
    draw: random.Random
    interruptions: list[str] = field(default_factory=list)
    met: set[str] = field(default_factory=set)

    async def try_once(self, path: str, body: Json) -> Json | None:
        """Send a request; what was granted, or None when there was no outcome (try again).

        Raises:
            Refused: the product has an outcome, and it is a refusal.
        """
        try:
            response = await self.client.post(path, json=body, headers=self.headers)
        except httpx.TransportError as error:
            self.interruptions.append(type(error).__name__)
            return None
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            self.interruptions.append("503")
            return None
        if not response.is_success:
            raise Refused(f"{path} {response.status_code}: {response.text}")
        return cast("Json", response.json())

    async def send(self, path: str, body: Json) -> Json:
        """Send a request as it is until there is an outcome."""
        async with asyncio.timeout(GIVES_UP_AFTER_S):
            while (granted := await self.try_once(path, body)) is None:
                await asyncio.sleep(RETRY_S)
            return granted


@dataclass
class Work:
    """A learner in one session, answering step after step.

    Attributes:
        session_id: the session.
        step: what is offered; None when the course is complete.
        journal: every answer in order; ``reply`` is set as soon as it was acknowledged.
    """

    learner: Learner
    session_id: str
    step: Json | None
    journal: list[Entry] = field(default_factory=list)

    @classmethod
    async def start(cls, learner: Learner) -> Self:
        """A new session."""
        body = {"session_id": str(uuid4()), "class_id": learner.class_id}
        session = await learner.send("/v1/sessions", body)
        return cls(learner, session["session_id"], session["step"])

    async def end(self) -> Json:
        """End the session; what it came to."""
        return await self.learner.send(f"/v1/sessions/{self.session_id}/end", {})

    async def choose(self) -> None:
        """Take an item that was met before as the next step."""
        item = self.learner.draw.choice(sorted(self.learner.met))
        body = {"step_id": str(uuid4()), "item_id": item}
        session = await self.learner.send(f"/v1/sessions/{self.session_id}/steps", body)
        self.step = session["step"]

    async def answer(self, *, twice: bool = False) -> Entry:
        """Answer the offered step, or a chosen one when none is, and keep sending until there is an outcome.

        ``twice`` sends two copies at once each time, as an impatient client would.
        """
        if self.step is None:
            await self.choose()
        step, draw = self.step, self.learner.draw
        assert step is not None, "a chosen step was not offered"
        self.learner.met.add(step["item"]["id"])
        body = {
            "answer_id": str(uuid4()),
            "step_id": step["step_id"],
            "response": response_to(step["item"], draw),
            "response_ms": draw.randint(800, 60_000),
            "hesitation_ms": draw.randint(100, 700),
        }
        entry = Entry(self.session_id, body)
        self.journal.append(entry)
        async with asyncio.timeout(GIVES_UP_AFTER_S):
            while entry.reply is None:
                copies = await asyncio.gather(*(self.send(entry) for _ in range(2 if twice else 1)))
                replies = [reply for reply in copies if reply is not None]
                if any(reply != replies[0] for reply in replies):
                    raise Refused(f"two copies of one answer got different replies: {replies}")
                entry.reply = replies[0] if replies else None
                if entry.reply is None:
                    await asyncio.sleep(RETRY_S)
        self.step = entry.reply["next_step"]
        return entry

    async def send(self, entry: Entry) -> Json | None:
        """Send an answer once; its reply, or None when there was no outcome."""
        entry.sent += 1
        return await self.learner.try_once(f"/v1/sessions/{entry.session_id}/answers", entry.body)


def response_to(item: Mapping[str, Any], draw: random.Random) -> Json:
    """Some response of the right kind, right or wrong."""
    match item["kind"]:
        case "choice":
            return {"kind": "choice", "option": draw.choice(item["options"])["id"]}
        case "multiple":
            picked = draw.sample(item["options"], draw.randint(1, len(item["options"])))
            return {"kind": "multiple", "options": [option["id"] for option in picked]}
        case "numeric":
            unit = {"unit": draw.choice(item["units"])} if item.get("units") else {}
            return {"kind": "numeric", "value": f"{draw.randint(1, 9)}/{draw.randint(2, 9)}", **unit}
        case "text":
            return {"kind": "text", "text": draw.choice(("one half", "the denominator", "a quarter"))}
        case kind:
            raise Refused(f"an item of unknown kind {kind!r}")
