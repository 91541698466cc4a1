"""The scanner is itself tested: each form of leak is planted in each carrier, and must be found there."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import os
import sqlite3
import unicodedata
import urllib.parse
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio.client import Client

from governance.codec import SubjectCodec
from governance.keys import DataClass, KeyRing, Place
from runtime.temporal import plugin
from tests import canary
from tests.canary import HASHES, Finding, Scanner
from tests.engine import Engine
from tests.postgres import Cluster

MARKS = {
    "e-mail": "zq7-Ann.Canary+1@zq7.example",
    "name": 'Zq7 Žofie "Ø" Kanárková & Co',
    "free text": "zq7 three quarters / is más than ½",
}
NAME = MARKS["name"]


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(MARKS)


def as_utf8(change: Callable[[str], str]) -> Callable[[str], bytes]:
    return lambda value: change(value).encode()


def mixed(char: str, at: int) -> str:
    return (char.upper() if at % 2 else char.lower()) if char.isascii() else char


def digest_by(name: str) -> Callable[[str], bytes]:
    return lambda value: hashlib.new(name, value.encode()).digest()


def in_hex(digest: Callable[[str], bytes]) -> Callable[[str], bytes]:
    return lambda value: digest(value).hex().encode()


FORMS: dict[str, Callable[[str], bytes]] = {
    "text": str.encode,
    "lower case": as_utf8(str.lower),
    "upper case": as_utf8(str.upper),
    "case folded": as_utf8(str.casefold),
    "mixed case": as_utf8(lambda value: "".join(mixed(char, at) for at, char in enumerate(value))),
    "composed": as_utf8(lambda value: unicodedata.normalize("NFC", value)),
    "decomposed": as_utf8(lambda value: unicodedata.normalize("NFD", value)),
    "compatible, folded": as_utf8(lambda value: unicodedata.normalize("NFKC", value).casefold()),
    "base64, first alignment": lambda value: base64.b64encode(value.encode()),
    "base64, second alignment": lambda value: base64.b64encode(b"?" + value.encode() + b"?"),
    "base64, third alignment": lambda value: base64.b64encode(b"??" + value.encode() + b"??"),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(b"?" + value.encode()),
    "base64 of lower case": lambda value: base64.b64encode(b"??" + value.lower().encode()),
    "base64 of JSON": lambda value: base64.b64encode(json.dumps({"v": value}, ensure_ascii=False).encode()),
    "URL path": lambda value: urllib.parse.quote(value, safe="").encode(),
    "URL query": lambda value: urllib.parse.urlencode({"q": value}).encode(),
    "URL, every byte": lambda value: "".join(f"%{byte:02X}" for byte in value.encode()).encode(),
    "hex": lambda value: value.encode().hex().encode(),
    "upper hex": lambda value: value.encode().hex().upper().encode(),
    "JSON": lambda value: json.dumps({"v": value}).encode(),
    "JSON, every character": lambda value: "".join(f"\\u{ord(c):04X}" for c in value).encode(),
    "HTML": lambda value: html.escape(value).encode(),
    "HTML, numbered": lambda value: value.encode("ascii", "xmlcharrefreplace"),
    "a Python error": lambda value: repr(value.encode()).encode(),
    "UTF-16, little end first": lambda value: value.encode("utf-16-le"),
    "UTF-16, big end first": lambda value: value.encode("utf-16-be"),
    **{f"{name} digest": digest_by(name) for name in HASHES},
    **{f"{name} in hex": in_hex(digest_by(name)) for name in HASHES},
    "sha256 of lower case": lambda value: hashlib.sha256(value.lower().encode()).hexdigest().upper().encode(),
    "sha256 of a line": lambda value: hashlib.sha256(f"{value}\n".encode()).hexdigest().encode(),
    "sha256 cut to 16 bytes": lambda value: hashlib.sha256(value.encode()).digest()[:16],
    "sha256 in base64": lambda value: base64.b64encode(hashlib.sha256(value.encode()).digest()),
}  # fmt: skip


def marks(findings: list[Finding]) -> set[str]:
    return {finding.mark for finding in findings}


# --- every form -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mark", MARKS)
def test_a_planted_value_is_found_in_this_form_wherever_it_begins(
    scanner: Scanner, form: str, mark: str
) -> None:
    planted = FORMS[form](MARKS[mark])
    for before in range(4):
        findings = scanner.scan_bytes(os.urandom(before) + planted + os.urandom(7), "planted")
        assert marks(findings) == {mark}, form


def test_a_finding_says_where_and_how_often(scanner: Scanner) -> None:
    data = b"x" * 100 + NAME.encode() + b"\n" + NAME.encode()
    [found] = [finding for finding in scanner.scan_bytes(data, "log") if finding.form == "text"]
    assert (found.source, found.mark, found.offset, found.times) == ("log", "name", 100, 2)
    assert str(found) == "log at byte 100: name as text, 2 times"


def test_a_finding_does_not_repeat_the_value_it_found(scanner: Scanner) -> None:
    for finding in scanner.scan_text(NAME, "log"):
        assert marks(scanner.scan_text(str(finding), "report")) == set()


def test_nothing_is_found_in_a_clean_corpus(scanner: Scanner, tmp_path: Path) -> None:
    (tmp_path / "random").write_bytes(os.urandom(3 << 20))
    (tmp_path / "text").write_text("zq7 Ann Canary, three quarters, Žofie, example\n" * 20_000, "utf-8")
    (tmp_path / "json").write_text(json.dumps({"id": str(uuid4()), "name": None}))
    (tmp_path / "empty").touch()
    assert scanner.scan_folder(tmp_path) == []
    assert scanner.scan_folder(Path(canary.__file__).parents[1] / "runtime") == []


def test_what_is_sealed_or_hashed_with_a_key_is_not_a_finding(scanner: Scanner, keys: KeyRing) -> None:
    tenant, subject = uuid4(), uuid4()
    keys.create_subject(tenant, subject)
    place = Place(tenant, subject, "account", "email", "1")
    for value in MARKS.values():
        assert scanner.scan_bytes(keys.seal(place, DataClass.IDENTITY, value.encode()), "row") == []
        assert scanner.scan_bytes(keys.blind_index(tenant, "email", value), "row") == []


def test_a_mark_that_chance_could_imitate_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        Scanner({"year": "2011"})


# --- files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [-40, -20, -3, 0, 5])
def test_a_value_across_the_border_of_two_chunks_is_found_once(
    scanner: Scanner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: int
) -> None:
    monkeypatch.setattr(canary, "CHUNK_BYTES", 4096)
    path = tmp_path / "big.log"
    path.write_bytes(b"-" * (8192 + shift) + NAME.encode() + b"-" * 9000)
    [found] = [finding for finding in scanner.scan_file(path) if finding.form == "text"]
    assert (found.offset, found.times) == (8192 + shift, 1)


def test_a_value_in_a_log_a_file_name_a_folder_name_and_a_zipped_log_is_found(
    scanner: Scanner, tmp_path: Path
) -> None:
    places = {
        "log": tmp_path / "log" / "app.log",
        "file": tmp_path / "file" / f"{MARKS['e-mail']}.txt",
        "folder": tmp_path / "folder" / MARKS["e-mail"],
        "zipped": tmp_path / "zipped" / "app.log.1.gz",
    }
    for path in places.values():
        path.parent.mkdir()
    places["log"].write_text(f"INFO signed in as {MARKS['e-mail'].upper()}\n")
    places["file"].touch()
    places["folder"].mkdir()
    places["zipped"].write_bytes(gzip.compress(f"signed in as {MARKS['e-mail']}".encode()))
    for name, path in places.items():
        assert marks(scanner.scan_folder(path.parent)) == {"e-mail"}, name


# --- databases ------------------------------------------------------------------------------------------


def test_a_value_in_a_sqlite_file_or_only_in_its_log_is_found(scanner: Scanner, tmp_path: Path) -> None:
    path = tmp_path / "tutela.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE row (v)")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert scanner.scan_folder(tmp_path) == []
        database.execute("INSERT INTO row VALUES (?)", (NAME,))
        database.commit()
        assert marks(scanner.scan_file(path)) == set()
        assert marks(scanner.scan_file(tmp_path / "tutela.db-wal")) == {"name"}
        assert marks(scanner.scan_sqlite(path)) == {"name"}
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert marks(scanner.scan_file(path)) == {"name"}


def test_a_deleted_value_that_its_page_still_holds_is_found(scanner: Scanner, tmp_path: Path) -> None:
    path = tmp_path / "tutela.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE row (v)")
        database.execute("INSERT INTO row VALUES (?)", (NAME,))
        database.commit()
        database.execute("PRAGMA secure_delete=OFF")
        database.execute("DELETE FROM row")
        database.commit()
    assert scanner.scan_sqlite(path) == []
    assert marks(scanner.scan_file(path)) == {"name"}


def test_a_value_torn_over_the_pages_of_a_sqlite_file_is_found_by_its_table(
    scanner: Scanner, tmp_path: Path
) -> None:
    path = tmp_path / "tutela.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA page_size=512")
        database.execute('CREATE TABLE "odd ""name""" (k INTEGER, v BLOB)')
        for before in range(400, 600, 3):
            value = b"-" * before + NAME.encode() + b"-" * 2000
            database.execute('INSERT INTO "odd ""name""" VALUES (?, ?)', (before, value))
        database.commit()
    found = scanner.scan_sqlite(path)
    assert len([finding for finding in found if finding.form == "text"]) == 67
    assert {finding.source for finding in found} == {'tutela.db:odd "name".v'}


