"""The strategy behind a decision: evidence, gates, rules, choice of item, and what would have changed it.

Holds pure functions and the rules artefact. ``learning.adaptation`` is its face; nobody else decides.
"""
