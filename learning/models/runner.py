"""Running the models: the only place that imports ONNX Runtime.

One session per artefact, one thread, fixed optimisation: the settings under which a score repeats to the bit
in another process. Sessions are shared between threads; ONNX Runtime allows concurrent ``run`` calls.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
import onnxruntime as ort

from learning.models.registry import (
    ARTEFACTS,
    Artefact,
    ModelRefused,
    RunSettings,
    check_order,
    open_registry,
)
from learning.models.roles import FEATURES_KEY, INPUT_ORDER, ROLE_KEY, ModelRole

RUN_SETTINGS: Final = RunSettings(
    provider="CPUExecutionProvider",
    intra_op_num_threads=1,
    inter_op_num_threads=1,
    execution_mode="ORT_SEQUENTIAL",
    graph_optimization_level="ORT_ENABLE_BASIC",
)
_WARNINGS_AND_WORSE: Final = 2


class KnowledgeRow(NamedTuple):
    """One skill before an answer, and the answer: shares 0-1 all."""

    p: float
    guess: float
    slip: float
    learn: float
    correct: float


class KnowledgeStep(NamedTuple):
    """The skill after the answer, and how probable a right answer was before it."""

    p_after: float
    p_correct: float


@dataclass(frozen=True, slots=True)
class RiskScore:
    """A scorecard's answer. ``contributions`` add to the logit; ``top`` are the inputs that raise it most."""

    p: float
    contributions: dict[str, float]
    top: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Models:
    """The loaded models. Immutable and safe to share between threads."""

    digests: Mapping[ModelRole, str]
    _sessions: Mapping[ModelRole, ort.InferenceSession]

    @classmethod
    def load(cls, folder: Path = ARTEFACTS, *, pinned: Mapping[ModelRole, str] | None = None) -> Self:
        """Load every role's current model, or the ``pinned`` ones (for replay).

        Raises:
            ModelRefused: an artefact is missing, altered, without its card, made for another input order,
                or to be run under other settings than ours.
        """
        artefacts = open_registry(folder, pinned=pinned)
        return cls(
            digests={role: artefact.digest for role, artefact in artefacts.items()},
            _sessions={role: _session(artefact) for role, artefact in artefacts.items()},
        )

    def knowledge(self, rows: Sequence[KnowledgeRow]) -> list[KnowledgeStep]:
        """One step of knowledge tracing for each row; one call however many rows."""
        if not rows:
            return []
        columns = np.ascontiguousarray(np.asarray(rows, dtype=np.float32).T)
        feeds = {name: columns[place] for place, name in enumerate(INPUT_ORDER[ModelRole.KNOWLEDGE])}
        after, before = self._sessions[ModelRole.KNOWLEDGE].run(["p_after", "p_correct"], feeds)
        return [KnowledgeStep(*pair) for pair in zip(after.tolist(), before.tolist(), strict=True)]

    def risk(self, vector: Sequence[float]) -> RiskScore:
        """Whether the next answers go wrong. ``vector``: [n features] in the order of ``FEATURES``."""
        return self._scorecard(ModelRole.SESSION_RISK, vector)

    def withdrawal(self, vector: Sequence[float]) -> RiskScore:
        """Whether a learner leaves. ``vector``: [n features] in the order of ``WITHDRAWAL_FEATURES``."""
        return self._scorecard(ModelRole.WITHDRAWAL_RISK, vector)

    def _scorecard(self, role: ModelRole, vector: Sequence[float]) -> RiskScore:
        x = np.asarray([vector], dtype=np.float32)
        p, contributions, top = self._sessions[role].run(["p", "contributions", "top"], {"x": x})
        names = INPUT_ORDER[role]
        parts = contributions[0].tolist()
        return RiskScore(
            p=float(p[0]),
            contributions=dict(zip(names, parts, strict=True)),
            top=tuple(names[place] for place in top[0].tolist() if parts[place] > 0),
        )


def _session(artefact: Artefact) -> ort.InferenceSession:
    if artefact.card.run_settings != RUN_SETTINGS:
        raise ModelRefused(
            f"Model {artefact.digest} is to be run under other settings than this release has."
        )
    options = ort.SessionOptions()
    options.intra_op_num_threads = RUN_SETTINGS.intra_op_num_threads
    options.inter_op_num_threads = RUN_SETTINGS.inter_op_num_threads
    options.execution_mode = getattr(ort.ExecutionMode, RUN_SETTINGS.execution_mode)
    options.graph_optimization_level = getattr(
        ort.GraphOptimizationLevel, RUN_SETTINGS.graph_optimization_level
    )
    options.log_severity_level = _WARNINGS_AND_WORSE
    session = ort.InferenceSession(artefact.content, options, providers=[RUN_SETTINGS.provider])
    metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
    if metadata.get(ROLE_KEY) != artefact.role.value:
        raise ModelRefused(f"Model {artefact.digest} says that it is not for {artefact.role}.")
    check_order(artefact, tuple(json.loads(metadata.get(FEATURES_KEY, "[]"))))
    return session
