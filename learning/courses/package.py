"""A course package becomes a ``Course``, or the list of all its faults: never something in between.

    course.yaml      who and what, skills, misconceptions, assignments, the order of lessons
    lessons/*.md     one lesson each (see ``lessons``)
    items/*.yaml     any number of items a file, under ``items:``
    media/*.yaml     one medium each, beside its recording, captions (.vtt) and transcript (.md)

``content`` is the one schema: each part is validated by its own type there, and a validation error is turned
into a sentence at the line and column it is about. ``docs/courses.md`` shows authors the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import Field, TypeAdapter

from learning.courses.captions import check_captions
from learning.courses.content import Course, Media, Slug, Value
from learning.courses.files import Files, read_archive, read_folder
from learning.courses.lessons import MARKDOWN, check_markdown, read_lesson
from learning.courses.parts import Part, Parts
from learning.courses.recordings import SUFFIXES, Recording, read_recording
from learning.courses.source import (
    Fault,
    Faults,
    Fields,
    Listing,
    Mark,
    Node,
    mark_at,
    plain,
    read_text,
    read_yaml,
)
from learning.courses.teaching import flaws
from runtime.errors import FieldFault, Invalid

COURSE_FILE: Final = "course.yaml"
IN_COURSE_FILE: Final = ("skills", "misconceptions", "assignments")
BESIDE: Final = frozenset({"README.md", "LICENSE", "LICENSE.md", "LICENSE.txt", "CHANGELOG.md"})
"""Files that may stand at the top without being part of the course."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package without fault."""

    course: Course
    recordings: tuple[Recording, ...] = ()


class PackageFaulty(Invalid):
    """The package has faults; all of them are listed, in the order of files and lines."""

    slug = "course-package-faulty"
    title = "This course package has faults"

    def __init__(self, found: tuple[Fault, ...]) -> None:
        self.found = found
        super().__init__(
            f"This course package has {len(found)} fault{'s' if len(found) > 1 else ''}.",
            faults=tuple(
                FieldFault(
                    f"{fault.mark.file}:{fault.mark.line}:{fault.mark.column} {fault.field}", fault.message
                )
                for fault in found
            ),
        )


def read_package(folder: Path) -> Package:
    """Read the package in ``folder``.

    Raises:
        PackageFaulty: with every fault that could be found.
    """
    faults = Faults()
    return parse(read_folder(folder, faults), faults)


def read_zipped_package(archive: bytes) -> Package:
    """Read the package in a zip archive; raises ``PackageFaulty`` with every fault that could be found."""
    faults = Faults()
    return parse(read_archive(archive, faults), faults)


def parse(files: Files, faults: Faults | None = None) -> Package:
    """The package that ``files`` make. Pure; ``faults`` brings those found while collecting the files.

    Raises:
        PackageFaulty: with every fault that could be found.
    """
    faults = faults or Faults()
    reading = _Reading(files, faults)
    package = reading.package()
    if package is None or faults.sorted():
        raise PackageFaulty(faults.sorted())
    return package


