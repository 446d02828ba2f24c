"""What a vendor's answer means: the tables in `tables/*.yaml`, one a push channel, read and checked once. No I/O but `table_of`.

An answer is looked up by (status, code), then by code, then by status, then by its class (`5xx`), then it is `other`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml
from msgspec import Meta, Struct

from log.web.retry_after import RETRY_AFTER_LIMIT_MS
from schemas.errors import WarblerError
from streams.push.alert import Alert
from streams.push.channels.port import Accepted, Outcome, Refused, Verdict

TABLES = Path(__file__).parent / "tables"
CODE_CHARS_LIMIT = 64
DETAIL_CHARS_LIMIT = 300
CLASSES = ("3xx", "4xx", "5xx")
SAME_TABLE = {"apns_voip": "apns"}  # two push channels of one vendor


class BadTable(WarblerError):
    """An error table, or the `answers` of a section, cannot be used."""


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`status` and `code`: what must be in the answer; one of them at least. `as_code`: our word where the vendor has none.

    `retry_after_ms`: how long to wait where the answer does not say. `why`: for the reader of the table. `sure` false: no public page of
    the vendor says so, or its pages disagree; to be looked at with real credentials.
    """

    status: Annotated[int, Meta(ge=100, le=599)] | Annotated[str, Meta(pattern=r"^[1-5]xx$")] | None = None
    code: Annotated[str, Meta(min_length=1, max_length=CODE_CHARS_LIMIT)] | int | None = None
    verdict: Verdict
    retry_after_ms: Annotated[int, Meta(ge=0, le=RETRY_AFTER_LIMIT_MS)] | None = None
    as_code: Annotated[str, Meta(max_length=CODE_CHARS_LIMIT)] = ""
    why: str = ""
    sure: bool = True


class Sheet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of `tables/`. `accepted`: codes of success, where the vendor says it in the body and not by the status.

    `source`: the vendor's pages by name, and when they were read. `verify`: what to look at with real credentials.
    """

    source: str
    accepted: tuple[str | int, ...] = ()
    answers: tuple[Row, ...]
    other: Verdict
    verify: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """`rows`: by (status or class or "", code or "")."""

    rows: Mapping[tuple[str, str], Row]
    accepted: frozenset[str]
    other: Row
    verify: tuple[str, ...] = ()

    def row(self, status: int, code: str) -> Row:
        places = ((str(status), code), (f"{status // 100}xx", code), ("", code), (str(status), ""), (f"{status // 100}xx", ""))
        return next((self.rows[place] for place in places if place in self.rows and place != ("", "")), self.other)

    def refused(
        self, status: int, code: str = "", retry_after_ms: int | None = None, detail: str = "", dead_since_ms: int | None = None
    ) -> Refused:
        """`retry_after_ms`: as the answer says; else the table's."""
        row = self.row(status, code)
        word = (code or row.as_code or f"status_{status}")[:CODE_CHARS_LIMIT]
        after = row.retry_after_ms if retry_after_ms is None else retry_after_ms
        return Refused(row.verdict, status, word, after, dead_since_ms, detail[:DETAIL_CHARS_LIMIT])

    def outcome(self, status: int, code: str, vendor_id: str = "", retry_after_ms: int | None = None, detail: str = "") -> Outcome:
        """Of an answer that says by its code whether it was accepted."""
        if 200 <= status < 300 and code in self.accepted:
            return Accepted(status, vendor_id)
        return self.refused(status, code, retry_after_ms, detail)

    def with_rows(self, rows: Iterable[Row]) -> "Table":
        """These first: an operator's. Raises: BadTable."""
        return replace(self, rows={**self.rows, **_by_place(rows)})


def table_of(channel: str) -> Table:
    """Raises: BadTable, which names the file and what is wrong."""
    path = TABLES / f"{SAME_TABLE.get(channel, channel)}.yaml"
    try:
        sheet = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Sheet)
        return checked(sheet)
    except (OSError, yaml.YAMLError, msgspec.ValidationError, BadTable) as bad:
        raise BadTable(f"{path.name}: {bad}") from None


def checked(sheet: Sheet) -> Table:
    """The table of a file. Raises: BadTable for one that says something twice or leaves a class of answers out."""
    rows = _by_place(sheet.answers)
    missing = [name for name in (*CLASSES, "429") if (name, "") not in rows]
    if missing:
        raise BadTable(f"no verdict for {', '.join(missing)}")
    if not sheet.source or not sheet.verify:
        raise BadTable("`source` and `verify` must say something")
    return Table(rows, frozenset(map(str, sheet.accepted)), Row(verdict=sheet.other), sheet.verify)


def _by_place(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        place = ("" if row.status is None else str(row.status), "" if row.code is None else str(row.code))
        if place == ("", "") or place in found:
            raise BadTable(f"{place}: twice, or neither status nor code")
        if row.retry_after_ms is not None and row.verdict != "retry":
            raise BadTable(f"{place}: retry_after_ms without retry")
        found[place] = row
    return found


class Unreadable(WarblerError):
    """An answer that is none of the vendor's application. `code`: html, empty or not_json."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read_fields(body: bytes) -> dict[str, Any]:
    """The JSON object that an answer is. Raises: Unreadable."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unreadable(looks_like(body))
    return found


def looks_like(body: bytes) -> str:
    """What bytes that should be JSON are: html, empty or not_json."""
    start = body[:256].lstrip().lower()
    return "empty" if not start else "html" if start.startswith(b"<") else "not_json"


def expired(alert: Alert, now_ms: int) -> Refused | None:
    """What every push channel answers to an alert whose deadline passed, before it sends anything."""
    return Refused("give_up", 0, "expired") if alert.deadline_ms <= now_ms else None


def time_to_live_s(alert: Alert, now_ms: int, limit_s: int) -> int:
    """Whole seconds that are left, rounded down: no vendor may deliver after the deadline. 0: now or never."""
    return max(0, min((alert.deadline_ms - now_ms) // 1000, limit_s))
