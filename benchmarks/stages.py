"""``python -m benchmarks.stages``: the API role with a meter at each stage of an answer.

The processor time of a stage is that of its thread while in it, less what the stages within it took. When the
role is told to stop, it prints the sum of each stage and the number of answers as one line of JSON.
"""

from __future__ import annotations

import functools
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import tutela
from governance import access_sessions
from governance.keys import KeyRing
from learning.sessions import answering
from runtime import database

ANSWERS = "answers"
STAGES: dict[str, tuple[tuple[object, str], ...]] = {
    "who is calling": ((access_sessions, "find_session"),),
    "permit: rules, gate, consent": ((answering, "permit"),),
    "seal, open, MAC": ((KeyRing, "seal"), (KeyRing, "open"), (KeyRing, "mac")),
    "read session, step, course, state": ((answering, "_look"),),
    "grade and decide": ((answering, "_make"),),
    "compare and write rows": ((answering, "_record"),),
}
COMMIT = "savepoints, commit, acknowledgement"


class Meter:
    """Exclusive processor time by stage, whichever threads they run in."""

    def __init__(self) -> None:
        self.spent_ns: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._inner = threading.local()
        self._lock = threading.Lock()

    def attach(self, stage: str, owner: object, name: str) -> None:
        """Meter every call of ``owner.name``."""
        setattr(owner, name, self.metered(stage, getattr(owner, name)))

    def metered(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            outer, self._inner.ns = getattr(self._inner, "ns", 0), 0
            start = time.thread_time_ns()
            try:
                return function(*arguments, **named)
            finally:
                whole = time.thread_time_ns() - start
                with self._lock:
                    self.spent_ns[stage] += whole - self._inner.ns
                    self.calls[f"{stage}:{function.__name__}"] += 1
                self._inner.ns = outer + whole

        return call


class WriterMeter:
    """All processor time of the answers' writer thread, from its first group to its last."""

    def __init__(self) -> None:
        self._first_ns: dict[int, int] = {}
        self._last_ns: dict[int, int] = {}

    def attach(self) -> None:
        writer_class = database._SqliteWriter  # noqa: SLF001  # a meter looks inside
        serve_group = writer_class._serve_group  # noqa: SLF001  # as above

        def call(writer: Any, *arguments: Any) -> None:
            now_ns = time.thread_time_ns()
            self._first_ns.setdefault(threading.get_ident(), now_ns)
            self._last_ns[threading.get_ident()] = now_ns
            serve_group(writer, *arguments)

        writer_class._serve_group = call  # type: ignore[assignment]  # noqa: SLF001  # around it

    def spent_ns(self) -> int:
        return sum(last - self._first_ns[thread] for thread, last in self._last_ns.items())


def main() -> int:
    meter, writer = Meter(), WriterMeter()
    for stage, functions in STAGES.items():
        for owner, name in functions:
            meter.attach(stage, owner, name)
    writer.attach()
    status = tutela.main(["api"])
    written = meter.spent_ns["compare and write rows"]
    meter.spent_ns[COMMIT] = max(0, writer.spent_ns() - written)
    answers = meter.calls["compare and write rows:_record"]
    spent_ms = {stage: nanoseconds / 1e6 for stage, nanoseconds in meter.spent_ns.items()}
    print(json.dumps({**spent_ms, ANSWERS: answers}))
    return status


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    tutela.leave(status)
