"""Refusals of a session. None of them changes anything."""

from __future__ import annotations

from runtime.errors import Conflict, Invalid, NotFound, TutelaError


class SessionUnknown(NotFound):
    """No such session, or not this caller's."""

    slug = "session-unknown"
    title = "There is no such session here"


class SessionClosed(Conflict):
    """The session takes no more answers."""

    slug = "session-closed"
    title = "This session is closed; start a new one to go on"


class SessionMoved(TutelaError):
    """Others kept changing the session faster than this request could read it."""

    status = 503
    slug = "session-busy"
    title = "This session is being changed by others just now; try again"


class StepNeverOffered(Invalid):
    """The answer names a step that was never offered in this session."""

    slug = "step-never-offered"
    title = "This session never offered the step that is answered"


class StepUnknown(NotFound):
    """The step was never offered in this session."""

    slug = "step-unknown"
    title = "This session never offered that step"


class StepPassed(Conflict):
    """The step was answered already (in another tab, perhaps), or another one was offered since."""

    slug = "step-passed"
    title = "That step is no longer the one to answer"


class AnswerDiffers(Conflict):
    """The same answer id came again with other content."""

    slug = "answer-id-reused"
    title = "This answer id was used before for another answer"


class SessionDiffers(Conflict):
    """The same session id came again with other content."""

    slug = "session-id-reused"
    title = "This session id was used before for another session"


class NotInClass(TutelaError):
    """Sessions belong to a class that the learner is in now."""

    status = 403
    slug = "not-in-class"
    title = "You are not enrolled in this class"


class ClockImpossible(TutelaError):
    """The client's clock cannot be right."""

    status = 422
    slug = "impossible-clock"
    title = "The time of the answer cannot be right"


class ItemUnknown(TutelaError):
    """The course has no such item."""

    status = 422
    slug = "item-unknown"
    title = "This course has no such item"


class NoMoreHints(Conflict):
    """Every hint tier of this item was shown."""

    slug = "no-more-hints"
    title = "There are no more hints for this item"
