"""Models as artefacts: what does not load, what the graphs compute, and that they repeat to the bit."""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning.features.definitions import FEATURE_NAMES, FEATURES
from learning.features.withdrawal import WITHDRAWAL_FEATURES
from learning.models import defaults
from learning.models.registry import ARTEFACTS, REGISTRY_FILE, ModelRefused, open_registry
from learning.models.roles import FEATURES_KEY, INPUT_ORDER, ROLE_KEY, ModelRole
from learning.models.runner import KnowledgeRow, Models, RiskScore
from learning.models.scorecards import SESSION_RISK, WITHDRAWAL_RISK, Scorecard

ROOT = Path(__file__).parent.parent.parent.parent
FLOAT32 = 1e-5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped artefacts, to spoil."""
    return Path(shutil.copytree(ARTEFACTS, tmp_path / "artefacts"))


def current(folder: Path, role: ModelRole) -> str:
    digest: str = json.loads((folder / REGISTRY_FILE).read_text())["current"][role.value]
    return digest


def register(folder: Path, role: ModelRole, content: bytes, **card: object) -> str:
    """Make ``content`` the current artefact of ``role``, with a true digest and a card like the old one's."""
    old, digest = current(folder, role), hashlib.sha256(content).hexdigest()
    (folder / f"{digest}.onnx").write_bytes(content)
    fields = json.loads((folder / f"{old}.card.json").read_text()) | {"digest": digest} | card
    (folder / f"{digest}.card.json").write_text(json.dumps(fields))
    registry = json.loads((folder / REGISTRY_FILE).read_text())
    registry["current"][role.value] = digest
    (folder / REGISTRY_FILE).write_text(json.dumps(registry))
    return digest


def relabelled(content: bytes, **metadata: str) -> bytes:
    model = onnx.ModelProto.FromString(content)
    for entry in model.metadata_props:
        entry.value = metadata.get(entry.key, entry.value)
    changed: bytes = model.SerializeToString(deterministic=True)
    return changed


class TestRefusals:
    @pytest.mark.parametrize("role", list(ModelRole))
    def test_an_altered_file_is_refused(self, folder: Path, role: ModelRole) -> None:
        file = folder / f"{current(folder, role)}.onnx"
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        with pytest.raises(ModelRefused, match="altered"):
            Models.load(folder)

    def test_a_digest_without_its_file_is_refused(self, folder: Path) -> None:
        (folder / f"{current(folder, ModelRole.KNOWLEDGE)}.onnx").unlink()
        with pytest.raises(ModelRefused, match="not in the registry"):
            Models.load(folder)

    def test_a_model_without_a_card_is_refused(self, folder: Path) -> None:
        (folder / f"{current(folder, ModelRole.KNOWLEDGE)}.card.json").unlink()
        with pytest.raises(ModelRefused, match="missing"):
            Models.load(folder)

    def test_a_card_of_another_model_is_refused(self, folder: Path) -> None:
        mine, other = (current(folder, r) for r in (ModelRole.SESSION_RISK, ModelRole.WITHDRAWAL_RISK))
        shutil.copy(folder / f"{other}.card.json", folder / f"{mine}.card.json")
        with pytest.raises(ModelRefused, match="another model"):
            Models.load(folder)

    def test_a_card_that_leaves_something_out_is_refused(self, folder: Path) -> None:
        file = folder / f"{current(folder, ModelRole.KNOWLEDGE)}.card.json"
        fields = json.loads(file.read_text())
        del fields["limits"]
        file.write_text(json.dumps(fields))
        with pytest.raises(ModelRefused, match="limits"):
            Models.load(folder)

    def test_a_model_made_for_another_feature_order_is_refused(self, folder: Path) -> None:
        swapped = json.dumps([FEATURE_NAMES[1], FEATURE_NAMES[0], *FEATURE_NAMES[2:]])
        content = (folder / f"{current(folder, ModelRole.SESSION_RISK)}.onnx").read_bytes()
        register(folder, ModelRole.SESSION_RISK, relabelled(content, **{FEATURES_KEY: swapped}))
        with pytest.raises(ModelRefused, match="other inputs"):
            Models.load(folder)

    def test_a_card_with_another_feature_order_is_refused(self, folder: Path) -> None:
        content = (folder / f"{current(folder, ModelRole.SESSION_RISK)}.onnx").read_bytes()
        inputs = [{"name": name, "meaning": "?"} for name in reversed(FEATURE_NAMES)]
        register(folder, ModelRole.SESSION_RISK, content, inputs=inputs)
        with pytest.raises(ModelRefused, match="other inputs"):
            Models.load(folder)

    def test_a_model_of_another_role_is_refused(self, folder: Path) -> None:
        content = (folder / f"{current(folder, ModelRole.SESSION_RISK)}.onnx").read_bytes()
        register(folder, ModelRole.SESSION_RISK, relabelled(content, **{ROLE_KEY: "withdrawal_risk"}))
        with pytest.raises(ModelRefused, match="not for session_risk"):
            Models.load(folder)

    def test_a_model_to_be_run_under_other_settings_is_refused(self, folder: Path) -> None:
        digest = current(folder, ModelRole.KNOWLEDGE)
        content = (folder / f"{digest}.onnx").read_bytes()
        fields = json.loads((folder / f"{digest}.card.json").read_text())["run_settings"]
        register(folder, ModelRole.KNOWLEDGE, content, run_settings=fields | {"intra_op_num_threads": 4})
        with pytest.raises(ModelRefused, match="other settings"):
            Models.load(folder)

    def test_a_registry_that_forgets_a_role_is_refused(self, folder: Path) -> None:
        registry = json.loads((folder / REGISTRY_FILE).read_text())
        del registry["current"]["knowledge"]
        (folder / REGISTRY_FILE).write_text(json.dumps(registry))
        with pytest.raises(ModelRefused, match="knowledge"):
            Models.load(folder)

    @pytest.mark.parametrize("digest", ["", "../../etc/passwd", "0" * 63, "g/" * 32])
    def test_what_is_no_digest_never_becomes_a_path(self, folder: Path, digest: str) -> None:
        with pytest.raises(ModelRefused, match="SHA-256"):
            Models.load(folder, pinned={ModelRole.KNOWLEDGE: digest})

    def test_a_folder_without_registry_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ModelRefused, match=r"registry\.json"):
            Models.load(tmp_path)


