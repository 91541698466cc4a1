"""What the product holds, measured: ``make bench`` writes docs/performance.md.

Holds load, meters and tables. May import every room; nothing imports it. Tests never assert a time: budgets
stand beside the figures, and people judge.
"""
