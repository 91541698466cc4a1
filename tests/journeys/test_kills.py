"""Processes are killed at random moments while learners answer; what was acknowledged stands.

The oracle is the learners' own journal of acknowledgements (tests/journeys/learners.py): every answer in it
is on record once, graded once, with the reply that was given, and nothing else is. A failure names its seed;
``TUTELA_TEST_SEED`` runs the same kills again, as far as a machine repeats itself.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa
from temporalio.client import WorkflowExecutionStatus

from governance.codec import SubjectCodec
from governance.workflow_ids import session_workflow_id
from learning.sessions import chain
from learning.sessions.messages import Cursor, SessionResult
from learning.sessions.rows import Answer, Session
from runtime.database import table
from runtime.outbox import OutboxEntry
from runtime.settings import Settings
from runtime.temporal import connect, plugin
from tests.engine import free_port
from tests.journeys.enrolment import enrol_learners, opened
from tests.journeys.learners import Entry, Learner, Work
from tests.journeys.product import ENGINE, Product, running_product

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(400)]
SEED = int(os.environ.get("TUTELA_TEST_SEED") or secrets.randbits(32))
LEARNERS = 6
KILLS_OF_EACH_ROLE = 4
"""Five roles: twenty kills. A role that dies more than five times in a minute is given up, rightly."""
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.3, 3.0
TWICE_SHARE = 0.15
LONGEST_THOUGHT_S = 0.15
SETTLES_WITHIN_S = 90.0


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One product for all of these tests: each leaves it running."""
    with running_product(tmp_path_factory.mktemp("product") / "home") as running:
        yield running


@asynccontextmanager
async def at_work(
    product: Product, draw: random.Random, count: int, url: str | None = None
) -> AsyncIterator[list[Work]]:
    """Learners with an open session each, at the product's API or at another one over its databases."""
    class_id = product.demo.class_id
    headers = enrol_learners(product.home, class_id, count)
    async with httpx.AsyncClient(base_url=url or product.url, timeout=15) as client:
        learners = [Learner(client, one, class_id, random.Random(draw.random())) for one in headers]
        yield [await Work.start(learner) for learner in learners]


async def keep_working(work: Work, over: asyncio.Event) -> None:
    """Answer until told to stop, now and then in two copies at once."""
    draw = work.learner.draw
    while not over.is_set():
        await work.answer(twice=draw.random() < TWICE_SHARE)
        await asyncio.sleep(draw.uniform(0.0, LONGEST_THOUGHT_S))


async def kill_at_random(product: Product, draw: random.Random) -> Counter[str]:
    """Kill each role so many times, in random order, at random moments; says what was killed."""
    roles = await asyncio.to_thread(product.roles)
    deck = roles * KILLS_OF_EACH_ROLE
    draw.shuffle(deck)
    for role in deck:
        await asyncio.sleep(draw.uniform(SHORTEST_PAUSE_S, LONGEST_PAUSE_S))
        await asyncio.to_thread(product.kill, role)
    return Counter(deck)


async def test_the_oracle_sees_an_answer_that_is_gone(product: Product) -> None:
    async with at_work(product, random.Random(SEED), count=1) as (work,):
        for _ in range(3):
            await work.answer()
        assert_journal_is_the_record(product, work)
        gone = UUID(work.journal[1].body["answer_id"])
        with opened(product.home) as (database, _):
            database.write_now(
                lambda tx: (
                    tx.execute(sa.delete(table(Answer)).where(table(Answer).c.answer_id == gone)).rowcount
                ),
                tenant=None,
            )
        with pytest.raises(AssertionError):
            assert_journal_is_the_record(product, work)


async def test_nothing_acknowledged_is_lost_or_graded_twice_whatever_dies(product: Product) -> None:
    print(f"TUTELA_TEST_SEED={SEED}")  # noqa: T201  # shown when the test fails
    draw = random.Random(SEED)
    over = asyncio.Event()
    async with at_work(product, draw, LEARNERS) as begun:
        working = asyncio.gather(*(keep_working(work, over) for work in begun))
        killed = await kill_at_random(product, draw)
        await asyncio.to_thread(product.wait_healthy)
        over.set()
        await working
        print(_told(killed, begun))  # noqa: T201  # as above
        assert killed.total() >= 20
        assert {"api", ENGINE, "stream", "worker sessions"} <= killed.keys()
        assert sum(len(work.journal) for work in begun) >= 100, "there was hardly any load"
        assert any(work.learner.interruptions for work in begun), "no kill was noticed by anybody"
        await engine_is_told(product)
        for work in begun:
            await assert_replies_stand(work)
            assert_journal_is_the_record(product, work)
            await end(work)
        for work in begun:
            await assert_engine_followed(product, work)


def _told(killed: Counter[str], begun: list[Work]) -> str:
    journal = [entry for work in begun for entry in work.journal]
    interruptions = Counter(name for work in begun for name in work.learner.interruptions)
    return (
        f"killed {dict(killed)}; {len(journal)} answers, {dict(Counter(map(lane_of, journal)))},"
        f" sent {sum(entry.sent for entry in journal)} times, interrupted {dict(interruptions)}"
    )