class TestArtefacts:
    def test_the_shipped_files_are_what_the_code_builds(self) -> None:
        built = {role: hashlib.sha256(content).hexdigest() for role, content in defaults.graphs().items()}
        assert built == dict(Models.load().digests)

    def test_the_shipped_cards_are_what_the_code_says(self) -> None:
        for role, artefact in open_registry().items():
            assert artefact.card == defaults.card(role, artefact.digest)

    def test_publishing_keeps_what_was_current_before(self, folder: Path) -> None:
        content = (folder / f"{current(folder, ModelRole.KNOWLEDGE)}.onnx").read_bytes()
        model = onnx.ModelProto.FromString(content)
        model.doc_string = "an older one"
        older = register(folder, ModelRole.KNOWLEDGE, model.SerializeToString(deterministic=True))
        published = defaults.publish(folder)
        assert published[ModelRole.KNOWLEDGE] != older
        assert Models.load(folder).digests == published
        pinned = Models.load(folder, pinned={ModelRole.KNOWLEDGE: older})
        assert pinned.digests[ModelRole.KNOWLEDGE] == older

    def test_only_the_runner_imports_onnx_runtime(self) -> None:
        importing = re.compile(r"^\s*(import|from) onnxruntime", re.MULTILINE)
        files = [file for room in ("learning", "governance", "api") for file in (ROOT / room).rglob("*.py")]
        assert [f.name for f in files if importing.search(f.read_text())] == ["runner.py"]


def shares(low: float = 0.0, high: float = 1.0) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


ROWS = st.builds(
    KnowledgeRow,
    p=shares(0.001, 0.999),
    guess=shares(0.01, 0.49),
    slip=shares(0.01, 0.49),
    learn=shares(0.0, 0.5),
    correct=st.sampled_from([0.0, 0.5, 1.0]),
)


class TestKnowledge:
    @given(ROWS)
    def test_it_is_the_published_formula(self, models: Models, row: KnowledgeRow) -> None:
        p, guess, slip, learn, correct = row
        p_correct = p * (1 - slip) + (1 - p) * guess
        if_right = p * (1 - slip) / p_correct
        if_wrong = p * slip / (1 - p_correct)
        posterior = correct * if_right + (1 - correct) * if_wrong
        (step,) = models.knowledge([row])
        assert step.p_correct == pytest.approx(p_correct, abs=FLOAT32)
        expected = min(max(posterior + (1 - posterior) * learn, 1e-4), 1 - 1e-4)
        assert step.p_after == pytest.approx(expected, abs=FLOAT32)

    @given(ROWS)
    def test_a_right_answer_never_says_less_than_a_wrong_one(self, models: Models, row: KnowledgeRow) -> None:
        right, half, wrong = models.knowledge([row._replace(correct=c) for c in (1.0, 0.5, 0.0)])
        assert wrong.p_after <= half.p_after + FLOAT32
        assert half.p_after <= right.p_after + FLOAT32

    @given(shares(), ROWS)
    def test_no_belief_becomes_unshakeable(self, models: Models, p: float, row: KnowledgeRow) -> None:
        (step,) = models.knowledge([row._replace(p=p)])
        assert 0.0 < step.p_after < 1.0

    def test_many_rows_are_many_single_rows(self, models: Models) -> None:
        rows = [KnowledgeRow(p / 50, 0.2, 0.1, 0.1, p % 2) for p in range(1, 50)]
        for together, (alone,) in zip(
            models.knowledge(rows), ([models.knowledge([row])[0]] for row in rows), strict=True
        ):
            assert together == pytest.approx(alone, abs=1e-6)

    def test_no_row_is_no_step(self, models: Models) -> None:
        assert models.knowledge([]) == []


