"""Bad input gets a problem (RFC 9457) that names the field, repeats nothing, and changes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid1, uuid4

import httpx
import sqlalchemy as sa
from sqlmodel import SQLModel

from api.app import create_app
from api.limits import BODY_LIMIT_BYTES
from governance.accounts import Principal
from learning.classes import SchoolClass, create_class
from tests.api.callers import PROBLEM, signed_in
from tests.classroom import Classroom

CANARY = "canary-7f3a"
"""Stands in every faulty value; a problem that repeats what was sent is a leak."""

Json = dict[str, Any]


@dataclass
class Scene:
    """A learner who answered one step, with everything around them that could be mistaken for theirs."""

    room: Classroom
    client: httpx.AsyncClient
    learner: Principal
    headers: dict[str, str]
    session: UUID
    first: Json
    """The answer that was given."""
    reply: Json
    closed: UUID
    """A session of the same learner that ended."""
    closed_step: UUID
    """The step that it offered last."""
    other_learner: UUID
    """An open session of a classmate."""
    other_school: UUID
    """An open session in another school."""
    other_class: UUID
    """A class of the school that the learner is not in."""
    class_abroad: UUID
    """A class of the other school."""

    def answer(self, **changes: Any) -> Json:
        """A good answer to the open step, but for the changes; a change to None leaves the field out."""
        good = {
            "answer_id": str(uuid4()),
            "step_id": self.reply["next_step"]["step_id"],
            "response": {"kind": "choice", "option": "right"},
            "response_ms": 9_000,
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    @property
    def answers(self) -> str:
        return f"/v1/sessions/{self.session}/answers"


@dataclass(frozen=True)
class Sent:
    """One bad request."""

    path: str
    content: bytes | Callable[[], AsyncIterator[bytes]]
    headers: dict[str, str] = field(default_factory=dict)


Bad = Callable[[Scene], Sent]


def answer(**changes: Any) -> Bad:
    return lambda scene: Sent(scene.answers, json.dumps(scene.answer(**changes)).encode())


def to(path: Callable[[Scene], str], body: Callable[[Scene], Json]) -> Bad:
    return lambda scene: Sent(path(scene), json.dumps(body(scene)).encode())


def raw(content: bytes, **headers: str) -> Bad:
    return lambda scene: Sent(scene.answers, content, headers)


def answer_with(name: str, text: bytes) -> Bad:
    """A good answer in which a field stands as this text, which need not be JSON that Python would write."""

    def make(scene: Scene) -> Sent:
        placed = json.dumps(scene.answer(**{name: CANARY}))
        return Sent(scene.answers, placed.encode().replace(f'"{CANARY}"'.encode(), text))

    return make


def answer_in(session: Callable[[Scene], object]) -> Bad:
    return to(lambda scene: f"/v1/sessions/{session(scene)}/answers", lambda scene: scene.answer())


def at(ahead: timedelta) -> Bad:
    return lambda scene: answer(answered_at=(scene.room.resources.clock.now() + ahead).isoformat())(scene)


async def _too_long() -> AsyncIterator[bytes]:
    """No length is declared; the limit must be found by counting."""
    for _ in range(BODY_LIMIT_BYTES // 65_536 + 2):
        yield b" " * 65_536


def _deep(scene: Scene) -> Sent:
    return Sent(scene.answers, b'{"response":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


CASES: dict[str, tuple[Bad, int, str, str | None]] = {
    # what is wrong: request, status, problem type, field at fault (None: no field is)
    "malformed JSON": (raw(b'{"answer_id": '), 400, "malformed-json", "body"),
    "nothing at all": (raw(b""), 422, "invalid-input", "body"),
    "a list for an object": (raw(b"[]"), 422, "invalid-input", "body"),
    "bytes that are no UTF-8": (answer_with("answer_id", b'"\xff\xfe"'), 400, "malformed-json", "body"),
    "a hundred thousand brackets": (_deep, 400, "malformed-json", "body"),
    "a number of five thousand digits": (
        answer_with("response_ms", b"9" * 5_000), 400, "malformed-json", "body",
    ),
    "a body that is called text": (
        raw(b"{}", **{"content-type": "text/plain"}), 422, "invalid-input", "body",
    ),
    "a body too long, and it says so": (raw(b" " * (BODY_LIMIT_BYTES + 1)), 413, "body-too-large", None),
    "a body too long, without saying so": (
        lambda scene: Sent(scene.answers, _too_long), 413, "body-too-large", None,
    ),
    "a field too few": (answer(answer_id=None), 422, "invalid-input", "body.answer_id"),
    "a field too many": (answer(colour=CANARY), 422, "invalid-input", "body.colour"),
    "words for a number": (answer(response_ms=CANARY), 422, "invalid-input", "body.response_ms"),
    "a negative time": (answer(response_ms=-1), 422, "invalid-input", "body.response_ms"),
    "a time of a day": (answer(response_ms=86_400_001), 422, "invalid-input", "body.response_ms"),
    "an infinite time": (
        answer_with("response_ms", b"Infinity"), 422, "invalid-input", "body.response_ms",
    ),
    "input before the item was shown": (
        answer(hesitation_ms=9_001), 422, "effort-unfit", "body.hesitation_ms",
    ),
    "a name for an id": (answer(answer_id=CANARY), 422, "invalid-input", "body.answer_id"),
    "an id that tells machine and time": (
        answer(answer_id=str(uuid1())), 422, "invalid-input", "body.answer_id",
    ),
    "a response of no kind": (
        answer(response={"kind": CANARY}), 422, "invalid-input", "body.response",
    ),
    "a response of another kind": (
        answer(response={"kind": "numeric", "value": "1"}), 422, "response-unfit", "body.response.kind",
    ),
    "an option that the item has not": (
        answer(response={"kind": "choice", "option": CANARY}), 422, "response-unfit", "body.response.option",
    ),
    "half a character": (
        answer_with("response", b'{"kind": "text", "text": "\\ud800"}'),
        422, "invalid-input", "body.response.text",
    ),
    "a time without a zone": (
        answer(answered_at="2026-09-01T08:00:00"), 422, "invalid-input", "body.answered_at",
    ),
    "an answer from the future": (at(timedelta(minutes=6)), 422, "impossible-clock", "body.answered_at"),
    "an answer of last week": (at(timedelta(days=-7)), 422, "impossible-clock", "body.answered_at"),
    "a step that was never offered": (
        answer(step_id=str(uuid4())), 422, "step-never-offered", "body.step_id",
    ),
    "a step that was answered": (
        lambda scene: answer(step_id=scene.first["step_id"])(scene), 409, "step-passed", "body.step_id",
    ),
    "the same id with another answer": (
        to(
            lambda scene: scene.answers,
            lambda scene: {**scene.first, "response": {"kind": "choice", "option": "wrong"}},
        ), 409, "answer-id-reused", "body.answer_id",
    ),
    "the same id for another step": (
        lambda scene: answer(answer_id=scene.first["answer_id"])(scene),
        409, "answer-id-reused", "body.answer_id",
    ),
    "no session at all": (answer_in(lambda _: uuid4()), 404, "session-unknown", None),
    "a name for a session": (
        answer_in(lambda _: CANARY), 422, "invalid-input", "path.session_id",
    ),
    "a closed session": (
        to(
            lambda scene: f"/v1/sessions/{scene.closed}/answers",
            lambda scene: scene.answer(step_id=str(scene.closed_step)),
        ), 409, "session-closed", None,
    ),
    "another learner's session": (
        answer_in(lambda scene: scene.other_learner), 404, "session-unknown", None,
    ),
    "another school's session": (
        answer_in(lambda scene: scene.other_school), 404, "session-unknown", None,
    ),
    "a hint for a step never offered": (
        to(lambda scene: f"/v1/sessions/{scene.session}/steps/{uuid4()}/hints", lambda _: {}),
        404, "step-unknown", "path.step_id",
    ),
    "an item that the course has not": (
        to(
            lambda scene: f"/v1/sessions/{scene.session}/steps",
            lambda _: {"step_id": str(uuid4()), "item_id": CANARY},
        ), 422, "item-unknown", "body.item_id",
    ),
    "the end of another learner's session": (
        to(lambda scene: f"/v1/sessions/{scene.other_learner}/end", lambda _: {}),
        403, "forbidden", None,
    ),
    "a session in a class that one is not in": (
        to(
            lambda _: "/v1/sessions",
            lambda scene: {"session_id": str(uuid4()), "class_id": str(scene.other_class)},
        ), 403, "not-in-class", "body.class_id",
    ),
    "a session in a class that is not": (
        to(lambda _: "/v1/sessions", lambda _: {"session_id": str(uuid4()), "class_id": str(uuid4())}),
        404, "no-such-class", "body.class_id",
    ),
    "a session in another school's class": (
        to(
            lambda _: "/v1/sessions",
            lambda scene: {"session_id": str(uuid4()), "class_id": str(scene.class_abroad)},
        ), 404, "no-such-class", "body.class_id",
    ),
    "a session under another learner's id": (
        to(
            lambda _: "/v1/sessions",
            lambda scene: {"session_id": str(scene.other_learner), "class_id": str(scene.room.class_id)},
        ), 409, "session-id-reused", "body.session_id",
    ),
    "nobody's token": (
        lambda scene: Sent(scene.answers, b"{}", {"Authorization": f"Bearer {CANARY}"}),
        401, "unauthenticated", None,
    ),
}  # fmt: skip


@asynccontextmanager
async def staged(room: Classroom) -> AsyncIterator[Scene]:
    """Everything that the cases need, made through the API where it has a way to make it."""
    learner, classmate = room.learner(), room.learner()
    abroad = Classroom.open(room.resources, room.people)
    now = room.resources.clock.now()
    parallel = SchoolClass(uuid4(), "small", "Another class", now.date())
    room.resources.database.write_now(
        lambda tx: create_class(tx, room.school.tenant, parallel, now), tenant=room.school.tenant
    )
    stranger = abroad.learner()
    # What the app does not catch comes back as a 500, as it would over a socket.
    transport = httpx.ASGITransport(app=create_app(room.resources, None), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://tutela.test") as client:
        token = signed_in(client, room.resources, learner).token
        headers = {"Authorization": f"Bearer {token}"}
        closed = await room.start(learner)
        assert closed.step is not None
        ended = await client.post(f"/v1/sessions/{closed.session_id}/end", headers=headers)
        ended.raise_for_status()
        session = await room.start(learner)
        assert session.step is not None
        first = {
            "answer_id": str(uuid4()),
            "step_id": str(session.step.step_id),
            "response": {"kind": "choice", "option": "right"},
        }
        answered = await client.post(
            f"/v1/sessions/{session.session_id}/answers", json=first, headers=headers
        )
        yield Scene(
            room=room,
            client=client,
            learner=learner,
            headers=headers,
            session=session.session_id,
            first=first,
            reply=answered.raise_for_status().json(),
            closed=closed.session_id,
            closed_step=closed.step.step_id,
            other_learner=(await room.start(classmate)).session_id,
            other_school=(await abroad.start(stranger)).session_id,
            other_class=parallel.class_id,
            class_abroad=abroad.class_id,
        )


def rows_of(scene: Scene) -> Iterator[tuple[str, bytes]]:
    """The digest of every row of the learner's school, by table."""

    def read(tx: sa.Connection) -> list[tuple[str, bytes]]:
        return [
            (name, hashlib.sha256(repr(tuple(row)).encode()).digest())
            for name, table in sorted(SQLModel.metadata.tables.items())
            if "tenant" in table.c
            for row in tx.execute(sa.select(table).where(table.c.tenant == scene.learner.tenant))
        ]

    yield from scene.room.resources.database.read_now(read, tenant=scene.learner.tenant)


