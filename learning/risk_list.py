"""Who in a class may need help, and why: kept current with each grade and session, and listed for any day.

Each learner's row holds, sealed, the dated facts and the last two scores. It is refreshed in the transaction
of the fact that changed it. A list is computed from the facts as of the day asked for, so time that passes
without any fact counts too, and a list as of an earlier day is what it was then.

Nothing follows from a score by itself: it tells a teacher where to look (GDPR Art. 22).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from governance.accounts import Principal
from governance.permits import WORKER_RELATIONS, Permit, permit, permits, worker
from learning.classes import SchoolClass, find_class
from learning.enrolments import NotEnrolled, Stay, stays_of, stays_on
from learning.features.withdrawal import WITHDRAWAL_FEATURES
from learning.gradebook.assessments import Assessment, assessments
from learning.models.runner import Models
from learning.names import names_of
from learning.relations import class_relations, relations, relations_to
from learning.resources import Resources
from learning.risk import Band, Risk, RiskInputs, Shift, assess, shifts
from learning.risk_facts import RiskFacts, inputs_on
from learning.risk_sources import gather
from policy.vocabulary import Action, ObjectType, Purpose, Relation
from runtime.columns import Category, EraseBy, Instant, not_personal, personal
from runtime.database import insert_once, table
from runtime.errors import FieldFault, Invalid

LOOK_BACK = timedelta(days=7)
"""How far back a list compares where the caller does not say."""


_SEALED: Any = {"sealed": True, "erase_by": EraseBy.DELETE_AND_SHRED, "sa_type": sa.LargeBinary}


_NEED = (Band.HIGH, Band.WATCH, Band.TOO_EARLY, Band.LOW)
"""The order of a list."""


class RiskRow(SQLModel, table=True):
    """One learner in one class; ``version`` counts refreshes."""

    __tablename__ = "risk"

    tenant: UUID = not_personal("names a school", primary_key=True)
    class_id: UUID = not_personal("names a class", primary_key=True)
    subject_ref: UUID = personal(Category.PSEUDONYM, purpose="support", primary_key=True)
    version: int = not_personal("counts writes of this row")
    refreshed_at: datetime = personal(Category.BEHAVIOUR, purpose="support", sa_type=Instant)
    sealed_facts: bytes = personal(Category.ASSESSMENT, purpose="support", **_SEALED)
    sealed_scores: bytes = personal(Category.PROFILING, purpose="support", **_SEALED)


class Scored(BaseModel):
    """A score that was kept: when it was computed, for which day of the class, and from what."""

    model_config = ConfigDict(frozen=True)

    computed_at: datetime
    as_of: date
    inputs_digest: str
    """SHA-256 of the inputs, hexadecimal; the model's digest stands in ``risk``."""
    risk: Risk


class Scores(BaseModel):
    """The scores that are kept of a learner. Sealed; append fields with defaults only."""

    model_config = ConfigDict(frozen=True)

    current: Scored | None = None
    previous: Scored | None = None
    """The last score before the current one that said something else."""


@dataclass(frozen=True, slots=True)
class RiskListRow:
    """A learner of the class as of a day, and what moved the score since an earlier one."""

    subject_ref: UUID
    risk: Risk
    display_name: str | None = field(default=None, repr=False)
    changed: tuple[Shift, ...] = ()

    @property
    def key(self) -> tuple[int, int, str]:
        """Most in need first; whom nobody can judge yet stand before whom nobody need worry about."""
        return _NEED.index(self.risk.band), -round(self.risk.score * 10_000), str(self.subject_ref)


@dataclass(frozen=True, slots=True)
class RiskList:
    """A class's list, most in need first."""

    as_of: date
    since: date
    rows: list[RiskListRow]


@dataclass(frozen=True, slots=True)
class OwnRisk:
    """One learner's score as of a day, and what is kept of earlier ones."""

    as_of: date
    since: date
    risk: Risk
    changed: tuple[Shift, ...]
    current: Scored | None
    previous: Scored | None


