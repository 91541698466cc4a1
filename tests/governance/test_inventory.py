from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from governance.inventory import Fault, Inventory, Known, faults, routes, take, undeclared_payloads
from runtime.carriers import Carrier, Declared, declare, declared, payload, payload_about_nobody, payload_name
from runtime.columns import (
    FOUND_BY,
    Basis,
    Category,
    EraseBy,
    Instant,
    NotPersonal,
    Personal,
    not_personal,
    personal,
)

KNOWN = Known(
    purposes={"teaching": Basis.PUBLIC_TASK, "telemetry": Basis.CONSENT}, retentions={"enrolment", "session"}
)
Columns = dict[str, tuple[Any, Any]]


def subject() -> tuple[Any, Any]:
    return UUID, personal(Category.PSEUDONYM, purpose="teaching", primary_key=True)


def plant(tables: dict[str, Columns], found_by: dict[str, str] | None = None) -> Inventory:
    """The inventory of new tables, in a metadata of their own that never meets the product's."""
    metadata = sa.MetaData()
    made_by: Any = type(SQLModel)
    base = made_by("Base", (SQLModel,), {}, registry=registry(metadata=metadata))
    for name, columns in tables.items():
        reason = (found_by or {}).get(name)
        body = {
            "__module__": __name__,
            "__tablename__": name,
            "__table_args__": {"info": {FOUND_BY: reason} if reason else {}},
            "__annotations__": {column: kind for column, (kind, _) in columns.items()},
            **{column: field for column, (_, field) in columns.items()},
        }
        made_by(name, (base,), body, table=True)
    return take({"data": metadata}, ())


def told(**columns: tuple[Any, Any]) -> list[str]:
    """What the gate says about one table, keyed by its first column."""
    return [str(fault) for fault in faults(plant({"row": columns}), KNOWN)]


# --- planted faults: each is found, and nothing else ----------------------------------------------------


def test_an_undeclared_column_is_found() -> None:
    assert told(subject_ref=subject(), plain=(int, Field())) == [
        "data.row.plain: is neither personal(...) nor not_personal(reason)"
    ]


@pytest.mark.parametrize("reason", ["", "  ", "n/a", "  none  "])
def test_a_column_that_does_not_say_why_it_is_not_personal_is_found(reason: str) -> None:
    assert told(id=(UUID, not_personal(reason, primary_key=True))) == [
        "data.row.id: says it is not personal and does not say why"
    ]


def test_an_unknown_purpose_and_an_unknown_retention_are_found() -> None:
    wrong = personal(Category.PSEUDONYM, purpose="marketing", retention="forever", primary_key=True)
    assert told(subject_ref=(UUID, wrong)) == [
        "data.row.subject_ref: names the purpose 'marketing', which policy does not know",
        "data.row.subject_ref: names the retention 'forever', which policy does not know",
    ]


def test_a_basis_that_is_not_the_purposes_own_is_found() -> None:
    assert told(subject_ref=subject(), at=(int, personal(Category.BEHAVIOUR, purpose="telemetry"))) == [
        "data.row.at: rests on 6(1)(e), but its purpose 'telemetry' rests on 6(1)(a)"
    ]


@pytest.mark.parametrize(
    ("sa_type", "stored"), [(sa.Text, "str"), (sa.Integer, "int"), (sa.Date, "date"), (sa.JSON, "str")]
)
def test_a_sealed_column_that_does_not_store_bytes_is_found(sa_type: Any, stored: str) -> None:
    secret = personal(Category.LEARNING, purpose="teaching", sealed=True, sa_type=sa_type)
    assert told(subject_ref=subject(), secret=(str, secret)) == [
        f"data.row.secret: is declared sealed, but stores {stored}: sealed values are bytes"
    ]


@pytest.mark.parametrize("sa_type", [sa.Text, sa.String(20), sa.Date, sa.Integer, sa.JSON, sa.Uuid])
def test_a_direct_identifier_in_clear_is_found_whatever_its_type_and_excuse(sa_type: Any) -> None:
    called = personal(Category.IDENTITY, purpose="teaching", clear="just a name", sa_type=sa_type)
    assert told(subject_ref=subject(), called=(str, called)) == [
        "data.row.called: identifies a person and stands in clear: seal it, and look it up by a blind index"
    ]


@pytest.mark.parametrize("category", [category for category in Category if category is not Category.IDENTITY])
@pytest.mark.parametrize(
    "sa_type", [sa.Text, sa.String(3), sa.Unicode, sa.LargeBinary, sa.JSON, sa.ARRAY(sa.Text)]
)
def test_personal_text_or_bytes_in_clear_without_a_reason_are_found(category: Category, sa_type: Any) -> None:
    wrote = personal(category, purpose="teaching", sa_type=sa_type)
    message = "is personal text or bytes in clear: seal it, or say in clear=... what it can hold at most"
    assert told(subject_ref=subject(), wrote=(str, wrote)) == [f"data.row.wrote: {message}"]


def test_text_by_annotation_alone_is_found() -> None:
    wrote = personal(Category.LEARNING, purpose="teaching")
    assert len(told(subject_ref=subject(), wrote=(str, wrote), maybe=(str | None, wrote))) == 2


def test_a_type_that_nobody_knows_counts_as_text() -> None:
    class Odd(sa.types.UserDefinedType[object]):
        cache_ok = True

    odd = personal(Category.LEARNING, purpose="teaching", sa_type=Odd)
    assert len(told(subject_ref=subject(), odd=(str, odd))) == 1