@pytest.mark.postgres
def test_a_value_in_a_postgresql_table_is_found_in_the_table_and_in_the_servers_files(
    scanner: Scanner, postgres: Cluster
) -> None:
    name = postgres.create_database()
    conninfo = f"host=127.0.0.1 port={postgres.port} user=postgres dbname={name}"
    with psycopg.connect(conninfo, autocommit=True) as database:
        assert scanner.scan_postgres(conninfo) == []
        database.execute("CREATE TABLE row (t text, b bytea, j jsonb, a text[])")
        for column, value in {"t": MARKS["e-mail"], "b": MARKS["free text"].encode(),
                              "j": json.dumps({"v": NAME}), "a": [MARKS["e-mail"]]}.items():  # fmt: skip
            database.execute(f"INSERT INTO row ({column}) VALUES (%s)", (value,))
        found = {(finding.source, finding.mark) for finding in scanner.scan_postgres(conninfo)}
        assert found >= {
            ("public.row.t", "e-mail"),
            ("public.row.b", "free text"),
            ("public.row.j", "name"),
            ("public.row.a", "e-mail"),
        }
        database.execute("CHECKPOINT")
        [folder] = [row[0] for row in database.execute("SHOW data_directory").fetchall()]
        [table] = [row[0] for row in database.execute("SELECT pg_relation_filepath('row')").fetchall()]
    assert marks(scanner.scan_file(Path(folder) / table)) == set(MARKS)
    assert marks(scanner.scan_folder(Path(folder) / "pg_wal")) == set(MARKS)
    postgres.drop_database(name)


