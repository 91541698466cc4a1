"""The only mapping from an error to an answer: RFC 9457 problem details.

``type`` is ``/problems/<slug>``, where a reader finds what the slug means. ``faults`` names each faulty field
by its path (``body.response.option``). Nothing a caller sent is repeated in a problem.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from runtime.errors import FieldFault, TutelaError

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = "1"
UNFIT = "Does not have the documented shape"
PLACES = frozenset({"body", "path", "query", "header"})


class Fault(BaseModel):
    """One fault of one field."""

    field: str = Field(examples=["body.response.option"])
    message: str = Field(examples=["this item has no such option"])


class Problem(BaseModel):
    """Problem details for HTTP APIs (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/session-closed",
                    "title": "This session is closed",
                    "status": 409,
                    "detail": "This session is closed; start a new one to go on",
                    "faults": [],
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    faults: list[Fault] = []


class Malformed(TutelaError):
    """The body is not JSON at all."""

    status = 400
    slug = "malformed-json"
    title = "The body cannot be read as JSON"


class InvalidInput(TutelaError):
    """The input does not have the documented shape."""

    status = 422
    slug = "invalid-input"
    title = "Some fields cannot be accepted"


def problem(error: TutelaError, faults: Iterable[FieldFault] | None = None) -> Problem:
    """The problem details of a refusal; ``faults`` in place of its own, where fields are named otherwise."""
    return Problem(
        type=f"/problems/{error.slug}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        faults=[
            Fault(field=fault.field, message=fault.message)
            for fault in (error.faults if faults is None else faults)
        ],
    )


def problem_response(error: TutelaError) -> JSONResponse:
    """The answer for an expected refusal."""
    body = problem(error)
    headers = {}
    if error.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        headers["Retry-After"] = RETRY_AFTER_S
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body.model_dump(), error.status, headers, MEDIA_TYPE)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TutelaError)
    error.faults = tuple(FieldFault(_place(request, fault.field), fault.message) for fault in error.faults)
    return problem_response(error)


def _place(request: Request, field: str) -> str:
    """Where in the request a field stands that a rule named, which knows of no request."""
    root = field.partition(".")[0]
    if root in request.path_params:
        return f"path.{field}"
    if root in request.query_params:
        return f"query.{field}"
    sent_json = request.headers.get("content-type", "").partition(";")[0].endswith("json")
    return f"body.{field}" if sent_json and root not in PLACES else field


async def _unfit(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    for found in error.errors():
        if found["type"] == "json_invalid":
            return _unreadable(f"{found['ctx']['error']}, at character {found['loc'][-1]}")
    faults = tuple(FieldFault(_path(found, error.body), _message(found)) for found in error.errors())
    named = ", ".join(sorted({fault.field for fault in faults}))
    return problem_response(InvalidInput(f"{UNFIT}: {named}", faults=faults))


def _path(found: Mapping[str, Any], body: Any) -> str:
    """The dotted path of a fault. Pydantic also counts the tags of unions and the names of validators as
    steps; what was sent tells them from fields.
    """
    place, *steps = found["loc"]
    if place != "body":
        return ".".join(map(str, found["loc"]))
    path, at = [place], body
    for number, step in enumerate(steps, start=1):
        is_there = step in at if isinstance(at, dict) else isinstance(at, list) and isinstance(step, int)
        if is_there:
            at = at[step]
        if is_there or (number == len(steps) and found["type"] == "missing"):
            path.append(str(step))
    return ".".join(path)


WITHOUT_QUOTING = {
    "uuid_parsing": "must be a UUID",
    "uuid_type": "must be a UUID",
    "union_tag_invalid": "has a kind that is not one of those documented",
    "extra_forbidden": "is not a field of this request",
}
"""Where pydantic's own message would repeat a part of what was sent, or speaks of Python's types."""


def _message(found: Mapping[str, Any]) -> str:
    return WITHOUT_QUOTING.get(found["type"], str(found["msg"]))


def _unreadable(message: str) -> JSONResponse:
    return problem_response(Malformed(faults=(FieldFault("body", message),)))


async def _of_framework(request: Request, error: Exception) -> JSONResponse:
    """Unknown paths and methods, and bodies that could not be read to the end."""
    assert isinstance(error, HTTPException)
    cause = error.__cause__
    if isinstance(cause, TutelaError):
        return problem_response(cause)
    if cause is not None and error.status_code == HTTPStatus.BAD_REQUEST:
        return _unreadable("no UTF-8, nested too deep, or a number too long")
    status = HTTPStatus(error.status_code)
    body = Problem(type="about:blank", title=status.phrase, status=status, detail=status.description)
    headers = {**(error.headers or {})}
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request))
    return JSONResponse(body.model_dump(), status, headers, MEDIA_TYPE)


def _methods(request: Request) -> list[str]:
    """Every method of a path (RFC 9110 §10.2.1); the framework names those of one route only."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    there = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in there for method in route.methods or ()})


async def _broken(_request: Request, error: Exception) -> JSONResponse:
    log.error("unexpected %s", type(error).__name__, exc_info=error)
    return problem_response(TutelaError())


def install(app: FastAPI) -> None:
    """Give ``app`` these answers."""
    app.add_exception_handler(TutelaError, _refused)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(Exception, _broken)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses of a route: its refusals as problems, beside those every route may give."""
    return {
        status: {
            "model": Problem,
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({400, 401, 403, 404, 413, 422, 503, *statuses})
    }
