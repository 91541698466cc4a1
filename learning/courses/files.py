"""The files of a course package, from a folder or a zip archive, with limits: nothing outside is ever read.

Symbolic links are refused, not followed. Hidden files (``.git``, ``.DS_Store``) are not part of a package.
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from learning.courses.source import Faults, Mark

MAX_TEXT_BYTES: Final = 256 * 1024
MAX_MEDIA_BYTES: Final = 8 * 1024 * 1024
MAX_PACKAGE_BYTES: Final = 64 * 1024 * 1024
MAX_FILES: Final = 500
MAX_FOLDERS_DEEP: Final = 2

TEXT_SUFFIXES: Final = frozenset({".yaml", ".yml", ".md", ".vtt", ".txt"})

Files = Mapping[str, bytes]
"""Content by path below the package's folder, with ``/`` between names."""


def read_folder(folder: Path, faults: Faults) -> Files:
    """Every file below ``folder``; what breaks a limit is a fault and is left out."""
    if not folder.is_dir():
        faults.add(Mark("course.yaml"), "file", "A course package is a folder: give the folder's path.")
        return {}
    return _within_limits(_walk(folder, PurePosixPath(), faults), faults)


def read_archive(archive: bytes, faults: Faults) -> Files:
    """Every file of a zip archive; a single folder at its top is the package itself."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            files = _within_limits(_unzip(opened, faults), faults)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        faults.add(Mark("package.zip"), "file", "This is not a zip archive that can be read: pack it again.")
        return {}
    tops = {name.partition("/")[0] for name in files}
    if len(tops) == 1 and "course.yaml" not in files:
        return {name.partition("/")[2]: content for name, content in files.items()}
    return files


def _walk(folder: Path, below: PurePosixPath, faults: Faults) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(os.scandir(folder / below), key=lambda entry: entry.name):
        name = below / entry.name
        if entry.name.startswith("."):
            continue
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            faults.add(Mark(str(name)), "file", "Links are not followed: put the file itself here.")
        elif stat.S_ISDIR(mode) and len(name.parts) <= MAX_FOLDERS_DEEP:
            yield from _walk(folder, name, faults)
        elif stat.S_ISREG(mode):
            try:
                yield str(name), _read(folder / name)
            except OSError as error:
                faults.add(Mark(str(name)), "file", f"This file cannot be read ({error.strerror}).")
        else:
            faults.add(Mark(str(name)), "file", "A package holds files in one level of folders: move it.")


def _read(path: Path) -> bytes:
    """One byte more than any file may have, so that the limit shows without reading what is beyond."""
    # O_NOFOLLOW: between the look at the entry and its opening somebody may put a link there.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as opened:
        return opened.read(MAX_MEDIA_BYTES + 1)


_ENCRYPTED: Final = 0x1
_PACKED: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


def _unzip(archive: zipfile.ZipFile, faults: Faults) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
        parts = entry.filename.split("/")
        if entry.filename.endswith("/") or parts[0] == "__MACOSX" or _hidden(parts):
            continue
        if ".." in parts or "" in parts or "\\" in entry.filename or ":" in entry.filename:
            faults.add(Mark(entry.filename), "file", "File names stay inside the package: rename this one.")
        elif stat.S_ISLNK(entry.external_attr >> 16):
            faults.add(Mark(entry.filename), "file", "Links are not followed: put the file itself here.")
        elif entry.flag_bits & _ENCRYPTED or entry.compress_type not in _PACKED:
            faults.add(Mark(entry.filename), "file", "This entry cannot be unpacked: pack it as plain zip.")
        else:
            try:
                with archive.open(entry) as opened:
                    yield entry.filename, opened.read(MAX_MEDIA_BYTES + 1)
            except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError):
                faults.add(Mark(entry.filename), "file", "This entry is damaged: pack it again.")


def _hidden(parts: list[str]) -> bool:
    return any(part.startswith(".") and part != ".." for part in parts)


def _within_limits(found: Iterator[tuple[str, bytes]], faults: Faults) -> Files:
    files: dict[str, bytes] = {}
    total = 0
    for name, content in found:
        total += len(content)
        if len(files) == MAX_FILES or total > MAX_PACKAGE_BYTES:
            size = f"{MAX_FILES} files and {MAX_PACKAGE_BYTES // 2**20} MiB"
            faults.add(Mark(name), "file", f"A package has at most {size}: split the course.")
            return files
        text = PurePosixPath(name).suffix.lower() in TEXT_SUFFIXES
        limit = MAX_TEXT_BYTES if text else MAX_MEDIA_BYTES
        if not name.isprintable():
            faults.add(Mark(ascii(name)), "file", "This file name cannot be printed: rename the file.")
        elif name in files:
            faults.add(Mark(name), "file", "This file is in the archive twice: pack it again.")
        elif len(content) > limit:
            mend = "split it into several" if text else "compress it"
            faults.add(Mark(name), "file", f"This file is larger than {limit // 1024} KiB: {mend}.")
        else:
            files[name] = content
    return files
