"""Bytes in parts: a player that seeks asks for a range, and some players play nothing without.

Source: RFC 9110 §14 (one range; several are answered with the whole, as §14.2 allows).
"""

from __future__ import annotations

import re
from typing import Final

from starlette.responses import Response

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def ranged(content: bytes, media_type: str, wanted: str | None, headers: dict[str, str]) -> Response:
    """All of ``content``, or the part that the header ``Range`` asks for (206), or none of it (416)."""
    size = len(content)
    headers = {**headers, "Accept-Ranges": "bytes"}
    asked = _RANGE.fullmatch((wanted or "").replace(" ", ""))
    if asked is None or asked.groups() == ("", ""):
        return Response(content, media_type=media_type, headers=headers)
    first, last = asked.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if first and last and int(last) < start:  # not a range at all, so it is as if it had not been sent
        return Response(content, media_type=media_type, headers=headers)
    if start >= size or (not first and int(last) == 0):
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    return Response(content[start : end + 1], status_code=206, media_type=media_type, headers=headers)
