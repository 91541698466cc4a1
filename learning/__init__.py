"""What teaching needs: courses, quizzes, sessions, gradebook, features, models, adaptation, risk.

Holds tables and pure rules. May not hold HTTP, Temporal or permissions of its own: a learner's data is
reached through ``governance.permits`` alone.
"""
