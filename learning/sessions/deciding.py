"""What starting and answering share: the learner state's row, the teacher's gates, the decision's record."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from governance import decisions
from governance.keys import DataClass
from governance.permits import Permit
from learning.classes import find_class
from learning.decisions import Decided, DecisionInputs, Gates
from learning.resources import Resources
from learning.sessions.messages import Lane
from learning.sessions.rows import LearnerStateRow
from learning.state import LearnerState
from runtime.database import insert_once, table

_state = table(LearnerStateRow)
_mine = (
    _state.c.tenant == sa.bindparam("tenant_"),
    _state.c.subject_ref == sa.bindparam("subject"),
    _state.c.course_id == sa.bindparam("course"),
)
_read_state = sa.select(_state.c.sealed_state, _state.c.version).where(*_mine)
_write_state = (
    sa.update(_state)
    .where(*_mine, _state.c.version == sa.bindparam("seen"))
    .values({name: sa.bindparam(name) for name in ("version", "updated_at", "sealed_state")})
)


def class_gates(tx: Connection, tenant: UUID, class_id: UUID) -> Gates:
    """What the teacher's hand on the class forbids."""
    group = find_class(tx, tenant, class_id)
    return Gates(
        assessment=group.assessment_mode, lesson_locked=group.lesson_locked, tutor_off=group.tutor_off
    )


def read_state(
    tx: Connection, allowed: Permit, tenant: UUID, subject: UUID, course_id: str
) -> tuple[LearnerState, int]:
    """What is known of a learner in a course, and the version of that row (0: nothing yet)."""
    row = tx.execute(_read_state, {"tenant_": tenant, "subject": subject, "course": course_id}).one_or_none()
    if row is None:
        return LearnerState.new(), 0
    opened = allowed.open("learner_state", "sealed_state", course_id, row.sealed_state)
    return LearnerState.from_bytes(opened), row.version


def seal_state(allowed: Permit, course_id: str, state: LearnerState) -> bytes:
    """The state as its row holds it."""
    return allowed.seal("learner_state", "sealed_state", course_id, state.to_bytes())


def write_state(
    tx: Connection,
    tenant: UUID,
    subject: UUID,
    course_id: str,
    seen_version: int,
    sealed_state: bytes,
    at: datetime,
) -> bool:
    """Store a state over the version that was read; False when somebody else stored one meanwhile."""
    key = {"tenant": tenant, "subject_ref": subject, "course_id": course_id}
    values = {"version": seen_version + 1, "updated_at": at, "sealed_state": sealed_state}
    if seen_version == 0:
        return insert_once(tx, LearnerStateRow, {**key, **values})
    written = tx.execute(
        _write_state,
        {"tenant_": tenant, "subject": subject, "course": course_id, "seen": seen_version, **values},
    )
    return written.rowcount == 1


def decision_record(
    resources: Resources,
    allowed: Permit,
    session_id: UUID,
    lane: Lane,
    inputs: DecisionInputs,
    decided: Decided,
) -> decisions.DecisionRecord:
    """A decision with everything it read, sealed for its row under the evidence key."""
    provenance = decided.decision.provenance
    sealed = decisions.SealedRecord(
        inputs=inputs.model_dump(mode="json", exclude_defaults=True),
        outcome=decided.decision.model_dump(mode="json", exclude_defaults=True),
    )
    assert allowed.request.subject is not None
    return decisions.DecisionRecord(
        tenant=allowed.request.principal.tenant,
        decision_id=inputs.decision_id,
        subject_ref=allowed.request.subject,
        kind="adaptation",
        fact_ref=session_id,
        lane=lane.value,
        consent_epoch=allowed.consent_epoch,
        model_digests=" ".join(f"{role}={digest}" for role, digest in sorted(provenance.models.items())),
        rules_digest=provenance.rules,
        policy_digest=resources.decision_point.digest,
        build_id=resources.settings.build_id,
        made_at=inputs.decided_at,
        sealed_record=allowed.seal(
            "decision", "sealed_record", str(inputs.decision_id), sealed.to_bytes(), DataClass.EVIDENCE
        ),
    )
