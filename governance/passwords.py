"""Passwords: Argon2id, a few at a time, and never a hint whether an account exists.

One hash costs some 60 ms and 19 MiB. They run in a fixed number of threads of their own, so that a rush of
sign-ins at eight in the morning makes people wait for each other and not for their lessons; whoever would
wait too long is told so at once.

Source: RFC 9106; OWASP Password Storage Cheat Sheet (Argon2id, t=2, 19 MiB, p=1); OWASP ASVS 5.0 §6.2.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerifyMismatchError

from runtime.errors import FieldFault, TutelaError

T = TypeVar("T")

SHORTEST = 8
LONGEST = 128
DISTINCT = 5
CONTEXT_CHARACTERS = 4
WAITING = 256

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)


class SignInBusy(TutelaError):
    """Too many people sign in at this moment."""

    status = 503
    slug = "sign-in-busy"
    title = "Very many people are signing in just now; try again in a moment"


def password_faults(password: str, context: Iterable[str]) -> list[FieldFault]:
    """Why a password is refused; empty when it is accepted.

    ``context`` are words that others would try first: parts of the name, the address, the school.
    """
    folded = password.casefold()
    faults = []
    if not SHORTEST <= len(password) <= LONGEST:
        faults.append(FieldFault("password", f"must have {SHORTEST} to {LONGEST} characters"))
    if len(set(folded)) < DISTINCT:
        faults.append(FieldFault("password", f"must have at least {DISTINCT} different characters"))
    if any(len(word) >= CONTEXT_CHARACTERS and word.casefold() in folded for word in context):
        faults.append(FieldFault("password", "must not contain the person's name, address or school"))
    return faults


class Passwords:
    """Hashes and checks, at most ``threads`` at once."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._room = threading.BoundedSemaphore(WAITING)
        self._nobody = _hasher.hash("nobody's password: what an unknown address is compared with")

    async def hash(self, password: str) -> str:
        """The password's hash, with its own salt and parameters.

        Raises:
            SignInBusy: too many are waiting.
        """
        return await self._run(partial(_hasher.hash, password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` is the one that was hashed; without a hash the same work, and never.

        Raises:
            SignInBusy: too many are waiting.
        """
        return await self._run(partial(_verify, stored or self._nobody, password)) and stored is not None

    def close(self) -> None:
        """Finish what runs."""
        self._threads.shutdown(wait=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._room.acquire(blocking=False):
            raise SignInBusy
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._room.release()


def _verify(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except VerifyMismatchError:
        return False
