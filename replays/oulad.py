"""Replays a presentation of the Open University dataset: real enrolments, real scores, in their true order.

The class lives at the day being replayed, which goes forward one day at a time. Each day an instructor posts
the scores of what was handed in, then whoever left is taken out, then, on the days looked back from, the risk
list is read as it stands. What the product uses: scores, when work was due and handed in, when learners
enrolled and left. What it never sees: clicks, gender, age, region, deprivation, disability, schooling, study
load, the final result. The dataset's own statement of who left later judges the list.

Source of the protocol: those still enrolled on a day, judged by whether they left later; nothing dated after
the day is known (docs/decisions/0010).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table

from replays.client import Caller, Credentials
from replays.measures import Auc, auc
from replays.oulad_data import BEST_SCORE, Learner, Presentation, Submission, read_presentation
from replays.packages import package
from replays.report import latencies, numbers, outcomes
from replays.run import Run, account, running, spread
from runtime.errors import TutelaError

LOOKS = (14, 28, 56)
"""Days at whose end the risk list is read."""
MOVES_AT_ONCE = 200
NOT_USED = "clicks, gender, age, region, deprivation, disability, schooling, study load, final result"
USED = "scores, days due and handed in, days of enrolment"


@dataclass(frozen=True, slots=True)
class OuladRun:
    """What to replay and where."""

    folder: Path
    presentation: str
    api_url: str
    admin: Credentials
    journal: Path
    secret: str
    today: date


@dataclass(frozen=True, slots=True)
class Look:
    """How well the list of a day ranked those who left later."""

    day: int
    learners: int
    left_later: int
    auc: Auc | None
    bands: Mapping[str, tuple[int, int]]
    """By band: learners in it, and how many of them left later."""


class ListDiffers(TutelaError):
    """The risk list does not hold exactly those who were enrolled on its day."""

    slug = "risk-list-differs"
    title = "The risk list does not hold exactly those who were enrolled"


async def replay(wanted: OuladRun, console: Console) -> list[Look]:
    """Replay a presentation, or go on with it; prints the tables and returns what they say of the list."""
    source = read_presentation(wanted.folder, wanted.presentation)
    head = {"kind": "oulad", "presentation": source.code, "digest": source.digest, "api": wanted.api_url}
    first = {"secret": wanted.secret, "day": wanted.today.isoformat()}
    async with running(wanted.api_url, wanted.journal, head, first, console) as run:
        admin = await run.api.sign_in(wanted.admin)
        school = await _open(run, admin, source)
        subjects = await _accounts(run, admin, source)
        await _days(run, school, source, subjects)
        looks = [_judge(run, source, subjects, day) for day in _looks(source)]
    _tell(run, source, looks, console)
    return looks


@dataclass(frozen=True, slots=True)
class _Class:
    """The class of the replay: who keeps it and who grades in it."""

    path: str
    admin: Caller
    teacher: Caller


async def _open(run: Run, admin: Caller, source: Presentation) -> _Class:
    """Course, class, instructor and assessments, each made once."""
    await run.need("course", "course", admin, "POST", "/v1/courses", _course(source))
    class_id = run.id("class")
    last_day = max([source.length_days, *(one.day for one in source.submissions)])
    body = {
        "class_id": str(class_id),
        "course_id": _course_id(source),
        "title": f"{source.code} (replay)",
        "starts_on": source.on(0).isoformat(),
        "ends_on": source.on(last_day).isoformat(),
        "stands_on": source.on(_first_day(source)).isoformat(),
    }
    await run.need("class", "class", admin, "POST", "/v1/classes", body)
    name = f"Instructor of {source.code} (replay)"
    teacher, credentials = await account(run, admin, "instructor", "instructor", name, signs_in=True)
    path = f"/v1/classes/{class_id}"
    teaching = {"from_on": source.on(_first_day(source)).isoformat()}
    await run.need("teaching", "teaching", admin, "PUT", f"{path}/instructors/{teacher}", teaching)
    caller = await run.api.sign_in(credentials)
    for one in source.assessments:
        assessment = {
            "title": f"{one.kind.capitalize()} {one.key}",
            "kind": one.kind,
            "weight": one.weight,
            "due_on": source.on(one.due_day).isoformat(),
            "max_score": BEST_SCORE,
        }
        key = f"assessment {one.key}"
        await run.need(key, "assessment", caller, "PUT", f"{path}/assessments/{one.key}", assessment)
    return _Class(path, admin, caller)


async def _accounts(run: Run, admin: Caller, source: Presentation) -> dict[str, UUID]:
    """An account for each learner of the presentation, by the dataset's own name of them."""
    done = run.bar("accounts", len(source.learners))

    async def one(learner: Learner) -> tuple[str, UUID]:
        name = f"Learner {learner.key} (replay)"
        subject, _ = await account(run, admin, "learner", f"learner-{learner.key}", name, signs_in=False)
        done()
        return learner.key, subject

    return dict(await spread(partial(one, learner) for learner in source.learners))


