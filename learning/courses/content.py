"""What a course is made of. Values only: no files, no database.

A course is immutable once imported: sessions and decisions name ``(course_id, version)`` and the digest
of this content, so a replay reads exactly what the learner saw.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(?:[-_.][a-z0-9]+)*$", max_length=80)]
"""An author's name for a thing: lower case, digits, single separators. Never a person's data."""


class Value(BaseModel):
    """Base of course values: frozen, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Misconception(Value):
    """A known way to think wrongly about a skill; wrong answers point to it."""

    id: Slug
    title: str
    explanation: str


class Skill(Value):
    """Something that can be learned and measured. ``prerequisites`` are skill ids and form no cycle."""

    id: Slug
    title: str
    prerequisites: tuple[Slug, ...] = ()


class Option(Value):
    """One option of a choice or multiple-answer item."""

    id: Slug
    text: str
    correct: bool = False
    feedback: str = ""
    misconception: Slug | None = None


class WrongAnswer(Value):
    """A foreseen wrong answer to a numeric or short-text item, with what it reveals."""

    value: str
    feedback: str
    misconception: Slug


class _Item(Value):
    id: Slug
    stem: str
    skills: tuple[Slug, ...] = Field(min_length=1)
    template: Slug | None = None
    difficulty: float = Field(default=0.5, ge=0.0, le=1.0)
    solution: str
    hints: tuple[str, ...] = ()
    simpler: str = ""


class ChoiceItem(_Item):
    """Exactly one option is right."""

    kind: Literal["choice"] = "choice"
    options: tuple[Option, ...] = Field(min_length=2)


class MultipleItem(_Item):
    """One or more options are right; all of them and no other must be picked."""

    kind: Literal["multiple"] = "multiple"
    options: tuple[Option, ...] = Field(min_length=2)


class NumericItem(_Item):
    """A number: decimal (``0.75``), fraction (``3/4``) or mixed number (``1 3/4``), with a unit if ``units``.

    ``tolerance`` is absolute, in the unit of ``answer``. ``units`` maps each accepted unit to its factor
    into the first one; an item without units takes none.
    """

    kind: Literal["numeric"] = "numeric"
    answer: str
    tolerance: str = "0"
    units: dict[str, str] = Field(default_factory=dict)
    wrong: tuple[WrongAnswer, ...] = ()


class TextItem(_Item):
    """Short text, compared after Unicode NFKC, case folding and collapsing of white space."""

    kind: Literal["text"] = "text"
    accepted: tuple[str, ...] = Field(min_length=1)
    wrong: tuple[WrongAnswer, ...] = ()


Item = Annotated[ChoiceItem | MultipleItem | NumericItem | TextItem, Field(discriminator="kind")]


class CuePoint(Value):
    """An item that a medium stops for, ``at_s`` seconds in."""

    at_s: float = Field(ge=0)
    item: Slug


class Media(Value):
    """A video or audio, with what people need who cannot see or hear it, or need it simpler.

    ``captions`` (WebVTT) and ``transcript`` (Markdown) are the texts themselves, so the course's digest
    covers them; ``file`` is the recording's name and ``sha256`` names its bytes in the store.
    """

    id: Slug
    title: str
    kind: Literal["video", "audio"]
    file: str
    sha256: str = ""
    duration_s: float = Field(gt=0)
    captions: str
    transcript: str
    simpler: str
    cue_points: tuple[CuePoint, ...] = ()


class Lesson(Value):
    """One level of the course: text, then items. Lessons stand in the course's own order."""

    id: Slug
    title: str
    skills: tuple[Slug, ...] = Field(min_length=1)
    body: str
    simpler: str
    items: tuple[Slug, ...] = Field(min_length=1)
    media: tuple[Slug, ...] = ()


class Assignment(Value):
    """Work that a person grades; its grades reach the gradebook, never the learner's hand."""

    id: Slug
    title: str
    description: str
    max_score: float = Field(gt=0)
    weight: float = Field(default=1.0, ge=0)
    due_day: int | None = None
    """Days after the class starts."""


class Course(Value):
    """A whole course. ``imported`` marks content rebuilt from somebody's response log, not authored."""

    id: Slug
    title: str
    language: str = "en"
    licence: str
    summary: str = ""
    imported: bool = False
    skills: tuple[Skill, ...]
    misconceptions: tuple[Misconception, ...] = ()
    items: tuple[Item, ...]
    lessons: tuple[Lesson, ...]
    media: tuple[Media, ...] = ()
    assignments: tuple[Assignment, ...] = ()


# What a learner sends back. The kind must fit the item's.


def _say_kind(schema: dict[str, Any]) -> None:
    schema["required"] = ["kind", *schema.get("required", [])]


class _Response(Value):
    """Base of responses. Sent, the kind must be said, for the rest is read by it; in code it is known."""

    model_config = ConfigDict(json_schema_extra=_say_kind)


class ChoiceResponse(_Response):
    kind: Literal["choice"] = "choice"
    option: Slug


class MultipleResponse(_Response):
    kind: Literal["multiple"] = "multiple"
    options: tuple[Slug, ...] = Field(max_length=50)


class NumericResponse(_Response):
    kind: Literal["numeric"] = "numeric"
    value: str = Field(max_length=64)
    unit: str = Field(default="", max_length=16)


class TextResponse(_Response):
    kind: Literal["text"] = "text"
    text: str = Field(max_length=2000)


Response = Annotated[
    ChoiceResponse | MultipleResponse | NumericResponse | TextResponse, Field(discriminator="kind")
]
