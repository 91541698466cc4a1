from __future__ import annotations

import json
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

from governance.data_map import data_map, erasure_plan, records_of_processing
from governance.inventory import Inventory, take
from runtime.carriers import Carrier, Declared
from runtime.columns import Basis, Category, EraseBy, NotPersonal, Personal, not_personal, personal


class Base(SQLModel, registry=registry()):
    pass


class Course(Base, table=True):
    course_id: UUID = not_personal("names course content", primary_key=True)


class Session(Base, table=True):
    session_id: UUID = personal(Category.PSEUDONYM, purpose="teaching", retention="session", primary_key=True)
    subject_ref: UUID = personal(Category.PSEUDONYM, purpose="teaching", retention="session")
    state: str = not_personal("how far any session has come")


class Answer(Base, table=True):
    answer_id: UUID = personal(Category.PSEUDONYM, purpose="teaching", primary_key=True)
    session_id: UUID = personal(Category.PSEUDONYM, purpose="teaching")
    sealed_response: bytes = personal(
        Category.ASSESSMENT,
        purpose="teaching",
        sealed=True,
        erase_by=EraseBy.DELETE_AND_SHRED,
        sa_type=sa.LargeBinary,
    )


class Evidence(Base, table=True):
    subject: UUID = personal(
        Category.PSEUDONYM,
        purpose="audit",
        basis=Basis.LEGAL_OBLIGATION,
        sealed=True,
        erase_by=EraseBy.SHRED,
        primary_key=True,
    )


@pytest.fixture
def inventory() -> Inventory:
    payload = Personal(
        Category.LEARNING, "teaching", Basis.PUBLIC_TASK, "session", EraseBy.DELETE_AND_SHRED, sealed=True
    )
    carriers = [
        Declared(Carrier.PAYLOAD, "answer.Command", payload),
        Declared(Carrier.SPAN, "lane", NotPersonal("which way an answer took")),
    ]
    return take({"data": Base.metadata}, carriers)


def test_the_erasure_plan_has_a_step_for_each_table_about_people_and_none_for_others(
    inventory: Inventory,
) -> None:
    plan = {step.table: step for step in erasure_plan(inventory)}
    assert set(plan) == {"session", "answer", "evidence"}
    assert plan["answer"].deletes
    assert plan["answer"].shredded == ("sealed_response",)
    assert plan["answer"].route.table == "session"
    assert plan["session"].retentions == ("session",)
    assert not plan["evidence"].deletes


def test_the_record_of_processing_has_a_row_for_each_purpose_and_counts_what_is_sealed(
    inventory: Inventory,
) -> None:
    audit, teaching = records_of_processing(inventory)
    assert (audit.purpose, audit.basis, audit.places) == ("audit", Basis.LEGAL_OBLIGATION, ("data.evidence",))
    assert teaching.categories == (Category.ASSESSMENT, Category.LEARNING, Category.PSEUDONYM)
    assert teaching.retentions == ("enrolment", "session")
    assert teaching.places == ("data.answer", "data.session", "payload.answer.Command")
    assert (teaching.sealed, teaching.in_clear) == (2, 4)


def test_the_data_map_names_every_column_and_carrier_once_as_json_in_a_stable_order(
    inventory: Inventory,
) -> None:
    mapped = json.loads(json.dumps(data_map(inventory)))
    assert mapped == json.loads(json.dumps(data_map(inventory)))
    assert {
        (table["table"], column["name"]) for table in mapped["tables"] for column in table["columns"]
    } == {(table.name, column.name) for table in Base.metadata.sorted_tables for column in table.columns}
    by_name = {table["table"]: table for table in mapped["tables"]}
    assert by_name["course"]["route"] is None
    assert by_name["session"]["route"] == "by subject_ref"
    assert by_name["answer"]["route"] == "by session_id through session"
    assert by_name["session"]["columns"][2] == {
        "name": "state", "type": "str", "personal": False, "reason": "how far any session has come",
    }  # fmt: skip
    assert [carrier["name"] for carrier in mapped["carriers"]] == ["answer.Command", "lane"]
