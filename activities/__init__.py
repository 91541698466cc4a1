"""Temporal activities: one class per noun, resources by constructor, one page of work per transaction.

Holds numbered steps. May not hold decisions of substance: those are pure functions in ``learning`` and
``governance``.
"""
