from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from replays.identity import minted, secret
from replays.journal import Journal, JournalDiffers

HEAD = {"kind": "probe", "digest": "d1"}


def test_the_journal_of_another_run_is_refused(tmp_path: Path) -> None:
    Journal.open(tmp_path / "j", HEAD, {"secret": "s"}).close()
    with pytest.raises(JournalDiffers):
        Journal.open(tmp_path / "j", {**HEAD, "digest": "d2"}, {"secret": "s"})


def test_two_runs_cannot_write_one_journal(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j", HEAD, {}), pytest.raises(JournalDiffers, match="another run"):
        Journal.open(tmp_path / "j", HEAD, {})


def test_what_was_noted_is_there_when_it_is_taken_up_again(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j", HEAD, {"secret": "first"}) as journal:
        journal.note("a", ms=1.5)
        assert "a" in journal
    with Journal.open(tmp_path / "j", HEAD, {"secret": "second"}) as journal:
        assert journal.head["secret"] == "first"
        assert journal["a"]["ms"] == 1.5
        assert "b" not in journal
        assert [entry["key"] for entry in journal] == ["a"]


def test_a_line_cut_short_is_forgotten_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal.open(path, HEAD, {}) as journal:
        journal.note("a")
    with path.open("ab") as file:
        file.write(b'{"key":"b","ms"')
    with Journal.open(path, HEAD, {}) as journal:
        assert "b" not in journal
        journal.note("c")
    with Journal.open(path, HEAD, {}) as journal:
        assert [entry["key"] for entry in journal] == ["a", "c"]


def test_nobody_else_can_read_a_run_s_secret(tmp_path: Path) -> None:
    Journal.open(tmp_path / "j", HEAD, {"secret": "s"}).close()
    assert (tmp_path / "j").stat().st_mode & 0o077 == 0


def test_a_killed_writer_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "j"
    program = (
        "import sys; from pathlib import Path; from replays.journal import Journal\n"
        f"journal = Journal.open(Path({str(path)!r}), {HEAD!r}, {{}})\n"
        "number = 0\n"
        "while True:\n"
        "    journal.note(f'k{number}', text='x' * 500)\n"
        "    number += 1\n"
        "    print(number, flush=True) if number % 100 == 0 else None\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=Path.cwd())
    assert writer.stdout is not None
    writer.stdout.readline()
    time.sleep(0.02)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    with Journal.open(path, HEAD, {}) as journal:
        keys = [entry["key"] for entry in journal]
    assert len(keys) >= 100
    assert keys == [f"k{number}" for number in range(len(keys))]


def test_ids_come_from_run_and_row_alone_and_look_random() -> None:
    first = minted("run", "grade", 1752, "11391")
    assert first == minted("run", "grade", 1752, "11391")
    assert first.version == 4
    others = {minted("run", "grade", 1752, "11392"), minted("other", "grade", 1752, "11391")}
    assert first not in others
    assert minted("run", "a", "bc") != minted("run", "ab", "c")
    assert secret("run", "x") != secret("run", "y")
