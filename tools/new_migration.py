"""Writes the next migration from the difference between the tables declared and those of the last revision.

    python tools/new_migration.py "what changes"

The file is a draft: read it, and change what a machine cannot know (how existing rows are carried over).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alembic import command

from runtime.migrations import SCRIPTS, configuration, migrate

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/before.db"
        before = len(list((SCRIPTS / "versions").glob("[0-9]*.py")))
        if before:
            migrate(url)
        script = command.revision(
            configuration(url), message=sys.argv[1], autogenerate=True, rev_id=f"{before + 1:04}"
        )
        print(script.path)  # type: ignore[union-attr]  # one message makes one revision
