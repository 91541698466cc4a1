from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path

import pytest

from governance.notices import (
    PUBLISHED,
    TEXTS,
    NoSuchNotice,
    Notice,
    NoticeOutdated,
    Notices,
    NoticesUnusable,
    read_notices,
    shipped_notices,
)
from policy.purposes import load_purposes

PURPOSES = load_purposes()
FILES = {path.name: path.read_bytes() for path in sorted(TEXTS.glob("*.md"))}
with (TEXTS / PUBLISHED).open(encoding="utf-8", newline="") as lines:
    ROWS = list(csv.DictReader(lines))
NAME = "telemetry.1.en.md"


def published(files: dict[str, bytes]) -> list[dict[str, str]]:
    """The list as it would stand had all of these been published."""
    rows = []
    for name, content in files.items():
        notice_id, version, language, _ = name.split(".")
        row = {"id": notice_id, "version": version, "language": language}
        rows.append({**row, "sha256": hashlib.sha256(content).hexdigest()})
    return rows


def told(files: dict[str, bytes], rows: list[dict[str, str]] | None = None) -> str:
    with pytest.raises(NoticesUnusable) as refused:
        read_notices(files, published(files) if rows is None else rows, PURPOSES)
    assert refused.value.faults
    return str(refused.value)


def changed(old: bytes, new: bytes, name: str = NAME) -> dict[str, bytes]:
    assert old in FILES[name]
    return {**FILES, name: FILES[name].replace(old, new, 1)}


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b"---\n", b"", "front matter"),
        (b"title: ", b"title: [", "not YAML"),
        (b"version: 1", b"version: one", "version"),
        (b"purposes: [telemetry]", b"purposes: [everything]", "purposes"),
        (b"purposes: [telemetry]", b"purposes: []", "purposes"),
        (b"categories: [behaviour]", b"categories: [soul]", "categories"),
        (b"title:", b"tile:", "tile, title"),
        (b"language: en", b"language: fr", "name of the file"),
        (b"purposes: [telemetry]", b"purposes: [teaching]", "needs no consent"),
        (b"retention: telemetry", b"retention: for_ever", "no retention class"),
    ],
)
def test_a_malformed_notice_is_refused_by_file(old: bytes, new: bytes, fault: str) -> None:
    message = told(changed(old, new))
    assert NAME in message
    assert fault in message


def test_a_published_text_that_was_changed_by_one_letter_stops_the_start() -> None:
    assert "changed after publication" in told(changed(b"Half a year", b"Half a Year"), ROWS)


def test_a_published_text_that_is_gone_stops_the_start() -> None:
    assert "consents name it" in told({name: text for name, text in FILES.items() if name != NAME}, ROWS)


def test_a_text_that_was_never_published_stops_the_start() -> None:
    rows = [row for row in ROWS if (row["id"], row["language"]) != ("telemetry", "en")]
    assert "never published" in told(FILES, rows)


def test_a_notice_missing_in_one_language_stops_the_start() -> None:
    assert "missing in en" in told({name: text for name, text in FILES.items() if name != NAME})


def test_a_purpose_without_a_notice_stops_the_start() -> None:
    assert "has no notice" in told({name: text for name, text in FILES.items() if "telemetry" not in name})


def test_a_version_without_the_one_before_stops_the_start() -> None:
    third = {
        name.replace(".1.", ".3."): text.replace(b"version: 1", b"version: 3", 1)
        for name, text in FILES.items()
        if name.startswith("telemetry")
    }
    assert "no version before it" in told(FILES | third)


@pytest.fixture
def second(tmp_path: Path) -> Notices:
    """The shipped notices, and a second version of one."""
    newer = {
        name.replace(".1.", ".2."): text.replace(b"version: 1", b"version: 2", 1)
        for name, text in FILES.items()
        if name.startswith("telemetry")
    }
    files = FILES | newer
    return Notices(read_notices(files, published(files), PURPOSES))


def test_only_the_newest_wording_can_be_decided_on_and_the_old_one_is_still_shown(second: Notices) -> None:
    with pytest.raises(NoticeOutdated) as refused:
        second.to_decide_on("telemetry", 1, "en")
    assert refused.value.status == 409
    assert second.get("telemetry", 1, "en").source.encode() == FILES[NAME]
    assert second.to_decide_on("telemetry", 2, "en").version == 2
    in_force = {(notice.id, notice.version) for notice in second.current("en")}
    assert in_force == {("model_training", 1), ("personalisation", 1), ("research", 1), ("telemetry", 2)}


@pytest.mark.parametrize("key", [("telemetry", 9, "en"), ("telemetry", 1, "fr"), ("cookies", 1, "en")])
def test_a_wording_that_never_was_is_not_found(second: Notices, key: tuple[str, int, str]) -> None:
    for find in (second.get, second.to_decide_on):
        with pytest.raises(NoSuchNotice):
            find(*key)


def test_anybody_can_check_the_hash_of_what_they_were_shown() -> None:
    for notice in shipped_notices().current():
        assert hashlib.sha256(notice.source.encode()).hexdigest() == notice.sha256
        assert notice.source.endswith(notice.text)


MUST_SAY = {
    "en": [
        "say yes or no",
        "If you say no",
        "change your mind",
        "Who sees it",
        "How long",
        "complain",
        "see what we hold",
        "deleted",
        "guardian",
    ],
    "de": [
        "Ja oder Nein",
        "Wenn du Nein sagst",
        "anders überlegen",
        "Wer es sieht",
        "Wie lange",
        "beschweren",
        "was wir über dich",
        "löschen",
        "Sorgeberechtigte",
    ],
}


@pytest.mark.parametrize("notice", shipped_notices().current(), ids=lambda one: ".".join(map(str, one.key)))
class TestShippedTexts:
    def test_a_child_can_read_it(self, notice: Notice) -> None:
        plain = re.sub(r"[#*>\n]+", " ", notice.text)
        sentences = [part.split() for part in re.split(r"(?<=[.?!])\s+", plain) if part.strip()]
        lengths = [len(sentence) for sentence in sentences]
        assert max(lengths) <= 26
        assert sum(lengths) / len(lengths) <= 12

    def test_it_says_what_a_person_must_be_told(self, notice: Notice) -> None:
        text = re.sub(r"\s+", " ", notice.text)
        assert [phrase for phrase in MUST_SAY[notice.language] if phrase not in text] == []
