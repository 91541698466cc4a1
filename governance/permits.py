"""The one way to use a person's data: ask for a permit, and do everything by it.

``permit`` reads the subject's gate, asks the decision point, and discharges every obligation of the ruling
or refuses. The permit that comes back seals and opens that person's data and no other's, and knows which
consents were live when it was given.

The order is: is there such a person here (404 otherwise: another school's people do not exist); may this
principal do this (403); may it be done to this person now (restricted, erased); does what the rule obliges to
hold. All in the caller's transaction: with ``lock`` the gate is held until it ends, so what the permit says
stays true until the commit. A computation that cannot hold a lock takes a permit without one, and calls
``confirm`` inside the transaction that writes.

Every refusal is a ``Refusal`` and carries what an audit needs: principal, subject, request and rule.

Source: GDPR Art. 5(1)(a)-(b), 6(1), 18(2); 34 CFR 99.32.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from sqlalchemy.engine import Connection

from governance.accounts import Principal
from governance.disclosures import Disclosure, record
from governance.gate import Gate, GateState, read_gate, read_gates, take_gate
from governance.keys import DataClass, KeyRing, Place
from policy.decision_point import DecisionPoint, Ruling
from policy.vocabulary import Action, ObjectType, Obligation, Purpose, Relation, Role
from runtime.clock import Clock
from runtime.errors import NotFound, TutelaError

NOBODY = UUID(int=0)

UNDER_RESTRICTION = frozenset(
    {Purpose.TRANSPARENCY, Purpose.COMPLIANCE, Purpose.AUDIT, Purpose.ACCOUNT_SECURITY}
)
"""What may still happen to a person whose processing is restricted: being shown their record, their rights,
the check that these are kept, and keeping the account safe (GDPR Art. 18(2)-(3))."""

AFTER_ERASURE = frozenset({Purpose.COMPLIANCE, Purpose.AUDIT})
"""What may still happen to a person who was erased: finish it and prove it (GDPR Art. 17(3)(b), (e))."""


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks to do what to whose data, and what for."""

    principal: Principal
    relations: frozenset[Relation]
    action: Action
    object: ObjectType
    purpose: Purpose
    subject: UUID | None


class Refusal(TutelaError):
    """A permit was refused. ``request`` and ``rule`` are for the audit, never for the reply."""

    status = 403

    def __init__(self, request: Request, rule: str, detail: str = "") -> None:
        super().__init__(detail)
        self.request = request
        self.rule = rule


class Forbidden(Refusal):
    """No rule allows it, or one prohibits it."""

    slug = "forbidden"
    title = "You may not do this"


class UnknownSubject(NotFound, Refusal):
    """This school has no such person. To the caller it is the same 404 as any other."""


class ConsentMissing(Refusal):
    """The rule asks for a consent that is not live."""

    slug = "consent-missing"
    title = "This needs a consent that is not given, or not any more"


class SubjectRestricted(Refusal):
    """The person's data may be stored and nothing else (GDPR Art. 18)."""

    slug = "subject-restricted"
    title = "The use of this person's data is restricted"


class SubjectErased(Refusal):
    """The person's data is gone, or going (GDPR Art. 17)."""

    status = 410
    slug = "subject-erased"
    title = "This person's data was erased"


class StepUpRequired(Refusal):
    """The rule asks for a second factor shown moments ago (RFC 9470)."""

    status = 401
    slug = "step-up-required"
    title = "Show your second factor again to do this"


class ApprovalRequired(Refusal):
    """The rule asks for a second person's approval of exactly this."""

    slug = "approval-required"
    title = "A second person has to approve this first"


class IdentityMasked(Refusal):
    """The permit leaves direct identifiers out."""

    slug = "identity-masked"
    title = "You may see this without names only"


class GateMoved(TutelaError):
    """Consent or state changed between the permit and its use: nothing was written, ask again."""

    status = 409
    slug = "gate-moved"
    title = "The person's consent changed meanwhile; nothing was stored"


