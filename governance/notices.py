"""The notices that people decide on: versioned, hashed, and kept exactly as they were shown.

A notice is one file, ``notice_texts/<id>.<version>.<language>.md``: front matter for machines, then the text
for people. Its SHA-256 is over the whole file and stands in ``published.csv``. What is published never
changes: another wording is another version, and the old file stays, because consents name it. A file that
does not agree with its published hash stops the start.

Source: GDPR Art. 7(1)-(2), 12(1), 13; recital 42; ISO/IEC 29184:2020.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from policy.purposes import Purposes, load_purposes
from policy.vocabulary import Purpose
from runtime.columns import Category
from runtime.errors import Conflict, FieldFault, NotFound, TutelaError

TEXTS = Path(__file__).parent / "notice_texts"
PUBLISHED = "published.csv"

_FORM = re.compile(rb"---\n(?P<front>.*?)\n---\n\n(?P<text>.+\n)", re.DOTALL)
_Word = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]

Key = tuple[str, int, str]
"""Id, version and language of a notice."""


class NoticesUnusable(TutelaError):
    """The notices that ship with the product are malformed, incomplete or were changed after publication."""

    slug = "notices-unusable"
    title = "The notices cannot be used"


class NoSuchNotice(NotFound):
    """No notice has this id, version and language."""

    slug = "no-such-notice"
    title = "There is no such notice"


class NoticeOutdated(Conflict):
    """Somebody decided on an older wording than the one in force."""

    slug = "notice-outdated"
    title = "This notice was replaced by a newer version; read that one and decide again"


class _Front(BaseModel):
    """What a notice says of itself to machines. ``recipients`` are in the notice's own language."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    language: str = Field(pattern=r"^[a-z]{2}$")
    published: date
    purposes: tuple[Purpose, ...] = Field(min_length=1)
    title: _Word
    categories: tuple[Category, ...] = Field(min_length=1)
    processing: tuple[_Word, ...] = Field(min_length=1)
    recipients: tuple[_Word, ...] = Field(min_length=1)
    retention: _Word


@dataclass(frozen=True, slots=True)
class Notice:
    """One wording in one language. ``source`` is the whole file; ``sha256`` is over its bytes, in hex."""

    id: str
    version: int
    language: str
    published: date
    purposes: tuple[Purpose, ...]
    title: str
    categories: tuple[Category, ...]
    processing: tuple[str, ...]
    recipients: tuple[str, ...]
    retention: str
    text: str
    source: str
    sha256: str

    @property
    def key(self) -> Key:
        return (self.id, self.version, self.language)


@dataclass(frozen=True)
class Notices:
    """Every notice ever published, by id, version and language."""

    by_key: Mapping[Key, Notice]

    @classmethod
    def load(cls, purposes: Purposes, folder: Path = TEXTS) -> Self:
        """The notices of a folder.

        Raises:
            NoticesUnusable: with one fault for each file or row that is wrong.
        """
        files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.md"))}
        with (folder / PUBLISHED).open(encoding="utf-8", newline="") as lines:
            return cls(read_notices(files, list(csv.DictReader(lines)), purposes))

    def get(self, notice_id: str, version: int, language: str) -> Notice:
        """One exact wording.

        Raises:
            NoSuchNotice: there is none.
        """
        try:
            return self.by_key[notice_id, version, language]
        except KeyError:
            raise NoSuchNotice from None

    def current(self, language: str | None = None) -> list[Notice]:
        """The wordings in force, by id and language; all languages, or one."""
        return [
            notice
            for _, notice in sorted(self.by_key.items())
            if language in {None, notice.language} and notice.version == self._newest(notice.id)
        ]

    def to_decide_on(self, notice_id: str, version: int, language: str) -> Notice:
        """As ``get``, for a decision that is made now.

        Raises:
            NoSuchNotice: there is none.
            NoticeOutdated: a newer version is in force.
        """
        notice = self.get(notice_id, version, language)
        if version != self._newest(notice_id):
            raise NoticeOutdated
        return notice

    def _newest(self, notice_id: str) -> int:
        return max(version for name, version, _ in self.by_key if name == notice_id)


