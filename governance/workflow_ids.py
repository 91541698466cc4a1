"""Workflow ids. They stay in plain text in the engine, so they hold random references and nothing else."""

from __future__ import annotations

from uuid import UUID

SESSIONS_QUEUE = "sessions"
GOVERNANCE_QUEUE = "governance"


def session_workflow_id(subject_ref: UUID, session_id: UUID) -> str:
    """``ses.<subject_ref>.<session_id>``: the codec finds the key of the subject by it."""
    return f"ses.{subject_ref}.{session_id}"


def consent_workflow_id(subject_ref: UUID) -> str:
    """``con.<subject_ref>``: one for each person."""
    return f"con.{subject_ref}"