@dataclass(frozen=True, slots=True)
class Governor:
    """What permits are made with. Built once; passed on as an argument."""

    decision_point: DecisionPoint
    keyring: KeyRing
    clock: Clock


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to do one thing to one person's data, for one purpose."""

    request: Request
    rule: str
    masked: bool
    gate: Gate | None
    governor: Governor = field(repr=False)

    @property
    def subject_gate(self) -> Gate:
        """The subject's gate as the permit saw it."""
        assert self.gate is not None, "this permit is about no person's data"
        return self.gate

    @property
    def consent_epoch(self) -> int:
        """The epoch of the subject's consent that the permit was given in; stored with what it led to."""
        return self.subject_gate.consent_epoch

    def allows(self, purpose: Purpose) -> bool:
        """Whether the subject's consent to ``purpose`` was live when the permit was given, and still runs."""
        return self.subject_gate.allows(purpose, self.governor.clock.now())

    def seal(
        self, table: str, column: str, row: str, plaintext: bytes, data_class: DataClass = DataClass.LEARNING
    ) -> bytes:
        """``plaintext`` under the subject's own key, bound to where it will stand."""
        return self.governor.keyring.seal(self._place(table, column, row), data_class, plaintext)

    def open(
        self, table: str, column: str, row: str, sealed: bytes, data_class: DataClass = DataClass.LEARNING
    ) -> bytes:
        """What ``seal`` sealed.

        Raises:
            IdentityMasked: it is a direct identifier and the permit leaves those out.
            SealBroken, KeyDestroyed: as ``KeyRing.open``.
        """
        if self.masked and data_class is DataClass.IDENTITY:
            raise IdentityMasked(self.request, self.rule)
        return self.governor.keyring.open(self._place(table, column, row), data_class, sealed)

    def mac(
        self, table: str, column: str, row: str, content: bytes, data_class: DataClass = DataClass.LEARNING
    ) -> bytes:
        """32 bytes by which a repeated request is known from a changed one, to nobody without the key."""
        return self.governor.keyring.mac(self._place(table, column, row), data_class, content)

    def confirm(self, tx: Connection) -> None:
        """Hold the gate until the transaction ends, and make sure that it is the one the permit saw.

        Raises:
            GateMoved: epoch or state changed since; the caller writes nothing and asks again.
        """
        seen = self.subject_gate
        now = read_gate(tx, seen.tenant, seen.subject_ref, lock=True)
        if now is None or (now.state, now.consent_epoch) != (seen.state, seen.consent_epoch):
            raise GateMoved

    def _place(self, table: str, column: str, row: str) -> Place:
        gate = self.subject_gate
        return Place(gate.tenant, gate.subject_ref, table, column, row)


def permit(
    tx: Connection,
    principal: Principal,
    relations: frozenset[Relation],
    action: Action,
    object: ObjectType,  # noqa: A002  # the word of the field
    purpose: Purpose,
    *,
    subject: UUID | None,
    governor: Governor,
    lock: bool = False,
    exclusive: bool = False,
) -> Permit:
    """Leave to do ``action`` to ``object`` of ``subject`` for ``purpose``, or a refusal.

    Args:
        tx: the transaction that the permit is for.
        principal: who acts.
        relations: facts about principal and subject, read in this transaction.
        action: what is done.
        object: what it is done to.
        purpose: what for.
        subject: whose data; None for things about no person (a course, a model).
        governor: decision point, keys and clock.
        lock: hold the subject's gate until the transaction ends. Everything that writes personal data must;
            a rule that obliges to record the look needs it, since a read cannot write the record.
        exclusive: hold it ``FOR UPDATE``, in order to move it.

    Raises:
        UnknownSubject: no such person in the principal's school.
        Forbidden: by a prohibition, or because no rule allows it.
        SubjectRestricted, SubjectErased: not to this person, now.
        ConsentMissing, StepUpRequired, ApprovalRequired: an obligation of the rule does not hold.
    """
    request = Request(principal, relations, action, object, purpose, subject)
    gate = None
    if subject is not None:
        find = take_gate if exclusive else partial(read_gate, lock=lock)
        gate = find(tx, principal.tenant, subject)
        if gate is None:
            raise UnknownSubject(request, "(no such person)")
    return _permit(tx, request, gate, governor, may_record=lock or exclusive)


