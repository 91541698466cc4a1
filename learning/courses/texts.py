"""Short texts and units compared as a kind teacher would: width and spacing do not matter; spelling does."""

from __future__ import annotations

import unicodedata


def fold_text(text: str) -> str:
    """The form under which two short texts are the same: NFKC, case folded, white space collapsed.

    Source: Unicode Standard §3.13, compatibility caseless match (D146), then trimmed and collapsed.
    """
    decomposed = unicodedata.normalize("NFD", text).casefold()
    folded = unicodedata.normalize("NFKD", decomposed).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def fold_unit(unit: str) -> str:
    """The form under which two units are the same: NFKC and trimmed (``cm²`` is ``cm2``).

    Case is kept, because mW is not MW.
    """
    return unicodedata.normalize("NFKC", unit).strip()
