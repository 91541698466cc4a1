"""Recordings of a course: the kinds that browsers play, known by how a file begins and not by name alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Final

_KINDS: Final[Mapping[str, tuple[str, tuple[tuple[int, bytes], ...]]]] = {
    ".mp3": ("audio/mpeg", ((0, b"ID3"), (0, b"\xff\xfb"), (0, b"\xff\xf3"), (0, b"\xff\xf2"))),
    ".m4a": ("audio/mp4", ((4, b"ftyp"),)),
    ".mp4": ("video/mp4", ((4, b"ftyp"),)),
    ".ogg": ("audio/ogg", ((0, b"OggS"),)),
    ".opus": ("audio/ogg", ((0, b"OggS"),)),
    ".wav": ("audio/wav", ((0, b"RIFF"),)),
    ".webm": ("video/webm", ((0, b"\x1a\x45\xdf\xa3"),)),
}
"""Media type by ending, and the ways such a file may begin: an offset and the bytes there."""

SUFFIXES: Final = frozenset(_KINDS)


@dataclass(frozen=True, slots=True)
class Recording:
    """The bytes of a medium. ``sha256``, hexadecimal, is their name in the store.

    ``media_type`` is empty where the bytes are not of the kind that the file's ending says.
    """

    sha256: str
    media_type: str
    content: bytes


def read_recording(name: str, content: bytes) -> Recording:
    """The recording in a file whose name ends in one of ``SUFFIXES``."""
    media_type, beginnings = _KINDS[PurePosixPath(name).suffix]
    genuine = any(content.startswith(begins, offset) for offset, begins in beginnings)
    return Recording(sha256(content).hexdigest(), media_type if genuine else "", content)
