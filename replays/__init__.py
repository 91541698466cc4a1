"""Real and simulated learners, brought in over the public HTTP API.

Holds clients: a replay of a university presentation, a replay of any response log, the demonstration. May not
import any room of the product but ``runtime``, so nothing here can see or do what a school's own software
could not. Each run can be killed and started again: ids come from the source, a journal says what was
acknowledged, and the API takes the same id with the same content once.
"""
