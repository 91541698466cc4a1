"""The race between a decision and a withdrawal, on real databases with two connections.

A "decision" reads the subject's gate, and later writes a row stamped with the epoch that it read. The rule:
no row stamped with an epoch may be committed after the commit that ended that epoch. The probe row is an
outbox entry whose ``attempts`` holds the epoch; the withdrawal counts, inside its own transaction and with
the gate in its hands, the rows of the epoch that it ends: whatever it does not see then must never appear.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from governance.gate import Gate, create_gate, move_gate, read_gate, take_gate
from governance.permits import GateMoved, Governor, Permit, permit
from policy.vocabulary import Action, ObjectType, Purpose, Relation
from runtime.database import Database, insert_once, table
from runtime.outbox import OutboxEntry
from tests.clocks import START
from tests.households import Household

T = TypeVar("T")
_probe = table(OutboxEntry)
PATIENCE_S = 60.0


@dataclass
class Race:
    """Two ways into one database, as two processes would have."""

    one: Database
    other: Database
    tenant: UUID
    subject: UUID

    def decide(self, tx: Connection, gate: Gate) -> None:
        """Write a decision stamped with the epoch of the gate as it was read."""
        values = {"tenant": self.tenant, "kind": "probe", "fact_id": uuid4(), "due_at": START}
        assert insert_once(tx, OutboxEntry, {**values, "attempts": gate.consent_epoch})

    def read(self, tx: Connection, *, lock: bool) -> Gate:
        gate = read_gate(tx, self.tenant, self.subject, lock=lock)
        assert gate is not None
        return gate

    def withdraw(self, tx: Connection) -> int:
        """End the epoch; returns how many decisions of it are committed at that moment."""
        gate = take_gate(tx, self.tenant, self.subject)
        assert gate is not None
        move_gate(tx, gate, START, consents={})
        return self.decisions(tx, gate.consent_epoch)

    def decisions(self, tx: Connection, epoch: int) -> int:
        found: int = tx.execute(
            sa.select(sa.func.count()).where(_probe.c.kind == "probe", _probe.c.attempts == epoch)
        ).scalar_one()
        return found

    def write(self, database: Database, work: Callable[[Connection], T]) -> T:
        return database.write_now(work, tenant=self.tenant)

    def after(self, epoch: int) -> int:
        return self.one.read_now(lambda tx: self.decisions(tx, epoch), self.tenant)


@pytest.fixture
def race(database: Database, database_url: str) -> Iterator[Race]:
    other = Database.open(database_url)
    made = Race(database, other, uuid4(), uuid4())
    made.write(database, lambda tx: create_gate(tx, made.tenant, made.subject, START))
    yield made
    other.close()


class Withdrawal(threading.Thread):
    """Withdraws on the other connection; ``seen`` is what it counted."""

    def __init__(self, race: Race) -> None:
        super().__init__()
        self._race = race
        self.seen: int | None = None

    def run(self) -> None:
        self.seen = self._race.write(self._race.other, self._race.withdraw)


def wait_until_blocked(database_url: str) -> None:
    """Until a session of this PostgreSQL database waits for another's row lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    plain = sa.make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as watcher:
        tick = threading.Event()
        for _ in range(int(PATIENCE_S / 0.01)):
            found = watcher.execute(waiting).fetchone()
            if found is not None and found[0] > 0:
                return
            tick.wait(0.01)
    raise AssertionError("nobody ever waited: the decision does not hold the gate")


def test_a_decision_that_holds_the_gate_is_committed_before_the_withdrawal_or_not_at_all(
    race: Race, database_url: str
) -> None:
    withdrawal = Withdrawal(race)

    def decision(tx: Connection) -> int:
        gate = race.read(tx, lock=True)
        withdrawal.start()
        if race.one.dialect == "postgresql":
            wait_until_blocked(database_url)  # the withdrawal is under way, and gets no further
        race.decide(tx, gate)
        return gate.consent_epoch

    epoch = race.write(race.one, decision)
    withdrawal.join(PATIENCE_S)
    assert withdrawal.seen == 1, "the withdrawal saw the decision that came before it"
    assert race.after(epoch) == withdrawal.seen, "and none came after"


def test_negative_control_a_plain_read_does_lose_the_race(race: Race) -> None:
    # The hazard is real: without the lock (PostgreSQL), or with the read outside of the write (both), the
    # withdrawal commits in between, and the decision still commits under the epoch that has ended.
    if race.one.dialect == "postgresql":

        def decision(tx: Connection) -> tuple[int, int]:
            gate = race.read(tx, lock=False)
            seen = race.write(race.other, race.withdraw)
            race.decide(tx, gate)
            return gate.consent_epoch, seen

        epoch, seen = race.write(race.one, decision)
    else:
        stale = race.one.read_now(lambda tx: race.read(tx, lock=False), race.tenant)
        seen = race.write(race.other, race.withdraw)
        race.write(race.one, lambda tx: race.decide(tx, stale))
        epoch = stale.consent_epoch
    assert seen == 0
    assert race.after(epoch) == 1, "a decision under an ended epoch: the hazard that the lock removes"


def test_a_decision_that_comes_after_the_withdrawal_reads_the_new_epoch(
    race: Race, database_url: str
) -> None:
    epochs: list[int] = []

    def decide(tx: Connection) -> None:
        gate = race.read(tx, lock=True)
        race.decide(tx, gate)
        epochs.append(gate.consent_epoch)

    late = threading.Thread(target=lambda: race.write(race.one, decide))

    def withdrawal(tx: Connection) -> int:
        seen = race.withdraw(tx)
        late.start()
        if race.one.dialect == "postgresql":
            wait_until_blocked(database_url)
        return seen

    assert race.write(race.other, withdrawal) == 0
    late.join(PATIENCE_S)
    assert epochs[-1] == 1
    assert (race.after(0), race.after(1)) == (0, 1)


def test_many_decisions_and_withdrawals_at_once_leave_no_decision_after_its_epoch(race: Race) -> None:
    seen: dict[int, int] = {}
    stop = threading.Event()

    def decide() -> None:
        while not stop.is_set():
            race.write(race.one, lambda tx: race.decide(tx, race.read(tx, lock=True)))

    def withdraw() -> None:
        for epoch in range(25):
            seen[epoch] = race.write(race.other, race.withdraw)
        stop.set()

    threads = [threading.Thread(target=decide) for _ in range(3)] + [threading.Thread(target=withdraw)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert {epoch: race.after(epoch) for epoch in seen} == seen
    assert len(seen) == 25


def test_a_permit_taken_before_a_withdrawal_confirms_no_more(
    household: Household, governor: Governor
) -> None:
    household.give(Purpose.TELEMETRY)

    def ask(tx: Connection) -> Permit:
        return permit(
            tx,
            household.learner,
            frozenset({Relation.SELF, Relation.TENANT}),
            Action.CREATE,
            ObjectType.EVENT,
            Purpose.TELEMETRY,
            subject=household.learner.subject_ref,
            governor=governor,
        )

    allowed = household.read(ask)
    household.write(allowed.confirm)
    household.withdraw(Purpose.TELEMETRY)
    with pytest.raises(GateMoved):
        household.write(allowed.confirm)
