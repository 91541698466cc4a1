"""The whole product by its one command: what it prints and survives, what it leaves, how it refuses."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import pytest

from governance.keys import open_key_ring
from runtime.clock import SystemClock
from runtime.kms import RootKey
from tests.commands import ROOT, assert_one_clear_line, processes_of, run
from tests.engine import free_port, located_cli
from tests.journeys.learners import Learner, Work
from tests.journeys.product import ENGINE, Product, running_product

pytestmark = [pytest.mark.engine, pytest.mark.slow]
ENDS_WITHIN_S = 20.0
WITHIN_ANSWERS = 200
CREDENTIALS = "passwords are shown here and nowhere else"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One product for all of these tests: each leaves it running."""
    with running_product(tmp_path_factory.mktemp("product") / "home") as running:
        yield running


def test_it_says_where_everything_is_and_that_this_is_an_evaluation(product: Product) -> None:
    ready = product.output[product.output.index("Tutela is ready.") :]
    assert f"{product.url}/v1" in ready
    assert product.engine_address in ready
    assert str(product.home) in ready
    assert "evaluation" in ready


class TestTheJourneyOfTheGuide:
    def test_each_of_its_steps_answers(self, product: Product) -> None:
        walked = walk(product, product.demo.account("learner")["password"])
        assert walked.returncode == 0, walked.stdout + walked.stderr
        steps = steps_of(walked.stdout)
        assert list(steps) == list(range(1, 11))
        assert steps.pop(7) == "identical"
        told = {number: json.loads(text) for number, text in steps.items()}
        assert told[1]["email"] == "lena@demo.example"
        assert not any(standing["live"] for standing in told[2]), "something was allowed without a yes"
        assert told[3]["act"] == "given"
        assert told[5]["hints_shown"]
        assert told[6]["move"]["why"]
        assert {fault["field"] for fault in told[8]["faults"]} >= {"body.answer_id", "body.step_id"}
        assert told[9]["summary"]["answers"] == 1
        assert "Lena Learner" in {row["display_name"] for row in told[10]["rows"]}

    def test_it_ends_with_an_error_where_it_is_refused(self, product: Product) -> None:
        walked = walk(product, "not the password")
        assert walked.returncode != 0
        assert len(steps_of(walked.stdout)) == 1


def walk(product: Product, learner_password: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "docs" / "journey.sh", learner_password, product.demo.account("instructor")["password"]],
        env={"PATH": os.environ["PATH"], "API": product.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def steps_of(printed: str) -> dict[int, str]:
    """What each numbered step of the journey printed."""
    parts = re.split(r"^# (\d+)\..*\n", printed, flags=re.MULTILINE)[1:]
    return {int(number): text.strip() for number, text in zip(parts[::2], parts[1::2], strict=True)}


async def test_a_killed_engine_is_started_again_and_answers_go_on_meanwhile(product: Product) -> None:
    class_id = product.demo.class_id
    with closing(product.sign_in("learner")) as signed_in:
        headers = {"Authorization": signed_in.headers["Authorization"]}
    async with httpx.AsyncClient(base_url=product.url, timeout=15) as client:
        work = await Work.start(Learner(client, headers, class_id, random.Random(7)))
        await until_lane(work, "engine")
        killed = product.pids()[ENGINE]
        await asyncio.to_thread(product.kill, ENGINE)
        meanwhile = await work.answer()
        assert (lane_of(meanwhile.reply), meanwhile.sent) == ("direct", 1)
        assert await asyncio.to_thread(product.pid, ENGINE) != killed
        await until_lane(work, "engine")
        assert (await work.end())["summary"]["answers"] == len(work.journal)
    assert work.learner.interruptions == []
    assert "engine was killed by signal 9; starting it again" in product.output


async def until_lane(work: Work, lane: str) -> None:
    """Answer until an answer takes the lane."""
    for _ in range(WITHIN_ANSWERS):
        if lane_of((await work.answer()).reply) == lane:
            return
        await asyncio.sleep(0.2)
    pytest.fail(f"no answer took the {lane} lane")


def lane_of(reply: dict[str, object] | None) -> str:
    assert reply is not None
    return str(reply["lane"])


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_with_nothing_left_and_starts_again_with_everything_as_it_was(
    product: Product, stop: signal.Signals
) -> None:
    session_id = str(uuid4())
    with closing(product.sign_in("learner")) as learner:
        body = {"session_id": session_id, "class_id": product.demo.class_id}
        learner.post("/v1/sessions", json=body).raise_for_status()
        before = learner.get("/v1/sessions").raise_for_status().json()
    running = processes_of(product.home)
    assert len(running) > len(product.roles()) >= 5
    assert product.stop(stop) == 0
    _, alive = psutil.wait_procs(running, timeout=ENDS_WITHIN_S)
    assert [*alive, *processes_of(product.home)] == []
    printed = product.output
    assert "Traceback" not in printed

    product.start()
    assert CREDENTIALS in printed
    assert CREDENTIALS not in product.output[len(printed) :]
    with closing(product.sign_in("learner")) as learner:  # with the password of the first start
        after = learner.get("/v1/sessions").raise_for_status().json()
    assert session_id in {row["session_id"] for row in after["rows"]}
    assert after == before


class TestOneClearLine:
    """And nothing left running, whatever was started before the fault showed."""

    def test_for_an_api_port_in_use(self, tmp_path: Path) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            refuses_to_start(tmp_path / "home", f"Port {port}", "TUTELA_API_PORT", TUTELA_API_PORT=port)

    def test_for_a_database_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "tutela.db").write_text("This is a shopping list, not a database.\n" * 100)
        refuses_to_start(tmp_path, "database schema", "file is not a database")
        assert (tmp_path / "tutela.db").read_text().startswith("This is a shopping list")

    def test_for_a_key_store_without_its_root_key_and_makes_no_new_one(self, tmp_path: Path) -> None:
        key = tmp_path / "root.key"
        open_key_ring(f"sqlite:///{tmp_path / 'keys.db'}", RootKey.create(key), SystemClock()).close()
        key.unlink()
        refuses_to_start(tmp_path, str(key), "does not exist", "restore it")
        assert not key.exists()

    def test_for_a_key_store_of_another_root_key(self, tmp_path: Path) -> None:
        key = tmp_path / "root.key"
        open_key_ring(f"sqlite:///{tmp_path / 'keys.db'}", RootKey.create(key), SystemClock()).close()
        key.write_bytes(secrets.token_bytes(32))
        refuses_to_start(tmp_path, "root key")


def refuses_to_start(home: Path, *words: str, **settings: object) -> None:
    ports = {"TUTELA_API_PORT": free_port(), "TUTELA_TEMPORAL_PORT": free_port()}
    ended = run(home, "up", **{"TUTELA_TEMPORAL_CLI": located_cli(), **ports, **settings})
    assert_one_clear_line(ended, *words)
    assert "Tutela is ready" not in ended.stdout
    assert processes_of(home) == []
