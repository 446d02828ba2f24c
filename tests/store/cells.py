"""A model of Cassandra's cells, which runs the statements of `store.cql`: the larger timestamp wins, of equal ones the larger value."""

import re
from collections.abc import Iterable
from typing import Any

from streams.timelines.write import Write

INSERT = re.compile(r"INSERT INTO (\w+) \((.*?)\) VALUES .* USING TIMESTAMP \?$")
UPDATE = re.compile(r"UPDATE (\w+) USING TIMESTAMP \? SET (.*) WHERE (.*)$")
KEYS = {
    "events": ("conversation", "bucket", "message", "seq"),
    "message_changes": ("conversation", "bucket", "seq"),
    "members": ("conversation", "user"),
    "conversations": ("user", "conversation"),
    "conversation_facts": ("conversation", "kind", "key"),
    "receipts": ("conversation", "state", "user", "device"),
    "own_reads": ("user", "conversation"),
    "unread_marks": ("user", "conversation"),
    "progress": ("topic", "partition"),
    "ties": ("conversation",),
    "rosters": ("user", "other"),
    "joinings": ("user", "way", "conversation"),
}
STATIC = {"conversation_kind", "title", "pair", "head_seq", "head_ordinal", "active_at_ms", "last", "change_seq"}

Key = tuple[Any, ...]


class Cells:
    def __init__(self) -> None:
        self.cells: dict[tuple[str, Key, Any], tuple[int, Any]] = {}

    def run(self, writes: Iterable[Write]) -> None:
        for write in writes:
            table, key, cells, timestamp = _parsed(write)
            for column, value in cells:
                at = (table, key[:1] if column in STATIC else key, column)
                old = self.cells.get(at)
                if old is None or (timestamp, value) > old:
                    self.cells[at] = (timestamp, value)

    def row(self, table: str, *key: Any) -> dict[Any, Any]:
        """The columns of one row (of `members`, with a key of one: the static ones)."""
        return {column: value for (name, at, column), (_, value) in self.cells.items() if name == table and at == key}

    def keys(self, table: str) -> set[Key]:
        return {key for name, key, _ in self.cells if name == table and len(key) == len(KEYS[table])}


def _parsed(write: Write) -> tuple[str, Key, list[tuple[Any, Any]], int]:
    values = list(write.values)
    if found := INSERT.match(write.statement):
        timestamp = values.pop()
        table = found[1]
        row = dict(zip(found[2].split(", "), values, strict=True))
        key = tuple(row.pop(name) for name in KEYS[table])
        return table, key, list(row.items()), timestamp
    found = UPDATE.match(write.statement)
    assert found is not None, write.statement
    timestamp = values.pop(0)
    cells = []
    for assignment in found[2].split(", "):
        column, value = assignment.split(" = ")
        name: Any = column
        if column.endswith("[?]"):
            name = (column[:-3], values.pop(0))
        cells.append((name, {"true": True, "false": False}[value] if value != "?" else values.pop(0)))
    named = dict(zip((part.split(" = ")[0] for part in found[3].split(" AND ")), values, strict=True))
    return found[1], tuple(named[name] for name in KEYS[found[1]] if name in named), cells, timestamp
