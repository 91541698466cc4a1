"""Our own record of workflow runs: what an erasure must find does not depend on the engine's listings."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from runtime.columns import FOUND_BY, Category, not_personal, personal
from runtime.database import insert_once


class RunRecord(SQLModel, table=True):
    """One run of one workflow; continue-as-new makes a new row."""

    __tablename__ = "run_record"
    __table_args__ = (
        sa.UniqueConstraint("namespace", "workflow_id", "run_id"),
        {"info": {FOUND_BY: "workflow_id holds the person's reference"}},
    )

    tenant: UUID = not_personal("names a school", primary_key=True)
    namespace: str = not_personal("one of the installation's namespaces", primary_key=True)
    workflow_id: str = personal(
        Category.PSEUDONYM, purpose="teaching", primary_key=True, clear="random references"
    )
    run_id: str = personal(
        Category.PSEUDONYM, purpose="teaching", primary_key=True, clear="a random reference"
    )


def note_run(tx: Connection, tenant: UUID, namespace: str, workflow_id: str, run_id: str) -> None:
    """Remember a run; noting it twice is once."""
    insert_once(
        tx,
        RunRecord,
        {"tenant": tenant, "namespace": namespace, "workflow_id": workflow_id, "run_id": run_id},
    )
