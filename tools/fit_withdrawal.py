"""Fits the gradebook lines of the withdrawal scorecard on the Open University's data, and ranks with them.

    python -m tools.fit_withdrawal FOLDER_WITH_OULAD

Protocol: trained on the 2013 presentations, tested on the 2014 ones; learners still enrolled on days 14, 28,
56 and 90; label: withdraws later. Each presentation and day has its own intercept, so that only differences
inside a class count. No demographics are read. The scales and clips of ``learning.models.scorecards`` are
kept; only their weights are fitted.

Data: Kuzilek, Hlosta, Zdrahal 2017, CC BY 4.0. It is read in place and never copied.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from learning.evaluation import auc
from learning.features import feature
from learning.features.withdrawal import WITHDRAWAL_FEATURES, EnrolmentFacts, GradeFacts, RiskInputs
from learning.models.scorecards import WITHDRAWAL_RISK

DAYS = (14, 28, 56, 90)
FITTED = ("score", "missing_share", "late_share", "early_days", "days_since_submission", "banked", "credits")
LINES = {line.feature: line for line in WITHDRAWAL_RISK.lines if line.feature in FITTED}
L2 = 1.0
SHOWN_SHARE = 0.1
CONVERGED = 1e-9

Key = tuple[str, str, str]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    group: tuple[str, str, int]
    scaled: list[float]
    leaves: bool

    @property
    def year(self) -> str:
        return self.group[1][:4]


def main(folder: Path) -> None:
    rows = [row for day in DAYS for row in rows_at(folder, day)]
    train = [row for row in rows if row.year == "2013"]
    weights, intercept = fit(train)
    print(f"Trained on {len(train)} rows of 2013; bias {intercept:.2f} (all rows together)")
    for name, weight in zip(FITTED, weights, strict=True):
        print(f"  {name:24s} fitted {weight:+.3f}   in the scorecard {LINES[name].weight:+.2f}")
    shipped = np.array([LINES[name].weight for name in FITTED])
    for day in DAYS:
        tested = [row for row in rows if row.year == "2014" and row.group[2] == day]
        report(day, tested, shipped)


def rows_at(folder: Path, day: int) -> list[Row]:
    """One row per learner still enrolled on ``day``, with what was known by then."""
    works = {work["id_assessment"]: work for work in read(folder, "assessments")}
    submissions: dict[Key, dict[str, dict[str, str]]] = defaultdict(dict)
    for submission in read(folder, "studentAssessment"):
        work = works[submission["id_assessment"]]
        key = (work["code_module"], work["code_presentation"], submission["id_student"])
        submissions[key][submission["id_assessment"]] = submission
    left = {key_of(line): line for line in read(folder, "studentRegistration")}
    rows = []
    for line in read(folder, "studentInfo"):
        key = key_of(line)
        ended, began = left[key]["date_unregistration"], left[key]["date_registration"]
        if (ended and float(ended) <= day) or (began and float(began) > day):
            continue
        mine = [w for w in works.values() if (w["code_module"], w["code_presentation"]) == key[:2]]
        inputs = RiskInputs(
            day=day,
            grades=tuple(
                grade_of(work, submissions[key].get(work["id_assessment"]), day)
                for work in mine
                if work["assessment_type"] != "Exam"
            ),
            enrolment=EnrolmentFacts(credits=int(line["studied_credits"])),
        )
        rows.append(Row((*key[:2], day), scaled(inputs), bool(ended)))
    return rows


def read(folder: Path, name: str) -> list[dict[str, str]]:
    with gzip.open(folder / f"{name}.csv.gz", "rt", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def key_of(line: dict[str, str]) -> Key:
    return line["code_module"], line["code_presentation"], line["id_student"]


def grade_of(work: dict[str, str], submission: dict[str, str] | None, day: int) -> GradeFacts:
    due = int(float(work["date"])) if work["date"] else None
    weight = float(work["weight"])
    if submission is None or float(submission["date_submitted"]) > day:
        return GradeFacts(due_day=due, weight=weight)
    return GradeFacts(
        due_day=due,
        weight=weight,
        score=float(submission["score"]) / 100 if submission["score"] else None,
        submitted_day=int(float(submission["date_submitted"])),
        attempts=1,
        banked=submission["is_banked"] == "1",
    )


def scaled(inputs: RiskInputs) -> list[float]:
    values = feature.values(WITHDRAWAL_FEATURES, inputs)
    row = dict(zip(values, feature.vector(WITHDRAWAL_FEATURES, values), strict=True))
    return [
        min(max((row[name] - WITHDRAWAL_RISK.centre(line)) / line.scale, line.low), line.high)
        for name, line in LINES.items()
    ]


def fit(rows: list[Row]) -> tuple[Matrix, float]:
    """Logistic regression by Newton's method with an intercept per group, and the bias that fits without."""
    x = np.array([row.scaled for row in rows])
    y = np.array([row.leaves for row in rows], dtype=float)
    groups = sorted({row.group for row in rows})
    member = np.zeros((len(rows), len(groups)))
    member[np.arange(len(rows)), [groups.index(row.group) for row in rows]] = 1
    design = np.hstack([x, member])
    penalty = np.array([L2] * x.shape[1] + [1e-3] * len(groups))
    beta = np.zeros(design.shape[1])
    for _ in range(100):
        p = 1 / (1 + np.exp(-design @ beta))
        gradient = design.T @ (y - p) - penalty * beta
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        beta += step
        if np.abs(step).max() < CONVERGED:
            break
    weights = beta[: x.shape[1]]
    low, high = -10.0, 10.0
    for _ in range(60):
        bias = (low + high) / 2
        too_much = (1 / (1 + np.exp(-(x @ weights + bias)))).mean() > y.mean()
        low, high = (low, bias) if too_much else (bias, high)
    return weights, bias


def report(day: int, rows: list[Row], weights: Matrix) -> None:
    labels = [row.leaves for row in rows]
    scores = [float(np.dot(row.scaled, weights)) for row in rows]
    overall = auc(labels, scores)
    ranked = sorted(zip(scores, labels, strict=True), reverse=True)[: int(SHOWN_SHARE * len(rows))]
    found = sum(label for _, label in ranked) / sum(labels)
    classes = {row.group for row in rows}
    inside, weight = 0.0, 0
    for group in classes:
        place = [n for n, row in enumerate(rows) if row.group == group]
        leaving = sum(labels[n] for n in place)
        inside += leaving * auc([labels[n] for n in place], [scores[n] for n in place]).value
        weight += leaving
    print(
        f"  2014, day {day:3d}: {len(rows)} learners, {sum(labels) / len(rows):.3f} leave; "
        f"AUC {overall.value:.3f} ({overall.low:.3f}-{overall.high:.3f}), "
        f"within a class {inside / weight:.3f}; recall in the top tenth {found:.2f}"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
