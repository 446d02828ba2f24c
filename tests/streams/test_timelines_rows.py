"""What the projector writes: the same tables however the log is cut, repeated and mixed, and they say what the folds say."""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from log.port import Record
from schemas import events
from schemas.codec import decode, encode, record_name
from schemas.records import WriterChanged
from store.fact_tables import fact_of
from store.facts import Fact, FactKey, fold_facts
from store.timelines import changes_of, membership_of
from store.views import Membership, lay_changes, message_of
from streams.timelines.rows import progress_writes, project
from tests.store.cells import Cells
from tests.store.folded import folded_head, folded_messages, folded_place
from tests.store.histories import USERS, interleaved, records, stories

SEEDS = st.integers(0, 10_000)


def projected(chunks: list[list[Record]]) -> Cells:
    cells = Cells()
    for chunk in chunks:
        made = project(chunk)
        cells.run(made.writes)
        cells.run(progress_writes(made))
    return cells


def log_of(seed: int) -> list[Record]:
    return records(interleaved(seed, stories(seed, 3, 90)), partitions_count=1)


@given(SEEDS, st.lists(st.tuples(st.integers(0, 90), st.integers(1, 40)), max_size=12))
def test_any_chunking_with_repeats_from_earlier_offsets_gives_the_same_tables(seed: int, repeats: list[tuple[int, int]]) -> None:
    """Each repeat starts at any offset up to where projection stands, as after a crash, and goes on for any length."""
    log = log_of(seed)
    chunks, done = [], 0
    for back, length in repeats:
        start = max(0, done - back)
        chunks.append(log[start : start + length])
        done = max(done, start + length)
    chunks.append(log[min(done, len(log)) :])
    assert projected(chunks).cells == projected([log]).cells


@given(SEEDS)
def test_writes_in_any_order_give_the_same_tables(seed: int) -> None:
    """Two projectors at once, and batches that overtake each other."""
    log = log_of(seed)
    writes = [write for cut in range(0, len(log), 7) for write in project(log[cut : cut + 7]).writes]
    random.Random(seed).shuffle(writes)
    shuffled, straight = Cells(), Cells()
    shuffled.run(writes)
    straight.run(project(log).writes)
    assert shuffled.cells == straight.cells


@given(SEEDS)
@settings(max_examples=50)
def test_the_tables_say_what_the_folds_say(seed: int) -> None:
    made = stories(seed, 3, 90)
    cells = projected([records(interleaved(seed, made))])
    for story in made:
        if not story.history:
            continue
        head = folded_head(story.history)
        assert head is not None
        static = cells.row("members", story.conversation)
        assert (static["conversation_kind"], static["title"], tuple(static["pair"])) == (head.conversation_kind, head.title, head.pair)
        assert (static["head_seq"], static["head_ordinal"], static["active_at_ms"]) == (head.head_seq, head.head_ordinal, head.at_ms)
        for user in USERS:
            assert place_in(cells, story.conversation, user) == folded_place(story.history, user)
        assert facts_in(cells, story.conversation) == fold_facts({}, story.history)
        assert messages_in(cells, story.conversation) == folded_messages(story.history)


def place_in(cells: Cells, conversation: str, user: str) -> Membership | None:
    row, static = cells.row("members", conversation, user), cells.row("members", conversation)
    columns = ("role", "joined_seq", "active", "changed_seq", "read_seq", "read_ordinal")
    place = membership_of((conversation, user, static["conversation_kind"], static["title"], *(row.get(column) for column in columns)))
    listed = cells.row("conversations", user, conversation)
    assert place is None or listed
    assert place is not None or not listed.get("active")  # who was banned before it ever came has a row, and no place
    assert place is None or (listed["active"], listed["changed_seq"]) == (place.active, place.changed_seq)
    return place


def facts_in(cells: Cells, conversation: str) -> dict[FactKey, Fact]:
    keys = [key[1:] for key in cells.keys("conversation_facts") if key[0] == conversation]
    columns = ("active", "value", "changed_seq", "ended_seq")
    rows = [(*key, *(cells.row("conversation_facts", conversation, *key).get(column) for column in columns)) for key in keys]
    return {fact.place: fact for fact in map(fact_of, rows) if fact is not None}


def messages_in(cells: Cells, conversation: str) -> dict[int, Any]:
    found = {}
    for key in cells.keys("events"):
        if key[0] == conversation and key[2]:
            event = _decoded(cells.row("events", *key)["value"])
            row = cells.row("message_changes", conversation, key[1], key[3])
            reactions = {name[1]: there for name, there in row.items() if isinstance(name, tuple)}
            changes = changes_of(conversation, (key[3], row.get("edit"), row.get("recalled"), reactions))
            found[event.seq] = lay_changes(message_of(event), changes)
    return found


def _decoded(value: bytes) -> events.MessageSent:
    return decode(value, events.MessageSent)


def test_a_plain_message_is_one_row_and_the_head_one_more_per_conversation() -> None:
    story = stories(5, 1, 1)[0]
    for index in range(200):
        story.send("u-ana", f"text {index}")
    writes = project(records(story.history[1:])).writes
    assert len(writes) == 200 + 1


def test_poison_becomes_dead_letters_and_the_rest_is_projected() -> None:
    good = log_of(3)[:10]
    value = good[4].value or b""
    poison = [
        good[0]._replace(value=b"not avro at all"),
        good[0]._replace(value=b"\0\0\0\x03\xe7rest"),
        good[0]._replace(value=value[:-3]),
        good[0]._replace(value=None),
        good[0]._replace(key=b"another conversation"),
        good[0]._replace(key=None),
    ]
    control = Record("conversation-events", 0, 98, 5, None, encode("conversation-events", WriterChanged(partition=0, writer="w", at_ms=5)))
    chunk = project([*poison, *good, control])
    assert [letter.reason.split(":")[0] for letter in chunk.dead_letters] == [
        "not the wire format",
        "unknown schema id 999",
        chunk.dead_letters[2].reason.split(":")[0],
        "shorter than the wire format's header",
        "the key is not the event's conversation",
        f"a {_kind(good[0])} does not belong here",
    ]
    assert [letter.value for letter in chunk.dead_letters] == [record.value for record in poison]
    assert chunk.writes == project(good).writes
    assert chunk.progress == {("conversation-events", 0): 99}


def _kind(record: Record) -> str:
    event: events.Event = decode(record.value, events.Event)  # type: ignore[arg-type]
    return record_name(type(event))
