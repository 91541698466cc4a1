"""The shipped decision point, its whole matrix, and small policies made by hand."""

from __future__ import annotations

import pytest

from policy.decision_point import MODEL_FILE, DecisionPoint
from policy.matrix import Matrix, enumerate_matrix
from policy.purposes import PURPOSES_FILE
from policy.rules import COLUMNS

MODEL = MODEL_FILE.read_text("utf-8")
PURPOSES = PURPOSES_FILE.read_text("utf-8")


def policy_text(*lines: str) -> str:
    """The text of a policy file with these rule lines."""
    return "\n".join([",".join(COLUMNS), *lines]) + "\n"


def policy_of(*lines: str) -> DecisionPoint:
    """A decision point of these rule lines."""
    return DecisionPoint(MODEL, policy_text(*lines), PURPOSES)


@pytest.fixture
def point() -> DecisionPoint:
    return DecisionPoint.load()


@pytest.fixture(scope="session")
def matrix() -> Matrix:
    """Every decision of the shipped policy; enumerated once, it takes seconds."""
    return enumerate_matrix(DecisionPoint.load())
