"""The page and the benchmarks agree on the sections."""

from __future__ import annotations

import re

from benchmarks.__main__ import PARTS
from benchmarks.report import PERFORMANCE


def test_every_part_has_its_place_on_the_page() -> None:
    page = PERFORMANCE.read_text(encoding="utf-8")
    for part in PARTS:
        assert len(re.findall(f"<!-- /?{part} -->", page)) == 2
