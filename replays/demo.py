"""The demonstration: simulated learners, labelled as such, take the shipped course on a running product.

Each follows what the product offers, one session long. It shows what the product does; it says nothing about
people (``replays.simulated``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console

from replays.client import Credentials, Refused
from replays.learners import SESSION_OVER, Pupil, enter, leave, noted, offered, start
from replays.report import crossed, latencies, numbers
from replays.run import Run, running, spread
from replays.simulated import Mind

COURSE = "fractions"


@dataclass(frozen=True, slots=True)
class DemoRun:
    """How many learners are simulated, and where."""

    learners: int
    answers: int
    seed: int
    api_url: str
    admin: Credentials
    journal: Path
    secret: str
    today: date


@dataclass(frozen=True, slots=True)
class _Course:
    """What a simulation must know of the course: its items with their answers, its words."""

    items: Mapping[str, Mapping[str, Any]]
    skills: tuple[str, ...]
    misconceptions: tuple[str, ...]


async def play(wanted: DemoRun, console: Console) -> None:
    """Play the demonstration, or go on with it; prints the tables."""
    head = {
        "kind": "demo",
        "learners": wanted.learners,
        "answers": wanted.answers,
        "seed": wanted.seed,
        "api": wanted.api_url,
    }
    first = {"secret": wanted.secret, "day": wanted.today.isoformat()}
    async with running(wanted.api_url, wanted.journal, head, first, console) as run:
        admin = await run.api.sign_in(wanted.admin)
        course = _read((await admin.send("GET", f"/v1/courses/{COURSE}/package")).body["course"])
        class_id = run.id("class")
        body = {
            "class_id": str(class_id),
            "course_id": COURSE,
            "title": "Demonstration with simulated learners",
            "starts_on": run.day.isoformat(),
        }
        await run.need("class", "class", admin, "POST", "/v1/classes", body)
        entered = run.bar("learners", wanted.learners)

        async def come(number: int) -> Pupil:
            name = f"Simulated learner {number + 1}"
            pupil = await enter(run, admin, f"/v1/classes/{class_id}", f"simulated-{number + 1}", name)
            entered()
            return pupil

        pupils = await spread(partial(come, number) for number in range(wanted.learners))
        bars = {pupil.key: run.bar(pupil.key.replace("-", " "), wanted.answers) for pupil in pupils}
        take = partial(_take, run, wanted, course, class_id)
        await spread(partial(take, pupil, bars[pupil.key]) for pupil in pupils)
    _tell(run, wanted, console)


def _read(course: Mapping[str, Any]) -> _Course:
    return _Course(
        items={item["id"]: item for item in course["items"]},
        skills=tuple(skill["id"] for skill in course["skills"]),
        misconceptions=tuple(one["id"] for one in course["misconceptions"]),
    )


async def _take(
    run: Run, wanted: DemoRun, course: _Course, class_id: UUID, pupil: Pupil, done: Callable[[], None]
) -> None:
    """One learner's way through the course, or the rest of it: what was noted makes the mind as it was."""
    mind = Mind.of(f"{wanted.seed} {pupil.key}", course.skills, course.misconceptions)
    session, _ = await start(run, pupil, class_id, 0)
    step = run.journal[f"session {pupil.key} 0 0"]["first"]
    for number in range(wanted.answers):
        key = f"answer {pupil.key} {number}"
        while step is not None and not await _answer(run, mind, course, pupil, session, step, key):
            session, view = await start(run, pupil, class_id, 0)  # closed meanwhile: nobody came back in time
            step = offered(view["step"])
        if step is None:
            break
        entry = run.journal[key]
        mind.begin(f"after {number}")
        mind.learn(course.items[entry["item"]], entry["move"])
        step = entry["next"]
        done()
    await leave(run, pupil, session)


async def _answer(
    run: Run, mind: Mind, course: _Course, pupil: Pupil, session: str, step: list[str], key: str
) -> bool:
    """Answer an offered step, once; False when the session takes no more answers."""
    if key in run.journal:
        return True
    step_id, item_id = step
    item = course.items[item_id]
    mind.begin(f"{key} {item_id}")
    path = f"/v1/sessions/{session}"
    try:
        if mind.wants_hint(item):
            await run.once(f"hint {step_id}", "hint", pupil.caller, "POST", f"{path}/steps/{step_id}/hints")
        body = {"answer_id": str(run.id(key)), "step_id": step_id, **mind.answer(item)}
        answered = await pupil.caller.send("POST", f"{path}/answers", body=body)
    except Refused as refused:
        if refused.kind in SESSION_OVER | {"step-unknown"}:
            return False
        raise
    facts = {**noted(answered.body), "item": item_id, "next": offered(answered.body["next_step"])}
    run.journal.note(key, kind="answer", ms=round(answered.ms, 2), **facts)
    return True


def _tell(run: Run, wanted: DemoRun, console: Console) -> None:
    answers = run.entries("answer")
    console.print("\n[bold]Demonstration[/bold] [bold red](simulated learners: no evidence about people)[/]")
    facts = {
        "simulated learners": wanted.learners,
        "answers": len(answers),
        "of them right": sum(entry["right"] for entry in answers),
        "hints asked for": len(run.entries("hint")),
        "sessions": len(run.entries("session")),
        **{f"repeated after {trouble}": count for trouble, count in sorted(run.api.tally.retries.items())},
    }
    console.print(numbers("What was played", facts))
    counted = Counter((entry["move"], entry["lane"]) for entry in answers)
    console.print(crossed("Decisions by move and lane", "move", "lane", counted))
    console.print(latencies(run, ("account", "session", "answer", "hint", "end")))
