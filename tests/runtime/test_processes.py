"""Real processes under the supervisor: order, readiness, restarts, and no orphans however it ends."""

from __future__ import annotations

import asyncio
import http.server
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime import processes
from runtime.clock import SystemClock
from runtime.processes import Patience, Role, RoleFailed, Supervisor, answers
from tests.engine import free_port

READY = 'touch "$TUTELA_HEARTBEAT_FILE"; '
STAYS = READY + "exec sleep 300"


def role(name: str, script: str, **changes: float) -> Role:
    return Role(name, ("sh", "-c", script), ready_within_s=20.0, **{"stops_within_s": 5.0, **changes})  # type: ignore[arg-type]  # seconds by name


def notes(folder: Path) -> list[str]:
    return (folder / "notes").read_text().split() if (folder / "notes").exists() else []


async def until_noted(folder: Path, count: int) -> list[str]:
    while len(found := notes(folder)) < count:  # the test's own time limit ends this
        await asyncio.sleep(0.02)
    return found


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
async def supervised(tmp_path: Path, told: list[str]) -> Supervisor:
    patience = Patience(deaths=2, first_delay_s=0.01)
    return Supervisor(tmp_path, SystemClock(), tell=told.append, patience=patience)


class TestStarting:
    async def test_a_role_that_ends_while_starting_is_named_with_its_last_words(
        self, supervised: Supervisor
    ) -> None:
        async with supervised as roles:
            with pytest.raises(RoleFailed, match=r"api ended with status 3 .* port 8080 is taken"):
                await roles.start(role("api", "echo noise; echo 'port 8080 is taken' >&2; exit 3"))

    async def test_a_role_without_a_word_is_named_with_its_log(self, supervised: Supervisor) -> None:
        async with supervised as roles:
            with pytest.raises(RoleFailed, match=r"was killed by signal 9 .*logs/api\.log"):
                await roles.start(role("api", "kill -9 $$"))

    async def test_a_program_that_does_not_exist_is_named(self, supervised: Supervisor) -> None:
        async with supervised as roles:
            with pytest.raises(RoleFailed, match="/nowhere/temporal cannot be run"):
                await roles.start(Role("engine", ("/nowhere/temporal",)))

    async def test_a_role_that_is_never_ready_is_given_up(self, supervised: Supervisor) -> None:
        async with supervised as roles:
            with pytest.raises(RoleFailed, match="was not ready within"):
                await roles.start(Role("worker", ("sleep", "300"), ready_within_s=0.2))

    async def test_a_heartbeat_of_an_earlier_run_does_not_count(
        self, supervised: Supervisor, tmp_path: Path
    ) -> None:
        async with supervised as roles:
            (tmp_path / "run" / "worker.alive").touch()
            with pytest.raises(RoleFailed, match="was not ready within"):
                await roles.start(Role("worker", ("sleep", "300"), ready_within_s=0.2))

    async def test_each_role_is_ready_before_the_next_starts(
        self, supervised: Supervisor, tmp_path: Path
    ) -> None:
        def noting(name: str) -> str:
            return (
                f"echo {name}-starts >> {tmp_path}/notes; sleep 0.1; echo {name}-ready >> {tmp_path}/notes;"
            )

        async with supervised as roles:
            await roles.start(role("engine", noting("engine") + STAYS))
            await roles.start(role("api", noting("api") + STAYS))
        assert notes(tmp_path) == ["engine-starts", "engine-ready", "api-starts", "api-ready"]


