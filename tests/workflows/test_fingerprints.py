from __future__ import annotations

import json

import pytest

from tests.workflows.fingerprints import COMMANDS_FILE, ROOT, all_fingerprints, fingerprints

ADVICE = """The order of a workflow's commands changed. Runs under way replay their history by the new code:
guard the change with workflow.patched (ConsentLifecycle lives for years, on the newest code), record new
histories (python -m tools.record_histories --suffix=-2; the old ones stay and must replay), and then write
the new order down: python -m tests.workflows.fingerprints"""

TWO_STEPS = """
@workflow.defn
class Two:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity_method(Made.first, 1)
        await workflow.execute_activity_method(Made.second, 1)
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Made.first", "Made.second"),
        ("execute_activity_method(Made.first", "execute_local_activity_method(Made.first"),
        ("        await workflow.execute_activity_method(Made.first, 1)\n", ""),
        (
            "        await workflow.execute_activity_method(Made.first",
            "        if x:\n            await f(Made.first",
        ),
        ("(Made.second, 1)", "(Made.second, await workflow.sleep(1))"),
        (
            "        await workflow.execute_activity_method(Made.first",
            "        workflow.patched('x')\n        await workflow.execute_activity_method(Made.first",
        ),
    ],
)
def test_another_order_has_another_fingerprint(old: str, new: str) -> None:
    assert old in TWO_STEPS
    assert fingerprints(TWO_STEPS.replace(old, new)) != fingerprints(TWO_STEPS)


def test_swapped_commands_of_a_real_workflow_are_noticed() -> None:
    source = (ROOT / "workflows" / "sessions.py").read_text("utf-8")
    swapped = source.replace("SessionActivities.note_run", "SessionActivities.follow", 1)
    assert swapped != source
    assert fingerprints(swapped) != fingerprints(source)
    first = "        await workflow.wait_condition(workflow.all_handlers_finished)\n"
    second = "        await self._follow(close_if_idle=False)\n"
    assert first + second in source
    assert fingerprints(source.replace(first + second, second + first)) != fingerprints(source)


def test_words_and_names_of_variables_do_not_matter() -> None:
    renamed = TWO_STEPS.replace("Made.first, 1", "Made.first, 2") + "    # a remark\n"
    assert fingerprints(renamed) == fingerprints(TWO_STEPS)


def test_each_workflow_asks_for_what_was_written_down() -> None:
    assert all_fingerprints() == json.loads(COMMANDS_FILE.read_text("utf-8")), ADVICE
