"""Every operation keeps the word of its document, whatever is sent and whoever sends it.

Inputs are drawn from the document itself, good and bad ones, and sent to a school with everybody in it:
mostly by somebody who may, mostly to things that are there. Schemathesis judges the answers with all of its
checks.
"""

from __future__ import annotations

import asyncio
import secrets
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import strategies as st
from schemathesis import AuthContext, Case, CheckContext, Response
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import from_schema
from schemathesis.engine.events import EngineEvent, FatalError, NonFatalError, ScenarioFinished
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi import from_asgi, media_type
from schemathesis.schemas import BaseSchema

from api.app import create_app
from api.problems import UNFIT
from governance.keys import open_key_ring
from governance.passwords import Passwords
from learning.adaptation import Rules
from learning.courses.store import CourseCache
from learning.item_times import TimesCache
from learning.models.runner import Models
from learning.resources import Resources
from policy.decision_point import DecisionPoint
from runtime.clock import SystemClock
from runtime.database import Database
from runtime.kms import RootKey
from runtime.settings import Settings
from tests.api.callers import calling, token_of
from tests.api.document import faults
from tests.api.everybody import EMAIL, PASSWORD, Everybody, gather
from tests.api.test_roles import EXPECTED, REFUSED
from tests.learning.courses.packages import example_package, zipped

FITS = ("2xx", "401", "403", "404", "409")
EXAMPLES = 8
KNOWN_SHARE = 0.75
"""Of values that name a thing, the share that name one that is there."""
ONE_IN = 5
"""Of so many requests one comes from anybody at all, the others from somebody who may."""

GRANTED_SHARE = 1 / 2
"""Of operations, the share that a run must get through to; ``test_roles`` gets through to all of them."""

ARCHIVES = st.one_of(
    st.sampled_from([zipped(example_package()), b"PK\x05\x06"]), st.binary(min_size=1, max_size=64)
)
media_type("application/zip", ARCHIVES)


@schemathesis.check
def fits_and_is_not_called_unfit(_context: CheckContext, response: Response, case: Case[Any]) -> None:
    """What fits the document is never refused for its shape."""
    drawn_to_fit = case.meta is not None and case.meta.generation.mode.is_positive
    if drawn_to_fit and response.status_code == 422:
        assert not response.json()["detail"].startswith(UNFIT), f"it fits, and was refused: {response.text}"


@pytest.fixture(scope="module")
def resources(
    sqlite_template: Path,
    artefacts: tuple[DecisionPoint, Models, Rules],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Resources]:
    """One installation for the whole module: what one operation leaves behind, the next ones meet."""
    home = tmp_path_factory.mktemp("home")
    (home / "tutela.db").write_bytes(sqlite_template.read_bytes())
    clock = SystemClock()
    chosen = Settings(home=home)
    decision_point, models, rules = artefacts
    opened = Resources(
        settings=chosen,
        clock=clock,
        database=Database.open(chosen.database),
        keyring=open_key_ring(chosen.keys, RootKey.create(chosen.root_key), clock),
        passwords=Passwords(1),
        entropy=secrets.token_bytes,
        decision_point=decision_point,
        models=models,
        rules=rules,
        courses=CourseCache(),
        times=TimesCache(clock),
    )
    yield opened
    opened.passwords.close()
    opened.database.close()
    opened.keyring.close()


@pytest.fixture(scope="module")
def app(resources: Resources) -> FastAPI:
    return create_app(resources, None)


@pytest.fixture(scope="module")
def everybody(app: FastAPI, resources: Resources) -> Everybody:
    async def enter() -> Everybody:
        async with calling(app, resources) as callers:
            return await gather(callers, await resources.passwords.hash(PASSWORD))

    return asyncio.run(enter())