class _CourseFile(Value):
    """``course.yaml`` without the inside of its lists, which are read part by part."""

    id: Slug
    title: str
    language: str = Field(default="en", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    licence: str
    summary: str = ""
    imported: bool = False
    skills: list[Any] = Field(min_length=1)
    misconceptions: list[Any] = Field(default_factory=list)
    assignments: list[Any] = Field(default_factory=list)
    lessons: list[Slug] = Field(min_length=1)


class _ItemFile(Value):
    items: list[Any] = Field(min_length=1)


class _Reading:
    """One pass over the files of a package."""

    def __init__(self, files: Files, faults: Faults) -> None:
        self._files = files
        self._faults = faults
        self._used = {COURSE_FILE}
        self._parts = Parts(faults)
        self._order: Node | None = None
        self._recordings: dict[str, Recording] = {}

    def package(self) -> Package | None:
        """Read everything, complain about everything; the package if there is one."""
        header = self._course_file()
        for file in self._named("items/", ".yaml"):
            self._item_file(file)
        for file in self._named("lessons/", ".md"):
            text = self._text(file)
            fields = read_lesson(file, text, self._faults) if text is not None else None
            self._parts.add("lessons", fields)
        for file in self._named("media/", ".yaml"):
            self._medium(file)
        self._strangers()
        return self._assembled(header)

    # Files

    def _named(self, folder: str, suffix: str) -> Iterator[str]:
        for name in sorted(self._files):
            if name.startswith(folder) and name.endswith(suffix) and name.count("/") == 1:
                self._used.add(name)
                yield name

    def _text(self, file: str) -> str | None:
        return read_text(file, self._files[file], self._faults)

    def _fields(self, file: str) -> Fields | None:
        text = self._text(file)
        return None if text is None else read_yaml(file, text, self._faults)

    def _strangers(self) -> None:
        faulty_media = self._parts.is_partial("media")
        for name in sorted(set(self._files) - self._used - BESIDE):
            if name.startswith("media/") and faulty_media:
                continue  # the faulty entry may be the one that names it
            mend = "end its name in .yaml" if name.endswith(".yml") else "delete it or move it"
            self._faults.add(Mark(name), "file", f"Nothing in the course uses this file: {mend}.")

    def _course_file(self) -> _CourseFile | None:
        fields = None
        if COURSE_FILE in self._files:
            fields = self._fields(COURSE_FILE)
        else:
            self._faults.add(Mark(COURSE_FILE), "file", "A package has a file course.yaml: write one.")
        if fields is None:
            self._parts.lost(*IN_COURSE_FILE)
            return None
        for kind in IN_COURSE_FILE:
            self._parts.add_listed(kind, fields)
        self._order = fields.entries.get("lessons")
        header: _CourseFile | None = self._parts.checked(TypeAdapter(_CourseFile), fields)
        return header

    def _item_file(self, file: str) -> None:
        fields = self._fields(file)
        if fields is None:
            self._parts.lost("items")
            return
        self._parts.checked(TypeAdapter(_ItemFile), fields)
        self._parts.add_listed("items", fields)

    def _medium(self, file: str) -> None:
        fields = self._fields(file)
        if fields and "sha256" in fields.entries:
            self._faults.add(fields.names["sha256"], "sha256", "This is computed on import: remove the line.")
        if part := self._parts.add("media", fields):
            part.value = part.value.model_copy(update=self._media_texts(part))

    def _media_texts(self, part: Part) -> dict[str, str]:
        """What a media entry names, read and checked: captions, transcript, recording."""
        medium: Media = part.value
        found: dict[str, str] = {}
        if (name := self._beside(part, "captions", {".vtt"})) and (text := self._text(name)) is not None:
            check_captions(name, text, medium.duration_s, self._faults)
            found["captions"] = text
        if (name := self._beside(part, "transcript", {".md"})) and (text := self._text(name)) is not None:
            check_markdown(name, MARKDOWN.parse(text), 0, "transcript", self._faults)
            if not text.strip():
                self._faults.add(Mark(name), "transcript", "This is empty: write what is said and shown.")
            found["transcript"] = text
        if name := self._beside(part, "file", SUFFIXES):
            found["sha256"] = self._recording(part, name)
        return found

    def _beside(self, part: Part, field: str, suffixes: Collection[str]) -> str | None:
        """The path of the file that a media entry's field names, if there is one of the right kind."""
        name = str(getattr(part.value, field))
        mark = mark_at(part.node, (field,))
        suffix = Path(name).suffix
        if suffix not in suffixes:
            kinds = ", ".join(sorted(suffixes))
            self._faults.add(mark, field, f"Name a file in the folder media that ends in {kinds}.")
        elif "/" in name or "\\" in name:
            self._faults.add(mark, field, "Name a file in the folder media itself, without any path.")
        elif f"media/{name}" not in self._files:
            self._faults.add(mark, field, f"There is no file media/{name}: correct the name or add the file.")
        else:
            self._used.add(f"media/{name}")
            return f"media/{name}"
        return None

    def _recording(self, part: Part, name: str) -> str:
        recording = read_recording(name, self._files[name])
        if not recording.media_type:
            mend = f"{name} is not what its ending says: export the recording again."
            part.complain(("file",), mend, self._faults)
        self._recordings[recording.sha256] = recording
        return recording.sha256

    # The whole

    def _assembled(self, header: _CourseFile | None) -> Package | None:
        """The rules of a whole course, on as much of it as could be read."""
        in_order = self._order_lessons()
        about: dict[str, Any] = dict(header) if header else {}
        course = Course.model_construct(**{**about, **self._parts.values()})
        known = self._parts.known(partial=() if in_order else ("lessons",))
        for flaw in flaws(course, known):
            kind, position, *below = flaw.path
            self._parts.found[str(kind)][int(position)].complain(tuple(below), flaw.message, self._faults)
        return Package(course, tuple(self._recordings.values())) if header else None

    def _order_lessons(self) -> bool:
        """Lessons in the order that ``course.yaml`` gives them; whether each has its place in it."""
        position: dict[str, int] = {}
        order = self._order.items if isinstance(self._order, Listing) else ()
        for i, node in enumerate(order):
            name = str(plain(node))
            if name in position:
                self._faults.add(
                    node.mark, ("lessons", i), f"`{name}` stands in this list twice: remove one."
                )
            if self._parts.misses("lessons", name):
                self._faults.add(
                    node.mark, ("lessons", i), f"No lesson has the id `{name}`: correct or add it."
                )
            position.setdefault(name, i)
        lessons = self._parts.found["lessons"]
        astray = [part for part in lessons if part.value.id not in position]
        if order:
            mend = "This lesson is not in the list `lessons` of course.yaml: add it there."
            for part in astray:
                part.complain(("id",), mend, self._faults)
        lessons.sort(key=lambda part: position.get(part.value.id, len(position)))
        return not astray
