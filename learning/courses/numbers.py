"""Numbers as learners and authors write them, read exactly.

``read_number`` takes decimals (``0.75``, ``0,75``), fractions (``3/4``, ``¾``) and mixed numbers (``1 3/4``,
``1¾``), with any minus sign and any script's digits. It refuses what can be read in two ways: a wrong guess
would grade a right answer wrong.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from typing import Final

from runtime.errors import Invalid

MAX_LENGTH: Final = 64
"""Longest text that is looked at; exact arithmetic on longer digit strings is only a way to burn time."""

_SIGNS: Final = dict.fromkeys(map(ord, "\u2212\u2010\u2011\u2013\ufe63\uff0d"), "-") | {0xFF0B: "+"}
_SLASHES: Final = dict.fromkeys(map(ord, "\u2044\u2215\uff0f"), "/")
_POINTS: Final = {0x066B: ".", 0xFF0E: ".", 0xFF0C: ","}
_WRITTEN_OTHERWISE: Final = _SIGNS | _SLASHES | _POINTS

_DECIMAL: Final = re.compile(r"(\d+)(?:[.,](\d*))?|[.,](\d+)", re.ASCII)
_FRACTION: Final = re.compile(r"(?:(\d+) )?(\d+) ?/ ?(\d+)", re.ASCII)
_GROUPED: Final = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+", re.ASCII)


class NumberUnreadable(Invalid):
    """A text that should be a number is none, or could be two different ones."""

    slug = "number-unreadable"
    title = "Write a number such as 0.75, 3/4 or 1 3/4"


def read_number(text: str) -> Fraction:
    """The exact value of ``text``: a decimal, a fraction or a mixed number, with an optional sign in front.

    Raises:
        NumberUnreadable: it is none of these, divides by zero, is longer than ``MAX_LENGTH``, or is a comma
            group such as ``1,500`` that is 1500 to one reader and 1.5 to another.
    """
    if len(text) > MAX_LENGTH:
        raise NumberUnreadable(f"A number has at most {MAX_LENGTH} characters.")
    plain = _plain(text)
    sign, size = (-1, plain[1:].lstrip()) if plain.startswith("-") else (1, plain.removeprefix("+").lstrip())
    if _GROUPED.fullmatch(size):
        raise NumberUnreadable(
            f"This can be read in two ways: write {size.replace(',', '')} or use a point for decimals."
        )
    return sign * _magnitude(size)


def _magnitude(size: str) -> Fraction:
    if match := _DECIMAL.fullmatch(size):
        whole, part, bare_part = match.groups()
        digits = part or bare_part or ""
        return Fraction(int((whole or "") + digits), 10 ** len(digits))
    if match := _FRACTION.fullmatch(size):
        whole, top, bottom = match.groups()
        if int(bottom) == 0:
            raise NumberUnreadable("The bottom number of a fraction cannot be 0.")
        return int(whole or 0) + Fraction(int(top), int(bottom))
    raise NumberUnreadable


def _plain(text: str) -> str:
    """ASCII digits, signs and slashes, single spaces.

    Not NFKC: that turns ``1¾`` into ``13/4`` and ``3²`` into ``32``.
    """
    return " ".join("".join(map(_plain_character, text.translate(_WRITTEN_OTHERWISE))).split())


def _plain_character(character: str) -> str:
    if character.isascii():
        return character
    decimal = unicodedata.decimal(character, None)
    if decimal is not None:
        return str(decimal)
    kind, *parts = unicodedata.decomposition(character).split() or [""]
    if kind == "<fraction>":
        return " " + "".join(chr(int(code, 16)) for code in parts).translate(_SLASHES)
    return character
