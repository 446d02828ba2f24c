"""Two generations of a projection compared row by row, while both are written: both tables lie in the order of their partitions' tokens, so
they are read side by side in bounded memory. What differs is read again once both have come past the end of the log as it was then.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ops.errors import OpsError
from ops.rebuild.build import Builder
from ops.verify_rows import DIGEST_BYTES, digest_of
from store.cassandra import Row, Store
from store.following import projected
from store.generations import Projection, table_name

COLUMNS = "SELECT column_name, kind, position FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?"
PAGE_ROWS = 2_000
ROUNDS_LIMIT = 3
GROWING_ROUNDS = 5
GROWING_LIMIT = 50  # partitions that are compared step by step
POLL_S = 0.1
SUSPECTS_LIMIT = 20_000  # partitions that are read again; more than that is no coincidence
DIFFERENCES_LIMIT = 20
AT_ONCE = 16
# Only ever added to, and by what a title was at the end of some chunk: which of an older title's words are there depends on how chunks
# were cut. The group itself is looked at before it is shown.
HINTS = frozenset({"public_groups"})

Key = tuple[Any, ...]


class NotSettled(OpsError):
    """One of the two generations does not come to the log's end, so they could not be compared."""


class Part(NamedTuple):
    """One partition of a table. `digest`: of its rows in their order."""

    token: int
    key: Key
    rows: int
    digest: bytes


Suspects = dict[Key, list[Part | None]]  # partitions that differ, as they count on each side


@dataclass(slots=True)
class Compared:
    """One table. `rows` and `sums`: of the live generation and of the other; the sum of partitions' digests, in which order is nothing."""

    table: str
    rows: list[int] = field(default_factory=lambda: [0, 0])
    sums: list[int] = field(default_factory=lambda: [0, 0])
    differing: list[Key] = field(default_factory=list)

    def add(self, side: int, part: Part, sign: int = 1) -> None:
        self.rows[side] += sign * part.rows
        self.sums[side] = (self.sums[side] + sign * int.from_bytes(part.digest, "big")) % 2 ** (8 * DIGEST_BYTES)

    def change(self, before: Sequence[Part | None], after: Sequence[Part | None]) -> None:
        """One partition, as it counts on each side."""
        for side, sign, part in ((side, sign, parts[side]) for sign, parts in ((-1, before), (1, after)) for side in (0, 1)):
            if part is not None:
                self.add(side, part, sign)

    @property
    def equal(self) -> bool:
        return not self.differing and self.sums[0] == self.sums[1]


class Table(NamedTuple):
    """How the two tables are read."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]

    def scan(self, generation: int) -> str:
        return f"SELECT token({', '.join(self.key)}), {', '.join(self.columns)} FROM {table_name(self.name, generation)}"

    def one(self, generation: int) -> str:
        return f"{self.scan(generation)} WHERE {' AND '.join(f'{column} = ?' for column in self.key)}"


def part_of(rows: Sequence[Row], key_length: int) -> Part:
    """Of the rows of one partition: token, key columns, the other columns."""
    token, *cells = rows[0]
    return Part(token, tuple(cells[:key_length]), len(rows), digest_of(*([plain(cell) for cell in row[1:]] for row in rows)))


def plain(value: Any) -> Any:
    """A cell as what can be digested: the driver's maps and lists are classes of its own."""
    if isinstance(value, str | bytes | int | float | bool | None):
        return value
    if hasattr(value, "items"):
        return sorted(([plain(key), plain(each)] for key, each in value.items()), key=repr)
    return [plain(each) for each in value]


async def table_of(store: Store, name: str, generation: int) -> Table:
    """As this generation has it: the first one may be gone. Raises: StoreUnavailable."""
    rows = await store.execute(COLUMNS, (store.keyspace, table_name(name, generation)))
    key = [column for position, column in sorted((position, column) for column, kind, position in rows if kind == "partition_key")]
    return Table(name, tuple(key), (*key, *sorted(column for column, kind, _ in rows if kind != "partition_key")))


async def parts_of(store: Store, table: Table, generation: int) -> AsyncGenerator[Part]:
    """The table's partitions by token."""
    rows: list[Row] = []
    length = len(table.key) + 1
    async for page in store.scan(table.scan(generation), PAGE_ROWS):
        for row in page:
            if rows and row[:length] != rows[0][:length]:
                yield part_of(rows, length - 1)
                rows = []
            rows.append(row)
    if rows:
        yield part_of(rows, length - 1)


