"""What a decision reads: reported effort that cannot be true is refused."""

from __future__ import annotations

from typing import Any

import pytest

from learning.courses.plan import CoursePlan
from learning.decisions import MAX_RESPONSE_MS, EffortUnfit, graded
from learning.quizzes import Grade

GRADE = Grade(correct=False, credit=0.25, feedback="Nearly.", misconception="upside-down")


class TestEffort:
    @pytest.mark.parametrize(
        ("effort", "field"),
        [
            ({"hints_used": -1}, "hints_used"),
            ({"hints_used": 3}, "hints_used"),
            ({"response_ms": -1}, "response_ms"),
            ({"response_ms": MAX_RESPONSE_MS + 1}, "response_ms"),
            ({"hesitation_ms": -1}, "hesitation_ms"),
            ({"response_ms": 1_000, "hesitation_ms": 1_001}, "hesitation_ms"),
        ],
    )
    def test_what_cannot_be_true_is_refused_by_name(
        self, plan: CoursePlan, effort: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(EffortUnfit) as refusal:
            graded(plan.items["i0-1"].item, GRADE, **effort)
        assert [fault.field for fault in refusal.value.faults] == [field]

    def test_the_grade_and_the_effort_become_the_attempt(self, plan: CoursePlan) -> None:
        attempt = graded(plan.items["i0-1"].item, GRADE, hints_used=2, response_ms=5_000, hesitation_ms=5_000)
        assert (attempt.item, attempt.correct, attempt.credit) == ("i0-1", False, 0.25)
        assert (attempt.misconception, attempt.hints_used) == ("upside-down", 2)