async def _days(run: Run, school: _Class, source: Presentation, subjects: Mapping[str, UUID]) -> None:
    """Each day in turn: who comes, what is graded, who goes, and the list on the days to look at."""
    coming, graded, going = _by_day(source)
    done = run.bar("grades", len(source.submissions))
    for day in sorted({*coming, *graded, *going, *_looks(source)}):
        if f"day {day}" in run.journal:
            for _ in graded[day]:
                done()
            continue
        await school.admin.send("PATCH", school.path, body={"stands_on": source.on(day).isoformat()})
        await _move(run, school, source, subjects, "enrolled_on", day, coming[day])
        post = partial(_grade, run, school, source, subjects, done)
        await spread(partial(post, one) for one in graded[day])
        run.journal.sync()  # whoever leaves now cannot be graded any more
        await _move(run, school, source, subjects, "unenrolled_on", day, going[day])
        if day in _looks(source):
            await _look(run, school, source, day)
        run.journal.note(f"day {day}", kind="day")


def _by_day(
    source: Presentation,
) -> tuple[Mapping[int, list[Learner]], Mapping[int, list[Submission]], Mapping[int, list[Learner]]]:
    """Who comes, what is graded and who goes, by day. A banked score comes with the learner."""
    coming, going = defaultdict[int, list[Learner]](list), defaultdict[int, list[Learner]](list)
    graded = defaultdict[int, list[Submission]](list)
    registered = {}
    for learner in source.learners:
        registered[learner.key] = learner.registered_day
        coming[learner.registered_day].append(learner)
        if learner.left_day is not None:
            going[learner.left_day].append(learner)
    for submission in source.submissions:
        if submission.learner in registered:
            day = max(submission.day, registered[submission.learner]) if submission.banked else submission.day
            graded[day].append(submission)
    return coming, graded, going


async def _move(
    run: Run,
    school: _Class,
    source: Presentation,
    subjects: Mapping[str, UUID],
    field: str,
    day: int,
    learners: Sequence[Learner],
) -> None:
    """Let learners in or take them out, by ``field``: ``enrolled_on`` or ``unenrolled_on``."""
    verb = "enrolments" if field == "enrolled_on" else "unenrolments"
    on = source.on(day).isoformat()
    for start in range(0, len(learners), MOVES_AT_ONCE):
        some = learners[start : start + MOVES_AT_ONCE]
        body = {verb: [{"learner": str(subjects[one.key]), field: on} for one in some]}
        key = f"{verb} {day} {start}"
        await run.need(key, verb, school.admin, "POST", f"{school.path}/{verb}", body, keep=outcomes)


async def _grade(
    run: Run,
    school: _Class,
    source: Presentation,
    subjects: Mapping[str, UUID],
    done: Callable[[], None],
    one: Submission,
) -> None:
    body = {
        "grade_id": str(run.id("grade", one.assessment, one.learner)),
        "learner": str(subjects[one.learner]),
        "assessment": one.assessment,
        "score": one.score,
        "submitted_on": source.on(one.day).isoformat(),
        **({"standing": "banked"} if one.banked else {}),
    }
    key = f"grade {one.assessment} {one.learner}"
    await run.once(
        key,
        "grade",
        school.teacher,
        "POST",
        f"{school.path}/grades",
        body,
        keep=lambda posted: {"standing": posted["standing"]},
    )
    done()


async def _look(run: Run, school: _Class, source: Presentation, day: int) -> None:
    """Read the risk list of a day as it stands, every page, and note its order."""
    key = f"look {day}"
    if key in run.journal:
        return
    listed: dict[str, list[Any]] = {}
    ms, following = 0.0, None
    while True:
        query = {"as_of": source.on(day).isoformat(), "limit": 200}
        answered = await school.teacher.send(
            "GET", f"{school.path}/risk", query={**query, "cursor": following} if following else query
        )
        ms += answered.ms
        for row in answered.body["rows"]:
            listed[row["learner"]] = [len(listed), row["score"], row["band"]]
        following = answered.body["next"]
        if following is None:
            break
    run.journal.note(key, kind="risk list", ms=round(ms, 2), listed=listed)