class Comparing:
    """`live` is the generation that is read now; the other is the builder's, which goes on following the log meanwhile."""

    def __init__(self, store: Store, projection: Projection, live: int, builder: Builder, wait_s: float) -> None:
        self._wait_s = wait_s
        self._store = store.at({}, mirrors=False)  # names of tables are written out here
        self._projection, self._generations, self._builder = projection, (live, builder.generation), builder

    async def run(self) -> list[Compared]:
        """Every table but those of hints. Raises: NotSettled, StoreUnavailable, LogError. Blocks: as long as it takes; reads only."""
        names = [name for name in self._projection.tables if name not in HINTS]
        return [await self._table(await table_of(self._store, name, self._generations[0])) for name in names]

    async def _table(self, table: Table) -> Compared:
        compared = Compared(table.name)
        suspects = await self._side_by_side(table, compared)
        for _ in range(ROUNDS_LIMIT):
            if not suspects:
                break
            await self._settled()
            suspects = await self._again(table, compared, suspects)
        if suspects and len(suspects) <= GROWING_LIMIT:
            suspects = await self._step_by_step(table, compared, suspects)
        compared.differing = sorted(suspects, key=repr)
        return compared

    async def _settled(self) -> None:
        """Both generations have come past the log's end as it is now. Raises: NotSettled."""
        ends = await self._builder.ends()
        await self._until(ends, lambda: self._builder.has(ends))
        await self._live_reached()

    async def _live_reached(self) -> None:
        """The live one has come to where the builder is."""
        await self._until(self._builder.at, lambda: True)

    async def _until(self, ends: Mapping[tuple[str, int], int], holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self._wait_s
        while not (holds() and await self._live_has(ends)):
            if time.monotonic() > deadline:
                who = "the projector" if holds() else "the rebuild"
                raise NotSettled(f"after {self._wait_s:.0f} s {who} has not come to the log's end as it was")
            await asyncio.sleep(POLL_S)

    async def _live_has(self, ends: Mapping[tuple[str, int], int]) -> bool:
        """Of topics of which the live writer notes no progress, everything is there: it writes the rows before the record."""
        progress = await projected(self._store, self._projection.name, self._generations[0])
        noted = {topic for topic, _ in progress}
        return all(progress.get(place, 0) >= end for place, end in ends.items() if place[0] in noted)

    async def _side_by_side(self, table: Table, compared: Compared) -> Suspects:
        """The partitions that differ, as they were found on each side; they count already."""
        suspects: Suspects = {}
        sides = [parts_of(self._store, table, generation) for generation in self._generations]
        heads = [await anext(side, None) for side in sides]
        while any(head is not None for head in heads):
            token = min(head.token for head in heads if head is not None)
            found = [head if head is not None and head.token == token else None for head in heads]
            for side, part in enumerate(found):
                if part is not None:
                    compared.add(side, part)
                    heads[side] = await anext(sides[side], None)
            if found[0] != found[1] and len(suspects) < SUSPECTS_LIMIT:
                for part in found:
                    if part is not None:
                        suspects[part.key] = [each if each is not None and each.key == part.key else None for each in found]
        return suspects

    async def _again(self, table: Table, compared: Compared, suspects: Suspects) -> Suspects:
        left: Suspects = {}
        keys = list(suspects)
        for at in range(0, len(keys), AT_ONCE):
            some = keys[at : at + AT_ONCE]
            live, other = await asyncio.gather(*(self._ones(table, some, side) for side in (0, 1)))
            for key in some:
                now = [live[key], other[key]]
                compared.change(suspects[key], now)
                if now[0] != now[1]:
                    left[key] = now
        return left

    async def _ones(self, table: Table, keys: Sequence[Key], side: int) -> dict[Key, Part | None]:
        rows = await self._store.execute_each(table.one(self._generations[side]), keys)
        return {key: part_of(found, len(table.key)) if found else None for key, found in zip(keys, rows, strict=True)}

    async def _step_by_step(self, table: Table, compared: Compared, suspects: Suspects) -> Suspects:
        """Partitions that never rest: what the live one is at a moment, the other must be after some record of the log."""
        for _ in range(GROWING_ROUNDS):
            async with self._builder.turn:
                await self._live_reached()
                live = await self._ones(table, list(suspects), 0)
                suspects = await self._passed(table, compared, suspects, live)
                async with contextlib.aclosing(self._builder.steps()) as steps:
                    async for _ in steps:
                        if not suspects:
                            break
                        suspects = await self._passed(table, compared, suspects, live)
            if not suspects:
                break
        return suspects

    async def _passed(self, table: Table, compared: Compared, suspects: Suspects, live: Mapping[Key, Part | None]) -> Suspects:
        """Those that are not now what the live one was."""
        now = await self._ones(table, list(suspects), 1)
        left: Suspects = {}
        for key, before in suspects.items():
            if now[key] == live[key]:
                compared.change(before, [live[key], now[key]])
            else:
                left[key] = before
        return left
