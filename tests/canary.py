"""The canary scanner: finds marked values wherever they were left, in whatever form.

A learner whose every field is a marked value goes through the product; then every file, table, history, span
and log line is searched for the marks. The search is over bytes and knows the forms in which text travels:
as it is, in other case, composed or decomposed, UTF-16, percent-encoded, JSON, HTML and Python escapes, hex,
base64 at each of its three alignments, and hashes without a key (whole or cut to 12 bytes), since whoever can
guess a value finds it again by its plain hash. Compressed members of gzip are opened.

What it cannot see: values cut into pieces, encrypted, or hashed with a key. The last two are the point.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import html
import json
import sqlite3
import unicodedata
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psycopg
from google.protobuf.json_format import MessageToJson
from opentelemetry.sdk.trace import ReadableSpan
from psycopg import sql
from temporalio.client import Client

CHUNK_BYTES = 8 << 20
SHORTEST = 8
"""Marks and their forms are at least this long: shorter ones would be found by chance."""

DIGEST_BYTES = 12
"""Digests are searched by this many of their first bytes, so that cut ones are found too."""

_NORMAL_FORMS: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")

HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b", "blake2s")


@dataclass(frozen=True, order=True)
class Finding:
    """A mark that was left somewhere: where, at which byte, in which form, and how often."""

    source: str
    mark: str
    form: str
    offset: int
    times: int = 1

    def __str__(self) -> str:
        return f"{self.source} at byte {self.offset}: {self.mark} as {self.form}, {self.times} times"


@dataclass(frozen=True)
class _Form:
    """One way in which a mark may stand somewhere. A caseless pattern is for data in lower case."""

    mark: str
    name: str
    pattern: bytes
    caseless: bool


class Scanner:
    """Searches for the values of ``marks`` (name -> value)."""

    def __init__(self, marks: Mapping[str, str]) -> None:
        for name, value in marks.items():
            if len(value) < SHORTEST:
                raise ValueError(f"the mark {name} is too short to be told from chance")
        forms = [form for name, value in marks.items() for form in _forms(name, value)]
        self._exact = _Search(form for form in forms if not form.caseless)
        self._caseless = _Search(form for form in forms if form.caseless)
        self._overlap = max(len(form.pattern) for form in forms)

    def scan_bytes(self, data: bytes, source: str) -> list[Finding]:
        """Findings in ``data``, one for each mark and form, with the first place and the count."""
        return _gathered(source, self._hits(data, 0))

    def scan_text(self, text: str, source: str) -> list[Finding]:
        return self.scan_bytes(text.encode("utf-8", "surrogatepass"), source)

    def scan_file(self, path: Path) -> list[Finding]:
        """Findings in a file's name and content, and in what it holds if it is a gzip file."""
        hits: list[tuple[_Form, int]] = []
        start, tail, zipped = 0, b"", False
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                zipped = zipped or (start == 0 and chunk.startswith(b"\x1f\x8b"))
                found = self._hits(tail + chunk, start - len(tail))
                # What ends within the tail was found with the chunk before.
                hits += [(form, at) for form, at in found if at + len(form.pattern) > start]
                start += len(chunk)
                tail = (tail + chunk)[-self._overlap :]
        findings = self.scan_text(path.name, f"name of {path}") + _gathered(str(path), hits)
        if zipped:
            findings += self.scan_bytes(gzip.decompress(path.read_bytes()), f"{path} (unzipped)")
        return findings

    def scan_folder(self, folder: Path) -> list[Finding]:
        """Findings in every file below ``folder``, and in the names of files and folders."""
        found = []
        for path in sorted(folder.rglob("*")):
            if path.is_symlink():
                continue
            with suppress(FileNotFoundError):  # a running database removed it while we looked
                found += (
                    self.scan_file(path) if path.is_file() else self.scan_text(path.name, f"name of {path}")
                )
        return found

    def scan_json(self, text: str, source: str) -> list[Finding]:
        """Findings in JSON, and in whatever its strings hold in base64 (as payloads in histories do)."""
        found = self.scan_text(text, source)
        for where, inner in _unpacked(json.loads(text), "$"):
            found += self.scan_bytes(inner, f"{source} {where}")
        return found

    def scan_sqlite(self, path: Path) -> list[Finding]:
        """Findings in the values of every table, which may lie in pieces over the pages of the file."""
        found: list[Finding] = []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            database.text_factory = bytes
            schema = "SELECT name FROM sqlite_schema WHERE type = 'table'"
            for (name,) in database.execute(schema).fetchall():
                quoted = name.decode().replace('"', '""')
                rows = database.execute(f'SELECT * FROM "{quoted}"')  # a name from the schema, quoted
                columns = [column[0] for column in rows.description]
                for row in rows:
                    found += self._row(f"{path.name}:{name.decode()}", columns, row)
        return found

    def scan_postgres(self, conninfo: str) -> list[Finding]:
        """Findings in the values of every table of a PostgreSQL database, system catalogues included."""
        found: list[Finding] = []
        with psycopg.connect(conninfo) as database:
            tables = database.execute(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname <> 'information_schema'"
            ).fetchall()
            for schema, name in tables:
                whole = sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, name))
                rows = database.execute(whole)
                columns = [column.name for column in rows.description or ()]
                for row in rows:
                    found += self._row(f"{schema}.{name}", columns, row)
        return found

    async def scan_engine(self, client: Client, query: str = "") -> list[Finding]:
        """Findings in the raw history and the visibility record of each workflow that ``query`` lists.

        ``client`` must have no codec, so that it sees what anyone sees who can read the engine's database.
        """
        if client.data_converter.payload_codec is not None:
            raise ValueError("a client with a codec would open what the engine holds sealed")
        found = []
        async for run in client.list_workflows(query or None):
            source = f"{client.namespace}/{run.id}/{run.run_id}"
            found += self.scan_json(MessageToJson(run.raw_info), f"visibility of {source}")
            handle = client.get_workflow_handle(run.id, run_id=run.run_id)
            found += self.scan_json((await handle.fetch_history()).to_json(), f"history of {source}")
            description = await handle.describe()
            found += self.scan_json(MessageToJson(description.raw_description), f"description of {source}")
        return found

    def scan_spans(self, spans: Iterable[ReadableSpan]) -> list[Finding]:
        """Findings in spans: names, attributes, events, status texts, links, resources."""
        return [hit for span in spans for hit in self.scan_json(span.to_json(), f"span {span.name}")]

    def _row(self, table: str, columns: Iterable[str], row: Iterable[Any]) -> Iterator[Finding]:
        for column, value in zip(columns, row, strict=True):
            data = value if isinstance(value, (bytes, memoryview)) else str(value).encode("utf-8", "replace")
            yield from self.scan_bytes(bytes(data), f"{table}.{column}")

    def _hits(self, data: bytes, base: int) -> list[tuple[_Form, int]]:
        hits = [*self._exact.hits(data), *self._caseless.hits(data.lower())]
        return [(form, base + at) for form, at in hits]


