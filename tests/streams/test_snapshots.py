"""The snapshot law: a snapshot at any cut, through the real codec, and the tail give what the whole log gives."""

import msgspec
import pytest
from hypothesis import given, settings

from schemas import codec, events
from schemas.errors import Undecodable
from schemas.records import ConversationSnapshot
from schemas.values import ConversationKind
from streams.conversations.evolve import evolve
from streams.conversations.rules import Rules
from streams.conversations.snapshots import restore, snapshot
from streams.conversations.state import Conversation
from tests.streams.steps import HISTORIES, TIGHT, Step, played
from tests.streams.talking import opened

TOPIC = "conversation-state"
Log = list[tuple[events.Event, bytes]]


def fold(state: Conversation | None, log: Log, rules: Rules = TIGHT) -> Conversation | None:
    for event, fingerprint in log:
        state = evolve(state, event, fingerprint, rules)
    return state


def kept(state: Conversation | None) -> Conversation | None:
    """The state as a successor gets it: through the bytes of conversation-state."""
    if state is None:
        return None
    return restore(codec.decode(codec.encode(TOPIC, snapshot(state, 7)), ConversationSnapshot))


@settings(max_examples=150, deadline=None)
@given(HISTORIES)
def test_snapshot_plus_tail_equals_replay_at_every_cut(drawn: tuple[ConversationKind, list[Step]]) -> None:
    talk = played(*drawn).talk
    whole = fold(None, talk.log)
    assert whole == talk.state
    for cut in range(len(talk.log) + 1):
        assert fold(kept(fold(None, talk.log[:cut])), talk.log[cut:]) == whole


@settings(max_examples=100, deadline=None)
@given(HISTORIES)
def test_events_through_the_log_fold_to_the_state_that_was_decided_on(drawn: tuple[ConversationKind, list[Step]]) -> None:
    talk = played(*drawn).talk
    read = [(codec.decode_event(codec.encode("conversation-events", event)), fingerprint) for event, fingerprint in talk.log]
    assert fold(None, read) == talk.state


@pytest.mark.parametrize("remembered", [b"\xc1", b"\x91\x01", b"\x91\x97", b"x"])
def test_damaged_remembered_commands_are_undecodable(remembered: bytes) -> None:
    kept = msgspec.structs.replace(snapshot(opened().head, 7), remembered=remembered)
    with pytest.raises(Undecodable, match="remembered commands"):
        restore(kept)


def test_a_snapshot_of_version_1_has_no_floors() -> None:
    talk = opened(rules=Rules(remembered_commands=1))
    talk.send("ana")
    now = snapshot(talk.head, 7)
    assert now.floors
    assert restore(ConversationSnapshot(**{name: getattr(now, name) for name in now.__struct_fields__ if name != "floors"})).floors == {}


def test_a_full_memory_makes_a_snapshot_well_below_a_megabyte() -> None:
    talk = opened(members={f"u-{n:020}": "member" for n in range(1_000)})
    for n in range(1_000):
        talk.send(f"u-{n:020}")
    assert len(codec.encode(TOPIC, snapshot(talk.head, 7))) < 200_000


def test_a_snapshot_before_version_4_has_a_standing_as_at_the_beginning() -> None:
    state = opened("group", {"ada": "admin"}).head
    now = snapshot(state, 7)
    assert restore(msgspec.structs.replace(now, standing=b"")).standing == state.standing


@pytest.mark.parametrize("standing", [b"\xc1", b"\x91\x01", b"\x81\xa5mutes\x01", b"\x81\xa5roles\x81\xa1a\x81\xa5level\x01", b"x"])
def test_a_damaged_standing_is_undecodable(standing: bytes) -> None:
    kept = msgspec.structs.replace(snapshot(opened().head, 7), standing=standing)
    with pytest.raises(Undecodable, match="standing of"):
        restore(kept)


def test_a_standing_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    state = opened().head
    later = msgspec.msgpack.encode(msgspec.msgpack.decode(snapshot(state, 7).standing or b"\x80") | {"of_tomorrow": 1})
    assert restore(msgspec.structs.replace(snapshot(state, 7), standing=later)).standing == state.standing


def test_a_conversation_in_which_nothing_was_set_pays_a_byte_for_its_standing() -> None:
    assert len(snapshot(opened("direct").head, 7).standing) <= 1
