"""The gradebook: graded submissions that instructors and school systems post. Learners never post one.

A class has ``assessments``: its course's assignments, and tests and exams from elsewhere. ``grades`` holds
what a grade says and the rules about it, ``posting`` adds grades, ``reading`` shows them.
Grades are only ever added: a correction, a resubmission or a grade banked in an earlier year is a further
grade, and the newest counts, by order and not by clock.
"""