async def test_it_is_refused_by_name_and_changes_nothing(classroom: Classroom) -> None:
    """All cases on one scene: it is the same after each, and that is half of what is tested."""
    async with staged(classroom) as scene:
        before = sorted(rows_of(scene))
        wrong = {case: said for case in CASES if (said := await complaints(scene, case))}
        assert wrong == {}
        for case in CASES:
            await send(scene, CASES[case][0](scene))
            assert sorted(rows_of(scene)) == before, f"{case} changed something"


async def complaints(scene: Scene, case: str) -> list[str]:
    """What is wrong with the answer to a bad request."""
    make, status, slug, at_fault = CASES[case]
    refused = await send(scene, make(scene))
    if refused.status_code != status or refused.headers["content-type"] != PROBLEM:
        return [f"{refused.status_code} {refused.headers['content-type']}: {refused.text}"]
    problem = refused.json()
    expected = {
        "type": f"/problems/{slug}",
        "status": status,
        "field": at_fault,
        "repeats what was sent": False,
        "says nothing": False,
    }
    found = {
        "type": problem["type"],
        "status": problem["status"],
        "field": problem["faults"][0]["field"] if problem["faults"] else None,
        "repeats what was sent": CANARY in refused.text,
        "says nothing": not all(
            [problem["title"], problem["detail"], *(fault["message"] for fault in problem["faults"])]
        ),
    }
    return [f"{name}: {found[name]!r}" for name in expected if found[name] != expected[name]]


async def send(scene: Scene, sent: Sent) -> httpx.Response:
    return await scene.client.post(
        sent.path,
        content=sent.content if isinstance(sent.content, bytes) else sent.content(),
        headers={"content-type": "application/json", **scene.headers, **sent.headers},
    )


async def test_a_good_answer_is_seen_to_change_rows(classroom: Classroom) -> None:
    """The comparison above could not fail if it looked at nothing."""
    async with staged(classroom) as scene:
        before = sorted(rows_of(scene))
        taken = await scene.client.post(scene.answers, json=scene.answer(), headers=scene.headers)
        assert taken.status_code == 200, taken.text
        changed = {name for name, _ in set(rows_of(scene)) ^ set(before)}
        assert changed >= {"answer", "session", "step", "decision", "learner_state"}
