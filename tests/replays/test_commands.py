from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from replays.arguments import demo_arguments, replay_arguments
from replays.client import Refused
from replays.commands import PasswordMissing, run
from replays.oulad_data import DatasetUnfit
from runtime.settings import Settings
from tests.replays.conftest import Product
from tests.replays.datasets import university


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    replay_arguments(parser)
    return parser.parse_args(list(words))


def nobody(school: str) -> tuple[str, str]:
    raise AssertionError("the operator was asked for although an address was given")


def by_address(product: Product, tmp_path: Path) -> list[str]:
    password = tmp_path / "password"
    password.write_text(f"{product.admin.password}\n")
    return [
        "--api",
        product.url,
        "--school",
        product.school.slug,
        "--email",
        product.admin.email,
        "--password-file",
        str(password),
    ]


def test_an_empty_password_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    words = ["responses", "--email", "a@b.example", "--password-file", str(tmp_path / "empty")]
    with pytest.raises(PasswordMissing):
        run(parsed(*words), Settings(home=tmp_path), nobody, "secret")


def test_a_folder_without_the_dataset_is_one_clear_line(product: Product, tmp_path: Path) -> None:
    words = ["oulad", str(tmp_path), "--presentation", "AAA-2013J", *by_address(product, tmp_path)]
    with pytest.raises(DatasetUnfit, match="courses"):
        run(parsed(*words), Settings(home=tmp_path), nobody, "secret")


def test_a_wrong_password_is_told_as_the_product_tells_it(product: Product, tmp_path: Path) -> None:
    words = ["oulad", str(university(tmp_path / "d")), "--presentation", "XYZ-2013J", "--api", product.url]
    with pytest.raises(Refused) as refused:
        run(parsed(*words), Settings(home=tmp_path), lambda _: ("a@b.example", "wrong"), "secret")
    assert refused.value.kind == "sign-in-refused"


def test_the_same_command_goes_on_with_its_run_and_fresh_begins_another(
    product: Product, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(university(tmp_path / "oulad"))
    words = ["oulad", folder, "--presentation", "XYZ-2013J", *by_address(product, tmp_path)]
    settings = Settings(home=tmp_path)
    assert run(parsed(*words), settings, nobody, "one") == 0
    assert "XYZ-2013J" in capsys.readouterr().out
    (journal,) = (tmp_path / "replays").iterdir()
    size = journal.stat().st_size
    run(parsed(*words), settings, nobody, "two")
    assert journal.stat().st_size == size
    run(parsed(*words, "--fresh"), settings, nobody, "three")
    assert '"secret":"three"' in journal.read_text()


def test_the_demonstration_has_its_own_words() -> None:
    parser = argparse.ArgumentParser()
    demo_arguments(parser)
    chosen = parser.parse_args(["--learners", "3"])
    assert (chosen.replay, chosen.learners, chosen.school) == ("demo", 3, "demo")
