"""Writes the locks requirements/*.txt from their .in files: every version pinned, every file hashed.

No index address and no header go into a lock: it is the same on every machine, and where packages come
from is the machine's own business. Arguments go to pip-compile (``--upgrade``, ``--upgrade-package NAME``).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

OPTIONS = (
    "--quiet",
    "--generate-hashes",
    "--allow-unsafe",  # pip and setuptools are pip-tools' own needs; a hashed lock must name them too
    "--strip-extras",
    "--no-header",
    "--no-emit-index-url",
    "--no-emit-find-links",
)


def main(arguments: list[str]) -> None:
    for name in ("run", "dev", "engine"):  # dev is constrained by run, so run goes first
        lock = ("--output-file", f"requirements/{name}.txt", f"requirements/{name}.in")
        print(f"Locking requirements/{name}.txt")
        subprocess.run(
            [sys.executable, "-m", "piptools", "compile", *OPTIONS, *arguments, *lock], cwd=ROOT, check=True
        )


if __name__ == "__main__":
    main(sys.argv[1:])
