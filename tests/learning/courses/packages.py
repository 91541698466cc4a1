"""Course packages for tests. The example of the authors' guide is the valid one they start from."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from learning.courses.lessons import MARKDOWN

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "courses.md"
SILENCE = bytes.fromhex(
    "524946462400000057415645666d74201000000001000100401f0000401f0000010008006461746100000000"
)
"""A WAV file without a sample."""


def example_package() -> dict[str, bytes]:
    """Files of the example: each code block of the guide that stands under its own path in bold."""
    files = {"media/folding.wav": SILENCE}
    tokens = MARKDOWN.parse(GUIDE.read_text())
    for inline, following in zip(tokens, tokens[2:], strict=False):
        if following.type == "fence" and inline.content.startswith("**`"):
            files[inline.content.strip("*`")] = following.content.encode()
    return files


def edited(file: str, old: str, new: str) -> dict[str, bytes]:
    """The example with one passage changed; the passage must be there."""
    files = example_package()
    assert old.encode() in files[file], f"{old!r} is not in {file}"
    files[file] = files[file].replace(old.encode(), new.encode(), 1)
    return files


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def write_package(files: dict[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
