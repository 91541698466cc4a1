"""What the life of a person's consents asks of the world: one due thing, one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sqlalchemy.engine import Connection
from temporalio import activity

from governance.consent_lifecycle import LifecycleInput, LifecycleStep, advance
from governance.permits import Governor
from runtime.database import Database
from runtime.runs import note_run


class ConsentResources(Protocol):
    """What these activities need of a process's resources."""

    @property
    def database(self) -> Database: ...

    @property
    def governor(self) -> Governor: ...


class ConsentActivities:
    """Activities of ``ConsentLifecycle``; ``resources`` are the worker's own."""

    def __init__(self, resources: ConsentResources) -> None:
        self._resources = resources

    def all(self) -> Sequence[Callable[..., Any]]:
        """Every activity, for the worker."""
        return (self.advance,)

    @activity.defn(name="consent.advance")
    async def advance(self, begin: LifecycleInput) -> LifecycleStep:
        """Do the first thing that is due, if anything is, and say when to come back."""
        info = activity.info()

        def work(tx: Connection) -> LifecycleStep:
            note_run(
                tx,
                begin.tenant,
                info.namespace,
                str(info.workflow_id),
                str(info.workflow_run_id),
            )
            return advance(tx, self._resources.governor, begin)

        return await self._resources.database.write(work, tenant=begin.tenant)
