"""The registry: which artefact each role uses, and the refusal of any that is not what it should be.

A folder holds ``registry.json`` (role -> digest), and per artefact ``<digest>.onnx`` with its model card
``<digest>.card.json``. The digest is the SHA-256 of the file, so an artefact is what a decision record says
it was, or it does not load. Artefacts that are no longer current stay, because replay asks for them.

Source: Mitchell et al. 2019, "Model cards for model reporting"; EU AI Act Art. 11 and annex IV.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from learning.models.roles import INPUT_ORDER, ModelRole
from runtime.errors import TutelaError

ARTEFACTS: Final = Path(__file__).parent / "artefacts"
"""The artefacts that ship with the product."""
REGISTRY_FILE: Final = "registry.json"

_Digest = str
_M = TypeVar("_M", bound=BaseModel)


class ModelRefused(TutelaError):
    """A model file is missing, altered, without a card, or made for other inputs than this code feeds it."""

    status = 500
    slug = "model-refused"
    title = "A model cannot be used"


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RunSettings(_Read):
    """How an artefact has to be run for its scores to repeat to the bit.

    Scores of one artefact are the same across processes under the same settings, and differ by up to 2e-7
    under others (measured), which is why decisions round before they compare.
    """

    provider: str
    intra_op_num_threads: int
    inter_op_num_threads: int
    execution_mode: str
    graph_optimization_level: str


class Input(_Read):
    """One input of a model, in its place."""

    name: str
    meaning: str


class ModelCard(_Read):
    """What people must know about an artefact before they rely on it."""

    role: ModelRole
    digest: _Digest
    title: str
    purpose: str
    method: str
    source: str
    inputs: tuple[Input, ...] = Field(min_length=1)
    outputs: dict[str, str]
    training: str
    """The training manifest, or the statement that there was no training."""
    calibration: str
    evaluation: str
    limits: tuple[str, ...] = Field(min_length=1)
    not_for: tuple[str, ...] = Field(min_length=1)
    attribution: str
    run_settings: RunSettings


class _RegistryFile(_Read):
    format: Literal["tutela.model-registry/1"]
    current: dict[ModelRole, _Digest]


@dataclass(frozen=True, slots=True)
class Artefact:
    """A model file that is what its digest says, with its card."""

    role: ModelRole
    digest: _Digest
    content: bytes
    card: ModelCard


def open_registry(
    folder: Path = ARTEFACTS, *, pinned: Mapping[ModelRole, str] | None = None
) -> dict[ModelRole, Artefact]:
    """The current artefact of every role, or those of ``pinned`` where it names one (for replay).

    Raises:
        ModelRefused: anything is missing or is not what it should be.
    """
    current = _read(folder / REGISTRY_FILE, _RegistryFile).current
    chosen = {**current, **(pinned or {})}
    if missing := set(ModelRole) - set(chosen):
        raise ModelRefused(f"The registry names no model for: {', '.join(sorted(missing))}.")
    return {role: _artefact(folder, role, chosen[role]) for role in ModelRole}


def check_order(artefact: Artefact, features: tuple[str, ...]) -> None:
    """Refuse an artefact whose own metadata states another input order than this code feeds it."""
    if features != INPUT_ORDER[artefact.role]:
        raise ModelRefused(f"Model {artefact.digest} was made for other inputs than {artefact.role} has now.")


def _artefact(folder: Path, role: ModelRole, digest: str) -> Artefact:
    if len(digest) != hashlib.sha256().digest_size * 2 or not digest.isalnum():
        raise ModelRefused(f"The registry names no SHA-256 for {role}.")
    try:
        content = (folder / f"{digest}.onnx").read_bytes()
    except OSError:
        raise ModelRefused(f"Model {digest} of {role} is not in the registry's folder.") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise ModelRefused(f"The file of model {digest} has been altered: its SHA-256 is another.")
    card = _read(folder / f"{digest}.card.json", ModelCard)
    if (card.role, card.digest) != (role, digest):
        raise ModelRefused(f"The card beside model {digest} is of another model.")
    artefact = Artefact(role, digest, content, card)
    check_order(artefact, tuple(line.name for line in card.inputs))
    return artefact


def _read(path: Path, kind: type[_M]) -> _M:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError:
        raise ModelRefused(f"{path.name} is missing from the models' folder.") from None
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ModelRefused(f"{path.name}: {where}: {first['msg']}.") from None
