"""Many learners at once for a running product: accounts, places in a class, sign-ins.

Written into the installation's own databases by the product's own functions, as its command line does it:
through the API a password is hashed for each, a second of processor time for ten.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy.engine import Connection

from governance import consent
from governance.access_sessions import SECRET_BYTES, open_session
from governance.accounts import Principal
from governance.keys import KeyRing, open_key_ring
from governance.notices import shipped_notices
from governance.permits import Governor
from governance.registration import NewAccount, create_account, prepare_account
from governance.schools import school_by_slug
from learning.enrolments import enrol
from policy.decision_point import DecisionPoint
from policy.vocabulary import Purpose, Relation, Role
from runtime.clock import SystemClock
from runtime.database import Database
from runtime.kms import RootKey
from runtime.settings import Settings
from tests.journeys.product import SCHOOL

GROWN_UP = date(1990, 6, 1)
CLOCK = SystemClock()


@contextmanager
def opened(home: Path) -> Iterator[tuple[Database, KeyRing]]:
    """The databases of an installation, which may be running."""
    settings = Settings(home=home)
    keys = open_key_ring(settings.keys, RootKey.load(settings.root_key), CLOCK)
    database = Database.open(settings.database)
    try:
        yield database, keys
    finally:
        database.close()
        keys.close()


def enrol_learners(home: Path, class_id: str, count: int) -> list[dict[str, str]]:
    """Headers of so many new grown-up learners of a class of the demo school, signed in.

    They consented to personalisation, so that answers are worth what they cost.
    """
    with opened(home) as (database, keys):
        school = database.read_now(lambda tx: school_by_slug(tx, SCHOOL), tenant=None)
        assert school is not None, "the demo school was not founded"
        governor = Governor(DecisionPoint.load(), keys, CLOCK)
        return [_enrol_one(database, governor, school.tenant, UUID(class_id)) for _ in range(count)]


def _enrol_one(database: Database, governor: Governor, tenant: UUID, class_id: UUID) -> dict[str, str]:
    new = NewAccount(
        f"{uuid4().hex}@demo.example", "Robin Beech", frozenset({Role.LEARNER}), birth_date=GROWN_UP
    )
    prepared = prepare_account(governor.keyring, CLOCK, secrets.token_bytes, tenant, new, None)
    now, session_ref, secret = CLOCK.now(), CLOCK.new_id(), secrets.token_bytes(SECRET_BYTES)
    principal = Principal(tenant, prepared.account_id, prepared.subject_ref, prepared.roles, session_ref)

    yes = consent.GrantCommand(
        event_id=uuid4(),
        subject=prepared.subject_ref,
        purpose=Purpose.PERSONALISATION,
        notice_id="personalisation",
        notice_version=1,
        notice_language="en",
    )

    def work(tx: Connection) -> str:
        create_account(tx, prepared, now)
        enrol(tx, tenant, class_id, prepared.subject_ref, now.date(), now)
        consent.give(tx, governor, shipped_notices(), principal, frozenset({Relation.SELF}), yes)
        return open_session(tx, principal, now, secret).token

    return {"Authorization": f"Bearer {database.write_now(work, tenant=tenant)}"}
