"""How much a request may carry. A body is refused as soon as it is too long, whatever its header said."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem_response
from runtime.errors import TutelaError

BODY_LIMIT_BYTES = 4 * 1024 * 1024


class TooLarge(TutelaError):
    """The body is longer than any request of this API needs."""

    status = 413
    slug = "body-too-large"
    title = "The body is too large"


class BodyLimit:
    """ASGI middleware that answers 413 before an oversized body reaches a route."""

    def __init__(self, app: ASGIApp, limit_bytes: int = BODY_LIMIT_BYTES) -> None:
        self._app = app
        self._limit = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._limit:
            await self._refuse(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise TooLarge(f"A body may have at most {self._limit} bytes")
            return message

        await self._app(scope, counted, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = TooLarge(f"A body may have at most {self._limit} bytes")
        await problem_response(error)(scope, receive, send)
