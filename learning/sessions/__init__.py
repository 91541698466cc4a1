"""A learner's session: rows own its facts (state, order, openness); a workflow owns its time.

``answering.answer`` is the only code that creates an answer. ``opening`` starts, resumes and lets the learner
choose; ``closing`` ends. ``rows`` are the tables, ``messages`` what travels.
"""