# --- the engine -----------------------------------------------------------------------------------------


async def started(client: Client, **options: Any) -> str:
    """Start a workflow that nobody serves: its history holds what it was started with."""
    workflow_id = str(options.pop("id", uuid4()))
    await client.start_workflow(
        "Nobody", options.pop("arg", None), id=workflow_id, task_queue="none", **options
    )
    return workflow_id


@pytest.mark.engine
async def test_a_value_in_a_workflows_payload_memo_id_signal_or_reason_is_found_and_a_sealed_one_is_not(
    scanner: Scanner, engine: Engine, keys: KeyRing
) -> None:
    bare = await Client.connect(engine.address, namespace="tutela-learning")
    sealing = await Client.connect(
        engine.address, namespace="tutela-learning", plugins=[plugin(SubjectCodec(keys))]
    )
    tenant, subject = uuid4(), uuid4()
    keys.create_subject(tenant, subject)
    value, secret = MARKS["e-mail"], {"v": [NAME, MARKS["free text"]]}
    planted = {
        "payload": await started(bare, arg=secret),
        "memo": await started(bare, memo={"v": NAME}),
        "id": await started(bare, id=f"ses.{value}"),
        "signal": await started(bare),
        "summary": await started(bare, static_summary=NAME),
        "reason": await started(bare),
    }
    await bare.get_workflow_handle(planted["signal"]).signal("noted", NAME)
    await bare.get_workflow_handle(planted["reason"]).terminate(NAME)
    clean = await started(sealing, id=f"ses.{subject}.{uuid4()}", arg=secret, memo=secret)
    await sealing.get_workflow_handle(clean).signal("noted", NAME)
    expected = {"payload": {"name", "free text"}, "id": {"e-mail"}}
    for name, workflow_id in planted.items():
        found = await scanned_once_listed(scanner, bare, workflow_id)
        assert marks(found) == expected.get(name, {"name"}), name
    assert await scanned_once_listed(scanner, bare, clean) == []
    with pytest.raises(ValueError, match="codec"):
        await scanner.scan_engine(sealing)
    for workflow_id in {clean, *planted.values()} - {planted["reason"]}:
        await bare.get_workflow_handle(workflow_id).terminate()


