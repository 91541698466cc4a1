"""Replays a log of responses: every learner answers as they did, in true order, through the session API.

The log becomes a course with one choice item for each logged item, declared imported, so that nobody takes it
for material somebody wrote. Each learner picks the item they answered then; the product grades, updates what
it believes, and says how probable a right answer was before it. That is held against what happened, beside a
guesser who always says the mean so far.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.table import Table

from replays.client import Credentials, Refused
from replays.learners import SESSION_OVER, Pupil, enter, leave, noted, stands, start
from replays.measures import auc, calibration, calibration_error, log_loss, running_means
from replays.packages import package
from replays.report import crossed, latencies, numbers
from replays.response_log import Logged, ResponseLog, read_log
from replays.run import WIDTH, Run, running, spread

BREAK = timedelta(minutes=30)
"""A longer pause in the log ends a session."""
LESSON_ITEMS = 500
TITLE_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class ResponsesRun:
    """What to replay and where."""

    log: Path
    api_url: str
    admin: Credentials
    journal: Path
    secret: str
    today: date


@dataclass(frozen=True, slots=True)
class Judged:
    """How well the product foresaw the answers, beside the mean so far."""

    answers: int
    auc: float | None
    auc_interval: tuple[float, float] | None
    log_loss: float
    calibration_error: float
    mean_auc: float | None
    mean_log_loss: float
    mean_calibration_error: float


async def replay(wanted: ResponsesRun, console: Console) -> Judged | None:
    """Replay a log, or go on with it; prints the tables and returns what they say of the predictions."""
    log = read_log(wanted.log)
    names = Names.of(log)
    head = {"kind": "responses", "digest": log.digest, "api": wanted.api_url}
    async with running(
        wanted.api_url,
        wanted.journal,
        head,
        {"secret": wanted.secret, "day": wanted.today.isoformat()},
        console,
    ) as run:
        admin = await run.api.sign_in(wanted.admin)
        await run.need("course", "course", admin, "POST", "/v1/courses", _course(log, names))
        class_id = run.id("class")
        body = {
            "class_id": str(class_id),
            "course_id": names.course,
            "title": f"{log.name} (replay)"[:TITLE_CHARACTERS],
            "starts_on": run.day.isoformat(),
        }
        await run.need("class", "class", admin, "POST", "/v1/classes", body)
        learners = list(dict.fromkeys(one.learner for one in log.responses))
        entered = run.bar("learners", len(learners))

        async def come(number: int, learner: str) -> tuple[str, Pupil]:
            name = f"Learner {number + 1} of {log.name} (replay)"[:TITLE_CHARACTERS]
            pupil = await enter(run, admin, f"/v1/classes/{class_id}", f"learner-{number}", name)
            entered()
            return learner, pupil

        pupils = dict(await spread(partial(come, *one) for one in enumerate(learners)))
        await _answers(run, log, names, class_id, pupils)
    return _tell(run, log, console)


@dataclass(frozen=True, slots=True)
class Names:
    """The log's names as the product takes them: ids of its own making, titles without control characters."""

    course: str
    items: Mapping[str, str]
    skills: Mapping[str, str]

    @classmethod
    def of(cls, log: ResponseLog) -> Names:
        items = dict.fromkeys(one.item for one in log.responses)
        skills = dict.fromkeys(skill for one in log.responses for skill in one.skills)
        return cls(
            course=f"log-{log.digest[:12]}",
            items={item: f"item-{number}" for number, item in enumerate(items, start=1)},
            skills={skill: f"skill-{number}" for number, skill in enumerate(skills, start=1)},
        )


def title(text: str) -> str:
    """A name out of the log, fit to be shown."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.split())[:TITLE_CHARACTERS] or "unnamed"


def _course(log: ResponseLog, names: Names) -> bytes:
    """One choice item for each logged item, under the skills it was first logged with."""
    skills = {one.item: one.skills for one in reversed(log.responses)}
    nothing = "This course was rebuilt from a log of responses. The log holds no teaching material."
    lessons = [
        {
            "id": f"{skill_id}-{start_at // LESSON_ITEMS + 1}",
            "title": title(skill),
            "skills": [skill_id],
            "items": mine[start_at : start_at + LESSON_ITEMS],
            "body": nothing,
            "simpler": nothing,
        }
        for skill, skill_id in names.skills.items()
        if (mine := [item_id for item, item_id in names.items.items() if skills[item][0] == skill])
        for start_at in range(0, len(mine), LESSON_ITEMS)
    ]
    items = [
        {
            "id": item_id,
            "kind": "choice",
            "stem": f"Logged item {title(item)}: was it answered rightly?",
            "skills": [names.skills[skill] for skill in skills[item]],
            "options": [
                {"id": "right", "text": "Answered rightly", "correct": True},
                {"id": "wrong", "text": "Answered wrongly"},
            ],
            "solution": "The log says only whether an answer was right.",
        }
        for item, item_id in names.items.items()
    ]
    return package(
        {
            "id": names.course,
            "title": f"{log.name} (replay)"[:TITLE_CHARACTERS],
            "licence": "not stated",
            "summary": ("Generated, not real. " if log.generated else "") + nothing,
            "imported": True,
            "skills": [{"id": skill_id, "title": title(skill)} for skill, skill_id in names.skills.items()],
        },
        lessons,
        items,
    )


@dataclass(slots=True)
class _Place:
    """Where a learner is: the number of their session by the log, and the session as the product has it."""

    pupil: Pupil
    number: int = 0
    session: str | None = None
    last: datetime | None = None


async def _answers(
    run: Run, log: ResponseLog, names: Names, class_id: UUID, pupils: Mapping[str, Pupil]
) -> None:
    """Every response, begun in true order; a learner's next one waits for the one before."""
    done = run.bar("answers", len(log.responses))
    places = {learner: _Place(pupil) for learner, pupil in pupils.items()}
    turns = {learner: asyncio.Lock() for learner in pupils}
    under_way = asyncio.Semaphore(WIDTH)

    async def one(logged: Logged) -> None:
        try:
            async with turns[logged.learner]:
                await _answer(run, names, class_id, places[logged.learner], logged)
        finally:
            under_way.release()
        done()

    async with asyncio.TaskGroup() as group:
        for logged in log.responses:
            await under_way.acquire()
            group.create_task(one(logged))
    by_key = {pupil.key: pupil for pupil in pupils.values()}
    await spread(partial(leave, run, by_key[entry["pupil"]], entry["id"]) for entry in run.entries("session"))