_risk = table(RiskRow)
_NO_FACTS = RiskFacts()
_OF_PROFILE = tuple(
    feature.name for feature in WITHDRAWAL_FEATURES if feature.purpose is Purpose.PERSONALISATION
)


def refresh(
    tx: Connection, resources: Resources, tenant: UUID, class_id: UUID, subject: UUID, at: datetime
) -> None:
    """Gather a learner's facts anew and score them, in the transaction of the fact that changed.

    The row is locked before the facts are read: of two facts committing at once the later one sees both.

    Raises:
        SubjectRestricted, SubjectErased: the learner is not to be scored now.
    """
    stays = stays_of(tx, tenant, class_id, subject)
    if not stays:
        return
    allowed = permit(
        tx,
        worker(tenant),
        WORKER_RELATIONS,
        Action.SCORE,
        ObjectType.RISK,
        Purpose.SUPPORT,
        subject=subject,
        governor=resources.governor,
        lock=True,
    )
    school_class = find_class(tx, tenant, class_id)
    day = school_class.day(at.date())
    known, kept = _locked(tx, allowed, class_id, at)
    facts = gather(tx, resources, allowed, class_id, school_class.course_id, day, known)
    known_work = assessments(tx, tenant, class_id)
    look = _Look(school_class, known_work, stays[-1], facts, _epoch(allowed), resources.models)
    inputs = look.inputs(day)
    scored = Scored(
        computed_at=at,
        as_of=day,
        inputs_digest=sha256(inputs.model_dump_json().encode()).hexdigest(),
        risk=look.risk(day),
    )
    scores = Scores(current=scored, previous=_previous(kept, scored))
    _store(tx, allowed, class_id, facts, scores, at)


def forget_profile(tx: Connection, allowed: Permit, at: datetime) -> None:
    """Leave nothing of the profile in what is kept of the permit's subject, in any class.

    Scores that were computed with it go whole; the next grade or session makes a new one without.
    """
    request = allowed.request
    mine = sa.and_(_risk.c.tenant == request.principal.tenant, _risk.c.subject_ref == request.subject)
    for row in tx.execute(sa.select(_risk).where(mine).with_for_update()).all():
        facts = _open_facts(allowed, row.class_id, row.sealed_facts)
        scores = _open_scores(allowed, row.class_id, row.sealed_scores)
        left = Scores(current=_without_profile(scores.current), previous=_without_profile(scores.previous))
        if facts.accuracy is not None or left != scores:
            without = facts.model_copy(update={"accuracy": None})
            _store(tx, allowed, row.class_id, without, left, at)


def risk_list(
    tx: Connection,
    resources: Resources,
    principal: Principal,
    class_id: UUID,
    *,
    as_of: date | None = None,
    since: date | None = None,
    after: Sequence[int | str] | None = None,
    limit: int | None = None,
) -> RiskList:
    """Who is in the class, most in need first, for who teaches it.

    Args:
        tx: a transaction that reads.
        resources: keys, models and clock.
        principal: who asks.
        class_id: the class.
        as_of: the day to judge by; the day the class lives at where left out.
        since: the day to compare with; a week before where left out.
        after: the key of the row to go on after.
        limit: at most this many rows. Only they are compared and named: everybody has to be scored to sort.

    Raises:
        NoSuchClass, Forbidden.
        Invalid: ``as_of`` lies in the future, or ``since`` after it.
    """
    now = resources.clock.now()
    permit(
        tx,
        principal,
        class_relations(tx, principal, class_id, now),
        Action.LIST,
        ObjectType.RISK,
        Purpose.SUPPORT,
        subject=None,
        governor=resources.governor,
    )
    school_class = find_class(tx, principal.tenant, class_id)
    today = school_class.day(now.date())
    day, earlier = _days(today, as_of, since)
    there = stays_on(tx, principal.tenant, class_id, today)
    stays = {stay.subject_ref: stay for stay in there if stay.enrolled_on <= day}
    allowed = permits(
        tx,
        principal,
        relations_to(tx, principal, list(stays), now, resources.keyring),
        Action.LIST,
        ObjectType.RISK,
        Purpose.SUPPORT,
        governor=resources.governor,
    )
    known = assessments(tx, principal.tenant, class_id)
    found = _facts(tx, allowed, principal.tenant, class_id)
    looks = {
        subject: _Look(
            school_class,
            known,
            stays[subject],
            found.get(subject, _NO_FACTS),
            _epoch(leave),
            resources.models,
        )
        for subject, leave in allowed.items()
    }
    rows = sorted((RiskListRow(one, look.risk(day)) for one, look in looks.items()), key=lambda row: row.key)
    shown = [row for row in rows if after is None or row.key > tuple(after)][:limit]
    names = names_of(tx, resources.governor, principal, [row.subject_ref for row in shown], Purpose.SUPPORT)
    return RiskList(
        day,
        earlier,
        [
            replace(
                row,
                display_name=names.get(row.subject_ref),
                changed=looks[row.subject_ref].changed(earlier, row.risk),
            )
            for row in shown
        ],
    )


