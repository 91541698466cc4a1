"""Schools. A school is a tenant: the controller of its people's data, and the wall around them.

The table carries no ``tenant`` column and so no row-level security: sign-in must find a school by its short
name before it can say whose rows it wants. It holds nothing about a person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from runtime.columns import Instant, not_personal
from runtime.database import insert_once, table
from runtime.errors import Conflict, FieldFault, Invalid, NotFound

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
COUNTRY = re.compile(r"[A-Z]{2}")


class SlugTaken(Conflict):
    """Another school has this short name."""

    slug = "school-slug-taken"
    title = "Another school already has this short name"


class Tenant(SQLModel, table=True):
    """A school."""

    __tablename__ = "tenant"

    tenant_id: UUID = not_personal("names a school", primary_key=True)
    slug: str = not_personal("short name of a school", unique=True)
    name: str = not_personal("name of a school")
    country: str = not_personal("country of a school: which law's ages bind")
    contact: str = not_personal("how to reach the school's office, never a person's own address")
    adults_only: bool = not_personal("whether the school admits adults only, checked when they enrol")
    refused_sign_ins: int = not_personal("counts over a whole school")
    created_at: datetime = not_personal("when the school joined", sa_type=Instant)


@dataclass(frozen=True, slots=True)
class School:
    """A tenant's row."""

    tenant: UUID
    slug: str
    name: str
    country: str
    adults_only: bool
    contact: str = "The school's office"


_tenant = table(Tenant)


def create_tenant(tx: Connection, school: School, now: datetime) -> School:
    """Let a school in.

    Raises:
        Invalid: short name or country is malformed.
        SlugTaken: another school has the short name.
    """
    faults = []
    if not SLUG.fullmatch(school.slug):
        faults.append(FieldFault("slug", "lower-case letters and digits, separated by single hyphens"))
    if not COUNTRY.fullmatch(school.country):
        faults.append(FieldFault("country", "two capital letters, ISO 3166-1 alpha-2"))
    faults += [
        FieldFault(field, "must not be empty")
        for field, text in (("name", school.name), ("contact", school.contact))
        if not text.strip()
    ]
    if faults:
        raise Invalid(faults=tuple(faults))
    values = {
        "tenant_id": school.tenant,
        "slug": school.slug,
        "name": school.name,
        "country": school.country,
        "contact": school.contact,
        "adults_only": school.adults_only,
        "refused_sign_ins": 0,
        "created_at": now,
    }
    if not insert_once(tx, Tenant, values):
        raise SlugTaken
    return school


def school_by_slug(tx: Connection, slug: str) -> School | None:
    """The school with this short name."""
    if not SLUG.fullmatch(slug):
        return None  # PostgreSQL cannot even be asked about a text with a NUL in it
    return _school(tx, _tenant.c.slug == slug)


def school_of(tx: Connection, tenant: UUID) -> School:
    """The school of a tenant id.

    Raises:
        NotFound: there is none.
    """
    school = _school(tx, _tenant.c.tenant_id == tenant)
    if school is None:
        raise NotFound
    return school


def require_school(tx: Connection, slug: str) -> School:
    """The school with this short name.

    Raises:
        NotFound: there is none.
    """
    school = school_by_slug(tx, slug)
    if school is None:
        raise NotFound(f"there is no school {slug!r} here")
    return school


def tenants(tx: Connection) -> list[UUID]:
    """Every school of this installation."""
    return list(tx.execute(sa.select(_tenant.c.tenant_id).order_by(_tenant.c.tenant_id)).scalars())


def count_schools(tx: Connection) -> int:
    """How many schools there are; answers only if the database does, with a schema in it."""
    return tx.execute(sa.select(sa.func.count()).select_from(_tenant)).scalar_one()


def _school(tx: Connection, condition: sa.ColumnElement[bool]) -> School | None:
    row = tx.execute(sa.select(_tenant).where(condition)).one_or_none()
    return (
        None
        if row is None
        else School(row.tenant_id, row.slug, row.name, row.country, row.adults_only, row.contact)
    )
