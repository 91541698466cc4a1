"""A clock that stands until it is moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from runtime.clock import SystemClock

START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)


class SetClock:
    """Starts at a fixed instant and moves only by ``advance``; ids are real."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._passed_s = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed_s)

    def monotonic(self) -> float:
        return self._passed_s

    def new_id(self) -> UUID:
        return SystemClock().new_id()

    def advance(self, seconds: float) -> None:
        assert seconds >= 0, "time does not go back"
        self._passed_s += seconds


class RunningClock(SetClock):
    """Starts at an instant of the test's choice and goes on at the pace of the machine."""

    def __init__(self, start: datetime = START) -> None:
        super().__init__(start)
        self._machine = SystemClock()
        self._began_s = self._machine.monotonic()

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._machine.monotonic() - self._began_s)

    def monotonic(self) -> float:
        return super().monotonic() + self._machine.monotonic() - self._began_s