async def test_answers_are_served_while_the_engine_is_frozen_and_it_catches_up(product: Product) -> None:
    async with at_work(product, random.Random(SEED), count=2) as begun:
        for work in begun:
            await until_lane(work, "engine")
        product.freeze(ENGINE)
        try:
            for work in begun:
                frozen = [await work.answer() for _ in range(10)]
                assert [lane_of(entry) for entry in frozen] == ["direct"] * 10
                assert [entry.sent for entry in frozen] == [1] * 10, "an answer had to be sent again"
        finally:
            product.thaw(ENGINE)
        for work in begun:
            await until_lane(work, "engine")
            await assert_replies_stand(work)
            assert_journal_is_the_record(product, work)
            await end(work)
            await assert_engine_followed(product, work)


async def test_answers_are_served_where_there_is_no_engine_at_all(product: Product) -> None:
    nowhere = {"TUTELA_TEMPORAL_PORT": free_port()}
    with product.another_api(**nowhere) as api:
        async with at_work(product, random.Random(SEED), count=1, url=api.url) as (work,):
            entries = [await work.answer() for _ in range(10)]
            assert [(lane_of(entry), entry.sent) for entry in entries] == [("direct", 1)] * 10
            await assert_replies_stand(work)
            assert_journal_is_the_record(product, work)
            await engine_is_told(product)
            await end(work)
    await assert_engine_followed(product, work)


async def until_lane(work: Work, lane: str) -> None:
    """Answer until an answer takes the lane."""
    for _ in range(200):
        if lane_of(await work.answer()) == lane:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"no answer took the {lane} lane")


def lane_of(entry: Entry) -> str:
    assert entry.reply is not None
    return str(entry.reply["lane"])


async def assert_replies_stand(work: Work) -> None:
    """Every answer, sent once more, has the very reply it had."""
    for entry in work.journal:
        assert await work.send(entry) == entry.reply


def assert_journal_is_the_record(product: Product, work: Work) -> None:
    """The rows hold the journal's answers in the journal's order, each once, chained, and nothing else."""
    with opened(product.home) as (database, _):
        session, answers = database.read_now(lambda tx: _rows(tx, UUID(work.session_id)), tenant=None)
    assert [str(row.answer_id) for row in answers] == [entry.body["answer_id"] for entry in work.journal]
    assert [str(row.step_id) for row in answers] == [entry.body["step_id"] for entry in work.journal]
    assert [row.seq for row in answers] == list(range(1, len(answers) + 1))
    told = [(entry.reply or {})["decision_id"] for entry in work.journal]
    assert [str(row.decision_id) for row in answers] == told
    cursor = chain.follow(
        Cursor(), [(row.seq, row.answer_id, row.decision_id) for row in answers], session.seq, session.digest
    )
    assert cursor.seq == len(work.journal)


def _rows(
    tx: sa.Connection, session_id: UUID
) -> tuple[sa.Row[tuple[object, ...]], list[sa.Row[tuple[object, ...]]]]:
    sessions, answers = table(Session), table(Answer)
    return (
        tx.execute(sa.select(sessions).where(sessions.c.session_id == session_id)).one(),
        list(
            tx.execute(sa.select(answers).where(answers.c.session_id == session_id).order_by(answers.c.seq))
        ),
    )


async def engine_is_told(product: Product) -> None:
    """Wait until the outbox is empty: every session that was started has its workflow."""
    with opened(product.home) as (database, _):
        async with asyncio.timeout(SETTLES_WITHIN_S):
            while database.read_now(
                lambda tx: tx.execute(sa.select(table(OutboxEntry))).first(), tenant=None
            ):
                await asyncio.sleep(0.2)


async def end(work: Work) -> None:
    """End the session; its summary counts what the journal counts."""
    summary = (await work.end())["summary"]
    replies = [entry.reply or {} for entry in work.journal]
    assert summary["answers"] == len(replies)
    assert summary["correct"] == sum(reply["grade"]["correct"] for reply in replies)
    assert summary["lanes"] == Counter(lane_of(entry) for entry in work.journal)


async def assert_engine_followed(product: Product, work: Work) -> None:
    """The session's workflow ended with the row's own cursor: it knows every answer of either lane."""
    settings = Settings(home=product.home, temporal_port=product.engine_port, temporal_address=None)
    with opened(product.home) as (database, keys):
        client = await connect(settings, settings.learning_namespace, plugin(SubjectCodec(keys)))
        session, _ = database.read_now(lambda tx: _rows(tx, UUID(work.session_id)), tenant=None)
        handle = client.get_workflow_handle(
            session_workflow_id(session.subject_ref, session.session_id), result_type=SessionResult
        )
        async with asyncio.timeout(SETTLES_WITHIN_S):
            result = await handle.result()
        assert result.cursor == Cursor(seq=session.seq, digest=session.digest.hex())
        description = await handle.describe()
        assert description.status is WorkflowExecutionStatus.COMPLETED