def risk_of(
    tx: Connection,
    resources: Resources,
    principal: Principal,
    class_id: UUID,
    subject: UUID,
    *,
    as_of: date | None = None,
    since: date | None = None,
) -> OwnRisk:
    """One learner's score: for the learner, a guardian, or who teaches them. All see the same.

    Raises:
        NoSuchClass, NotEnrolled, Forbidden, UnknownSubject, SubjectRestricted, SubjectErased.
        Invalid: ``as_of`` lies in the future, or ``since`` after it.
    """
    now = resources.clock.now()
    standing = relations(tx, principal, subject, now, resources.keyring)
    allowed = permit(
        tx,
        principal,
        standing,
        Action.READ,
        ObjectType.RISK,
        Purpose.SUPPORT if Relation.INSTRUCTOR_OF in standing else Purpose.TRANSPARENCY,
        subject=subject,
        governor=resources.governor,
    )
    school_class = find_class(tx, principal.tenant, class_id)
    day, earlier = _days(school_class.day(now.date()), as_of, since)
    stays = [one for one in stays_of(tx, principal.tenant, class_id, subject) if one.enrolled_on <= day]
    if not stays:
        raise NotEnrolled
    facts = _facts(tx, {subject: allowed}, principal.tenant, class_id).get(subject, _NO_FACTS)
    kept = _kept(tx, allowed, class_id)
    known = assessments(tx, principal.tenant, class_id)
    look = _Look(school_class, known, stays[-1], facts, _epoch(allowed), resources.models)
    risk = look.risk(day)
    return OwnRisk(day, earlier, risk, look.changed(earlier, risk), kept.current, kept.previous)


@dataclass(frozen=True, slots=True)
class _Look:
    """One learner's facts, and everything they are judged by."""

    school_class: SchoolClass
    assessments: Mapping[str, Assessment]
    stay: Stay
    facts: RiskFacts
    consent_epoch: int | None
    models: Models

    def inputs(self, day: date) -> RiskInputs:
        return inputs_on(day, self.school_class, self.assessments, self.stay, self.facts, self.consent_epoch)

    def risk(self, day: date) -> Risk:
        return assess(self.inputs(day), self.models)

    def changed(self, earlier: date, risk: Risk) -> tuple[Shift, ...]:
        """What moved the score to ``risk`` since ``earlier``; nothing for who was not there then."""
        return () if self.stay.enrolled_on > earlier else shifts(self.risk(earlier), risk)


def _days(today: date, as_of: date | None, since: date | None) -> tuple[date, date]:
    day = as_of or today
    if day > today:
        raise Invalid(faults=(FieldFault("query.as_of", "lies in the future of this class"),))
    earlier = since or day - LOOK_BACK
    if earlier > day:
        raise Invalid(faults=(FieldFault("query.since", "lies after as_of"),))
    return day, earlier


