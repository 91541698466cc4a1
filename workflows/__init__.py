"""Temporal workflows: order, waiting, deadlines.

Holds one workflow per file. May not hold I/O, clocks, randomness or facts that no row has.
May import only payload types and activity classes from the rooms below (a tested lint).
"""
