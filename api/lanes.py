"""The two ways an answer takes, and when it takes which.

Engine lane: a Temporal Update to the session's workflow, which answers in one local activity. Direct lane:
this process answers. Both end in ``learning.sessions.answering.answer``, where unique keys decide, so they
may race: whoever loses returns the winner's reply.

The engine gets as many answers at once as it has slots (a fixed setting; more makes every answer slower) and
``deadline_s`` for each. A slot is held until the Update's outcome is known, past the deadline too: a slow or
frozen engine thereby gets at most that many calls, and everybody else is served directly at once. That is the
whole circuit breaker.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from governance.workflow_ids import session_workflow_id
from learning.resources import Resources
from learning.sessions import answering
from learning.sessions.messages import AnswerCommand, Reply
from runtime.temporal import is_away, refusal
from workflows.sessions import LearnerSession

log = logging.getLogger(__name__)


class Lanes:
    """Sends answers through the engine while it has room and is quick, directly otherwise."""

    def __init__(self, resources: Resources, client: Client | None) -> None:
        self._resources = resources
        self._client = client
        self._slots = resources.settings.engine_slots if client else 0
        self._deadline_s = resources.settings.engine_deadline_ms / 1000
        self._held: set[asyncio.Task[Reply | None]] = set()

    async def answer(self, command: AnswerCommand) -> Reply:
        """The reply, by whichever lane has it first.

        Raises:
            TutelaError: the answer was refused; nothing was stored.
        """
        if self._client is not None and len(self._held) < self._slots:
            call = asyncio.create_task(self._through_engine(self._client, command))
            self._held.add(call)
            call.add_done_callback(self._let_go)
            done, _ = await asyncio.wait({call}, timeout=self._deadline_s)
            if done and (reply := call.result()) is not None:
                return reply
        return await answering.answer(self._resources, command)

    def _let_go(self, call: asyncio.Task[Any]) -> None:
        self._held.discard(call)
        if not call.cancelled():
            call.exception()  # read, so that a refusal after the deadline is not reported as never retrieved

    async def _through_engine(self, client: Client, command: AnswerCommand) -> Reply | None:
        """The reply, or None when the engine has none to give (not started yet, gone, or in trouble)."""
        workflow_id = session_workflow_id(command.principal.subject_ref, command.session_id)
        handle = client.get_workflow_handle(workflow_id)
        try:
            return await handle.execute_update(LearnerSession.answer, command, id=str(command.answer_id))
        except WorkflowUpdateFailedError as failure:
            refused = refusal(failure)
            if refused is not None and refused.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise refused from None
            log.warning("the engine could not serve an answer; answering directly")
        except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError):
            pass  # not started yet, closed, or in trouble: the direct lane knows what is true
        except RuntimeError as failure:
            if not is_away(failure):
                raise
        return None

    async def drain(self) -> None:
        """Wait for Updates under way; for shutting down."""
        if self._held:
            await asyncio.wait(self._held, timeout=5)
