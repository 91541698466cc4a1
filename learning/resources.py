"""What a process of Tutela holds open while it runs. ``tutela.py`` builds it once; nothing else wires."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from governance.accounts import Entropy
from governance.keys import KeyRing
from governance.passwords import Passwords
from governance.permits import Governor
from learning.adaptation import Rules
from learning.courses.store import CourseCache
from learning.item_times import TimesCache
from learning.models.runner import Models
from policy.decision_point import DecisionPoint
from runtime.clock import Clock
from runtime.database import Database
from runtime.settings import Settings


@dataclass(frozen=True)
class Resources:
    """Everything a route or an activity may need; passed by constructor, never looked up."""

    settings: Settings
    clock: Clock
    database: Database
    keyring: KeyRing
    passwords: Passwords
    entropy: Entropy
    decision_point: DecisionPoint
    models: Models
    rules: Rules
    courses: CourseCache
    times: TimesCache

    @cached_property
    def governor(self) -> Governor:
        """What a permit is asked of."""
        return Governor(self.decision_point, self.keyring, self.clock)
