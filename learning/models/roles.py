"""What models are for, and what each takes. A role has one current artefact; older ones stay for replay."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from learning.features.definitions import FEATURE_NAMES
from learning.features.withdrawal import WITHDRAWAL_FEATURE_NAMES

ROLE_KEY: Final = "tutela.role"
FEATURES_KEY: Final = "tutela.features"
"""Keys of an artefact's own metadata: its role, and the order of its inputs as a JSON list."""

KNOWLEDGE_INPUTS: Final = ("p", "guess", "slip", "learn", "correct")


class ModelRole(StrEnum):
    """Names the model that a decision or a score was made with. Append, never rename."""

    KNOWLEDGE = "knowledge"
    """What a learner probably knows."""
    SESSION_RISK = "session_risk"
    """Whether the next answers will go wrong."""
    WITHDRAWAL_RISK = "withdrawal_risk"
    """Whether a learner will leave the course."""


INPUT_ORDER: Final[Mapping[ModelRole, tuple[str, ...]]] = {
    ModelRole.KNOWLEDGE: KNOWLEDGE_INPUTS,
    ModelRole.SESSION_RISK: FEATURE_NAMES,
    ModelRole.WITHDRAWAL_RISK: WITHDRAWAL_FEATURE_NAMES,
}
"""The order in which this code feeds each model; an artefact made for another order is refused."""
