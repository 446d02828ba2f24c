"""Projections, and the generations of their tables: which tables belong together, what they are called, and where this process stands.

A projection is what one or two topics come to. Its first generation has the plain names of tables; each later one, built beside it by
`warbler rebuild`, has names of its own. Pure but for what `Place` remembers.
Rule 1: one projection is in one generation for a process, all of its tables at once. Rule 2: how far a generation got is noted per
generation, and a process goes over to another one only when that has all that the process was ever told to be there.
Source: docs/decisions/0039-generations-of-tables.md
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

FIRST = 1
POINTERS = "SELECT projection, live, generation, state FROM generations"

_TABLE = re.compile(r"\b(FROM|INTO|UPDATE|TRUNCATE)\s+([a-z_]+)\b")
_WRITES = ("INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True, slots=True)
class Projection:
    """`mirrored`: others than the projector write it too, so whoever writes one generation writes all that there are."""

    name: str
    topics: tuple[str, ...]
    tables: tuple[str, ...]
    about: str
    mirrored: bool = False


PROJECTIONS: dict[str, Projection] = {
    each.name: each
    for each in (
        Projection(
            "timelines",
            ("conversation-events",),
            ("events", "message_changes", "members", "conversations", "conversation_facts", "ties", "public_groups", "expired"),
            "events and messages without what expired, the directory, facts of groups, ties",
        ),
        Projection("receipts", ("receipts",), ("receipts", "own_reads", "unread_marks"), "delivered, read, played and unread marks"),
        Projection("rosters", ("rosters",), ("rosters", "joinings"), "friends, blocks, invitations and applications by user"),
        Projection(
            "calls",
            ("call-events",),
            ("calls_by_user", "calls_by_conversation", "call_months"),
            "ended calls by user and conversation",
            mirrored=True,
        ),
        Projection("presence", ("presence",), ("presence",), "what the inbox tells of users' presence", mirrored=True),
        Projection(
            "accounts",
            ("account-events", "admin-events"),
            ("account_states", "revoked_tokens", "tenant_roles", "role_holders", "policies"),
            "states of users, revoked tokens, roles, policies",
            mirrored=True,
        ),
    )
}
OF_TOPIC: dict[str, str] = {topic: each.name for each in PROJECTIONS.values() for topic in each.topics}
_OF_TABLE: dict[str, str] = {table: each.name for each in PROJECTIONS.values() for table in each.tables}


def table_name(table: str, generation: int) -> str:
    return table if generation == FIRST else f"{table}_g{generation}"


def progress_name(topic: str, generation: int) -> str:
    """Under which name of the table `progress` it stands how far this generation got."""
    return topic if generation == FIRST else f"{topic} g{generation}"


def text_at(cql: str, live: Mapping[str, int]) -> str:
    """The statement with the names of tables as they are in these generations; a projection that is not named is in its first."""

    def named(found: re.Match[str]) -> str:
        word, table = found.groups()
        return f"{word} {table_name(table, live.get(_OF_TABLE[table], FIRST))}" if table in _OF_TABLE else found.group()

    return _TABLE.sub(named, cql)


def projection_written(cql: str) -> str | None:
    """The projection that a statement writes to, if it is one and writes."""
    found = _TABLE.search(cql) if cql.startswith(_WRITES) else None
    return _OF_TABLE.get(found.group(2)) if found is not None else None


def mirrored_projection(cql: str) -> str | None:
    """The same, if whoever writes it writes all generations."""
    name = projection_written(cql)
    return name if name is not None and PROJECTIONS[name].mirrored else None


State = Literal["building", "ready", "dropping"]


@dataclass(frozen=True, slots=True)
class Generation:
    """`building`: it has what its progress says; `ready`: it had everything once, and is brought up to date from its progress."""

    number: int
    state: State
    epoch: str  # of the log it was made of; empty: of whatever the first generation is of
    begun_at_ms: int
    changed_at_ms: int


@dataclass(frozen=True, slots=True)
class Standing:
    """One projection. `live`: the generation that the pointer names. Shape: `generations` has that one, unless nothing was ever built."""

    projection: str
    live: int = FIRST
    newest: int = FIRST
    generations: Mapping[int, Generation] = field(default_factory=dict)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Those whose tables are there and are written to."""
        return tuple(sorted(number for number, each in self.generations.items() if each.state != "dropping")) or (FIRST,)


@dataclass(slots=True)
class Place:
    """Where a process stands. `live`: the generation it reads; `target`: the one that the pointer names; `known`: all that there are.

    `handed`: (topic, partition) -> the largest progress that anybody in this process was told, on which it may have forgotten events.
    """

    live: dict[str, int] = field(default_factory=dict)
    target: dict[str, int] = field(default_factory=dict)
    known: dict[str, tuple[int, ...]] = field(default_factory=dict)
    handed: dict[tuple[str, int], int] = field(default_factory=dict)
    version: int = 0  # grows with every change of `live` and `target`
    mirrors: bool = True

    def live_of(self, projection: str) -> int:
        return self.live.get(projection, FIRST)

    def target_of(self, projection: str) -> int:
        return self.target.get(projection, FIRST)

    def learn(self, target: Mapping[str, int], known: Mapping[str, tuple[int, ...]]) -> None:
        """What the table of generations says now."""
        if dict(known) != self.known:
            self.known = dict(known)
        if dict(target) != self.target:
            self.target = dict(target)
            self.version += 1

    def hand(self, topic: str, progress: Mapping[int, int]) -> None:
        for partition, offset in progress.items():
            self.handed[topic, partition] = max(offset, self.handed.get((topic, partition), 0))

    def may_adopt(self, projection: str, progress: Mapping[tuple[str, int], int]) -> bool:
        """Whether a generation that got so far has everything that was ever told to be there."""
        topics = PROJECTIONS[projection].topics
        return all(progress.get(place, 0) >= offset for place, offset in self.handed.items() if place[0] in topics)

    def adopt(self, projection: str, generation: int) -> None:
        self.live[projection] = generation
        self.version += 1

    def others(self, projection: str) -> tuple[int, ...]:
        """The generations that a mirrored write goes to besides its own."""
        own = self.live_of(projection)
        return tuple(each for each in self.known.get(projection, ()) if each != own) if self.mirrors else ()


def place_of(rows: Iterable[tuple[str, int | None, int | None, str | None]]) -> Place:
    """Where a process begins, by rows of POINTERS: it was told nothing yet, so it may read what the pointers name."""
    live, known = dict[str, int](), dict[str, tuple[int, ...]]()
    for projection, pointer, generation, state in rows:
        if pointer is not None:
            live[projection] = pointer
        if generation is not None and state != "dropping":
            known[projection] = (*known.get(projection, ()), generation)
    return Place(live, dict(live), known)
