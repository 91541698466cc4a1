"""Runs what ``replays.arguments`` let somebody choose.

Without an e-mail address the front door's own operator account of the school on this machine is used.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from replays import demo, oulad, responses
from replays.client import Credentials
from runtime.clock import SystemClock
from runtime.errors import TutelaError
from runtime.settings import Settings

PLAIN_WIDTH = 120

Operator = Callable[[str], tuple[str, str]]
"""E-mail address and password of the operator of a school on this machine."""


class PasswordMissing(TutelaError):
    """There is an address and no password to it."""

    slug = "replay-password-missing"
    title = "Give --password-file, or type the password when asked"


def run(chosen: argparse.Namespace, settings: Settings, operator: Operator, secret: str) -> int:
    """Run the chosen replay to its end; ``secret`` is for a run that begins now."""
    if chosen.email:
        credentials = _credentials(chosen)
    else:
        credentials = Credentials(chosen.school, *operator(chosen.school))
    replay = {"oulad": _oulad, "responses": _responses, "demo": _demo}[chosen.replay]
    replay(chosen, settings, credentials, secret)
    return 0


def _console() -> Console:
    """As wide as the terminal; wide enough for the tables where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)


def _credentials(chosen: argparse.Namespace) -> Credentials:
    if chosen.password_file:
        password = str(chosen.password_file.read_text("utf-8")).strip()
    else:
        password = getpass.getpass(f"Password of {chosen.email}: ")
    if not password:
        raise PasswordMissing
    return Credentials(chosen.school, chosen.email, password)


def _api(chosen: argparse.Namespace, settings: Settings) -> str:
    return chosen.api or f"http://{settings.api_host}:{settings.api_port}"


def _journal(chosen: argparse.Namespace, settings: Settings, *what: object) -> Path:
    """Where this very run is noted: the same command goes on with it."""
    named = "\0".join(map(str, (_api(chosen, settings), chosen.school, *what)))
    digest = hashlib.sha256(named.encode()).hexdigest()[:12]
    journal: Path = chosen.journal or settings.home / "replays" / f"{what[0]}-{digest}.jsonl"
    if chosen.fresh:
        journal.unlink(missing_ok=True)
    return journal


def _oulad(chosen: argparse.Namespace, settings: Settings, admin: Credentials, secret: str) -> object:
    wanted = oulad.OuladRun(
        folder=chosen.path,
        presentation=chosen.presentation,
        api_url=_api(chosen, settings),
        admin=admin,
        journal=_journal(chosen, settings, "oulad", chosen.path.resolve(), chosen.presentation),
        secret=secret,
        today=SystemClock().now().date(),
    )
    return asyncio.run(oulad.replay(wanted, _console()))


def _responses(chosen: argparse.Namespace, settings: Settings, admin: Credentials, secret: str) -> object:
    wanted = responses.ResponsesRun(
        log=chosen.path,
        api_url=_api(chosen, settings),
        admin=admin,
        journal=_journal(chosen, settings, "responses", chosen.path.resolve()),
        secret=secret,
        today=SystemClock().now().date(),
    )
    return asyncio.run(responses.replay(wanted, _console()))


def _demo(chosen: argparse.Namespace, settings: Settings, admin: Credentials, secret: str) -> object:
    wanted = demo.DemoRun(
        learners=chosen.learners,
        answers=chosen.answers,
        seed=chosen.seed,
        api_url=_api(chosen, settings),
        admin=admin,
        journal=_journal(chosen, settings, "demo", chosen.learners, chosen.answers, chosen.seed),
        secret=secret,
        today=SystemClock().now().date(),
    )
    return asyncio.run(demo.play(wanted, _console()))