class _Search:
    """Every pattern in one pass: places whose first three bytes begin a pattern are then compared in full."""

    def __init__(self, forms: Iterable[_Form]) -> None:
        self._forms: dict[bytes, list[_Form]] = {}
        self._beginnings = np.zeros(1 << 24, dtype=bool)
        for form in forms:
            self._forms.setdefault(form.pattern[:3], []).append(form)
            self._beginnings[int.from_bytes(form.pattern[:3], "little")] = True

    def hits(self, data: bytes) -> Iterator[tuple[_Form, int]]:
        if len(data) < SHORTEST:
            return
        octets = np.frombuffer(data, dtype=np.uint8).astype(np.uint32)
        triples = octets[:-2] | octets[1:-1] << 8 | octets[2:] << 16
        for at in np.flatnonzero(self._beginnings[triples]).tolist():
            for form in self._forms[data[at : at + 3]]:
                if data.startswith(form.pattern, at):
                    yield form, at


def _forms(mark: str, value: str) -> Iterator[_Form]:
    found = {
        (name, pattern.lower() if caseless else pattern, caseless)
        for name, pattern, caseless in _patterns(value)
    }
    for name, pattern, caseless in sorted(found):
        if len(pattern) >= SHORTEST:
            yield _Form(mark, name, pattern, caseless)


def _patterns(value: str) -> Iterator[tuple[str, bytes, bool]]:
    """Name of the form, its bytes, and whether it is the same form in other case."""
    for text in _spellings(value):
        raw = text.encode()
        yield "text", raw, True
        yield "UTF-16", text.encode("utf-16-le").rstrip(b"\0"), True
        yield "UTF-16", text.encode("utf-16-be").lstrip(b"\0"), True
        yield "percent-encoding", urllib.parse.quote(text, safe="").encode(), True
        yield "percent-encoding", urllib.parse.quote_plus(text).encode(), True
        yield "percent-encoding", "".join(f"%{byte:02x}" for byte in raw).encode(), True
        inside_json = {
            json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode() for ascii_only in (True, False)
        }
        for escaped in inside_json:
            yield "JSON escapes", escaped, True
        yield "JSON escapes", "".join(f"\\u{ord(char):04x}" for char in text).encode(), True
        yield "HTML escapes", html.escape(text).encode(), True
        yield "HTML escapes", text.encode("ascii", "xmlcharrefreplace"), True
        yield "Python escapes", repr(raw)[2:-1].encode(), True
        yield "hex", raw.hex().encode(), True
        for content in (raw, *inside_json):
            for shift in range(3):
                padded = bytes(shift) + content
                yield "base64", _aligned(base64.b64encode(padded), shift, len(content)), False
                yield "base64", _aligned(base64.urlsafe_b64encode(padded), shift, len(content)), False
        for algorithm in HASHES:
            for content in (raw, raw + b"\n"):
                digest = hashlib.new(algorithm, content, usedforsecurity=False).digest()[:DIGEST_BYTES]
                yield algorithm, digest, False
                yield f"{algorithm} in hex", digest.hex().encode(), True
                yield f"{algorithm} in base64", base64.b64encode(digest), False
                yield f"{algorithm} in base64", base64.urlsafe_b64encode(digest), False


def _spellings(value: str) -> list[str]:
    cases = (value, value.strip(), value.lower(), value.upper(), value.casefold(), value.title())
    return sorted({unicodedata.normalize(form, text) for text in cases for form in _NORMAL_FORMS})


def _aligned(encoded: bytes, shift: int, length: int) -> bytes:
    """The characters of base64 that depend on nothing but the value, which begins ``shift`` bytes in."""
    first = -(-shift * 8 // 6)
    last = (shift + length) * 8 // 6
    return encoded[first:last]


def _gathered(source: str, hits: Iterable[tuple[_Form, int]]) -> list[Finding]:
    places: dict[tuple[str, str], set[int]] = {}
    for form, at in hits:
        places.setdefault((form.mark, form.name), set()).add(at)
    return [Finding(source, mark, form, min(at), len(at)) for (mark, form), at in sorted(places.items())]


def _unpacked(value: Any, where: str) -> Iterator[tuple[str, bytes]]:
    """What the strings of a JSON value hold: the text itself, and what it is the base64 of."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _unpacked(inner, f"{where}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _unpacked(inner, f"{where}[{number}]")
    elif isinstance(value, str):
        yield where, value.encode("utf-8", "surrogatepass")
        try:
            yield f"{where} in base64", base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return
