"""Large conversations in parts: whatever records were saved when an owner died, its successor ends where the whole log ends.

Method: an owner takes random commands of two conversations with room for one of them unpacked, and between them its records are saved one
by one, so that a crash finds any mix of old and new ones. The successor loads the last record of each key and folds the log on; then it is
the owner, and dies too.
"""

import dataclasses
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from log.port import Entry, Record
from schemas import codec, commands
from schemas.ids import ms_of, uuid7
from schemas.records import ConversationMembersPart, ConversationSnapshot, WriterChanged
from schemas.values import Content, GroupSettings, Member
from store.standing import Standing
from streams.conversations.partition import COMMANDS_TOPIC, EVENTS_TOPIC, Partition, part_key
from streams.conversations.parts import PARTS, part_of
from streams.conversations.rules import Rules
from streams.conversations.shelf import STATE_TOPIC
from streams.conversations.snapshots import members_part, restore, snapshot
from streams.conversations.state import Conversation
from streams.owning.outcome import Append
from streams.owning.port import CHECKPOINT_KEY, SnapshotCorrupt

T0_MS = 1_700_000_000_000
RULES = Rules(members_whole_limit=3, remembered_commands=3, command_horizon_ms=60_000, read_events_members_limit=100)
GROUPS = ("g-" + "1" * 32, "g-" + "2" * 32)
USERS = tuple(f"u-{number}" for number in range(9))
OWNER = "u-owner"


def fresh() -> Partition:
    return Partition(0, 1, RULES, unpacked_limit=1, snapshot_interval_ms=0)


@dataclass
class World:
    """One partition of the log, and whoever owns it now."""

    rng: random.Random
    owner: Partition = field(default_factory=fresh)
    events: list[Record] = field(default_factory=list)
    saved: dict[bytes, Entry] = field(default_factory=dict)
    saving: dict[bytes, Iterator[Entry]] = field(default_factory=dict)
    commands_next: int = 0
    now_ms: int = T0_MS

    def command(self, kind: type[commands.Command], user: str, group: str, **fields: Any) -> None:
        self.now_ms += self.rng.choice((0, 1, 1_000, 40_000))
        made = kind(
            tenant="default",
            conversation_id=group,
            command_id=uuid7(self.now_ms, self.rng.getrandbits(74)),
            user=user,
            device="d",
            trace_id="",
            received_at_ms=0,
            **fields,
        )
        key = group.encode()
        record = Record(COMMANDS_TOPIC, 0, self.commands_next, self.now_ms, key, codec.encode(COMMANDS_TOPIC, made), ())
        self.commands_next += 1
        outcome = self.owner.handle(record, self.now_ms)
        if isinstance(outcome, Append):
            for entry in outcome.entries:
                self.events.append(Record(EVENTS_TOPIC, 0, len(self.events), self.now_ms, entry.key, entry.value, entry.headers))

    def any_command(self) -> None:
        group, user, other = self.rng.choice(GROUPS), self.rng.choice(USERS), self.rng.choice(USERS)
        roll = self.rng.randrange(10)
        if roll < 4:
            self.command(commands.AddMember, OWNER, group, member=other)
        elif roll < 7:
            self.command(commands.SendMessage, self.rng.choice((user, OWNER)), group, content=Content("text/plain", b"hello"))
        elif roll == 7:
            self.command(commands.RemoveMember, OWNER, group, member=other)
        elif roll == 8 and self.rng.random() < 0.5:
            self.command(commands.LeaveConversation, user, group)
        elif roll == 8:
            slow_mode_ms = self.rng.choice((0, 1_000, 100_000))
            self.command(commands.ChangeSettings, OWNER, group, settings=GroupSettings(slow_mode_ms=slow_mode_ms))
        else:
            self.command(commands.ChangeRole, OWNER, group, member=other, role="admin")

    def save_some(self) -> None:
        """Begin to save what waits longest, or append some more records of what was begun."""
        key = self.owner.changes.due(self.now_ms + 1)
        if key is not None and key not in self.saving:
            self.saving[key] = self.owner.pack(key)
        for key, records in list(self.saving.items()):
            for _ in range(self.rng.choice((0, 1, 3, 100, 1_000))):
                entry = next(records, None)
                if entry is None:
                    self.owner.changes.saved([key])
                    del self.saving[key]
                    break
                assert entry.key is not None
                self.saved[entry.key] = entry

    def checkpoint(self) -> None:
        made = self.owner.checkpoint(self.commands_next, self.now_ms)
        self.saved[CHECKPOINT_KEY] = Entry(CHECKPOINT_KEY, codec.encode(STATE_TOPIC, made), self.now_ms)

    def successor(self) -> Partition:
        fence = codec.encode(EVENTS_TOPIC, WriterChanged(partition=0, writer="w", at_ms=self.now_ms))
        self.events.append(Record(EVENTS_TOPIC, 0, len(self.events), self.now_ms, None, fence, ()))
        taken = fresh()
        for offset, entry in enumerate(self.saved.values()):
            assert taken.load(Record(STATE_TOPIC, 0, offset, self.now_ms, entry.key, entry.value, ())) is None
        for record in self.events[taken.fold_start() :]:
            assert taken.fold(record, self.now_ms) is None
        return taken

    def replayed(self) -> Partition:
        taken = fresh()
        for record in self.events:
            assert taken.fold(record, self.now_ms) is None
        return taken


