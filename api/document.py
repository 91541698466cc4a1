"""The OpenAPI document, told as exactly as the answers are given, for who generates a client from it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from api.problems import MEDIA_TYPE


def tell_exactly(app: FastAPI) -> None:
    """Let refusals be problems and nothing else: the framework adds its own media type to every model."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        document = make()
        for methods in document["paths"].values():
            for operation in methods.values():
                for response in operation["responses"].values():
                    content = response.get("content", {})
                    if MEDIA_TYPE in content:
                        content.pop("application/json", None)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # the framework's own way to extend the document