def permits(
    tx: Connection,
    principal: Principal,
    relations: Mapping[UUID, frozenset[Relation]],
    action: Action,
    object: ObjectType,  # noqa: A002  # the word of the field
    purpose: Purpose,
    *,
    governor: Governor,
    lock: bool = False,
) -> dict[UUID, Permit]:
    """As ``permit``, for a list: ``relations`` by subject. Whom it is refused for is left out, unsaid."""
    gates = read_gates(tx, principal.tenant, relations.keys(), lock=lock)
    granted = {}
    for subject, gate in gates.items():
        request = Request(principal, relations[subject], action, object, purpose, subject)
        with suppress(Refusal):
            granted[subject] = _permit(tx, request, gate, governor, may_record=lock)
    return granted


def _permit(
    tx: Connection, request: Request, gate: Gate | None, governor: Governor, *, may_record: bool
) -> Permit:
    ruling = governor.decision_point.decide(
        request.principal.roles, request.relations, request.object, request.action, request.purpose
    )
    if not ruling.allowed:
        raise Forbidden(request, ruling.rule)
    if gate is not None:
        _check_state(request, ruling, gate)
    masked = False
    for obligation in sorted(ruling.obligations):
        if obligation is Obligation.MASK_IDENTITY:
            masked = True
        else:
            _discharge(tx, request, ruling, obligation, gate, governor, may_record=may_record)
    return Permit(request, ruling.rule, masked, gate, governor)


def worker(tenant: UUID) -> Principal:
    """The principal of Tutela's own workflows in a school."""
    return Principal(tenant, NOBODY, NOBODY, frozenset({Role.WORKER}), NOBODY)


WORKER_RELATIONS = frozenset({Relation.TENANT})


def _check_state(request: Request, ruling: Ruling, gate: Gate) -> None:
    if gate.state is GateState.RESTRICTED and request.purpose not in UNDER_RESTRICTION:
        raise SubjectRestricted(request, ruling.rule)
    if gate.state is GateState.ERASED and request.purpose not in AFTER_ERASURE:
        raise SubjectErased(request, ruling.rule)


def _discharge(
    tx: Connection,
    request: Request,
    ruling: Ruling,
    obligation: Obligation,
    gate: Gate | None,
    governor: Governor,
    *,
    may_record: bool,
) -> None:
    """Make one obligation true or refuse. What is not known here is refused."""
    asked = obligation.consent
    if asked is not None:
        if gate is None or not gate.allows(asked, governor.clock.now()):
            raise ConsentMissing(request, ruling.rule, f"Consent to {asked.value} is not live.")
    elif obligation is Obligation.RECORD and gate is not None and may_record:
        record(tx, request.principal.tenant, _disclosure(request, ruling, gate, governor.clock))
    elif obligation is Obligation.STEPUP:
        raise StepUpRequired(request, ruling.rule)
    elif obligation is Obligation.DUAL:
        raise ApprovalRequired(request, ruling.rule)
    else:
        raise Forbidden(request, ruling.rule, f"The duty {obligation.value} cannot be fulfilled here.")


def _disclosure(request: Request, ruling: Ruling, gate: Gate, clock: Clock) -> Disclosure:
    return Disclosure(
        clock.new_id(),
        gate.subject_ref,
        request.principal.subject_ref,
        tuple(sorted(request.principal.roles)),
        request.object.value,
        request.action.value,
        request.purpose.value,
        ruling.rule,
        clock.now(),
    )
