from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.ranges import ranged

BYTES = bytes(range(100))


@pytest.mark.parametrize("wanted", ["bytes=100-", "bytes=100-200", "bytes=-0", f"bytes={10**17}-"])
def test_a_part_that_is_not_there_is_refused(wanted: str) -> None:
    answer = ranged(BYTES, "audio/ogg", wanted, {})
    assert (answer.status_code, answer.headers["Content-Range"], answer.body) == (416, "bytes */100", b"")


@pytest.mark.parametrize(
    "wanted", [None, "", "bytes=-", "bytes=9-3", "bytes=0-1,5-6", "items=0-1", "bytes=a-b", "bytes=1-2-3"]
)
def test_what_is_no_single_range_gets_everything(wanted: str | None) -> None:
    answer = ranged(BYTES, "audio/ogg", wanted, {})
    assert (answer.status_code, answer.body) == (200, BYTES)
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("wanted", "part", "says"),
    [
        ("bytes=0-9", BYTES[:10], "bytes 0-9/100"),
        ("bytes=90-", BYTES[90:], "bytes 90-99/100"),
        ("bytes=-5", BYTES[-5:], "bytes 95-99/100"),
        ("bytes=-500", BYTES, "bytes 0-99/100"),
        ("bytes=99-500", BYTES[99:], "bytes 99-99/100"),
        ("bytes= 5-5", BYTES[5:6], "bytes 5-5/100"),
    ],
)
def test_a_part_is_given_with_its_place(wanted: str, part: bytes, says: str) -> None:
    answer = ranged(BYTES, "audio/ogg", wanted, {"ETag": '"x"'})
    assert (answer.status_code, answer.body, answer.headers["Content-Range"]) == (206, part, says)
    assert answer.headers["ETag"] == '"x"'
    assert answer.headers["Content-Length"] == str(len(part))


@given(st.binary(max_size=20), st.text(alphabet="bytes=0123456789-, ", max_size=20))
def test_any_header_gets_an_answer(content: bytes, wanted: str) -> None:
    answer = ranged(content, "audio/ogg", wanted, {})
    assert answer.status_code in {200, 206, 416}
    assert bytes(answer.body) in content
