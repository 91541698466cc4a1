"""Makes the sample of a response log that ships with the product. Nobody ever gave these answers.

Learners know skills or not, learn them with practice, slip and guess; items differ in difficulty. The same
seed makes the same file: ``python -m replays.make_sample``.
"""

from __future__ import annotations

import csv
import io
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from replays.response_log import COLUMNS

SEED = 20261123
LEARNERS = 16
SKILLS = ("counting", "adding", "taking away", "sharing")
ITEMS_PER_SKILL = 8
ANSWERS = 32
SITTING = 15
"""Answers before somebody stops for the day."""
Row = tuple[str, str, str, int, str, str]
STARTS = datetime(2026, 2, 2, 8, 0, tzinfo=UTC)
FILE = Path(__file__).with_name("sample_responses.generated.csv")


def sample(seed: int = SEED) -> str:
    """The log as CSV text."""
    draw = random.Random(seed)  # noqa: S311  # a made-up sample, no secrets
    ease = {
        (skill, number): draw.uniform(-0.15, 0.15) for skill in SKILLS for number in range(ITEMS_PER_SKILL)
    }
    rows: list[Row] = [row for learner in range(1, LEARNERS + 1) for row in _learner(draw, learner, ease)]
    rows.sort(key=_when)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return text.getvalue()


def _when(row: Row) -> tuple[str, str]:
    learner, *_, answered_at = row
    return answered_at, learner


def _learner(draw: random.Random, learner: int, ease: dict[tuple[str, int], float]) -> list[Row]:
    strength = draw.random()
    known = {skill: draw.random() < strength for skill in SKILLS}
    learns = draw.uniform(0.05, 0.3)
    at = STARTS + timedelta(minutes=draw.randint(0, 600))
    rows = []
    for number in range(ANSWERS):
        skill = SKILLS[min(number * len(SKILLS) // ANSWERS, len(SKILLS) - 1)]
        which = draw.randrange(ITEMS_PER_SKILL)
        chance = (0.9 if known[skill] else 0.3) + ease[skill, which]
        correct = draw.random() < min(0.98, max(0.02, chance))
        answered = at + timedelta(seconds=round(draw.lognormvariate(2.8, 0.5), 1))
        item = f"{skill.replace(' ', '-')}-{which + 1}"
        rows.append(
            (f"made-up-{learner:02}", item, skill, int(correct), at.isoformat(), answered.isoformat())
        )
        known[skill] = known[skill] or draw.random() < learns
        pause = timedelta(hours=20) if (number + 1) % SITTING == 0 else timedelta(seconds=draw.randint(2, 20))
        at = answered + pause
    return rows


if __name__ == "__main__":
    FILE.write_text(sample(), "utf-8")
