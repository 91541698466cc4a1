"""One supervisor at a time in a folder that only its owner can look into."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from runtime.homes import AlreadyRunning, HomeUnfit, ensure_home, only_one


def test_a_second_holder_is_told_who_holds_it(tmp_path: Path) -> None:
    with (
        only_one(tmp_path),
        pytest.raises(AlreadyRunning, match=rf"process {os.getpid()}\)"),
        only_one(tmp_path),
    ):
        pass


def test_whoever_comes_later_gets_it(tmp_path: Path) -> None:
    for _ in range(2):
        with only_one(tmp_path):
            assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_new_home_is_private(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    ensure_home(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.parametrize("within", ["file", "file/home"])
def test_a_home_that_cannot_be_used_names_the_setting(tmp_path: Path, within: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeUnfit, match="TUTELA_HOME"), only_one(tmp_path / within):
        pass


def test_a_home_whose_lock_cannot_be_written_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(HomeUnfit, match="cannot be written"), only_one(tmp_path):
        pass
