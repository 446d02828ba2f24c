"""What an export knows of itself while it runs: a SQLite file beside its folder, from which a run that was cut short goes on.

Rule: nothing stands in it that is not on the disk already; whoever writes records flushes them first, and commits then.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from audit.bundle import Mark

T = TypeVar("T")
SCHEMA = """
create table if not exists notes (name text primary key, value text not null) without rowid;
create table if not exists parts (
    topic text, partition integer, next_offset integer, next_index integer, mark text, lines_bytes integer, read integer, damaged integer,
    primary key (topic, partition)) without rowid;
create table if not exists rows (
    conversation text, seq integer, offset integer, partition integer, at integer, length integer, target integer,
    primary key (conversation, seq, offset)) without rowid;
create index if not exists changes on rows (conversation, target, seq) where target is not null;
create table if not exists context (conversation text, offset integer, value blob, primary key (conversation, offset)) without rowid;
create table if not exists people (user text primary key, name text not null default '') without rowid;
create table if not exists schemas (id integer primary key);
create table if not exists conversations (conversation text primary key, summary text) without rowid;
"""


class Row(NamedTuple):
    """An event of a conversation in a file of records: `length` bytes of its leaf from `at` on. `target`: the seq that it changes."""

    conversation: str
    seq: int
    offset: int
    partition: int
    at: int
    length: int
    target: int | None


@dataclass(slots=True)
class Part:
    """One partition while it is gathered. `next_index`: the leaf that `next_offset`, or the first record after it, is."""

    topic: str
    partition: int
    next_offset: int
    next_index: int
    mark: Mark
    lines_bytes: int = 0
    read: int = 0
    damaged: int = 0


class Workbook:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        self._db.execute("pragma cache_size = -65536")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    def remove(self) -> None:
        """The export is finished."""
        self.close()
        for path in (self.path, *(self.path.with_name(self.path.name + ending) for ending in ("-wal", "-shm"))):
            path.unlink(missing_ok=True)

    def begin(self) -> None:
        self._db.execute("begin immediate")

    def commit(self) -> None:
        self._db.execute("commit")

    # ---- notes: small values by name

    def note(self, name: str) -> str | None:
        found = self._db.execute("select value from notes where name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def put_note(self, name: str, value: str) -> None:
        self._db.execute("insert or replace into notes values (?, ?)", (name, value))

    # ---- parts

    def part(self, topic: str, partition: int) -> Part | None:
        found = self._db.execute("select * from parts where topic = ? and partition = ?", (topic, partition)).fetchone()
        if found is None:
            return None
        topic, partition, next_offset, next_index, mark, *counts = found
        return Part(topic, partition, next_offset, next_index, Mark(**json.loads(mark)), *counts)

    def parts(self) -> list[Part]:
        places = self._db.execute("select topic, partition from parts order by topic, partition").fetchall()
        return [part for place in places if (part := self.part(*place)) is not None]

    def put_part(self, part: Part) -> None:
        values = (*dataclasses.astuple(part)[:4], json.dumps(dataclasses.asdict(part.mark)), part.lines_bytes, part.read, part.damaged)
        self._db.execute("insert or replace into parts values (?, ?, ?, ?, ?, ?, ?, ?)", values)

    # ---- what was gathered

    def put_rows(self, rows: Iterable[Row]) -> None:
        self._db.executemany("insert or replace into rows values (?, ?, ?, ?, ?, ?, ?)", rows)

    def put_context(self, rows: Iterable[tuple[str, int, bytes]]) -> None:
        self._db.executemany("insert or replace into context values (?, ?, ?)", rows)

    def put_people(self, users: Iterable[str]) -> None:
        self._db.executemany("insert or ignore into people (user) values (?)", ((user,) for user in users))

    def put_schemas(self, ids: Iterable[int]) -> None:
        self._db.executemany("insert or ignore into schemas values (?)", ((schema_id,) for schema_id in ids))

    def schema_ids(self) -> list[int]:
        return [int(schema_id) for (schema_id,) in self._db.execute("select id from schemas order by id")]

    # ---- conversations

    def conversations(self) -> Iterator[str]:
        """In the order of their ids, which need not fit memory."""
        last = ""
        while True:
            found = self._db.execute("select conversation from rows where conversation > ? limit 1", (last,)).fetchone()
            if found is None:
                return
            last = str(found[0])
            yield last

    def conversations_count(self) -> int:
        return int(self._db.execute("select count(distinct conversation) from rows").fetchone()[0])

    def rows(self, conversation: str) -> Iterator[Row]:
        """By seq."""
        cursor = self._db.execute("select * from rows where conversation = ? order by seq, offset", (conversation,))
        return (Row(*found) for found in cursor)

    def changes(self, conversation: str, target: int) -> list[Row]:
        query = "select * from rows indexed by changes where conversation = ? and target = ? and target is not null order by seq"
        return [Row(*row) for row in self._db.execute(query, (conversation, target)).fetchall()]

    def has_changes(self, conversation: str) -> bool:
        query = "select 1 from rows indexed by changes where conversation = ? and target is not null limit 1"
        return self._db.execute(query, (conversation,)).fetchone() is not None

    def has(self, conversation: str, seq: int) -> bool:
        return self._db.execute("select 1 from rows where conversation = ? and seq = ?", (conversation, seq)).fetchone() is not None

    def context(self, conversation: str) -> Iterator[bytes]:
        """Values of records before the range, oldest first."""
        cursor = self._db.execute("select value from context where conversation = ? order by offset", (conversation,))
        return (bytes(value) for (value,) in cursor)

    def rows_count(self) -> int:
        return int(self._db.execute("select count(*) from rows").fetchone()[0])

    def summary(self, conversation: str, kind: type[T]) -> T | None:
        """What was put when the conversation was done."""
        found = self._db.execute("select summary from conversations where conversation = ?", (conversation,)).fetchone()
        return None if found is None else msgspec.json.decode(found[0], type=kind)

    def forget_summaries(self) -> None:
        """Every conversation is to be done again."""
        self._db.execute("delete from conversations")

    def put_summary(self, conversation: str, summary: msgspec.Struct) -> None:
        self._db.execute("insert or replace into conversations values (?, ?)", (conversation, msgspec.json.encode(summary).decode()))

    def summaries(self, kind: type[T]) -> Iterator[T]:
        """By conversation."""
        cursor = self._db.execute("select summary from conversations order by conversation")
        return (msgspec.json.decode(summary, type=kind) for (summary,) in cursor)

    # ---- people

    def people(self) -> Iterator[tuple[str, str]]:
        """Users and their names, by user."""
        return ((str(user), str(name)) for user, name in self._db.execute("select user, name from people order by user"))

    def name_of(self, user: str) -> str:
        found = self._db.execute("select name from people where user = ?", (user,)).fetchone()
        return "" if found is None else str(found[0])

    def users_after(self, user: str, limit: int) -> list[str]:
        found = self._db.execute("select user from people where user > ? order by user limit ?", (user, limit))
        return [str(row[0]) for row in found.fetchall()]

    def put_names(self, names: Iterable[tuple[str, str]]) -> None:
        self._db.executemany("update people set name = ? where user = ?", ((name, user) for user, name in names))
