"""``python -m benchmarks [answers] [direct] [parts] [class] [--quick]`` writes docs/performance.md."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from benchmarks import answers, direct, gradebook, micro
from benchmarks.report import PERFORMANCE, machine, put_section
from tests.journeys.product import running_product

PARTS = ("answers", "direct", "parts", "class")
WHOLE = answers.Plan()
QUICK = answers.Plan(rates_per_s=(10, 25), block_s=3.0, blocks=1)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks", description="Measure what docs/performance.md states."
    )
    parser.add_argument("part", nargs="*", choices=PARTS, default=PARTS, help="what to measure (all of it)")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes; nothing is written")
    chosen = parser.parse_args()
    sections = {}
    plan = QUICK if chosen.quick else WHOLE
    if "parts" in chosen.part:
        sections["parts"] = "\n\n".join((micro.table_of_costs(), micro.table_of_commits(plan.block_s)))
    if "class" in chosen.part:
        sections["class"] = gradebook.table_of_a_class()
    if {"answers", "direct"} & set(chosen.part):
        with (
            tempfile.TemporaryDirectory(prefix="tutela-bench-") as folder,
            running_product(Path(folder) / "home") as product,
        ):
            if "answers" in chosen.part:
                sections["answers"] = asyncio.run(answers.measure(product, plan))
            if "direct" in chosen.part:
                sections["direct"] = asyncio.run(direct.measure(product, plan))
    for name, text in sections.items():
        print(f"\n{name}\n\n{text}\n")
        if not chosen.quick:
            put_section(PERFORMANCE, name, f"{machine()}\n\n{text}")
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # the SDK can crash while the interpreter shuts down
