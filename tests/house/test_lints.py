"""Each rule of the house finds what it is for, in the checkout and in planted files, and nothing else."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tools.lints import RULES, check_house, tracked

ROOT = Path(__file__).resolve().parents[2]

DEPENDENCIES = """
from typing import Annotated
from fastapi import Depends
from governance.accounts import Principal
CurrentPrincipal = Annotated[Principal, Depends(print)]
CurrentResources = Annotated[str, Depends(print)]
"""
BELOW = {
    "learning/sessions/messages.py": """
        from enum import StrEnum
        from learning.base import Value
        class Command(Value): ...
        class Lane(StrEnum):
            ENGINE = "engine"
        LIMIT_S = 30
        Reply = Command | None
        SNEAKY = lambda: 1
        def grade() -> int: ...
        async def fetch() -> int: ...
        """,
    "learning/sessions/__init__.py": "from learning.sessions.messages import Command, grade\n",
    "learning/base.py": "class Value: ...\n",
}


def found(path: str, text: str, **others: str) -> list[tuple[str, int]]:
    """Rule and line of each finding in one file."""
    files = {path: text, "api/dependencies.py": DEPENDENCIES, **others}
    return [
        (finding.rule, finding.line)
        for finding in check_house({name: dedent(content).lstrip("\n") for name, content in files.items()})
        if finding.path == path
    ]


def test_the_checkout_is_in_order() -> None:
    assert list(map(str, check_house(tracked(ROOT)))) == []


def test_the_checkout_is_really_looked_at() -> None:
    files = tracked(ROOT)
    assert {"tools/lints.py", "runtime/clock.py", "Makefile", "tests/house/test_lints.py"} <= files.keys()
    broken = files | {"runtime/errors.py": files["runtime/errors.py"] + "\nimport time\ntime.time()\n"}
    assert [(finding.path, finding.rule) for finding in check_house(broken)] == [
        ("runtime/errors.py", "clock")
    ]


PLANTED = [
    ("commit", "governance/gate.py", "def f(tx):\n    tx.commit()\n", 2),
    ("commit", "governance/gate.py", "def f(engine):\n    with engine.begin() as tx: ...\n", 2),
    ("commit", "runtime/outbox.py", "def f(tx):\n    tx.begin_nested()\n", 2),
    ("commit", "tutela.py", "def f(session):\n    session.rollback()\n", 2),
    ("commit", "deploy/migrations/env.py", "def f(connection):\n    connection.commit()\n", 2),
    ("commit", "learning/classes.py", "def f(tx):\n    tx.exec_driver_sql('BEGIN IMMEDIATE')\n", 2),
    (
        "commit",
        "learning/classes.py",
        "def f(tx):\n    tx.exec_driver_sql('commit;'.upper()); x = ' COMMIT; '\n",
        2,
    ),
    ("clock", "learning/state.py", "from datetime import datetime\nx = datetime.now()\n", 2),
    ("clock", "learning/state.py", "import datetime as dt\nx = dt.datetime.utcnow()\n", 2),
    ("clock", "learning/state.py", "from datetime import date as day\nx = day.today()\n", 2),
    ("clock", "learning/state.py", "import time\nmake = time.time\n", 2),
    ("clock", "learning/state.py", "from time import time_ns as t\nx = t()\n", 2),
    ("clock", "governance/keys.py", "import time\nx = time.monotonic()\n", 2),
    ("clock", "workflows/sessions.py", "from time import perf_counter\nx = perf_counter()\n", 2),
    ("randomness", "learning/state.py", "from uuid import uuid4\nx = dict(default_factory=uuid4)\n", 2),
    ("randomness", "learning/state.py", "import uuid\nx = uuid.uuid1()\n", 2),
    ("randomness", "api/ids.py", "import uuid_utils.compat\nx = uuid_utils.compat.uuid7()\n", 2),
    ("randomness", "learning/moves.py", "import random\nx = random.choice([1])\n", 2),
    ("randomness", "learning/moves.py", "from random import shuffle\nshuffle([])\n", 2),
    ("randomness", "learning/moves.py", "import random\nx = random.Random()\n", 2),
    ("randomness", "learning/moves.py", "import random\nx = random.SystemRandom(7)\n", 2),
    ("randomness", "learning/moves.py", "import numpy as np\nx = np.random.normal(0, 1)\n", 2),
    ("randomness", "learning/moves.py", "import numpy as np\nx = np.random.default_rng()\n", 2),
    ("randomness", "governance/keys.py", "import os\nx = os.urandom(32)\n", 2),
    ("randomness", "governance/keys.py", "import secrets\nx = secrets.token_bytes\n", 2),
    ("workflow-import", "workflows/sessions.py", "from learning.sessions.messages import grade\n", 1),
    (
        "workflow-import",
        "workflows/sessions.py",
        "from learning.sessions.messages import fetch as Fetch\n",
        1,
    ),
    ("workflow-import", "workflows/sessions.py", "from learning.sessions.messages import SNEAKY\n", 1),
    ("workflow-import", "workflows/sessions.py", "from learning.sessions import grade\n", 1),
    ("workflow-import", "workflows/sessions.py", "from learning.sessions import messages\n", 1),
    ("workflow-import", "workflows/sessions.py", "from learning.sessions.messages import *\n", 1),
    ("workflow-import", "workflows/sessions.py", "from learning.sessions.messages import Unknown\n", 1),
    ("workflow-import", "workflows/sessions.py", "from learning.nowhere import Thing\n", 1),
    ("workflow-import", "workflows/sessions.py", "import learning.sessions.messages\n", 1),
    ("workflow-import", "workflows/sessions.py", "def f():\n    from learning.sessions import grade\n", 2),
    ("workflow-id", "api/sessions.py", "def f(a, b):\n    return f'ses.{a}.{b}'\n", 2),
    ("workflow-id", "activities/consent.py", "x = 'con.' + str(1)\n", 1),
    ("workflow-id", "activities/erasure.py", "x = 'era.%s' % 1\n", 1),
    ("workflow-id", "api/sessions.py", "async def f(c, e):\n    await c.start_workflow(1, id=f'{e}-x')\n", 2),
    ("workflow-id", "api/sessions.py", "def f(c, e):\n    c.get_workflow_handle('for ' + e)\n", 2),
    (
        "workflow-id",
        "api/sessions.py",
        "def f(c, e):\n    c.get_workflow_handle_for(1, workflow_id=str(e))\n",
        2,
    ),
    (
        "workflow-id",
        "workflows/a.py",
        "async def f(w, e):\n    await w.execute_child_workflow(1, id=e.lower())\n",
        2,
    ),
    ("principal", "api/courses.py", "@router.get('/x')\nasync def read_x() -> int: ...\n", 2),
    (
        "principal",
        "api/courses.py",
        (
            "from api.dependencies import CurrentResources\n"
            "@router.post('/x')\ndef make_x(held: CurrentResources) -> int: ...\n"
        ),
        3,
    ),
    ("principal", "api/app.py", "def f(app):\n    app.add_api_route('/x', print)\n", 2),
    ("principal", "api/app.py", "def f(app, other):\n    app.mount('/x', other)\n", 2),
    (
        "route-try",
        "api/courses.py",
        (
            "from api.dependencies import CurrentPrincipal\n@router.get('/x')\n"
            "def read_x(principal: CurrentPrincipal) -> int:\n    try:\n        pass\n    except OSError:\n"
            "        return 2\n"
        ),
        4,
    ),
    (
        "column",
        "learning/classes.py",
        "from sqlmodel import SQLModel\nclass Class(SQLModel, table=True):\n    name: str\n",
        3,
    ),
    (
        "column",
        "learning/classes.py",
        "from sqlmodel import SQLModel\nclass Class(SQLModel, table=True):\n    name: str = 'x'\n",
        3,
    ),
    (
        "column",
        "learning/classes.py",
        "from sqlmodel import SQLModel\nclass Class(SQLModel, table=True):\n    name = make()\n",
        3,
    ),
    (
        "column",
        "learning/classes.py",
        "from sqlmodel import SQLModel\nclass A(SQLModel):\n    name: str\nclass B(A, table=True): ...\n",
        4,
    ),
    ("column", "learning/classes.py", "from sqlmodel import Field\nx = Field()\n", 2),
    ("column", "learning/classes.py", "import sqlalchemy as sa\nx = sa.Table('x', sa.MetaData())\n", 2),
    ("column", "learning/classes.py", "from sqlalchemy import Column\nx = Column()\n", 2),
]


@pytest.mark.parametrize(("rule", "path", "text", "line"), PLANTED)
def test_a_planted_breach_is_found_where_it_stands(rule: str, path: str, text: str, line: int) -> None:
    assert found(path, text, **BELOW) == [(rule, line)]


def test_every_rule_has_a_planted_breach() -> None:
    assert {rule for rule, *_ in PLANTED} == RULES.keys()


@pytest.mark.parametrize(("rule", "path", "text", "line"), PLANTED)
def test_a_named_escape_with_a_reason_excuses_its_line(rule: str, path: str, text: str, line: int) -> None:
    marker = "# public: " if rule == "principal" else f"# house: {rule} "
    lines = text.splitlines()
    lines[line - 1] += f"  {marker}because it must be so"
    assert found(path, "\n".join(lines) + "\n", **BELOW) == []


ALLOWED = [
    ("runtime/database.py", "def f(tx):\n    tx.commit()\n"),
    ("runtime/clock.py", "from datetime import datetime\nimport uuid_utils\nx = datetime.now()\n"),
    ("runtime/database.py", "import time\nx = time.monotonic()\n"),
    ("governance/keys.py", "def f(clock):\n    return clock.now(), clock.monotonic(), clock.new_id()\n"),
    (
        "learning/state.py",
        "from datetime import datetime\ndef f(at: datetime) -> datetime: return datetime.max\n",
    ),
    ("learning/moves.py", "import random\ndef f(chance: random.Random) -> float: return chance.random()\n"),
    ("learning/moves.py", "import random\nx = random.Random(7)\n"),
    ("learning/moves.py", "import numpy as np\nx = np.random.default_rng(7)\n"),
    ("learning/sessions/ids.py", "from uuid import UUID, uuid5\nx = uuid5(UUID(int=1), 'x')\n"),
    ("workflows/sessions.py", "from temporalio import workflow\nx = workflow.now(), workflow.uuid4()\n"),
    ("workflows/sessions.py", "from learning.sessions.messages import LIMIT_S, Command, Lane, Reply\n"),
    ("workflows/sessions.py", "from learning.sessions import Command\n"),
    ("deploy/migrations/versions/0001.py", "import sqlalchemy as sa\nx = sa.Column()\n"),
    (
        "activities/outbox.py",
        "async def f(c, a, own):\n    await c.start_workflow(1, id=own._workflow_id(a))\n",
    ),
    ("governance/workflow_ids.py", "def f(a):\n    return f'ses.{a}'\n"),
    (
        "api/sessions.py",
        (
            "from governance.workflow_ids import session_workflow_id\n"
            "async def f(c, a, held):\n"
            "    await c.start_workflow(1, id=session_workflow_id(a))\n"
            "    c.get_workflow_handle(held.workflow_id)\n"
        ),
    ),
    (
        "api/courses.py",
        (
            "from api.dependencies import CurrentPrincipal\n"
            "@router.get('/x')\nasync def read_x(principal: CurrentPrincipal) -> int: ...\n"
        ),
    ),
    (
        "api/health.py",
        "@router.get('/x')\nasync def healthz() -> int:  # public: balancers have no account\n    ...\n",
    ),
    (
        "api/health.py",
        "# public: balancers have no account\n@router.get('/healthz')\nasync def healthz() -> int: ...\n",
    ),
    ("api/lanes.py", "def f():\n    try:\n        return 1\n    except ValueError:\n        return 2\n"),
    (
        "learning/classes.py",
        (
            "from typing import ClassVar\nfrom sqlmodel import SQLModel\n"
            "from runtime.columns import not_personal, personal\n"
            "class Base(SQLModel):\n    'Nothing of its own.'\n"
            "class Class(Base, table=True):\n    __tablename__ = 'class'\n    KIND: ClassVar[int] = 1\n"
            "    name: str = not_personal('a name of a group')\n    made_by: str = personal(1, purpose='x')\n"
        ),
    ),
    (
        "learning/classes.py",
        "from pydantic import BaseModel, Field\nclass Body(BaseModel):\n    x: int = Field()\n",
    ),
    ("tests/learning/test_state.py", "import time\nimport uuid\nx = time.time(), uuid.uuid4()\n"),
]


@pytest.mark.parametrize(("path", "text"), ALLOWED)
def test_what_is_in_order_is_left_alone(path: str, text: str) -> None:
    assert found(path, text, **BELOW) == []


class TestComments:
    @pytest.mark.parametrize(
        "comment",
        [
            "# noqa",
            "# noqa  # it is needed here",
            "# noqa: E501",
            "# noqa: E501  # long",
            "# type: ignore",
            "# type: ignore[arg-type]",
            "# pragma: no cover",
            "# ruff: noqa: E501 because of reasons given",
            "# mypy: ignore-errors",
            "# house: tea because it is late",
            "# house: clock because nothing is excused",
        ],
    )
    def test_a_suppression_without_code_reason_or_use_is_found_also_in_tests(self, comment: str) -> None:
        for path in ("learning/state.py", "tests/learning/test_state.py", "tools/x.py"):
            assert found(path, f"x = 1  {comment}\n") == [("unexplained", 1)]

    @pytest.mark.parametrize(
        "comment",
        [
            "# noqa: E501  # a table reads better whole",
            "# noqa: S603, S607  # our own command line",
            "# type: ignore[arg-type]  # that is the test",
            "# pragma: no cover  # needs another machine",
            "# a comment about noqa: nothing",
        ],
    )
    def test_a_suppression_with_code_and_reason_is_left_alone(self, comment: str) -> None:
        assert found("learning/state.py", f"x = 1  {comment}\n") == []

    def test_an_escape_without_a_reason_is_found(self) -> None:
        text = "import time\nx = time.time()  # house: clock needed\n"
        assert found("learning/state.py", text) == [("unexplained", 2)]

    def test_an_escape_excuses_only_the_rule_it_names(self) -> None:
        text = "import time\nx = time.time()  # house: commit because of the weather\n"
        assert found("learning/state.py", text) == [("clock", 2), ("unexplained", 2)]

    def test_an_escape_alone_on_the_line_above_excuses(self) -> None:
        text = "import time\n# house: clock this file times itself\nx = time.time()\n"
        assert found("learning/state.py", text) == []

    def test_an_escape_behind_code_on_the_line_above_excuses_nothing(self) -> None:
        text = "import time\ny = 1  # house: clock this file times itself\nx = time.time()\n"
        assert found("learning/state.py", text) == [("unexplained", 2), ("clock", 3)]

    def test_a_file_that_is_not_python_is_found(self) -> None:
        assert found("learning/state.py", "def f(:\n") == [("unexplained", 1)]


class TestPlaces:
    @pytest.mark.parametrize("path", ["README.md", "Makefile", "learning/state.py", "requirements/run.txt"])
    @pytest.mark.parametrize(
        "text",
        [
            "# https://" + "pypi" + ".org/simple",
            "# files." + "pythonhosted" + ".org",
            "# https://registry." + "npmjs" + ".org/x",
            "# /" + "work/main/x",
            "# cd /" + "root",
            "# /" + "home/ada/x",
        ],
    )
    def test_a_registry_or_a_path_of_one_machine_is_found_in_any_file(self, path: str, text: str) -> None:
        assert found(path, f"\n# x\n{text}\n".lstrip("\n")) == [("place", 2)]

    @pytest.mark.parametrize(
        "text",
        [
            "x = 'at home/work/play'",
            "x = '$HOME/work'",
            "x = '~/work'",
            "x = '/v1/sessions'",
            "x = 'a/root/b'",
        ],
    )
    def test_what_only_looks_like_one_is_left_alone(self, text: str) -> None:
        assert found("learning/state.py", text + "\n") == []
