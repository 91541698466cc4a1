"""The product's commands as an operator runs them: processes of their own, their lines, what they leave."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
COMMAND = (sys.executable, str(ROOT / "tutela.py"))


def surroundings(home: Path, **named: object) -> dict[str, str]:
    """An environment with nothing of ours in it but what is named."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "TUTELA_HOME": str(home), **{name: str(value) for name, value in named.items()}}


def run(home: Path, *arguments: str, **named: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=surroundings(home, **named),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def assert_one_clear_line(ended: subprocess.CompletedProcess[str], *words: str) -> None:
    lines = [line for line in ended.stderr.splitlines() if line.startswith("tutela: ")]
    assert ended.returncode == 1
    assert len(lines) == 1, ended.stderr
    assert all(word in lines[0] for word in words), lines[0]
    assert "Traceback" not in ended.stderr + ended.stdout


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process that was started for an installation, whoever is its parent by now."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TUTELA_HOME") == str(home):
                found.append(process)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue  # another account's, or gone
    return found