def _judge(run: Run, source: Presentation, subjects: Mapping[str, UUID], day: int) -> Look:
    """Hold the list of a day against who left later.

    Raises:
        ListDiffers: it does not hold exactly those who were enrolled.
    """
    listed = run.journal[f"look {day}"]["listed"]
    there = {str(subjects[one.key]): one for one in source.learners if one.there(day)}
    if listed.keys() != there.keys():
        raise ListDiffers(f"day {day}: {len(listed)} listed, {len(there)} enrolled")
    later = [there[subject].left_day is not None for subject in listed]
    rungs = dict.fromkeys((row[2], row[1]) for row in listed.values())  # from the top; equals share one
    height = {rung: -number for number, rung in enumerate(rungs)}
    bands: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row, left in zip(listed.values(), later, strict=True):
        bands[row[2]][0] += 1
        bands[row[2]][1] += left
    return Look(
        day=day,
        learners=len(listed),
        left_later=sum(later),
        auc=auc([height[row[2], row[1]] for row in listed.values()], later),
        bands={band: (count, left) for band, (count, left) in bands.items()},
    )


def _tell(run: Run, source: Presentation, looks: Sequence[Look], console: Console) -> None:
    console.print(f"\n[bold]{source.code}[/bold], Open University Learning Analytics Dataset (CC BY 4.0)")
    moved = {
        verb: sum(one["accepted"] for one in run.entries(verb)) for verb in ("enrolments", "unenrolments")
    }
    grades = run.entries("grade")
    facts = {
        "learners": len(source.learners),
        "enrolled": moved["enrolments"],
        "left": moved["unenrolments"],
        "grades posted": sum("refused" not in one for one in grades),
        **{f"  {standing}": count for standing, count in sorted(run.count("grade", "standing").items())},
        **{f"grades refused: {why}": count for why, count in sorted(run.count("grade", "refused").items())},
        **{f"repeated after {trouble}": count for trouble, count in sorted(run.api.tally.retries.items())},
    }
    console.print(numbers("What was replayed", facts))
    if run.count("grade", "refused"):
        console.print(
            "Refused: handed in when the learner had left, whom the instructor then teaches no more."
        )
    console.print(latencies(run, ("account", "enrolments", "unenrolments", "grade", "risk list")))
    table = Table(title="The risk list against who left later, among those enrolled on the day")
    for column in ("day", "enrolled", "left later", "AUC", "95 % interval", "by band: learners (left later)"):
        table.add_column(column, justify="right" if column != "by band: learners (left later)" else "left")
    for look in looks:
        table.add_row(
            str(look.day),
            str(look.learners),
            f"{look.left_later} ({look.left_later / look.learners:.1%})",
            f"{look.auc.value:.3f}" if look.auc else "-",
            f"{look.auc.low:.3f} to {look.auc.high:.3f}" if look.auc else "-",
            ", ".join(f"{band} {count} ({left})" for band, (count, left) in sorted(look.bands.items())),
        )
    console.print(table)
    console.print(f"The product used: {USED}.\nIt never saw: {NOT_USED}.")
    if source.unrecorded:
        told = ", ".join(source.unrecorded)
        console.print(f"Left out, because the dataset holds no submission of them: assessments {told}.")


def _looks(source: Presentation) -> list[int]:
    return [day for day in LOOKS if day <= source.length_days]


def _first_day(source: Presentation) -> int:
    return min([0, *(one.registered_day for one in source.learners)])


def _course_id(source: Presentation) -> str:
    return f"oulad-{source.code.lower()}"


def _course(source: Presentation) -> bytes:
    """The course that the class is of. The dataset holds no content, and its one question says so."""
    nothing = "The dataset holds no teaching material: this course only carries its assessments."
    return package(
        {
            "id": _course_id(source),
            "title": f"Open University {source.code} (replay)",
            "licence": "CC-BY-4.0",
            "summary": f"{nothing} Source: Kuzilek, Hlosta, Zdrahal 2017.",
            "imported": True,
            "skills": [{"id": "unknown", "title": "Not recorded"}],
        },
        [
            {
                "id": "unknown",
                "title": "Not recorded",
                "skills": ["unknown"],
                "items": ["unknown"],
                "body": nothing,
                "simpler": nothing,
            }
        ],
        [
            {
                "id": "unknown",
                "kind": "choice",
                "stem": "What does the dataset hold of this course?",
                "skills": ["unknown"],
                "options": [
                    {"id": "nothing", "text": "No content", "correct": True},
                    {"id": "everything", "text": "All of it"},
                ],
                "solution": nothing,
            }
        ],
    )
