"""Who may do what, for which purpose: the Casbin model and rules, the vocabulary, the decision point.

May not read a database: relation facts arrive as arguments.
"""
