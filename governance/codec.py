"""Every Temporal payload is sealed with the key of the person it is about.

On encode the workflow's id names the key; on decode the payload's own metadata does. A payload is a sealed
value (``governance.envelope``) whose place is its namespace, so it opens neither in another namespace nor,
where the SDK says which workflow it decodes for, in another person's workflow. Destroying a key makes every
history of the person unreadable, in the engine's database and in its backups.

Never sealed, by the engine's nature: workflow and update ids, task queues, search attributes, signal names,
error types, headers. They hold random references only.

A payload whose key is gone decodes to nothing (``None``), so that a workflow whose order does not depend on
content still replays; what it then sends out is a fixed payload that says nothing. An exception in that place
would wedge the workflow for ever. Payloads that this codec did not seal pass unchanged: what they claim has
no authority here, since facts live in rows and every activity asks for its permit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Self
from uuid import UUID

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from governance.keys import DataClass, KeyDestroyed, KeyMissing, KeyOwner, KeyRing, Place, SealBroken
from runtime.errors import TutelaError

ENCODING: Final = b"binary/tutela-sealed"
KEY_METADATA: Final = "tutela-key"
PLATFORM: Final = UUID(int=0)
"""Tenant and subject of the key for payloads that are about nobody."""

_NULL: Final = b"binary/null"


class WorkflowIdUnfit(TutelaError):
    """A workflow id has the form of one about a person, but not the reference of one."""

    slug = "workflow-id-unfit"
    title = "The workflow id does not name a reference"


class NamespaceMissing(TutelaError):
    """A payload was to be sealed or opened without the SDK saying for which namespace."""

    slug = "namespace-missing"
    title = "A payload cannot be sealed or opened without its namespace"


def key_of(workflow_id: str) -> tuple[UUID, DataClass]:
    """Subject and class of the key that seals a workflow's payloads.

    ``ses.<subject>.<id>`` takes the subject's learning key, ``con.<subject>`` the key of the evidence about
    them, ``era.<case>`` the case's own: an erasure must not be sealed with the key it destroys. Anything else
    is about nobody.

    Raises:
        WorkflowIdUnfit: the id begins like one about a person and does not go on like one.
    """
    kind, _, rest = workflow_id.partition(".")
    match kind, rest.split("."):
        case "ses", [subject, _session]:
            return _reference(subject), DataClass.LEARNING
        case (("con" | "era"), [reference]):
            return _reference(reference), DataClass.EVIDENCE
        case (("ses" | "con" | "era"), _):
            raise WorkflowIdUnfit
    return PLATFORM, DataClass.EVIDENCE


def _reference(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise WorkflowIdUnfit from None


def nothing() -> Payload:
    """What stands where a payload cannot be read or sealed any more; converts to ``None``."""
    return Payload(metadata={"encoding": _NULL, "tutela": b"key destroyed"})


class SubjectCodec(PayloadCodec, WithSerializationContext):
    """Seals payloads on their way to the engine and opens them on their way back.

    Runs on the worker's event loop: a key in memory is used at once, any other is read in a thread.

    Args:
        keys: where keys come from.
        namespace: for whoever decodes outside a client or worker (a codec server is told it by header).
    """

    def __init__(self, keys: KeyRing, namespace: str | None = None) -> None:
        self._keys = keys
        self._namespace = namespace
        self._workflow_id: str | None = None
        if keys.owner(PLATFORM, DataClass.EVIDENCE) is None:
            keys.create_subject(PLATFORM, PLATFORM, [DataClass.EVIDENCE])

    def with_context(self, context: SerializationContext) -> Self:
        """This codec for one workflow's payloads."""
        if not isinstance(context, (WorkflowSerializationContext, ActivitySerializationContext)):
            return self
        copy = object.__new__(type(self))
        copy._keys = self._keys
        copy._namespace = context.namespace
        copy._workflow_id = context.workflow_id
        return copy

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Sealed payloads; what is sealed already stays as it is.

        Raises:
            KeyMissing: the workflow's subject has no key.
            WorkflowIdUnfit: as ``key_of``.
            NamespaceMissing: no context was given.
        """
        subject, data_class = key_of(self._workflow_id or "")
        return [await self._sealed(payload, subject, data_class) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Opened payloads; ``nothing()`` for those whose key is gone.

        Raises:
            KeyMissing: the key store does not know the payload's key.
            SealBroken: the payload was changed, or moved here from elsewhere.
            NamespaceMissing: no context was given.
        """
        return [await self._opened(payload) for payload in payloads]

    async def _sealed(self, payload: Payload, subject: UUID, data_class: DataClass) -> Payload:
        if payload.metadata.get("encoding") == ENCODING:
            return payload
        owner = self._keys.remembered(subject, data_class)
        if owner is None:
            owner = await asyncio.to_thread(self._keys.owner, subject, data_class)
        if owner is None:
            raise KeyMissing
        try:
            sealed = self._keys.seal(self._place(owner), data_class, payload.SerializeToString())
        except KeyDestroyed:
            return nothing()
        return Payload(metadata={"encoding": ENCODING, KEY_METADATA: owner.key_id}, data=sealed)

    async def _opened(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        key_id = payload.metadata.get(KEY_METADATA, b"")
        owner = self._keys.remembered_id(key_id)
        if owner is None:
            owner = await asyncio.to_thread(self._keys.owner_of, key_id)
        if owner is None:
            raise KeyMissing
        if self._workflow_id is not None and key_of(self._workflow_id) != (owner.subject, owner.data_class):
            raise SealBroken
        try:
            return Payload.FromString(self._keys.open(self._place(owner), owner.data_class, payload.data))
        except KeyDestroyed:
            return nothing()

    def _place(self, owner: KeyOwner) -> Place:
        if self._namespace is None:
            raise NamespaceMissing
        return Place(owner.tenant, owner.subject, "temporal", "payload", self._namespace)