CARDS = [(SESSION_RISK, FEATURES), (WITHDRAWAL_RISK, WITHDRAWAL_FEATURES)]


def scored(models: Models, card: Scorecard, vector: list[float]) -> RiskScore:
    return models.risk(vector) if card is SESSION_RISK else models.withdrawal(vector)


class TestScorecards:
    @pytest.mark.parametrize(("card", "features"), CARDS, ids=["session", "withdrawal"])
    def test_lines_stand_in_the_order_of_the_features(self, card: Scorecard, features: object) -> None:
        assert tuple(line.feature for line in card.lines) == INPUT_ORDER[card.role]
        assert all(line.low <= 0 <= line.high for line in card.lines)

    @pytest.mark.parametrize("card", [SESSION_RISK, WITHDRAWAL_RISK], ids=["session", "withdrawal"])
    def test_knowing_nothing_scores_the_bias(self, models: Models, card: Scorecard) -> None:
        score = scored(models, card, [card.centre(line) for line in card.lines])
        assert set(score.contributions.values()) == {0.0}
        assert score.top == ()
        assert score.p == pytest.approx(1 / (1 + math.exp(-card.bias)), abs=FLOAT32)

    @pytest.mark.parametrize("card", [SESSION_RISK, WITHDRAWAL_RISK], ids=["session", "withdrawal"])
    @given(data=st.data())
    @settings(max_examples=60)
    def test_the_score_is_the_sum_of_its_reasons(
        self, models: Models, card: Scorecard, data: st.DataObject
    ) -> None:
        vector = [data.draw(st.floats(-500, 500)) for _ in card.lines]
        score = scored(models, card, vector)
        expected = {
            line.feature: line.weight
            * min(max((value - card.centre(line)) / line.scale, line.low), line.high)
            for line, value in zip(card.lines, vector, strict=True)
        }
        assert score.contributions == pytest.approx(expected, abs=1e-4)
        logit = card.bias + sum(expected.values())
        assert score.p == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-4)
        raising = [name for name in score.contributions if score.contributions[name] > 0]
        assert list(score.top) == sorted(raising, key=lambda name: -score.contributions[name])[:3]

    @pytest.mark.parametrize("card", [SESSION_RISK, WITHDRAWAL_RISK], ids=["session", "withdrawal"])
    @given(data=st.data())
    @settings(max_examples=60)
    def test_a_worse_value_never_lowers_the_score(
        self, models: Models, card: Scorecard, data: st.DataObject
    ) -> None:
        vector = [data.draw(st.floats(-50, 50)) for _ in card.lines]
        place = data.draw(st.integers(0, len(vector) - 1))
        worse = vector.copy()
        worse[place] += math.copysign(data.draw(st.floats(0, 50)), card.lines[place].weight)
        assert scored(models, card, worse).p >= scored(models, card, vector).p - 1e-6


BITS = (
    "from learning.features.definitions import FEATURES\n"
    "from learning.features.withdrawal import WITHDRAWAL_FEATURES\n"
    "from learning.models.runner import KnowledgeRow, Models\n"
    "m = Models.load()\n"
    "rows = [KnowledgeRow(n / 37, 0.25, 0.1, 0.1, n % 2) for n in range(1, 37)]\n"
    "print([[x.hex() for x in s] for r in rows for s in m.knowledge([r])])\n"
    "for features, score in ((FEATURES, m.risk), (WITHDRAWAL_FEATURES, m.withdrawal)):\n"
    "    for n in range(30):\n"
    "        s = score([f.neutral + n / 7 * (-1) ** i for i, f in enumerate(features)])\n"
    "        print(s.p.hex(), [c.hex() for c in s.contributions.values()], s.top)\n"
)


def test_two_fresh_processes_compute_the_same_bits() -> None:
    runs = [
        subprocess.run([sys.executable, "-c", BITS], capture_output=True, text=True, cwd=ROOT, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert runs[0].stdout.count("0x1.") > 100


def test_threads_share_a_model_and_compute_the_same_bits(models: Models) -> None:
    vectors = [[f.neutral + n / 9 for f in FEATURES] for n in range(200)]
    alone = [models.risk(vector) for vector in vectors]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(models.risk, vectors)) == alone
