"""The rules for the OpenAPI document find each kind of fault that is planted."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.document import PROBLEM, PROBLEM_SCHEMA, faults

REFUSAL = {"description": "refused", "content": {PROBLEM: {"schema": PROBLEM_SCHEMA}}}
GOOD: dict[str, Any] = {
    "paths": {
        "/v1/things/{id}": {
            "post": {
                "operationId": "changeThing",
                "summary": "Change a thing",
                "tags": ["things"],
                "security": [{"HTTPBearer": []}],
                "parameters": [{"name": "id", "in": "path", "schema": {"type": "string", "format": "uuid"}}],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
                },
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"type": "object"}}}},
                    **dict.fromkeys(("400", "401", "403", "404", "413", "422"), REFUSAL),
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Problem": {"type": "object"},
            "Thing": {
                "type": "object",
                "properties": {"size": {"type": "integer", "examples": [3]}},
                "required": ["size"],
                "examples": [{"size": 1}],
            },
        }
    },
}


def _operation(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"]["/v1/things/{id}"]["post"]
    return found


def _thing(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"]["Thing"]
    return found


def _twin(document: dict[str, Any]) -> None:
    document["paths"]["/v1/twins/{id}"] = copy.deepcopy(document["paths"]["/v1/things/{id}"])


PLANTED: dict[str, Callable[[dict[str, Any]], object]] = {
    "is no name for a function": lambda document: _operation(document).pop("operationId"),
    "is used twice": _twin,
    "says nothing of what it does": lambda document: _operation(document).pop("summary"),
    "has no tag": lambda document: _operation(document).pop("tags"),
    "has no successful response": lambda document: _operation(document)["responses"].pop("200"),
    "its 200 response has no schema": lambda document: _operation(document)["responses"]["200"].pop(
        "content"
    ),
    "its 404 response is not a problem": lambda document: _operation(document)["responses"].update(
        {"404": {"content": {"application/json": {"schema": PROBLEM_SCHEMA}}}}
    ),
    "does not document 401, 413": lambda document: [
        _operation(document)["responses"].pop(status) for status in ("401", "413")
    ],
    "body has no example": lambda document: _thing(document).pop("examples"),
    "an example of schema does not fit its schema": lambda document: _thing(document).update(
        {"examples": [{"size": "large"}]}
    ),
    "an example of size does not fit its schema": lambda document: _thing(document)["properties"][
        "size"
    ].update({"examples": ["large"]}),
    "an example of id does not fit its schema": lambda document: _operation(document)["parameters"][0].update(
        {"example": "no uuid"}
    ),
}


def test_a_good_document_has_no_faults() -> None:
    assert faults(GOOD) == []


@pytest.mark.parametrize("said", PLANTED)
def test_a_planted_fault_is_found(said: str) -> None:
    document = copy.deepcopy(GOOD)
    PLANTED[said](document)
    assert any(said in fault for fault in faults(document)), faults(document)
