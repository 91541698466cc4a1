"""The models that ship with the product: their graphs and what their cards say.

``publish`` writes them as artefacts. A test builds them again and compares digests, so the files in the
repository cannot differ from this code unnoticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from learning.features.definitions import FEATURES
from learning.features.withdrawal import WITHDRAWAL_FEATURES
from learning.models.graphs import OPSET, REASONS, knowledge_graph, scorecard_graph
from learning.models.registry import ARTEFACTS, REGISTRY_FILE, Input, ModelCard
from learning.models.roles import ModelRole
from learning.models.runner import RUN_SETTINGS
from learning.models.scorecards import SESSION_RISK, WITHDRAWAL_RISK

_OWN: Final = "Built by the product's own code; no third party's model."
_SCORECARD_OUTPUTS: Final = {
    "p": "probability 0-1 as the logistic of the sum; read it as a rank, see calibration",
    "contributions": "each input's part of the logit",
    "top": f"the {REASONS} inputs that raise the score most, greatest first",
}
_SCORECARD_METHOD: Final = (
    "Additive scorecard: each input centred, scaled, clipped and weighed; logistic of the sum. "
    f"The graph returns its own reasons. Opset {OPSET}."
)
_UNCALIBRATED: Final = (
    "Uncalibrated: the value is not a frequency. Show a rank or words, never decimals, until a course has "
    "data of its own and a calibrated model has replaced this one."
)


def graphs() -> dict[ModelRole, bytes]:
    """The default artefact of every role."""
    return {
        ModelRole.KNOWLEDGE: knowledge_graph(),
        ModelRole.SESSION_RISK: scorecard_graph(SESSION_RISK),
        ModelRole.WITHDRAWAL_RISK: scorecard_graph(WITHDRAWAL_RISK),
    }


def card(role: ModelRole, digest: str) -> ModelCard:
    """The card of ``role``'s default artefact."""
    return _CARDS[role](digest)