def _epoch(allowed: Permit) -> int | None:
    return allowed.consent_epoch if allowed.allows(Purpose.PERSONALISATION) else None


def _previous(before: Scores, scored: Scored) -> Scored | None:
    """What stood before, unless the new score says the same."""
    if (
        before.current is None
        or before.current.risk.model_copy(update={"day": scored.risk.day}) == scored.risk
    ):
        return before.previous
    return before.current


def _without_profile(scored: Scored | None) -> Scored | None:
    """The score, unless it rests on something that asks for consent to personalisation."""
    if scored is None or any(scored.risk.features[name] is not None for name in _OF_PROFILE):
        return None
    return scored


def _locked(tx: Connection, allowed: Permit, class_id: UUID, at: datetime) -> tuple[RiskFacts, Scores]:
    """What the row holds, the row locked until the transaction ends; made where there was none."""
    key = _key(allowed, class_id)
    insert_once(
        tx, RiskRow, {**key, "version": 0, "refreshed_at": at, "sealed_facts": b"", "sealed_scores": b""}
    )
    row = tx.execute(_of(_risk.c.sealed_facts, _risk.c.sealed_scores, key=key).with_for_update()).one()
    if not row.sealed_facts:
        return _NO_FACTS, Scores()
    return _open_facts(allowed, class_id, row.sealed_facts), _open_scores(
        allowed, class_id, row.sealed_scores
    )


def _store(
    tx: Connection, allowed: Permit, class_id: UUID, facts: RiskFacts, scores: Scores, at: datetime
) -> None:
    def sealed(column: str, value: BaseModel) -> bytes:
        text = value.model_dump_json(exclude_defaults=True)
        return allowed.seal("risk", column, str(class_id), text.encode())

    tx.execute(
        sa.update(_risk)
        .where(*(_risk.c[name] == value for name, value in _key(allowed, class_id).items()))
        .values(
            version=_risk.c.version + 1,
            refreshed_at=at,
            sealed_facts=sealed("sealed_facts", facts),
            sealed_scores=sealed("sealed_scores", scores),
        )
    )


def _facts(
    tx: Connection, allowed: Mapping[UUID, Permit], tenant: UUID, class_id: UUID
) -> dict[UUID, RiskFacts]:
    rows = tx.execute(
        sa.select(_risk.c.subject_ref, _risk.c.sealed_facts).where(
            _risk.c.tenant == tenant, _risk.c.class_id == class_id, _risk.c.subject_ref.in_(sorted(allowed))
        )
    )
    return {
        row.subject_ref: _open_facts(allowed[row.subject_ref], class_id, row.sealed_facts) for row in rows
    }


def _kept(tx: Connection, allowed: Permit, class_id: UUID) -> Scores:
    sealed = tx.execute(_of(_risk.c.sealed_scores, key=_key(allowed, class_id))).scalar_one_or_none()
    return Scores() if sealed is None else _open_scores(allowed, class_id, sealed)


def _open_facts(allowed: Permit, class_id: UUID, sealed: bytes) -> RiskFacts:
    return RiskFacts.model_validate_json(allowed.open("risk", "sealed_facts", str(class_id), sealed))


def _open_scores(allowed: Permit, class_id: UUID, sealed: bytes) -> Scores:
    return Scores.model_validate_json(allowed.open("risk", "sealed_scores", str(class_id), sealed))


def _key(allowed: Permit, class_id: UUID) -> dict[str, UUID | None]:
    request = allowed.request
    return {"tenant": request.principal.tenant, "class_id": class_id, "subject_ref": request.subject}


def _of(*columns: sa.ColumnElement[Any], key: Mapping[str, UUID | None]) -> sa.Select[Any]:
    return sa.select(*columns).where(*(_risk.c[name] == value for name, value in key.items()))