async def _answer(run: Run, names: Names, class_id: UUID, place: _Place, logged: Logged) -> None:
    """One response, once; in a new session after a long pause, or where the product closed the last one."""
    if place.last is not None and logged.started_at - place.last > BREAK:
        if place.session is not None:
            await leave(run, place.pupil, place.session)
        place.session, place.number = None, place.number + 1
    place.last = logged.answered_at
    key = f"answer {logged.row}"
    while key not in run.journal:
        if place.session is None:
            place.session, _ = await start(run, place.pupil, class_id, place.number)
        step_id = str(run.id("step", logged.row, place.session))
        body = {
            "answer_id": str(run.id("answer", logged.row)),
            "step_id": step_id,
            "response": {"kind": "choice", "option": "right" if logged.correct else "wrong"},
            "response_ms": logged.response_ms,
        }
        path = f"/v1/sessions/{place.session}"
        chosen = {"step_id": step_id, "item_id": names.items[logged.item]}
        try:
            await place.pupil.caller.send("POST", f"{path}/steps", body=chosen)
            answered = await place.pupil.caller.send("POST", f"{path}/answers", body=body)
        except Refused as refused:
            if refused.kind not in SESSION_OVER | {"step-passed"}:
                raise
            reply = await stands(place.pupil, place.session, body)
            if reply is not None:  # accepted before the run was cut short
                run.journal.note(key, kind="answer", **noted(reply))
            elif refused.kind not in SESSION_OVER:
                raise
            else:
                place.session = None
        else:
            run.journal.note(key, kind="answer", ms=round(answered.ms, 2), **noted(answered.body))


def _tell(run: Run, log: ResponseLog, console: Console) -> Judged | None:
    kept = [(one, run.journal[f"answer {one.row}"]) for one in log.responses]
    astray = sum(entry["right"] is not one.correct for one, entry in kept)
    label = " [bold red](generated, not real learners)[/]" if log.generated else ""
    console.print(f"\n[bold]{title(log.name)}[/bold]{label}")
    facts = {
        "learners": len({one.learner for one in log.responses}),
        "items": len({one.item for one in log.responses}),
        "skills": len({skill for one in log.responses for skill in one.skills}),
        "answers posted": len(kept),
        "graded otherwise than the log says": astray,
        "sessions": len(run.entries("session")),
        **{f"repeated after {trouble}": count for trouble, count in sorted(run.api.tally.retries.items())},
    }
    console.print(numbers("What was replayed", facts))
    counted = Counter((entry["move"], entry["lane"]) for _, entry in kept)
    console.print(crossed("Decisions by move and lane", "move", "lane", counted))
    console.print(latencies(run, ("account", "session", "answer", "end")))
    said = [(entry["p"], one.correct) for one, entry in kept if entry["p"] is not None]
    if not said:
        console.print("The product foresaw nothing: without consent to personalisation it says no chances.")
        return None
    judged = _judged([chance for chance, _ in said], [correct for _, correct in said])
    _tell_judged(judged, [chance for chance, _ in said], [correct for _, correct in said], console)
    return judged


def _judged(chances: Sequence[float], outcomes: Sequence[bool]) -> Judged:
    means = running_means(outcomes)
    foreseen, guessed = auc(chances, outcomes), auc(means, outcomes)
    return Judged(
        answers=len(chances),
        auc=foreseen.value if foreseen else None,
        auc_interval=(foreseen.low, foreseen.high) if foreseen else None,
        log_loss=log_loss(chances, outcomes),
        calibration_error=calibration_error(calibration(chances, outcomes)),
        mean_auc=guessed.value if guessed else None,
        mean_log_loss=log_loss(means, outcomes),
        mean_calibration_error=calibration_error(calibration(means, outcomes)),
    )


def _tell_judged(
    judged: Judged, chances: Sequence[float], outcomes: Sequence[bool], console: Console
) -> None:
    table = Table(title=f"Next answer right or wrong: {judged.answers:,} predictions made before it")
    for column in ("", "AUC", "95 % interval", "log-loss", "calibration error"):
        table.add_column(column, justify="right" if column else "left")
    interval = judged.auc_interval
    table.add_row(
        "knowledge model",
        _digits(judged.auc),
        f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "-",
        f"{judged.log_loss:.4f}",
        f"{judged.calibration_error:.3f}",
    )
    table.add_row(
        "always the mean so far",
        _digits(judged.mean_auc),
        "",
        f"{judged.mean_log_loss:.4f}",
        f"{judged.mean_calibration_error:.3f}",
    )
    console.print(table)
    bins = Table("predicted", title="Calibration of the knowledge model")
    for column in ("happened", "answers"):
        bins.add_column(column, justify="right")
    for row in calibration(chances, outcomes):
        bins.add_row(f"{row.said:.3f}", f"{row.happened:.3f}", f"{row.n:,}")
    console.print(bins)


def _digits(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
