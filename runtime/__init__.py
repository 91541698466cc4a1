"""The ground: settings, database, columns, clock, errors, keys at rest, the Temporal client.

May not hold any domain word.
"""
