"""Kills a replay in mid-run, as often as it takes to see it survive."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

PATIENCE_S = 60.0
KILLS = 5


def killed_often(program: str, journal: Path, seed: int = 3) -> int:
    """Start ``program`` and kill it when its journal has grown a little, again and again; how often that was.

    The last start is left to the caller. A program that ends by itself must have ended well.
    """
    draw, kills = random.Random(seed), 0
    for _ in range(KILLS):
        until = lines(journal) + draw.randint(1, 30)
        running = subprocess.Popen([sys.executable, "-c", program], cwd=Path.cwd(), stderr=subprocess.PIPE)
        deadline = time.monotonic() + PATIENCE_S
        while running.poll() is None and lines(journal) < until:
            assert time.monotonic() < deadline, "the replay makes no progress"
            time.sleep(0.002)
        if running.poll() is None:
            running.send_signal(signal.SIGKILL)
            kills += 1
        _, said = running.communicate()
        assert running.returncode in (0, -signal.SIGKILL), said.decode()
    return kills


def lines(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0
