"""The pure half of the owner: what it makes of records that should not be there, and that a take-over ends where its predecessor was."""

import dataclasses
from collections.abc import Sequence

import msgspec
import pytest

from log.port import Entry, Record
from schemas import codec
from schemas.commands import Command
from schemas.headers import command_header, read_command_header
from schemas.records import CommandRepeated, OwnerCheckpoint, WriterChanged
from streams.conversations.partition import COMMANDS_TOPIC, EVENTS_TOPIC, REPLIES_TOPIC, Partition
from streams.conversations.rules import Rules
from streams.conversations.shelf import STATE_TOPIC
from streams.owning.outcome import SKIPPED, Answer, Append, Poison
from streams.owning.port import CHECKPOINT_KEY, SnapshotCorrupt, with_due
from tests.streams.simulation import CONVERSATIONS, START_MS, entry_of, make_command

KEY = CONVERSATIONS[0].encode()


def fresh(unpacked_limit: int = 10) -> Partition:
    return Partition(0, 1, Rules(), unpacked_limit=unpacked_limit, snapshot_interval_ms=30_000)


def records(topic: str, entries: Sequence[Entry], first: int = 0) -> list[Record]:
    return [Record(topic, 0, first + i, START_MS + first + i, e.key, e.value, e.headers) for i, e in enumerate(entries)]


def commands(*kinds: str) -> list[Record]:
    return records(COMMANDS_TOPIC, [entry_of(make_command(kind, 0, 0, number)) for number, kind in enumerate(kinds)])


def handled(partition: Partition, incoming: Sequence[Record]) -> list[Entry]:
    """The events that the commands become."""
    made: list[Entry] = []
    for record in incoming:
        outcome = partition.handle(record, START_MS)
        assert isinstance(outcome, Append), outcome
        made += outcome.entries
    return made


def test_a_take_over_from_the_events_alone_ends_in_the_same_state() -> None:
    live, taken = fresh(), fresh()
    events = handled(live, commands("create", "send", "add", "send"))
    for record in records(EVENTS_TOPIC, events):
        assert taken.fold(record, START_MS) is None
    assert taken.shelf.get(KEY) == live.shelf.get(KEY)
    assert (taken.commands_next, taken.events_next) == (live.commands_next, live.events_next)


@pytest.mark.parametrize("cut", range(5))
def test_a_snapshot_at_every_cut_and_the_events_after_it_give_the_same_state(cut: int) -> None:
    live, snapshotted, taken = fresh(), fresh(), fresh()
    incoming = commands("create", "send", "add", "send", "send")
    events = handled(live, incoming)
    if cut:
        handled(snapshotted, incoming[:cut])
        assert taken.load(records(STATE_TOPIC, [*snapshotted.pack(KEY)])[0]) is None
    for record in records(EVENTS_TOPIC, events):
        assert taken.fold(record, START_MS) is None
    assert taken.shelf.get(KEY) == live.shelf.get(KEY)


def test_commands_below_the_position_are_skipped_and_a_retry_above_it_is_repeated() -> None:
    taken = fresh()
    incoming = commands("create", "send")
    for record in records(EVENTS_TOPIC, handled(fresh(), incoming)):
        taken.fold(record, START_MS)
    assert [taken.handle(record, START_MS) for record in incoming] == [SKIPPED, SKIPPED]
    outcome = taken.handle(incoming[1]._replace(offset=2), START_MS)
    assert isinstance(outcome, Answer)
    reply = codec.decode(outcome.entry.value, CommandRepeated)
    assert (reply.seq, outcome.refused) == (2, False)


def test_every_event_of_a_command_names_its_offset() -> None:
    events = handled(fresh(), commands("create", "send"))
    headers = [read_command_header(entry.headers) for entry in events]
    assert [header[0] for header in headers if header] == [0, 1]


def test_time_never_runs_backwards_within_a_conversation() -> None:
    incoming = commands("create", "send")
    incoming[1] = incoming[1]._replace(timestamp_ms=START_MS - 50_000)  # a new leader whose clock is behind
    events = [codec.decode_event(entry.value) for entry in handled(fresh(), incoming)]
    assert [event.at_ms for event in events] == [START_MS, START_MS]