def same(one: Conversation | None, other: Conversation | None) -> bool:
    """But for floors that are older than the horizon: those say nothing, for so old an id is refused anyway."""
    if one is None or other is None:
        return one is other
    horizon_ms = one.head_at_ms - RULES.command_horizon_ms
    floors = [{user: id_ for user, id_ in each.floors.items() if ms_of(id_) >= horizon_ms} for each in (one, other)]
    heads = [
        (each.title, each.head_seq, each.head_ordinal, each.head_at_ms, each.members, each.recent, each.marks) for each in (one, other)
    ]
    standings = [_standing(each.standing, one.head_at_ms) for each in (one, other)]
    return (floors[0], heads[0], standings[0]) == (floors[1], heads[1], standings[1]) and (one.parts is None) == (other.parts is None)


def _standing(standing: Standing, at_ms: int) -> Standing:
    """Without who spoke so long ago that it keeps nobody waiting."""
    horizon_ms = at_ms - standing.settings.slow_mode_ms
    return dataclasses.replace(standing, spoke={user: spoke_ms for user, spoke_ms in standing.spoke.items() if spoke_ms > horizon_ms})


def lived(seed: int, steps: int) -> World:
    world = World(random.Random(seed))
    for group in GROUPS:
        world.command(commands.CreateConversation, OWNER, group, conversation_kind="group", title="t", members=(Member("u-0"),))
    for _ in range(steps):
        roll = world.rng.random()
        if roll < 0.6:
            world.any_command()
        elif roll < 0.85:
            world.save_some()
        elif roll < 0.95:
            world.checkpoint()
        else:
            world.owner, world.saving = world.successor(), {}
    return world


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 250))
def test_any_mix_of_saved_records_and_the_log_from_the_checkpoint_give_what_the_whole_log_gives(seed: int, steps: int) -> None:
    world = lived(seed, steps)
    taken, whole = world.successor(), world.replayed()
    for group in GROUPS:
        key = group.encode()
        assert same(taken.shelf.get(key), whole.shelf.get(key))
        assert same(world.owner.shelf.get(key), whole.shelf.get(key))
    assert taken.events_next == len(world.events)


def test_the_random_worlds_meet_parts_that_are_newer_than_the_rest_and_folds_that_begin_late() -> None:
    newer = late = parted = 0
    for seed in range(25):
        world = lived(seed, 200)
        late += "fold" in _start(world)
        for group in GROUPS:
            head = world.saved.get(group.encode())
            if head is None or head.value is None:
                continue
            kept = codec.decode(head.value, ConversationSnapshot)
            parts = [world.saved[part_key(group.encode(), part)] for part in range(PARTS)] if kept.parts else []
            parted += bool(parts)
            newer += any(codec.decode(part.value or b"", ConversationMembersPart).head_seq > kept.head_seq for part in parts)
    assert newer > 2
    assert late > 5
    assert parted > 10


def _start(world: World) -> str:
    taken = fresh()
    for offset, entry in enumerate(world.saved.values()):
        taken.load(Record(STATE_TOPIC, 0, offset, world.now_ms, entry.key, entry.value, ()))
    return "fold from late" if taken.fold_start() > 0 else "whole"


def large() -> World:
    world = World(random.Random(1))
    world.command(commands.CreateConversation, OWNER, GROUPS[0], conversation_kind="group", title="t", members=())
    for user in USERS:
        world.command(commands.AddMember, OWNER, GROUPS[0], member=user)
    return world


def test_one_joining_more_saves_one_part_and_the_rest() -> None:
    world, key = large(), GROUPS[0].encode()
    assert len(list(world.owner.pack(key))) == PARTS + 1
    world.command(commands.AddMember, OWNER, GROUPS[0], member="u-new")
    keys = [entry.key for entry in world.owner.pack(key)]
    touched = {part_key(key, part_of(user)) for user in ("u-new", OWNER)}  # the owner's forgotten command raised its floor
    assert set(keys[:-1]) <= touched
    assert part_key(key, part_of("u-new")) in keys
    assert keys[-1] == key


def test_a_conversation_stays_in_parts_when_it_grows_small_again() -> None:
    world, key = large(), GROUPS[0].encode()
    for user in USERS[:8]:
        world.command(commands.RemoveMember, OWNER, GROUPS[0], member=user)
    state = world.owner.shelf.get(key)
    assert state is not None
    assert state.parts is not None
    assert sum(map(len, state.parts.users)) >= len(state.members) == 2
    again = restore(snapshot(state, 0), [members_part(state, part) for part in range(PARTS)])
    assert same(again, state)


def test_a_missing_part_is_found_and_not_taken_for_a_part_without_members() -> None:
    world, key = large(), GROUPS[0].encode()
    for entry in world.owner.pack(key):
        assert entry.key is not None
        world.saved[entry.key] = entry
    world.owner.changes.saved([key])
    world.checkpoint()
    del world.saved[part_key(key, part_of("u-3"))]
    taken = fresh()
    for offset, entry in enumerate(world.saved.values()):
        taken.load(Record(STATE_TOPIC, 0, offset, world.now_ms, entry.key, entry.value, ()))
    assert taken.fold_start() == len(world.events)
    with pytest.raises(SnapshotCorrupt, match="255 of 256 parts"):
        taken.shelf.get(key)


@pytest.mark.parametrize("value", [b"", b"not a part", b"\0\0\0\1\x2dmore"])
def test_a_record_under_a_part_s_key_that_is_none_is_poison(value: bytes) -> None:
    record = Record(STATE_TOPIC, 0, 0, T0_MS, part_key(GROUPS[0].encode(), 3), value, ())
    assert fresh().load(record) == "not a part of a conversation's members"