class TestStopping:
    async def test_roles_stop_in_reverse_order(self, supervised: Supervisor, tmp_path: Path) -> None:
        script = "trap 'echo {0} >> {1}/notes; exit 0' TERM; {2} while :; do sleep 0.05; done"
        async with supervised as roles:
            for name in ("engine", "api", "stream"):
                await roles.start(role(name, script.format(name, tmp_path, READY)))
        assert notes(tmp_path) == ["stream", "api", "engine"]

    async def test_one_that_will_not_stop_is_killed_with_its_children(
        self, supervised: Supervisor, tmp_path: Path
    ) -> None:
        script = f"trap '' TERM; sleep 300 & echo $! $$ > {tmp_path}/notes; {READY} wait"
        async with supervised as roles:
            await roles.start(role("stubborn", script, stops_within_s=0.2))
        # A killed process goes when the kernel comes round to it, a grandchild a moment after its parent.
        async with asyncio.timeout(10):
            while any(psutil.pid_exists(int(pid)) and _runs(int(pid)) for pid in notes(tmp_path)):
                await asyncio.sleep(0.05)

    async def test_a_cancelled_start_leaves_nothing_behind(
        self, supervised: Supervisor, tmp_path: Path
    ) -> None:
        async def run() -> None:
            async with supervised as roles:
                await roles.start(role("slow", f"echo $$ > {tmp_path}/notes; exec sleep 300"))

        running = asyncio.create_task(run())
        (pid,) = await until_noted(tmp_path, 1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not _runs(int(pid))


class TestRestarting:
    async def test_one_that_dies_is_started_again(
        self, supervised: Supervisor, tmp_path: Path, told: list[str]
    ) -> None:
        async with supervised as roles:
            await roles.start(role("worker", f"echo $$ >> {tmp_path}/notes; {STAYS}"))
            (first,) = await until_noted(tmp_path, 1)
            os.kill(int(first), signal.SIGKILL)
            _, second = await until_noted(tmp_path, 2)
            assert first != second
        assert told == ["worker was killed by signal 9; starting it again"]
        assert not _runs(int(second))

    async def test_one_that_keeps_dying_stops_everything_with_one_line(
        self, supervised: Supervisor, tmp_path: Path
    ) -> None:
        async with supervised as roles:
            await roles.start(role("api", f"echo $$ > {tmp_path}/notes; {STAYS}"))
            await roles.start(role("worker", READY + "sleep 0.3; echo out of memory; exit 4"))
            with pytest.raises(RoleFailed, match="worker ended with status 4, 3 times now: out of memory"):
                await roles.watch()
        assert not _runs(int(notes(tmp_path)[0]))

    @given(st.lists(st.floats(0, 1000), min_size=1, max_size=30).map(sorted), st.integers(1, 6))
    def test_giving_up_takes_more_deaths_than_allowed_in_the_window(
        self, died_at_s: Sequence[float], deaths: int
    ) -> None:
        patience = Patience(deaths=deaths, within_s=60.0)
        recent = [at_s for at_s in died_at_s if died_at_s[-1] - at_s < 60.0]
        delay_s = patience.delay_s(died_at_s)
        assert (delay_s is None) == (len(recent) > deaths)

    def test_each_delay_is_no_shorter_than_the_one_before(self) -> None:
        delays = [Patience(deaths=9).delay_s([0.0] * count) for count in range(1, 10)]
        assert all(a is not None and b is not None and a <= b <= 8.0 for a, b in pairwise(delays))


class TestTelling:
    async def test_error_lines_are_told_and_others_stay_in_the_log(
        self,
        supervised: Supervisor,
        told: list[str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(processes, "ECHO_S", 0.02)
        async with supervised as roles:
            await roles.start(
                role(
                    "api", READY + "sleep 0.1; echo INFO fine; printf 'an ERROR in \\377\\n'; exec sleep 300"
                )
            )
            while not told:  # the test's own time limit ends this
                await asyncio.sleep(0.02)
        assert told == ["api: an ERROR in \N{REPLACEMENT CHARACTER}"]
        assert "INFO fine" in (tmp_path / "logs" / "api.log").read_text(errors="replace")

    async def test_a_large_log_is_put_aside(
        self, supervised: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(processes, "LOG_BYTES", 10)
        async with supervised as roles:
            (tmp_path / "logs" / "api.log").write_text("of an earlier day")
            await roles.start(role("api", STAYS))
        assert (tmp_path / "logs" / "api.log.1").read_text() == "of an earlier day"


class TestNoOrphans:
    def test_children_die_with_a_supervisor_that_is_killed(self, tmp_path: Path) -> None:
        (tmp_path / "role.sh").write_text(f"echo $$ >> {tmp_path}/notes; {STAYS}")
        script = f"""
import asyncio
from pathlib import Path
from runtime.clock import SystemClock
from runtime.processes import Role, Supervisor

async def main():
    async with Supervisor(Path({str(tmp_path)!r}), SystemClock(), tell=print) as roles:
        for name in ("engine", "api"):
            await roles.start(Role(name, ("sh", {str(tmp_path / "role.sh")!r})))
        print("ready", flush=True)
        await roles.watch()

asyncio.run(main())
"""
        killed = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert killed.stdout is not None
        with killed.stdout:
            assert killed.stdout.readline() == "ready\n"
        children = [psutil.Process(int(pid)) for pid in notes(tmp_path)]
        killed.kill()
        killed.wait()
        assert len(children) == 2
        _, alive = psutil.wait_procs(children, timeout=20)
        assert alive == []

    def test_elsewhere_a_guard_kills_the_group_when_the_parent_is_gone(self, tmp_path: Path) -> None:
        parent = subprocess.Popen(
            [sys.executable, "-c", _guarded(f"echo $$ > {tmp_path}/notes; exec sleep 300")],
            start_new_session=True,
        )
        asyncio.run(until_noted(tmp_path, 1))
        child = psutil.Process(int(notes(tmp_path)[0]))
        parent.kill()
        parent.wait()
        _, alive = psutil.wait_procs([child], timeout=20)
        assert alive == []

    def test_a_guard_passes_on_the_end_of_its_command(self) -> None:
        ended = subprocess.run([sys.executable, "-c", _guarded("exit 5")], timeout=60, check=False)
        assert ended.returncode == 5

    def test_a_command_whose_parent_is_already_gone_is_not_run(self, tmp_path: Path) -> None:
        leash = (*processes.LEASH, "1", "sh", "-c", f"echo run > {tmp_path}/notes")
        subprocess.run(leash, timeout=60, check=False)
        assert notes(tmp_path) == []


class TestAnswers:
    async def test_nobody_there_is_not_ready(self) -> None:
        assert not await answers(f"http://127.0.0.1:{free_port()}/readyz")

    @pytest.mark.parametrize(("status", "ready"), [(200, True), (204, False), (404, False), (503, False)])
    async def test_only_200_is_ready(self, status: int, *, ready: bool) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            assert await answers(f"http://127.0.0.1:{server.server_port}/readyz") is ready
            server.shutdown()


def _runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def _guarded(script: str) -> str:
    """Python that stands between: it starts the guard as its child, as a supervisor would."""
    guard = (
        "import os, sys; sys.path.insert(0, '.'); from runtime.leash import guard; "
        f"sys.exit(guard(os.getppid(), ['sh', '-c', {script!r}]))"
    )
    return (
        "import subprocess, sys; "
        f"sys.exit(subprocess.run([sys.executable, '-c', {guard!r}], start_new_session=True).returncode)"
    )