def config(everybody: Everybody) -> SchemathesisConfig:
    """All phases and all checks, drawn the same way each time, with the names of things that are there."""
    known = {
        **everybody.names,
        "email": EMAIL,
        "password": PASSWORD,
        "guardian": everybody.names["guardian_ref"],
        "assessment": "exam",
        "item_id": "halves-3",
        "notice_version": 1,
        "notice_language": "en",
    }
    known.pop("version")  # of a notice in one path, of a course in another
    known.pop("purpose")  # one of few words, drawn often enough
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "dictionaries": {name: {"values": [value]} for name, value in known.items()},
            "parameters": {
                f"{place}.{name}": {"dictionary": name, "probability": KNOWN_SHARE}
                for name in known
                for place in ("path", "query", "body")
            },
            # A rule may refuse what fits the document (no such item); ``fits_and_is_not_called_unfit`` sees
            # to it that the document itself is never the reason.
            "checks": {"positive_data_acceptance": {"expected-statuses": [*FITS, 422]}},
            "generation": {"deterministic": True, "max-examples": EXAMPLES},
        }
    )


def come_as_somebody(schema: BaseSchema, everybody: Everybody) -> None:
    """Let requests be signed in: each by a sign-in of its own, for some requests end the one they came by."""
    people = {name: caller for name, caller in everybody.callers.items() if name != "nobody"}

    @schema.auth(refresh_interval=None)
    class AsSomebody:
        def get(self, case: Case[Any], _context: AuthContext) -> str:
            who = people[self.who(case)].principal
            return token_of(everybody.resources, replace(who, session_ref=uuid4()))

        def who(self, case: Case[Any]) -> str:
            """Picked by the content of the case, so that one that failed fails again."""
            if case.meta is None or case.meta.phase.name is TestPhase.STATEFUL:
                return "learner"  # what one step of a story made, its next steps must find
            drawn = zlib.crc32(repr((case.path_parameters, case.query, case.body)).encode(errors="replace"))
            row = EXPECTED[case.operation.definition.raw["operationId"]]
            may = [name for name in people if row[name] < REFUSED]
            among = may if may and drawn % ONE_IN else sorted(people)
            return among[drawn // ONE_IN % len(among)]

        def set(self, case: Case[Any], data: str, _context: AuthContext) -> None:
            case.headers["Authorization"] = f"Bearer {data}"


class Outcome:
    """What a run came to: complaints, and which operations were asked and granted."""

    def __init__(self) -> None:
        self.complaints: set[str] = set()
        self.asked: set[str] = set()
        self.granted: set[str] = set()

    def note(self, event: EngineEvent) -> None:
        if isinstance(event, FatalError | NonFatalError):
            self.complaints.add(f"the run itself failed: {event}")
        if not isinstance(event, ScenarioFinished):
            return
        for case_id, met in event.recorder.interactions.items():
            operation = event.recorder.cases[case_id].value.operation.definition.raw["operationId"]
            self.asked.add(operation)
            if met.response is not None and met.response.status_code < REFUSED:
                self.granted.add(operation)
        for check in chain.from_iterable(event.recorder.checks.values()):
            if check.failure_info is not None:
                found = check.failure_info
                said = f"{event.label}: {found.failure.title}: {found.failure.message}"
                self.complaints.add(f"{said}\n{found.code_sample}")


def test_every_operation_keeps_the_word_of_its_document(app: FastAPI, everybody: Everybody) -> None:
    schema = from_asgi("/openapi.json", app, config=config(everybody))
    come_as_somebody(schema, everybody)
    outcome = Outcome()
    for event in from_schema(schema).execute():
        outcome.note(event)
    assert not outcome.complaints, "\n\n".join(sorted(outcome.complaints))
    assert outcome.asked == EXPECTED.keys()
    assert len(outcome.granted) > GRANTED_SHARE * len(EXPECTED), "hardly anything was let in"


def test_the_document_is_good_enough_to_generate_a_client_from(app: FastAPI) -> None:
    assert faults(app.openapi()) == []
