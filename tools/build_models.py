"""Writes the default models, their cards and the registry into ``learning/models/artefacts``."""

from __future__ import annotations

from learning.models.defaults import publish

if __name__ == "__main__":
    for role, digest in publish().items():
        print(f"{role:20s} {digest}")
