"""What an OpenAPI document must hold so that a client can be generated from it and its reader served.

``faults`` says what is missing, operation by operation; the list is empty for a good document.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

Document = Mapping[str, Any]
METHODS = frozenset({"get", "post", "put", "patch", "delete"})
NAME = re.compile(r"[a-z][A-Za-z0-9]*")
PROBLEM = "application/problem+json"
PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}
NO_CONTENT = "204"
RANGE_NOT_SATISFIABLE = "416"


def operations(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation with its name for people: ``POST /v1/sessions``."""
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield f"{method.upper()} {path}", item[method]


def faults(document: Document) -> list[str]:
    """Everything wrong with the document, sorted."""
    found: list[str] = []
    ids = Counter(operation.get("operationId") for _, operation in operations(document))
    for name, operation in operations(document):
        found += (f"{name}: {fault}" for fault in _operation_faults(name, operation, ids, document))
    for name, schema in document["components"]["schemas"].items():
        found += (f"schema {name}: {fault}" for fault in _schema_faults(schema, document))
    return sorted(found)


def _operation_faults(
    name: str, operation: dict[str, Any], ids: Counter[Any], document: Document
) -> Iterator[str]:
    operation_id = operation.get("operationId", "")
    if not NAME.fullmatch(operation_id):
        yield f"operation id {operation_id!r} is no name for a function"
    if ids[operation_id] > 1:
        yield f"operation id {operation_id!r} is used twice"
    if not operation.get("summary") and not operation.get("description"):
        yield "says nothing of what it does"
    if not operation.get("tags"):
        yield "has no tag"
    yield from _response_faults(operation["responses"])
    yield from _problem_faults(name, operation)
    for media_type, media in operation.get("requestBody", {}).get("content", {}).items():
        examples = list(_examples(media)) + list(_examples(_resolved(media["schema"], document)))
        if not examples and media_type == "application/json":
            yield f"its {media_type} body has no example"
        yield from _example_faults("body", examples, media["schema"], document)
    for parameter in operation.get("parameters", []):
        examples = [*_examples(parameter), *_examples(parameter["schema"])]
        yield from _example_faults(parameter["name"], examples, parameter["schema"], document)


def _response_faults(responses: Mapping[str, Any]) -> Iterator[str]:
    successes = [status for status in responses if status.startswith("2")]
    if not successes:
        yield "has no successful response"
    for status in successes:
        if status != NO_CONTENT and not any(
            media.get("schema") for media in responses[status].get("content", {}).values()
        ):
            yield f"its {status} response has no schema"
    for status, response in responses.items():
        if status == RANGE_NOT_SATISFIABLE:
            continue  # a player reads its Content-Range header (RFC 9110 §15.5.17), and there is no body
        if status.startswith(("4", "5")) and {
            media_type: media.get("schema") for media_type, media in response.get("content", {}).items()
        } != {PROBLEM: PROBLEM_SCHEMA}:
            yield f"its {status} response is not a problem"


def _problem_faults(name: str, operation: Mapping[str, Any]) -> Iterator[str]:
    """Refusals that every operation of this kind can give."""
    needed: set[str] = set()
    if operation.get("security"):
        needed |= {"401", "403"}
    if operation.get("parameters"):
        needed |= {"422"}
    if "{" in name:
        needed |= {"404"}
    if "requestBody" in operation:
        needed |= {"400", "413", "422"}
    missing = sorted(needed - operation["responses"].keys())
    if missing:
        yield f"does not document {', '.join(missing)}"


def _schema_faults(schema: Mapping[str, Any], document: Document) -> Iterator[str]:
    yield from _example_faults("schema", _examples(schema), schema, document)
    for name, part in schema.get("properties", {}).items():
        yield from _example_faults(name, _examples(part), part, document)


def _examples(holder: Mapping[str, Any]) -> Iterator[Any]:
    """The examples of a schema (a list) or of a parameter or body (named, each with its value)."""
    given = holder.get("examples", [])
    yield from given if isinstance(given, list) else (example["value"] for example in given.values())
    if "example" in holder:
        yield holder["example"]


def _example_faults(
    name: str, examples: Iterator[Any] | list[Any], schema: Mapping[str, Any], document: Document
) -> Iterator[str]:
    for example in examples:
        whole = {**schema, "components": document["components"]}
        validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        for error in validator.iter_errors(example):
            yield f"an example of {name} does not fit its schema: {error.message}"


def _resolved(schema: Mapping[str, Any], document: Document) -> Mapping[str, Any]:
    reference = schema.get("$ref", "")
    if not reference:
        return schema
    found: Mapping[str, Any] = document["components"]["schemas"][reference.rsplit("/", 1)[1]]
    return found