@cache
def shipped_notices() -> Notices:
    """The notices that ship with the product, for its own purposes."""
    return Notices.load(load_purposes())


def read_notices(
    files: Mapping[str, bytes], published: Iterable[Mapping[str, str]], purposes: Purposes
) -> Mapping[Key, Notice]:
    """Check files against each other, the list of what was published, and the purposes.

    Raises:
        NoticesUnusable: with one fault for each file or row that is wrong.
    """
    faults: list[FieldFault] = []
    notices: dict[Key, Notice] = {}
    for name, content in files.items():
        try:
            notice = _read(name, content)
        except ValueError as error:
            faults.append(FieldFault(name, str(error)))
            continue
        notices[notice.key] = notice
        faults += [FieldFault(name, message) for message in _contradictions(notice, purposes)]
    if not faults:
        faults = [*_unpublished(notices, published), *_gaps(notices, purposes)]
    if faults:
        told = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
        raise NoticesUnusable(told, faults=tuple(faults))
    return MappingProxyType(notices)


def _read(name: str, content: bytes) -> Notice:
    form = _FORM.fullmatch(content)
    if form is None:
        raise ValueError("must be front matter between two lines of ---, an empty line, and the text")
    try:
        front = _Front.model_validate(yaml.safe_load(form["front"]))
    except yaml.YAMLError:
        raise ValueError("the front matter is not YAML") from None
    except ValidationError as error:
        fields = sorted(
            {str(fault["loc"][0]) if fault["loc"] else "front matter" for fault in error.errors()}
        )
        raise ValueError(f"cannot be read: {', '.join(fields)}") from None
    if name != f"{front.id}.{front.version}.{front.language}.md":
        raise ValueError("the name of the file must be <id>.<version>.<language>.md")
    return Notice(
        **dict(front),
        text=form["text"].decode(),
        source=content.decode(),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _contradictions(notice: Notice, purposes: Purposes) -> Iterable[str]:
    for purpose in notice.purposes:
        if purpose not in purposes.asking_consent:
            yield f"{purpose.value} is a purpose that needs no consent"
    if notice.retention not in purposes.retention:
        yield f"there is no retention class {notice.retention}"


def _unpublished(
    notices: Mapping[Key, Notice], published: Iterable[Mapping[str, str]]
) -> Iterable[FieldFault]:
    hashes = {(row["id"], int(row["version"]), row["language"]): row["sha256"] for row in published}
    for key in sorted(notices.keys() | hashes.keys()):
        place = ".".join(map(str, key))
        if key not in hashes:
            yield FieldFault(PUBLISHED, f"{place} was never published")
        elif key not in notices:
            yield FieldFault(place, "was published and is gone; consents name it")
        elif notices[key].sha256 != hashes[key]:
            yield FieldFault(place, "was changed after publication: give it a new version instead")


def _gaps(notices: Mapping[Key, Notice], purposes: Purposes) -> Iterable[FieldFault]:
    """Every purpose asked for has a notice in every language, in every version of it."""
    languages = {language for _, _, language in notices}
    versions = {(name, version) for name, version, _ in notices}
    for name, version in sorted(versions):
        missing = sorted(
            languages - {spoken for other, number, spoken in notices if (other, number) == (name, version)}
        )
        if missing:
            yield FieldFault(f"{name}.{version}", f"is missing in {', '.join(missing)}")
        if version > 1 and (name, version - 1) not in versions:
            yield FieldFault(f"{name}.{version}", "has no version before it")
    told = {purpose for notice in notices.values() for purpose in notice.purposes}
    for purpose in purposes.asking_consent:
        if purpose not in told:
            yield FieldFault(purpose.value, "asks for consent and has no notice")