def of_another_conversation(record: Record) -> Record:
    return record._replace(key=CONVERSATIONS[1].encode())


def test_a_command_under_a_wrong_key_or_in_a_wrong_partition_is_poison() -> None:
    [record] = commands("create")
    outcome = fresh().handle(of_another_conversation(record), START_MS)
    assert isinstance(outcome, Poison)
    crowded = [Partition(number, 7, Rules(), unpacked_limit=9, snapshot_interval_ms=9) for number in range(7)]
    outcomes = [partition.handle(record, START_MS) for partition in crowded]
    assert sum(isinstance(outcome, Append) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Poison) for outcome in outcomes) == 6


def test_what_no_owner_wrote_is_poison_to_a_fold_and_changes_nothing() -> None:
    taken = fresh()
    good = records(EVENTS_TOPIC, handled(fresh(), commands("create", "send")))
    control = Entry(None, codec.encode(EVENTS_TOPIC, WriterChanged(partition=0, writer="w", at_ms=1)))
    bad = [
        Entry(KEY, b"junk"),
        Entry(None, b"junk"),
        Entry(KEY, None),
        Entry(KEY, good[1].value),
        Entry(b"x", good[1].value, None, good[1].headers),
    ]
    assert taken.fold(good[0], START_MS) is None
    assert all(taken.fold(record, START_MS) for record in records(EVENTS_TOPIC, bad, 1))
    assert taken.fold(records(EVENTS_TOPIC, [control], 6)[0], START_MS) is None
    assert taken.fold(good[1]._replace(offset=7), START_MS) is None
    state = taken.shelf.get(KEY)
    assert state is not None
    assert state.head_seq == 2
    assert not taken.quarantined


def test_a_gap_quarantines_its_conversation_alone_and_holds_the_checkpoint() -> None:
    taken = fresh()
    events = records(EVENTS_TOPIC, handled(fresh(), commands("create", "send", "send", "send")))
    reasons = [taken.fold(record, START_MS) for record in (*events[:1], *events[2:])]
    assert reasons[0] is None
    assert "gap: seq 3 follows 1" in str(reasons[1])
    outcome = taken.handle(commands("create", "send", "send", "send", "send")[4], START_MS)
    assert isinstance(outcome, Poison)
    assert "quarantined" in outcome.reason
    other = records(COMMANDS_TOPIC, [entry_of(make_command("create", 1, 0, 9))], 5)
    assert isinstance(taken.handle(other[0], START_MS), Append)
    assert taken.checkpoint(99, START_MS).events_next <= 2


def test_an_impossible_event_is_quarantined_instead_of_ending_the_take_over() -> None:
    [create, send] = records(EVENTS_TOPIC, handled(fresh(), commands("create", "send")))
    headless = send._replace(value=codec.encode(EVENTS_TOPIC, msgspec.structs.replace(decoded(send), seq=1)))
    reason = fresh().fold(headless, START_MS)
    assert "impossible event" in str(reason)
    nameless = msgspec.structs.replace(decoded(send), command_id="not a uuid")
    taken = fresh()
    taken.fold(create, START_MS)
    assert "impossible event" in str(taken.fold(send._replace(value=codec.encode(EVENTS_TOPIC, nameless)), START_MS))
    assert isinstance(taken.handle(commands("create", "send", "send")[2], START_MS), Poison)


def decoded(record: Record) -> codec.AnyRecord:
    from schemas.events import Event

    event: Event = codec.decode(record.value, Event)  # type: ignore[arg-type]
    return event


def mark(events_next: int) -> Entry:
    return Entry(CHECKPOINT_KEY, codec.encode(STATE_TOPIC, OwnerCheckpoint(partition=0, events_next=events_next, commands_next=4, at_ms=1)))


def loaded(*entries: Entry) -> Partition:
    partition = fresh()
    for record in records(STATE_TOPIC, entries):
        partition.load(record)
    return partition


def snapshot_entry() -> Entry:
    owner = fresh()
    handled(owner, commands("create", "send"))
    return next(owner.pack(KEY))