def test_a_column_to_be_erased_with_a_key_it_is_not_sealed_under_is_found() -> None:
    share = personal(Category.LEARNING, purpose="teaching", erase_by=EraseBy.SHRED)
    assert told(subject_ref=subject(), share=(float, share)) == [
        "data.row.share: is to be erased with its key, but is not sealed under one"
    ]


@pytest.mark.parametrize("name", ["email", "parent_phone", "birth_date", "surname", "home_address"])
def test_a_column_that_sounds_like_a_person_and_says_it_is_not_is_found(name: str) -> None:
    columns: Columns = {"id": (UUID, not_personal("names nothing", primary_key=True))}
    columns[name] = (str, not_personal("a setting of the school"))
    assert told(**columns) == [f"data.row.{name}: says it is not personal, but its name says otherwise"]


@pytest.mark.parametrize("name", ["display_name", "note", "free_text", "client_ip", "user_agent"])
def test_beside_a_person_even_a_name_or_a_note_is_suspect(name: str) -> None:
    columns = {"subject_ref": subject(), name: (str, not_personal("shown on the page"))}
    assert told(**columns) == [f"data.row.{name}: says it is not personal, but its name says otherwise"]


def test_the_reference_of_a_session_is_not_the_reference_of_a_person() -> None:
    assert routes(plant({"row": {"session_ref": subject()}})) == {}


def test_rows_about_a_person_that_nothing_leads_to_are_found() -> None:
    assert told(trace=subject()) == [
        "data.row: holds personal data, and nothing leads from a person to its rows"
    ]


def test_a_table_of_another_store_leads_nowhere() -> None:
    here = plant({"step": {"session_id": subject()}})
    there = plant({"session": {"session_id": subject(), "subject_ref": subject()}})
    elsewhere = tuple(
        type(table)("keys", table.name, tuple(type(c)("keys", c.table, c.name, c.kind, c.key, c.declaration)
                                              for c in table.columns), None)
        for table in there.tables
    )  # fmt: skip
    assert set(routes(Inventory(here.tables + there.tables, ()))) == {"data.session", "data.step"}
    assert set(routes(Inventory(here.tables + elsewhere, ()))) == {"keys.session"}


def test_a_payload_that_is_exchanged_and_not_declared_is_found() -> None:
    class Message:
        pass

    @payload(Category.LEARNING, purpose="teaching")
    class Declarable:
        pass

    @payload_about_nobody("an empty message")
    class Empty:
        pass

    kinds = [Message, Declarable, Empty, UUID, int, bool, type(None), str]
    assert undeclared_payloads(kinds, declared()) == (
        Fault(f"payload.{payload_name(Message)}", "is exchanged by workflows and not declared"),
        Fault("payload.builtins.str", "is exchanged by workflows and not declared"),
    )


def test_a_carrier_with_wrong_words_or_unsealed_content_is_found() -> None:
    about = Personal(
        Category.LEARNING, "marketing", Basis.PUBLIC_TASK, "forever", EraseBy.DELETE, sealed=False
    )
    carriers = (Declared(Carrier.FILE, "x", about), Declared(Carrier.SPAN, "y", NotPersonal("")))
    assert [(fault.place, fault.message.split()[0]) for fault in faults(Inventory((), carriers), KNOWN)] == [
        ("file.x", "names"),
        ("file.x", "names"),
        ("file.x", "is"),
        ("span.y", "says"),
    ]


def test_a_carrier_declared_twice_and_differently_is_refused() -> None:
    assert declare(Carrier.SPAN, "tests.twice", NotPersonal("counts something")) == "tests.twice"
    declare(Carrier.SPAN, "tests.twice", NotPersonal("counts something"))
    with pytest.raises(ValueError, match="twice"):
        declare(Carrier.SPAN, "tests.twice", NotPersonal("counts something else"))


# --- what is sound --------------------------------------------------------------------------------------


def test_a_soundly_declared_table_has_no_fault() -> None:
    index = personal(Category.IDENTITY, purpose="teaching", clear="a keyed hash", sa_type=sa.LargeBinary)
    email = personal(
        Category.IDENTITY,
        purpose="teaching",
        sealed=True,
        erase_by=EraseBy.DELETE_AND_SHRED,
        sa_type=sa.LargeBinary,
    )
    assert told(
        tenant=(UUID, not_personal("names a school", primary_key=True)),
        subject_ref=subject(),
        state=(str, personal(Category.LEARNING, purpose="teaching", clear="open, restricted or erased")),
        email_index=(bytes, index),
        email=(bytes, email),
        at=(datetime, personal(Category.BEHAVIOUR, purpose="teaching", sa_type=Instant)),
        on=(date, personal(Category.RELATION, purpose="teaching")),
        share=(float, personal(Category.PROFILING, purpose="teaching")),
        answers=(int, personal(Category.PROFILING, purpose="teaching")),
    ) == []  # fmt: skip


def test_rows_are_found_by_the_person_through_other_tables_or_as_the_table_says() -> None:
    reference = (UUID, personal(Category.PSEUDONYM, purpose="teaching"))
    inventory = plant(
        {
            "look": {"look_id": subject(), "step_id": reference},
            "outbox": {"fact_id": subject()},
            "session": {"session_id": subject(), "subject_ref": reference, "posted_by": reference},
            "step": {"step_id": subject(), "session_id": reference},
        },
        found_by={"outbox": "fact_id is the id of one of the person's facts"},
    )
    assert faults(inventory, KNOWN) == ()
    found = routes(inventory)
    assert found["data.session"].columns == ("subject_ref", "posted_by")
    assert (found["data.step"].column, found["data.step"].table) == ("session_id", "session")
    assert (found["data.look"].column, found["data.look"].table) == ("step_id", "step")
    assert found["data.outbox"].found_by == "fact_id is the id of one of the person's facts"
