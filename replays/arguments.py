"""The words of ``tutela replay`` and ``tutela demo``; read by every command, so it imports nothing heavy."""

from __future__ import annotations

import argparse
from pathlib import Path

SAMPLE = Path(__file__).with_name("sample_responses.generated.csv")


def replay_arguments(parser: argparse.ArgumentParser) -> None:
    """``tutela replay``."""
    kinds = parser.add_subparsers(title="what to replay", required=True, metavar="WHAT")
    university = kinds.add_parser("oulad", help="a presentation of the Open University dataset")
    university.add_argument("path", type=Path, help="folder with the dataset's CSV files, packed or not")
    university.add_argument("--presentation", required=True, help="module and term, such as AAA-2013J")
    university.set_defaults(replay="oulad")
    log = kinds.add_parser("responses", help="any log of learners' responses")
    log.add_argument(
        "path",
        type=Path,
        nargs="?",
        default=SAMPLE,
        help="CSV file with a row for each response; the generated sample if left out",
    )
    log.set_defaults(replay="responses")
    for kind in (university, log):
        _where(kind)


def demo_arguments(parser: argparse.ArgumentParser) -> None:
    """``tutela demo``."""
    parser.add_argument(
        "--learners", type=int, default=12, help="how many learners are simulated (default 12)"
    )
    parser.add_argument(
        "--answers", type=int, default=60, help="the most answers of each of them (default 60)"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed, other learners (default 1)")
    parser.set_defaults(replay="demo")
    _where(parser)


def _where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--api", metavar="URL", help="address of the API; this machine's if left out")
    parser.add_argument("--school", default="demo", help="short name of the school (default: demo)")
    parser.add_argument("--email", metavar="ADDRESS", help="an administrator of the school")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="holds that account's password")
    parser.add_argument("--journal", type=Path, metavar="FILE", help="where the run is noted, to go on with")
    parser.add_argument("--fresh", action="store_true", help="begin a new run instead of going on with one")
