"""What a session's workflow asks of the world. Each method is one transaction, or finds it done."""

from __future__ import annotations

from temporalio import activity

from learning.resources import Resources
from learning.sessions import answering, closing
from learning.sessions.messages import (
    AnswerCommand,
    Cursor,
    Follow,
    Followed,
    FollowedReply,
    Lane,
    RunNote,
)
from runtime.runs import note_run


class SessionActivities:
    """Activities of ``LearnerSession``; ``resources`` are the worker's own."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    @activity.defn(name="session.answer")
    async def answer(self, command: AnswerCommand, cursor: Cursor) -> FollowedReply:
        """Answer on the engine lane, and follow the row past it."""
        reply = await answering.answer(self._resources, command.model_copy(update={"lane": Lane.ENGINE}))
        followed = await closing.follow(self._resources, self._after(command, cursor))
        return FollowedReply(reply=reply, cursor=followed.cursor)

    @activity.defn(name="session.follow")
    async def follow(self, ask: Follow) -> Followed:
        """Where the session stands, noting on its row that the engine has followed so far."""
        followed = await closing.follow(self._resources, ask)
        await closing.note_followed(self._resources, ask, followed.cursor)
        return followed

    @activity.defn(name="session.close_if_idle")
    async def close_if_idle(self, ask: Follow) -> Followed:
        """Close the session if nothing happened for its inactivity limit; otherwise say how long to wait."""
        return await closing.close_if_idle(self._resources, ask)

    @activity.defn(name="session.note_run")
    async def note_run(self, note: RunNote) -> None:
        """Keep our own record of this workflow run."""
        await self._resources.database.write(
            lambda tx: note_run(tx, note.tenant, note.namespace, note.workflow_id, note.run_id),
            tenant=note.tenant,
        )

    @staticmethod
    def _after(command: AnswerCommand, cursor: Cursor) -> Follow:
        return Follow(tenant=command.principal.tenant, session_id=command.session_id, cursor=cursor)
