"""A bounded memory that forgets: what was read at an instant serves for a fixed time after it, no longer."""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

from runtime.clock import Clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ShortMemory(Generic[K, V]):
    """Keeps up to ``size`` values for ``ttl_s`` seconds after they were read. Thread-safe.

    A hit takes no lock. What has expired is let go of at the next look-up, and the oldest goes first when
    there are too many: with one time to live for all, it is also the one that would serve least.
    """

    def __init__(self, clock: Clock, ttl_s: float, size: int) -> None:
        self._clock = clock
        self._ttl_s = ttl_s
        self._size = size
        self._entries: dict[K, tuple[V, float]] = {}
        self._sweep_at = math.inf
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """The value of ``key``, unless its time is over."""
        now = self._clock.monotonic()
        if now >= self._sweep_at:
            self._sweep(now)
        entry = self._entries.get(key)
        return entry[0] if entry is not None and now < entry[1] else None

    def put(self, key: K, value: V, read_at: float) -> V:
        """Remember ``value``, which was true at ``read_at`` (monotonic seconds); returns it."""
        until = read_at + self._ttl_s
        with self._lock:
            self._entries.pop(key, None)  # so that the order of entries stays the order of reading
            self._entries[key] = (value, until)
            self._sweep_at = min(self._sweep_at, until)
            while len(self._entries) > self._size:
                del self._entries[next(iter(self._entries))]
        return value

    def drop(self, key: K) -> V | None:
        """Forget ``key`` now; returns what was known."""
        with self._lock:
            entry = self._entries.pop(key, None)
        return None if entry is None else entry[0]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._sweep_at = math.inf

    def __len__(self) -> int:
        return len(self._entries)

    def _sweep(self, now: float) -> None:
        with self._lock:
            while self._entries:
                key, (_, until) = next(iter(self._entries.items()))
                if until > now:
                    self._sweep_at = until
                    return
                del self._entries[key]
            self._sweep_at = math.inf
