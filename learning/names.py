"""Learners' names for lists that a person reads: opened one by one, each under a permit of its own."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from governance.accounts import Account, Principal
from governance.keys import DataClass
from governance.permits import Governor, permits
from learning.relations import relations_to
from policy.vocabulary import Action, ObjectType, Purpose
from runtime.database import table

_account = table(Account)


def names_of(
    tx: Connection, governor: Governor, principal: Principal, subjects: list[UUID], purpose: Purpose
) -> dict[UUID, str]:
    """Names of those whose profile the caller may read; the others are left out."""
    allowed = permits(
        tx,
        principal,
        relations_to(tx, principal, subjects, governor.clock.now(), governor.keyring),
        Action.READ,
        ObjectType.LEARNER_PROFILE,
        purpose,
        governor=governor,
    )
    rows = tx.execute(
        sa.select(_account.c.subject_ref, _account.c.account_id, _account.c.display_name).where(
            _account.c.tenant == principal.tenant, _account.c.subject_ref.in_(sorted(allowed))
        )
    )
    return {
        row.subject_ref: allowed[row.subject_ref]
        .open("account", "display_name", str(row.account_id), row.display_name, DataClass.IDENTITY)
        .decode()
        for row in rows
        if not allowed[row.subject_ref].masked
    }
