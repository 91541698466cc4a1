"""The front door as an operator meets it: real processes, their lines and their exit status."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.commands import COMMAND, ROOT, assert_one_clear_line, run, surroundings
from tests.engine import Engine, free_port, located_cli

RUNS = 26


class TestOneClearLine:
    def test_for_a_setting_of_another_kind(self, tmp_path: Path) -> None:
        assert_one_clear_line(run(tmp_path, "engine", TUTELA_API_PORT="many"), "TUTELA_API_PORT")

    def test_for_a_program_that_is_no_engine(self, tmp_path: Path) -> None:
        ended = run(tmp_path, "up", TUTELA_TEMPORAL_CLI="/bin/true")
        assert_one_clear_line(ended, "TUTELA_TEMPORAL_CLI", "not the Temporal CLI")

    def test_for_a_home_that_cannot_be_used(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        ended = run(tmp_path / "file" / "home", "up", TUTELA_TEMPORAL_CLI=located_cli())
        assert_one_clear_line(ended, "cannot be used", "TUTELA_HOME")

    def test_for_a_cluster_that_does_not_answer(self, tmp_path: Path) -> None:
        address = f"127.0.0.1:{free_port()}"
        ended = run(tmp_path, "engine", "--prepare", TEMPORAL_ADDRESS=address)
        assert_one_clear_line(ended, address, "TEMPORAL_ADDRESS")

    def test_for_a_fault_of_ours_with_the_traceback_in_the_log(self, tmp_path: Path) -> None:
        breaks = (
            "import sys, tutela; from dataclasses import replace; "
            "tutela.COMMANDS = (replace(tutela.COMMANDS[0], run=lambda *_: 1 // 0),); "
            "tutela.leave(tutela.main(['up']))"
        )
        ended = subprocess.run(
            [sys.executable, "-c", breaks],
            env=surroundings(tmp_path),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert_one_clear_line(ended, "ZeroDivisionError", "tutela.log")
        assert "Traceback" in (tmp_path / "logs" / "tutela.log").read_text()

    def test_for_a_command_that_does_not_exist(self, tmp_path: Path) -> None:
        ended = run(tmp_path, "sing")
        assert ended.returncode == 2
        assert "invalid choice: 'sing'" in ended.stderr


class TestExitStatus:
    """The SDK can crash an interpreter that shuts down; a command's status is its own all the same."""

    @pytest.mark.parametrize("status", [0, 1, 7])
    def test_a_crash_at_the_interpreters_end_changes_neither_status_nor_output(self, status: int) -> None:
        crashes = (
            f"import atexit, os, tutela; atexit.register(os.abort); print('done'); tutela.leave({status})"
        )
        ended = subprocess.run(
            [sys.executable, "-c", crashes], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        assert (ended.returncode, ended.stdout) == (status, "done\n")

    @pytest.mark.engine
    @pytest.mark.slow
    def test_commands_that_reached_the_engine_end_with_zero_each_time(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        def once(_: int) -> subprocess.CompletedProcess[str]:
            return run(tmp_path, "engine", "--prepare", TEMPORAL_ADDRESS=engine.address)

        with ThreadPoolExecutor(2) as pool:
            ended = list(pool.map(once, range(RUNS)))
        assert [(each.returncode, each.stderr) for each in ended] == [(0, "")] * RUNS
        assert all(each.stdout.endswith("search attributes\n") for each in ended)


@contextmanager
def running(home: Path, **named: object) -> Iterator[subprocess.Popen[str]]:
    """``tutela up`` on ports of its own, ready."""
    environment = surroundings(home, **{"TUTELA_TEMPORAL_CLI": located_cli(), **named})
    with subprocess.Popen(
        [*COMMAND, "up"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            seen = []
            for line in process.stdout:
                seen.append(line)
                if "Ctrl-C stops it" in line:
                    assert "evaluation" in "".join(seen)
                    break
            else:
                assert process.stderr is not None
                pytest.fail(f"up ended: {process.stderr.read()}")
            yield process
        finally:
            process.kill()


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def ports() -> dict[str, int]:
    return {"TUTELA_TEMPORAL_PORT": free_port(), "TUTELA_API_PORT": free_port()}


@pytest.mark.engine
class TestUp:
    """What one start cannot show; the rest is in ``tests/journeys/test_up.py``."""

    def test_a_second_one_from_the_same_home_is_told_who_runs(self, tmp_path: Path) -> None:
        with running(tmp_path, **ports()) as first:
            second = run(tmp_path, "up", TUTELA_TEMPORAL_CLI=located_cli(), **ports())
            assert_one_clear_line(second, "already running", str(first.pid))

    def test_it_comes_back_after_it_was_killed_and_left_no_process(self, tmp_path: Path) -> None:
        same = ports()
        with running(tmp_path, **same) as first:
            children = descendants(first)
            first.kill()
            _, alive = psutil.wait_procs(children, timeout=20)
            assert alive == []
        with running(tmp_path, **same) as second:
            second.send_signal(signal.SIGTERM)
            assert second.wait(60) == 0

    def test_a_port_in_use_is_one_clear_line(self, tmp_path: Path) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = {**ports(), "TUTELA_TEMPORAL_PORT": other.getsockname()[1]}
            ended = run(tmp_path, "up", TUTELA_TEMPORAL_CLI=located_cli(), **taken)
        assert_one_clear_line(ended, "Port", "TUTELA_TEMPORAL_PORT")

    @pytest.mark.parametrize(
        ("start", "words"), [("echo 'no disk' >&2; exit 3", "no disk"), ("kill -9 $$", "killed by signal 9")]
    )
    def test_an_engine_that_dies_while_starting_is_one_clear_line(
        self, tmp_path: Path, start: str, words: str
    ) -> None:
        cli = tmp_path / "temporal"
        cli.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && {{ echo "temporal (Server 1.29.1)"; exit; }}\n{start}\n'
        )
        cli.chmod(0o755)
        assert_one_clear_line(run(tmp_path, "up", TUTELA_TEMPORAL_CLI=cli, **ports()), "engine", words)


def test_unknown_words_and_help_touch_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for arguments in (("--help",), ("engine", "--help"), ("up", "--sideways")):
        run(home, *arguments)
    assert not home.exists()
