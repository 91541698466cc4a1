"""Course packages in the form the API takes: a zip archive of YAML and Markdown files, made in memory.

The archive of the same content is the same bytes, so an import that is repeated changes nothing.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

ITEMS_PER_FILE = 200
_MADE_AT = (1980, 1, 1, 0, 0, 0)  # the first instant that a zip archive can name


def package(course: Mapping[str, Any], lessons: Sequence[Mapping[str, Any]], items: Sequence[Any]) -> bytes:
    """A package's archive.

    Args:
        course: fields of ``course.yaml``, without lessons.
        lessons: fields of each lesson, with its Markdown under ``body``.
        items: fields of each item.
    """
    files = {"course.yaml": _yaml({**course, "lessons": [lesson["id"] for lesson in lessons]})}
    for lesson in lessons:
        front = {name: value for name, value in lesson.items() if name not in ("body", "simpler")}
        text = f"---\n{_yaml(front)}---\n{lesson['body']}\n\n## Simpler\n\n{lesson['simpler']}\n"
        files[f"lessons/{lesson['id']}.md"] = text
    for start in range(0, len(items), ITEMS_PER_FILE):
        part = list(items[start : start + ITEMS_PER_FILE])
        files[f"items/items-{start // ITEMS_PER_FILE + 1}.yaml"] = _yaml({"items": part})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sorted(files):
            packed.writestr(zipfile.ZipInfo(name, _MADE_AT), files[name], zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def _yaml(fields: Mapping[str, Any]) -> str:
    """YAML of which each top-level value is JSON, which YAML 1.2 contains."""
    return "".join(f"{name}: {json.dumps(value, ensure_ascii=True)}\n" for name, value in fields.items())
