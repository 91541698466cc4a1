"""A learner at work over the API: signs in, consents, starts sessions, answers, ends them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from replays.client import Caller, Refused
from replays.run import Run, account

SESSION_OVER = frozenset({"session-closed"})


@dataclass(frozen=True, slots=True)
class Pupil:
    """A signed-in learner of a run. ``key`` names them within it."""

    key: str
    subject: UUID
    caller: Caller


async def enter(run: Run, admin: Caller, class_path: str, key: str, name: str) -> Pupil:
    """Make a learner's account, let them into the class, sign in, and consent to personalisation."""
    subject, credentials = await account(run, admin, "learner", key, name, signs_in=True)
    body = {"enrolments": [{"learner": str(subject), "enrolled_on": run.day.isoformat()}]}
    await run.need(f"enrol {key}", "enrolments", admin, "POST", f"{class_path}/enrolments", body)
    caller = await run.api.sign_in(credentials)
    notice = await _notice(run, caller)
    consent = {"event_id": str(run.id("consent", key)), **notice}
    path = f"/v1/subjects/{subject}/consents/personalisation/give"
    await run.need(f"consent {key}", "consent", caller, "POST", path, consent)
    return Pupil(key, subject, caller)


async def _notice(run: Run, caller: Caller) -> dict[str, Any]:
    """The notice on personalisation that is in force, as a consent names it."""
    if "notice" not in run.journal:
        answered = await caller.send("GET", "/v1/notices", query={"language": "en"})
        (found,) = (one for one in answered.body if "personalisation" in one["purposes"])
        fields = {"notice_id": "id", "notice_version": "version", "notice_language": "language"}
        run.journal.note("notice", kind="notice", said={name: found[of] for name, of in fields.items()})
    return dict(run.journal["notice"]["said"])


async def leave(run: Run, pupil: Pupil, session_id: str) -> None:
    """End a session of the pupil's, once."""
    path = f"/v1/sessions/{session_id}/end"
    await run.once(f"end {session_id}", "end", pupil.caller, "POST", path)


async def start(run: Run, pupil: Pupil, class_id: UUID, number: int) -> tuple[str, dict[str, Any]]:
    """The pupil's session of that number, or a fresh one where the product has closed it meanwhile."""
    for attempt in range(100):
        session_id = str(run.id("session", pupil.key, number, attempt))
        body = {"session_id": session_id, "class_id": str(class_id)}
        answered = await pupil.caller.send("POST", "/v1/sessions", body=body)
        if answered.body["state"] == "open":
            key = f"session {pupil.key} {number} {attempt}"
            if key not in run.journal:
                run.journal.note(
                    key,
                    kind="session",
                    ms=round(answered.ms, 2),
                    id=session_id,
                    pupil=pupil.key,
                    first=offered(answered.body["step"]),
                )
            return session_id, answered.body
    raise AssertionError("a session that was just started is not open")


def offered(step: Mapping[str, Any] | None) -> list[str] | None:
    """What to note of an offered step: its id and its item's; None at the end of the course."""
    return None if step is None else [step["step_id"], step["item"]["id"]]


def noted(reply: Mapping[str, Any]) -> dict[str, Any]:
    """What to note of the reply to an answer."""
    return {
        "right": reply["grade"]["correct"],
        "p": reply["evidence"]["p_correct"],
        "move": reply["move"]["kind"],
        "lane": reply["lane"],
        "decision": reply["decision_id"],
    }


async def stands(pupil: Pupil, session_id: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The reply to an answer that was accepted before the run was cut short; None if it never was."""
    try:
        answered = await pupil.caller.send("POST", f"/v1/sessions/{session_id}/answers", body=body)
    except Refused as refused:
        if refused.kind in SESSION_OVER | {"step-unknown", "step-passed"}:
            return None
        raise
    reply: dict[str, Any] = answered.body
    return reply
