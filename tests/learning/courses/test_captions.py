from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.courses.captions import check_captions
from learning.courses.source import Faults


def faults(text: str, duration_s: float = 10.0) -> list[str]:
    found = Faults()
    check_captions("a.vtt", text, duration_s, found)
    return [f"{fault.mark.line}: {fault.message}" for fault in found.sorted()]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "first line"),
        ("WEBVTTX", 1, "first line"),
        ("WEBVTT", 1, "no cue"),
        ("WEBVTT\n\nNOTE only this", 1, "no cue"),
        ("WEBVTT\n\n00:01.000 -> 00:02.000\nHi", 4, "needs its times"),
        ("WEBVTT\n\n00:01,000 --> 00:02,000\nHi", 3, "needs its times"),
        ("WEBVTT\n\n0:01.000 --> 0:02.000\nHi", 3, "needs its times"),
        ("WEBVTT\n\n00:61.000 --> 00:62.000\nHi", 3, "needs its times"),
        ("WEBVTT\n\n1\n\n00:01.000 --> 00:02.000\nHi", 4, "needs its times"),
        ("WEBVTT\n\n00:02.000 --> 00:02.000\nHi", 3, "ends before it starts"),
        ("WEBVTT\n\n00:02.000 --> 00:03.000\nHi\n\n00:01.000 --> 00:04.000\nHo", 6, "starts before the one"),
        ("WEBVTT\n\n00:02.000 --> 00:03.000", 3, "no words"),
        ("WEBVTT\n\n00:02.000 --> 00:03.000\n \n", 3, "no words"),
        ("WEBVTT\n\n00:02.000 --> 00:10.001\nHi", 3, "ends after the medium"),
        ("WEBVTT\n\n01:00:02.000 --> 01:00:03.000\nHi", 3, "ends after the medium"),
    ],
)
def test_a_caption_file_that_a_player_would_drop_is_refused(text: str, line: int, words: str) -> None:
    assert [found for found in faults(text) if found.startswith(f"{line}: ") and words in found]


@pytest.mark.parametrize(
    "text",
    [
        "WEBVTT\n\n00:00.000 --> 00:10.000\nHi",
        "WEBVTT - with a title\nKind: captions\n\nSTYLE\n::cue {}\n\n1\n00:01.000 --> 00:02.000 line:0\nHi",
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHi\n\n\n00:01.000 --> 00:03.000\nHo",
    ],
)
def test_a_proper_caption_file_has_no_fault(text: str) -> None:
    assert faults(text) == []


@given(
    st.lists(st.sampled_from(["WEBVTT", "", "NOTE", "1", "00:01.000 --> 00:02.000", "-->", "Hi"]), max_size=9)
)
def test_any_lines_are_captions_or_have_faults(lines: list[str]) -> None:
    assert isinstance(faults("\n".join(lines)), list)
