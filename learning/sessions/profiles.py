"""A profile that nobody consents to any more goes, whether or not the learner comes back."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from governance.permits import permit, worker
from learning import risk_list
from learning.relations import relations
from learning.resources import Resources
from learning.sessions.rows import LearnerStateRow
from learning.state import LearnerState, forget_profile
from policy.vocabulary import Action, ObjectType, Purpose
from runtime.database import table

_state = table(LearnerStateRow)


def forget_unless_consented(tx: Connection, resources: Resources, tenant: UUID, subject: UUID) -> int:
    """Reduce a person's learner states to progress, and what risk scores took from them to nothing.

    Does nothing while consent to personalisation is live.

    Progress (what was answered, where the learner stands) belongs to teaching and stays. Returns the consent
    epoch this was judged in.
    """
    now, principal = resources.clock.now(), worker(tenant)
    allowed = permit(
        tx,
        principal,
        relations(tx, principal, subject, now, resources.keyring),
        Action.UPDATE,
        ObjectType.KNOWLEDGE,
        Purpose.COMPLIANCE,
        subject=subject,
        governor=resources.governor,
        lock=True,
    )
    if allowed.allows(Purpose.PERSONALISATION):
        return allowed.consent_epoch
    mine = (_state.c.tenant == tenant, _state.c.subject_ref == subject)
    for row in tx.execute(sa.select(_state).where(*mine).with_for_update()).all():
        opened = allowed.open("learner_state", "sealed_state", row.course_id, row.sealed_state)
        state = LearnerState.from_bytes(opened)
        forgotten = forget_profile(state)
        if forgotten == state:
            continue
        sealed = allowed.seal("learner_state", "sealed_state", row.course_id, forgotten.to_bytes())
        tx.execute(
            sa.update(_state)
            .where(*mine, _state.c.course_id == row.course_id, _state.c.version == row.version)
            .values(version=row.version + 1, updated_at=now, sealed_state=sealed)
        )
    risk_list.forget_profile(tx, allowed, now)
    return allowed.consent_epoch