def publish(folder: Path = ARTEFACTS) -> dict[ModelRole, str]:
    """Write every default artefact with its card, make them current, and return their digests.

    Artefacts that were current before stay in the folder: records of decisions name them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    current: dict[ModelRole, str] = {}
    for role, content in graphs().items():
        digest = hashlib.sha256(content).hexdigest()
        (folder / f"{digest}.onnx").write_bytes(content)
        (folder / f"{digest}.card.json").write_text(card(role, digest).model_dump_json(indent=2) + "\n")
        current[role] = digest
    registry = {"format": "tutela.model-registry/1", "current": current}
    (folder / REGISTRY_FILE).write_text(json.dumps(registry, indent=2) + "\n")
    return current


def _knowledge(digest: str) -> ModelCard:
    return ModelCard(
        role=ModelRole.KNOWLEDGE,
        digest=digest,
        title="Bayesian knowledge tracing, one skill",
        purpose="Estimate from answers whether a learner knows a skill, to choose what comes next.",
        method="Two-state hidden Markov model without forgetting; an answer with a hint or with partial "
        f"credit mixes the two updates by Jeffrey's rule. {len(knowledge_graph())} bytes, opset {OPSET}.",
        source="Corbett & Anderson 1995, Knowledge tracing: modeling the acquisition of procedural knowledge",
        inputs=(
            Input(name="p", meaning="probability 0-1 that the skill is known before the answer"),
            Input(name="guess", meaning="probability of a right answer without the skill, below 0.5"),
            Input(name="slip", meaning="probability of a wrong answer with the skill, below 0.5"),
            Input(name="learn", meaning="probability of learning the skill at this opportunity"),
            Input(name="correct", meaning="1 right, 0 wrong, between them for partly right or helped"),
        ),
        outputs={
            "p_after": "probability 0-1 that the skill is known after the answer, within 0.0001-0.9999",
            "p_correct": "probability 0-1 of a right answer before it was given",
        },
        training="None. No person's data was used. Guess, slip, learn and prior come with the rules.",
        calibration="Uncalibrated: its parameters are the same for every skill until a course has data.",
        evaluation="`tutela replay responses` reports next-answer AUC, log-loss and calibration on a log.",
        limits=(
            "One set of parameters for all skills; knows no forgetting (reviews do) and no item difficulty.",
            "An item with several skills moves the one known least fully and the others half.",
        ),
        not_for=("Grades or certificates.", "Comparing learners with one another."),
        attribution=_OWN,
        run_settings=RUN_SETTINGS,
    )


def _session_risk(digest: str) -> ModelCard:
    return ModelCard(
        role=ModelRole.SESSION_RISK,
        digest=digest,
        title="Session risk scorecard",
        purpose="Notice that the next answers will probably go wrong, so that help can come earlier.",
        method=_SCORECARD_METHOD,
        source="Lines and weights: learning/models/scorecards.py; features: learning/features/definitions.py",
        inputs=tuple(Input(name=feature.name, meaning=feature.formula) for feature in FEATURES),
        outputs=_SCORECARD_OUTPUTS,
        training="None. No person's data was used: weights are set by hand, with signs from the sources.",
        calibration=_UNCALIBRATED,
        evaluation="Not evaluated on outcomes yet.",
        limits=(
            "Sees answers and their reported times only; not whether the learner is distracted or unwell.",
            "An unknown input counts as its neutral value and adds nothing.",
        ),
        not_for=("Grades.", "Any decision about a person beyond the next step of a lesson."),
        attribution=_OWN,
        run_settings=RUN_SETTINGS,
    )


def _withdrawal_risk(digest: str) -> ModelCard:
    return ModelCard(
        role=ModelRole.WITHDRAWAL_RISK,
        digest=digest,
        title="Withdrawal risk scorecard",
        purpose="Rank the learners of a class by how likely they are to leave it, so that a teacher looks "
        "first where help may be needed, with the reasons.",
        method=_SCORECARD_METHOD,
        source="Lines and weights: learning/models/scorecards.py; features: learning/features/withdrawal.py",
        inputs=tuple(Input(name=feature.name, meaning=feature.formula) for feature in WITHDRAWAL_FEATURES),
        outputs=_SCORECARD_OUTPUTS,
        training="The first seven lines and the bias: logistic regression on the 2013 presentations of the "
        "Open University Learning Analytics dataset, learners still enrolled on days 14, 28, 56 and 90 "
        "(46,356 rows), label: withdraws later, one intercept per presentation and day; assessments and "
        "study load only, no demographics, no clicks. Weights rounded to 0.01. The data is anonymised: no "
        "subject of this installation is in it. The last six lines are set by hand. Repeat it with "
        "tools/fit_withdrawal.py.",
        calibration=_UNCALIBRATED,
        evaluation="On the 2014 presentations, which it was not fitted on, learners still enrolled, label: "
        "withdraws later. AUC (95 % interval), mean AUC inside a class: day 14 0.575 (0.565-0.585), 0.562; "
        "day 28 0.673 (0.662-0.684), 0.659; day 56 0.687 (0.676-0.699), 0.667; day 90 0.694 (0.681-0.706), "
        "0.681.",
        limits=(
            "Before the first work is due it knows little more than study load: AUC near 0.57.",
            "Lines about sessions are set by hand: the data they could be fitted on has no sessions.",
            "Learned on adults at one open university; schools differ. A rank within a class, nothing more.",
        ),
        not_for=(
            "Grades, admission, exclusion or discipline.",
            "Any automatic consequence for a learner: a person looks and decides.",
        ),
        attribution="Kuzilek, Hlosta, Zdrahal 2017, Open University Learning Analytics dataset, Scientific "
        "Data 4:170171, CC BY 4.0. The data is not part of the product.",
        run_settings=RUN_SETTINGS,
    )


_CARDS: Final[dict[ModelRole, Callable[[str], ModelCard]]] = {
    ModelRole.KNOWLEDGE: _knowledge,
    ModelRole.SESSION_RISK: _session_risk,
    ModelRole.WITHDRAWAL_RISK: _withdrawal_risk,
}
