"""LearnerSession: the time of one learner's session.

The row owns every fact (open or closed, order, answers); this workflow owns inactivity, its own length and a
cursor. Either side may crash: the workflow learns what it missed at its next answer, its idle check or its
end, because each local activity takes the cursor and returns the one after all answers so far.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from activities.sessions import SessionActivities
from learning.sessions.messages import (
    AnswerCommand,
    Follow,
    FollowedReply,
    Reply,
    RunNote,
    SessionInput,
    SessionResult,
)

ANSWER_TIMEOUT = timedelta(seconds=5)
ANSWER_RETRY = RetryPolicy(maximum_attempts=2)
FOLLOW_TIMEOUT = timedelta(seconds=10)
FOLLOW_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_interval=timedelta(minutes=1),
    non_retryable_error_types=["answer-chain-broken"],  # no waiting mends it: the run fails, for all to see
)


@workflow.defn
class LearnerSession:
    """One run of one session. Id: ``ses.<subject_ref>.<session_id>``."""

    @workflow.init
    def __init__(self, start: SessionInput) -> None:
        self._start = start
        self._cursor = start.cursor
        self._consent_epoch = start.consent_epoch
        self._answers = 0
        self._ended = False
        self._lock = asyncio.Lock()

    @workflow.run
    async def run(self, start: SessionInput) -> SessionResult:
        info = workflow.info()
        await workflow.execute_local_activity_method(
            SessionActivities.note_run,
            RunNote(
                tenant=start.tenant,
                namespace=info.namespace,
                workflow_id=info.workflow_id,
                run_id=info.run_id,
            ),
            start_to_close_timeout=FOLLOW_TIMEOUT,
            retry_policy=FOLLOW_RETRY,
        )
        wait_s = start.inactivity_s
        while not self._ended:
            try:
                # One timer, which answers never touch: a busy session costs no timer events.
                await workflow.wait_condition(
                    lambda: self._ended or self._should_roll(), timeout=timedelta(seconds=wait_s)
                )
            except TimeoutError:
                wait_s = await self._follow(close_if_idle=True)
            if self._should_roll() and not self._ended:
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(
                    start.model_copy(update={"cursor": self._cursor, "consent_epoch": self._consent_epoch})
                )
        await workflow.wait_condition(workflow.all_handlers_finished)
        await self._follow(close_if_idle=False)
        return SessionResult(cursor=self._cursor)

    @workflow.update
    async def answer(self, command: AnswerCommand) -> Reply:
        """Grade, decide and record one answer, in one local activity."""
        async with self._lock:
            followed: FollowedReply = await workflow.execute_local_activity_method(
                SessionActivities.answer,
                args=[command, self._cursor],
                start_to_close_timeout=ANSWER_TIMEOUT,
                retry_policy=ANSWER_RETRY,
            )
            self._cursor = followed.cursor
            self._answers += 1
            return followed.reply

    @answer.validator
    def is_ours(self, command: AnswerCommand) -> None:
        """Shape only: whether the session takes the answer is the row's to say."""
        if command.session_id != self._start.session_id:
            raise ApplicationError("the answer names another session", type="not-found", non_retryable=True)

    @workflow.signal
    def ended(self) -> None:
        """The session's row was closed."""
        self._ended = True

    @workflow.signal
    def consent_changed(self, consent_epoch: int) -> None:
        """The learner's gate moved; the gate decides, this is for whoever watches the session."""
        self._consent_epoch = max(self._consent_epoch, consent_epoch)

    @workflow.query
    def consent_epoch(self) -> int:
        """The newest consent epoch that reached this session."""
        return self._consent_epoch

    def _should_roll(self) -> bool:
        """Replay cost binds (6-7 ms an answer), long before the history's size does."""
        return self._answers >= self._start.answers_per_run or workflow.info().is_continue_as_new_suggested()

    async def _follow(self, *, close_if_idle: bool) -> float:
        """Catch up with the row; returns for how many seconds the session may still be idle."""
        followed = await workflow.execute_local_activity_method(
            SessionActivities.close_if_idle if close_if_idle else SessionActivities.follow,
            Follow(tenant=self._start.tenant, session_id=self._start.session_id, cursor=self._cursor),
            start_to_close_timeout=FOLLOW_TIMEOUT,
            retry_policy=FOLLOW_RETRY,
        )
        self._cursor = followed.cursor
        self._ended = self._ended or followed.closed
        return followed.wait_s
