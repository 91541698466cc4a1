"""A learner, their guardian, and everything that consent is decided with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar
from uuid import UUID, uuid4

from sqlalchemy.engine import Connection

from governance.accounts import Principal
from governance.consent import (
    TERMS,
    ConsentTerms,
    GrantCommand,
    Standing,
    WithdrawCommand,
    give,
    standings,
    withdraw,
)
from governance.consent_events import ConsentEvent, history
from governance.gate import Gate, read_gate
from governance.notices import shipped_notices
from governance.permits import Governor, Permit, permit
from governance.schools import School
from policy.vocabulary import Action, ObjectType, Purpose, Relation, Role
from runtime.database import Database
from tests.clocks import SetClock
from tests.people import People

T = TypeVar("T")

SELF = frozenset({Relation.SELF, Relation.TENANT})
GUARDIAN = frozenset({Relation.GUARDIAN_OF_MINOR, Relation.TENANT})


@dataclass
class Household:
    """Says yes and no for one learner, as themselves or as their guardian."""

    database: Database
    governor: Governor
    clock: SetClock
    school: School
    learner: Principal
    guardian: Principal

    @classmethod
    def of(
        cls,
        people: People,
        governor: Governor,
        clock: SetClock,
        *,
        born: date | None,
        school: School | None = None,
    ) -> Household:
        school = school or people.school()
        learner = people.person(school, Role.LEARNER, born=born)
        guardian = people.person(school, Role.GUARDIAN)
        return cls(people.database, governor, clock, school, learner, guardian)

    def give(
        self,
        purpose: Purpose = Purpose.PERSONALISATION,
        *,
        by: Principal | None = None,
        event_id: UUID | None = None,
        terms: ConsentTerms = TERMS,
        language: str = "en",
        version: int = 1,
    ) -> ConsentEvent:
        command = GrantCommand(
            event_id or uuid4(), self.learner.subject_ref, purpose, purpose.value, version, language
        )
        return self.command(command, by, terms)

    def command(
        self, command: GrantCommand, by: Principal | None = None, terms: ConsentTerms = TERMS
    ) -> ConsentEvent:
        who, relations = self._who(by)
        return self.write(
            lambda tx: give(tx, self.governor, shipped_notices(), who, relations, command, terms)
        )

    def withdraw(
        self,
        purpose: Purpose = Purpose.PERSONALISATION,
        *,
        by: Principal | None = None,
        event_id: UUID | None = None,
    ) -> ConsentEvent:
        command = WithdrawCommand(event_id or uuid4(), self.learner.subject_ref, purpose)
        who, relations = self._who(by)
        return self.write(lambda tx: withdraw(tx, self.governor, who, relations, command))

    def history(self) -> list[ConsentEvent]:
        return self.read(lambda tx: history(tx, self._leave(tx)))

    def standing(self, purpose: Purpose = Purpose.PERSONALISATION) -> Standing:
        found = self.read(lambda tx: standings(tx, self._leave(tx)))
        return next(one for one in found if one.purpose is purpose)

    def gate(self) -> Gate:
        found = self.read(lambda tx: read_gate(tx, self.school.tenant, self.learner.subject_ref, lock=False))
        assert found is not None
        return found

    def write(self, work: Callable[[Connection], T]) -> T:
        return self.database.write_now(work, tenant=self.school.tenant)

    def read(self, work: Callable[[Connection], T]) -> T:
        return self.database.read_now(work, self.school.tenant)

    def _who(self, by: Principal | None) -> tuple[Principal, frozenset[Relation]]:
        return (self.learner, SELF) if by is None or by is self.learner else (by, GUARDIAN)

    def _leave(self, tx: Connection) -> Permit:
        return permit(
            tx,
            self.learner,
            SELF,
            Action.READ,
            ObjectType.CONSENT,
            Purpose.TRANSPARENCY,
            subject=self.learner.subject_ref,
            governor=self.governor,
        )