async def scanned_once_listed(scanner: Scanner, client: Client, workflow_id: str) -> list[Finding]:
    """Scan one workflow as soon as visibility lists it: it may lag behind the start."""
    query = f"WorkflowId = '{workflow_id}'"
    while not [run async for run in client.list_workflows(query)]:
        pass
    return await scanner.scan_engine(client, query)


# --- spans ----------------------------------------------------------------------------------------------


def spans(leak: Callable[[Any], None]) -> tuple[ReadableSpan, ...]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("tests").start_as_current_span("work", record_exception=False) as span:
        leak(span)
    provider.shutdown()
    return exporter.get_finished_spans()


@pytest.mark.parametrize(
    "leak",
    [
        lambda span: span.set_attribute("who", NAME),
        lambda span: span.set_attribute("all", [NAME, "x"]),
        lambda span: span.add_event("seen", {"who": NAME}),
        lambda span: span.record_exception(ValueError(f"no such person: {NAME}")),
        lambda span: span.update_name(f"GET /people/{urllib.parse.quote(NAME)}"),
    ],
    ids=["attribute", "list", "event", "exception", "name"],
)
def test_a_value_in_a_span_is_found(scanner: Scanner, leak: Callable[[Any], None]) -> None:
    assert marks(scanner.scan_spans(spans(leak))) == {"name"}


def test_a_span_of_references_is_clean(scanner: Scanner) -> None:
    assert scanner.scan_spans(spans(lambda span: span.set_attribute("session", str(uuid4())))) == []


# --- JSON -----------------------------------------------------------------------------------------------


def test_what_json_holds_in_base64_is_opened_once_more(scanner: Scanner) -> None:
    escaped = json.dumps({"v": NAME}).encode()
    document = {"events": [{"payloads": [{"data": base64.b64encode(escaped).decode()}]}]}
    found = scanner.scan_json(json.dumps(document), "history")
    assert "history $.events[0].payloads[0].data in base64" in {finding.source for finding in found}


def test_text_that_only_looks_like_base64_is_searched_as_text(scanner: Scanner) -> None:
    assert scanner.scan_json(json.dumps(["abc", "====", "not base64!", "", None, 1]), "history") == []
