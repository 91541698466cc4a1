from __future__ import annotations

import pytest

from governance.keys import KeyRing
from governance.permits import Governor
from governance.schools import School
from policy.decision_point import DecisionPoint
from runtime.database import Database
from tests.clocks import SetClock
from tests.households import Household
from tests.people import TEENAGER, People


@pytest.fixture
def people(database: Database, keys: KeyRing, clock: SetClock) -> People:
    return People(database, keys, clock)


@pytest.fixture
def school(people: People) -> School:
    """A school in Germany, where one decides alone from 16."""
    return people.school()


@pytest.fixture(scope="session")
def decision_point() -> DecisionPoint:
    """The shipped policy."""
    return DecisionPoint.load()


@pytest.fixture
def governor(decision_point: DecisionPoint, keys: KeyRing, clock: SetClock) -> Governor:
    return Governor(decision_point, keys, clock)


@pytest.fixture
def household(people: People, governor: Governor, clock: SetClock) -> Household:
    """A teenager in Germany, old enough to decide alone, and their guardian."""
    return Household.of(people, governor, clock, born=TEENAGER)