def test_the_fold_starts_at_the_checkpoint_when_everything_before_it_is_there() -> None:
    partition = loaded(snapshot_entry(), mark(7))
    assert (partition.fold_start(), partition.commands_next) == (7, 4)


@pytest.mark.parametrize("entries", [[], [mark(7), Entry(CHECKPOINT_KEY, b"junk")], [mark(7), Entry(KEY, b"junk")]])
def test_without_a_checkpoint_or_a_snapshot_the_whole_log_is_folded(entries: list[Entry]) -> None:
    assert loaded(*entries).fold_start() == 0


def test_a_poisoned_key_counts_only_while_no_good_snapshot_of_it_is_there() -> None:
    junk = Entry(KEY, b"junk")
    assert loaded(junk, snapshot_entry(), mark(7)).fold_start() == 7
    assert loaded(snapshot_entry(), junk, mark(7)).fold_start() == 7
    partition = loaded(junk, mark(7))
    assert partition.fold_start() == 0
    assert partition.tombstones() == [Entry(KEY, None)]


def test_records_of_another_log_count_until_good_ones_of_their_keys_come_and_take_all_others_with_them() -> None:
    good, foreign = with_due([snapshot_entry(), mark(2)], 0), with_due([snapshot_entry(), mark(9), Entry(b"g-ghost", b"x")], 40)
    partition = loaded(*good, *foreign)
    assert (partition.misplaced, partition.fold_start()) == ({KEY, CHECKPOINT_KEY, b"g-ghost"}, 0)
    assert (len(partition), partition.commands_next) == (0, 0)
    gone = [Entry(CHECKPOINT_KEY, None), *(Entry(key, None) for key in sorted([KEY, b"g-ghost"]))]
    assert partition.tombstones() == gone
    assert loaded(*good, *foreign, *with_due(gone, 5)).fold_start() == 0
    again = loaded(*good, *foreign, *with_due([*gone, snapshot_entry(), mark(2)], 5))
    assert (again.misplaced, again.fold_start(), len(again)) == (set(), 2, 1)


def test_a_snapshot_with_a_damaged_body_is_found_when_it_is_unpacked() -> None:
    entry = snapshot_entry()
    assert entry.value is not None
    partition = loaded(entry._replace(value=entry.value[:20]), mark(2))
    assert partition.fold_start() == 2
    with pytest.raises(SnapshotCorrupt):
        partition.handle(commands("create", "send", "send")[2]._replace(offset=9), START_MS)
    assert partition.fold_start(trust_snapshots=False) == 0
    assert len(partition.shelf) == 0


def test_a_conversation_whose_events_do_not_fit_a_batch_is_refused_and_not_changed() -> None:
    command: Command = make_command("create", 0, 0, 0)
    huge = msgspec.structs.replace(command, trace_id="t" * 1_100_000)
    partition = fresh()
    outcome = partition.handle(records(COMMANDS_TOPIC, [entry_of(huge)])[0], START_MS)
    assert isinstance(outcome, Answer)
    assert outcome.refused
    assert partition.shelf.get(KEY) is None
    assert outcome.entry.key == KEY
    assert REPLIES_TOPIC == "replies"


def test_more_conversations_than_the_limit_are_packed_and_come_back_equal() -> None:
    crowded, roomy = fresh(unpacked_limit=1), fresh()
    made = [entry_of(make_command("create", which, which, number)) for number, which in enumerate((0, 1))]
    made += [entry_of(make_command("send", number % 2, number % 2, number)) for number in range(2, 12)]
    for record in records(COMMANDS_TOPIC, made):
        assert crowded.handle(record, START_MS) == roomy.handle(record, START_MS)
        assert crowded.shelf.unpacked_count == 1
    for conversation in CONVERSATIONS:
        assert crowded.shelf.get(conversation.encode()) == roomy.shelf.get(conversation.encode())
    assert len(crowded.shelf) == 2


def test_a_header_is_read_back_and_a_wrong_one_is_none() -> None:
    assert read_command_header((command_header(5, b"12345678"),)) == (5, b"12345678")
    assert read_command_header((("command", b"short"),)) is None
    assert read_command_header(()) is None
    assert dataclasses.is_dataclass(SKIPPED)
