"""What each problem type means: the pages that a problem's ``type`` points to, made from the errors."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from api.problems import documented
from runtime.errors import NotFound, TutelaError

router = APIRouter(prefix="/problems", tags=["problems"])


class ProblemType(BaseModel):
    """One kind of refusal."""

    type: str
    status: int
    title: str
    meaning: str


class ProblemTypeUnknown(NotFound):
    """This product answers with no such problem type."""

    slug = "problem-type-unknown"
    title = "There is no such problem type"


def _kinds(error: type[TutelaError] = TutelaError) -> Iterator[type[TutelaError]]:
    yield error
    for kind in error.__subclasses__():
        yield from _kinds(kind)


def problem_types() -> dict[str, ProblemType]:
    """Every problem type of this product by slug, sorted. Of errors with one slug the most general speaks."""
    described: dict[str, ProblemType] = {}
    for kind in _kinds():
        meaning = inspect.cleandoc(kind.__doc__ or kind.title).splitlines()[0]
        shown = ProblemType(
            type=f"/problems/{kind.slug}", status=kind.status, title=kind.title, meaning=meaning
        )
        described.setdefault(kind.slug, shown)
    return dict(sorted(described.items()))


@router.get("", operation_id="listProblemTypes")
async def list_problem_types() -> list[ProblemType]:  # public: tells what the product's refusals mean
    """Every problem type."""
    return list(problem_types().values())


@router.get("/{slug}", operation_id="readProblemType", responses=documented())
async def read_problem_type(
    slug: Annotated[str, Path(max_length=80)],
) -> ProblemType:  # public: tells what the product's refusals mean
    """What a problem type means."""
    found = problem_types().get(slug)
    if found is None:
        raise ProblemTypeUnknown
    return found
