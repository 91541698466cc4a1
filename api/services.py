"""The services of the product, and the nouns each serves. Imports nothing: the command line reads it too."""

from __future__ import annotations

SERVICES: dict[str, tuple[str, ...]] = {
    "profile": ("access_sessions", "accounts", "consent", "guardians"),
    "content": ("courses",),
    "quiz": ("sessions",),
    "sessions": ("sessions",),
    "analytics": ("classes", "gradebook", "risk"),
}
"""Services of the product that can be served alone (``tutela api --only``), and the nouns each serves."""
