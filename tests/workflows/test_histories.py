"""Runs that began under older code go on under this one: each recorded history is replayed as it was kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.worker import Replayer

from governance.codec import SubjectCodec
from governance.keys import KeyMissing, KeyRing, open_key_ring
from runtime.kms import RootKey
from runtime.settings import Settings
from runtime.temporal import plugin
from tests.clocks import SetClock
from tests.workflows.hasty import HastyLifecycle, HastySession
from tests.workflows.histories import read_history, recorded, restore_keys
from workflows.consent import ConsentLifecycle
from workflows.sessions import LearnerSession

SESSIONS, LIFECYCLES = recorded("learner_session"), recorded("consent_lifecycle")


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[KeyRing]:
    """The keys of the recordings."""
    root, store = restore_keys(tmp_path)
    opened = open_key_ring(f"sqlite:///{store}", RootKey.load(root), SetClock())
    yield opened
    opened.close()


def replayer(keys: KeyRing, kind: type) -> Replayer:
    """What replays a workflow, in the namespace where the product runs it."""
    settings, governed = Settings(), kind in (ConsentLifecycle, HastyLifecycle)
    namespace = settings.governance_namespace if governed else settings.learning_namespace
    return Replayer(workflows=[kind], namespace=namespace, plugins=[plugin(SubjectCodec(keys))])


def name_of(path: Path) -> str:
    return path.stem


async def test_without_their_keys_the_recordings_do_not_open(keys: KeyRing) -> None:
    with pytest.raises(RuntimeError, match=KeyMissing.title):
        await replayer(keys, LearnerSession).replay_workflow(read_history(SESSIONS[0]))


@pytest.mark.parametrize("path", SESSIONS, ids=name_of)
async def test_a_changed_session_is_noticed(ring: KeyRing, path: Path) -> None:
    with pytest.raises(workflow.NondeterminismError):
        await replayer(ring, HastySession).replay_workflow(read_history(path))


@pytest.mark.parametrize("path", LIFECYCLES, ids=name_of)
async def test_a_changed_lifecycle_is_noticed(ring: KeyRing, path: Path) -> None:
    with pytest.raises(workflow.NondeterminismError):
        await replayer(ring, HastyLifecycle).replay_workflow(read_history(path))


@pytest.mark.parametrize("path", SESSIONS, ids=name_of)
async def test_sessions_go_on(ring: KeyRing, path: Path) -> None:
    await replayer(ring, LearnerSession).replay_workflow(read_history(path))


@pytest.mark.parametrize("path", LIFECYCLES, ids=name_of)
async def test_lifecycles_go_on(ring: KeyRing, path: Path) -> None:
    await replayer(ring, ConsentLifecycle).replay_workflow(read_history(path))


def test_each_way_a_life_goes_was_recorded() -> None:
    lives = {path.name.split("-")[0] for path in (*SESSIONS, *LIFECYCLES)}
    assert lives >= {
        "learner_session.whole",
        "learner_session.rolled",
        "learner_session.idle",
        "consent_lifecycle.whole",
        "consent_lifecycle.rolled",
        "consent_lifecycle.withdrawn",
    }
