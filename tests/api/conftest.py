from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from learning.resources import Resources
from tests.api.callers import Callers, analytics
from tests.learning.school import LearningSchool


@pytest.fixture
async def callers(resources: Resources) -> AsyncIterator[Callers]:
    """Callers of the service that keeps classes, gradebook and risk."""
    async with analytics(resources) as found:
        yield found


@pytest.fixture
def school(resources: Resources) -> LearningSchool:
    """A school with a class that started 30 days ago."""
    return LearningSchool.of(resources)
