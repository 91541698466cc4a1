"""Captions: WebVTT files read strictly, because a caption that a player drops helps nobody.

Source: W3C WebVTT (Candidate Recommendation 2019-04-04), §4.1 file structure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from learning.courses.source import Faults, Mark

_TIME: Final = r"(?:(\d{2,4}):)?([0-5]\d):([0-5]\d)\.(\d{3})"
_TIMING: Final = re.compile(rf"{_TIME}[ \t]+-->[ \t]+{_TIME}(?:[ \t]+.*)?", re.ASCII)


def check_captions(file: str, text: str, duration_s: float, faults: Faults) -> None:
    """Collect every fault of a WebVTT text whose cues must lie within ``duration_s``."""
    lines = text.split("\n")
    if not re.fullmatch(r"WEBVTT(?:[ \t].*)?", lines[0]):
        faults.add(Mark(file), "captions", "The first line of a caption file is WEBVTT.")
        return
    cues, last_start = 0, 0.0
    for number, block in _blocks(lines):
        if block[0].startswith(("NOTE", "STYLE", "REGION")):
            continue
        at = 0 if "-->" in block[0] else 1  # a cue may carry an identifier above its timing
        mark = Mark(file, number + at)
        timing = _TIMING.fullmatch(block[at].strip()) if at < len(block) else None
        if timing is None:
            faults.add(mark, "captions", "A cue needs its times, such as 00:01.000 --> 00:04.500.")
            continue
        cues += 1
        start_s, end_s = _seconds(timing.groups()[:4]), _seconds(timing.groups()[4:])
        if end_s <= start_s:
            faults.add(mark, "captions", "This cue ends before it starts: swap or correct its times.")
        if start_s < last_start:
            faults.add(mark, "captions", "This cue starts before the one above it: put them in order.")
        if end_s > duration_s:
            faults.add(mark, "captions", f"This cue ends after the medium does, at {duration_s:g} s.")
        if not "".join(block[at + 1 :]).strip():
            faults.add(mark, "captions", "This cue has no words: write them below its times.")
        last_start = max(last_start, start_s)
    if cues == 0:
        faults.add(Mark(file), "captions", "There is no cue here: write what is said, with its times.")


def _blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Groups of lines between blank ones, below the header, each with the number of its first line."""
    block: list[str] = []
    body = next((i for i, line in enumerate(lines) if not line.strip()), len(lines))
    for number, line in enumerate([*lines[body:], ""], start=body + 1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, millis = (int(part or 0) for part in parts)
    return hours * 3600 + minutes * 60 + seconds + millis / 1000
