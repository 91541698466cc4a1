"""Features: what models and rules read about a learner, each defined once.

Holds definitions and the pure functions that compute them. Imports the learner state and the words of
policy; never a database, a clock or a model.
"""
