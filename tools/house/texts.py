"""What is looked for in comments and in any text: reasons, and places that belong to one machine."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from tools.house.source import Finding, Source

WORDS_OF_A_REASON = 2

SUPPRESSION = re.compile(
    r"#\s*(?P<what>noqa|type:\s*ignore|pragma:\s*no cover|ruff:|mypy:|pylint:|nosec)(?P<rest>.*)"
)
CODES = re.compile(r":\s*[A-Z]+[0-9]+(?:\s*,\s*[A-Z]+[0-9]+)*|\[[a-z, -]+\]")
ESCAPE = re.compile(r"#\s*(?:house:\s*(?P<rule>\S*)|public:)\s*(?P<reason>.*)")


def suppressions(source: Source) -> Iterator[Finding]:
    for line, comment in source.comments.items():
        found = SUPPRESSION.match(comment)
        if found is None:
            continue
        codes = CODES.match(found["rest"])
        if found["what"].startswith(("noqa", "type")) and codes is None:
            yield Finding(source.path, line, "unexplained", f"{found['what']} names no code")
        elif found["what"].endswith(":"):
            yield Finding(
                source.path, line, "unexplained", f"{found['what']} acts on a whole file: use pyproject"
            )
        elif not _is_reason(found["rest"][codes.end() if codes else 0 :]):
            yield Finding(source.path, line, "unexplained", f"{found['what']} gives no reason")


def idle_escapes(source: Source, rules: Collection[str]) -> Iterator[Finding]:
    for line, comment in source.comments.items():
        found = ESCAPE.match(comment)
        if found is None or not (source.in_rooms or found["rule"]):
            continue
        if found["rule"] is not None and found["rule"] not in rules:
            yield Finding(source.path, line, "unexplained", f"the house has no rule {found['rule']!r}")
        elif line not in source.excused:
            yield Finding(source.path, line, "unexplained", "this escape excuses nothing")
        elif not _is_reason(found["reason"]):
            yield Finding(source.path, line, "unexplained", "this escape gives no reason")


def _is_reason(text: str) -> bool:
    return len(text.strip(" #-:").split()) >= WORDS_OF_A_REASON


REGISTRIES = [
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "npmjs" + ".org",
    "npmjs" + ".com",
    "yarnpkg" + ".com",
    "proxy.golang" + ".org",
    "crates" + ".io",
    "rubygems" + ".org",
    "maven" + ".org",
    "docker" + ".io",
]
PLACES = [
    (re.compile("|".join(map(re.escape, REGISTRIES))), "names a registry's host"),
    (re.compile(r"(?<![\w.~}/-])/(?:work|root)(?:/|\b(?![\w-]))"), "names a path of one machine"),
    (re.compile(r"(?<![\w.~}/-])/(?:home|Users)/[\w.-]+"), "names somebody's home folder"),
]


def places(source: Source) -> Iterator[Finding]:
    for number, line in enumerate(source.text.splitlines(), start=1):
        for pattern, message in PLACES:
            if pattern.search(line):
                if "# house: place " in line:
                    source.excused.add(number)
                else:
                    yield Finding(source.path, number, "place", message)
