"""The owner of calls without a log: what commands and time come to, what stands in the log, and who takes over from it."""

from typing import Any

import pytest
from msgspec.structs import replace

from log.limits import batch_bytes_limit, entries_bytes
from log.port import Entry, Record
from rtc.rules import Rules
from schemas import call_commands as commands
from schemas import call_events as events
from schemas import codec
from schemas.call_records import CallRefused, CallRepeated, CallsCheckpoint
from schemas.headers import read_command_header
from streams.calls.lines import bare
from streams.calls.partition import Partition
from streams.owning.outcome import SKIPPED
from tests.streams.call_desk import ANA, ANA2, BOB, BOB2, EVE, ROOM, START_MS, TALK, XEN, Desk, call_entry, make_call_command

KEY = TALK.encode()
RING_MS = 60_000


def called(**fields: Any) -> Desk:
    desk = Desk()
    desk.say(commands.RequestCall, ANA, **fields)
    return desk


def answered() -> Desk:
    desk = called()
    desk.say(commands.ReportRinging, BOB)
    desk.say(commands.AcceptCall, BOB)
    return desk


def played() -> Desk:
    """Two conversations, three calls: one hung up, one missed, one that goes on; and what is refused, repeated and not understood."""
    desk = answered()
    desk.say(commands.ReportEngineMedia, user="bob", device="1", flow="up")
    desk.say(commands.RequestCall, EVE, conversation_id=ROOM, call_id="c2", call_kind="group", callees=("ana", "bob"), media="video")
    desk.clock_ms += 5_000
    desk.say(commands.AcceptCall, BOB2)
    desk.take(KEY, b"nonsense")
    desk.say(commands.HangUp, ANA)
    desk.hear(make_call_command(commands.RequestCall, ANA, 0))
    desk.say(commands.RequestCall, BOB, call_id="c3", callees=("ana",))
    desk.wait(RING_MS + 600)
    desk.say(commands.JoinCall, ANA2, conversation_id=ROOM, call_id="c2")
    return desk


def state(partition: Partition) -> tuple[Any, ...]:
    lines = [(key, partition.lines.get(key), partition.lines.record(key)) for key in (KEY, ROOM.encode())]
    return (lines, partition.due_ms, partition.commands_next, partition.events_next)


def test_a_take_over_from_the_events_alone_ends_in_the_same_state() -> None:
    desk = played()
    assert state(desk.successor()) == state(desk.partition)
    assert [type(answer).__name__ for answer in desk.answers] == ["CallRefused", "CallRepeated"]
    assert len(desk.poison) == 1


@pytest.mark.parametrize("cut", range(12))
def test_a_snapshot_at_every_cut_and_the_events_after_it_give_the_same_state(cut: int) -> None:
    """The owner stops after `cut` commands, saves, and its successor handles the rest, which Faust brings from the beginning."""
    desk = played()
    first = Desk()
    for record in desk.commands[:cut]:
        first.clock_ms = record.timestamp_ms
        first.take(record.key, record.value)
    saved = first.saved()
    first.partition = first.successor(saved)
    for record in desk.commands:
        first.clock_ms = record.timestamp_ms
        first.kept(first.partition.handle(record, record.timestamp_ms))
    first.wait(0)
    for conversation in (TALK, ROOM):
        assert first.log_of(conversation) == desk.log_of(conversation), "whoever decides, and whenever the timer fired"
    assert state(first.partition) == state(desk.partition)
    assert state(first.successor([*saved, *first.saved()])) == state(desk.partition)


def test_what_time_made_does_not_use_up_the_next_command() -> None:
    desk = called()
    (timed_out, ended, recorded) = desk.wait(RING_MS + 500)
    assert isinstance(timed_out, events.RingTimedOut)
    assert isinstance(ended, events.CallEnded)
    assert isinstance(recorded, events.CallRecorded)
    assert {event.at_ms for event in (timed_out, ended, recorded)} == {START_MS + RING_MS}, "the moment it was due"
    assert [read_command_header(record.headers) for record in desk.events[1:]] == [(0, bytes(8))] * 3
    successor = desk.successor()
    assert successor.handle(desk.commands[0], desk.clock_ms) is SKIPPED
    late = Record("call-commands", 0, 1, desk.clock_ms, *call_entry(make_call_command(commands.AcceptCall, BOB, 1))[:2])
    desk.partition = successor
    assert desk.kept(successor.handle(late, desk.clock_ms)).code == "call_ended"


def test_time_waits_for_the_slack() -> None:
    desk = called()
    assert desk.partition.due_ms == START_MS + RING_MS + 500
    assert desk.wait(RING_MS + 499) == []
    assert len(desk.wait(1)) == 3
    assert desk.partition.due_ms is None


def test_what_is_due_within_the_slack_waits_for_its_own_turn() -> None:
    """A command that the broker stamped before the second moment may still be on its way."""
    desk = Desk()
    desk.say(commands.RequestCall, EVE, conversation_id=ROOM, call_kind="group", callees=("ana",))
    desk.clock_ms += 200
    desk.say(commands.InviteToCall, EVE, conversation_id=ROOM, callees=("bob",))
    (first,) = desk.wait(RING_MS + 300)
    assert isinstance(first, events.RingTimedOut)
    assert first.party == "ana"
    accepted = desk.say(commands.AcceptCall, BOB, conversation_id=ROOM)
    assert accepted.code == "too_late"
    (second,) = desk.wait(200)
    assert isinstance(second, events.RingTimedOut)
    assert second.party == "bob"


def test_it_makes_no_difference_to_the_log_whether_the_timer_fired_or_the_next_call_found_that_it_was_due() -> None:
    """The record of the first call stands right after its end either way, and what follows is numbered after it."""
    timely, late = called(), called()
    timely.wait(RING_MS + 500)
    late.clock_ms = timely.clock_ms
    for desk in (timely, late):
        desk.say(commands.RequestCall, BOB, call_id="c2", callees=("ana",))
    assert timely.log == late.log
    assert late.kinds() == ["CallRequested", "RingTimedOut", "CallEnded", "CallRecorded", "CallRequested"]
    assert [event.seq for event in late.log] == [1, 2, 3, 4, 5]
    assert [event.event_id for event in late.log] == [f"{TALK}:call:{seq}" for seq in range(1, 6)]


def test_the_record_names_who_ended_the_call_and_adds_up() -> None:
    desk = answered()
    desk.say(commands.ReportEngineMedia, user="bob", device="1", flow="up")
    desk.clock_ms += 7_000
    left, ended, recorded = desk.say(commands.HangUp, BOB)
    assert isinstance(recorded, events.CallRecorded)
    assert (recorded.seq, recorded.command_id, recorded.user) == (left.seq + 2, ended.command_id, "bob")
    assert (recorded.reason, recorded.talk_ms, recorded.engines) == ("hung_up", 7_000, ("embedded-1",))
    assert [(party.user, party.state, party.in_call_ms) for party in recorded.parties] == [("ana", "left", 7_000), ("bob", "left", 7_000)]
    assert desk.partition.lines.record(KEY) is None


def test_an_answer_names_who_asked_and_what_is_wrong() -> None:
    desk = called()
    refused = desk.say(commands.RequestCall, EVE, call_id="c9", callees=("ana",))
    assert isinstance(refused, CallRefused)
    assert (refused.code, refused.fault, refused.call_id) == ("call_exists", "nobody", "c1"), "the call that there is, to be joined"
    assert (refused.user, refused.device, refused.at_ms) == ("eve", "1", START_MS)
    repeated = desk.hear(make_call_command(commands.RequestCall, ANA, 0))
    assert isinstance(repeated, CallRepeated)
    assert (repeated.user, repeated.call_id, repeated.head_seq) == ("ana", "c1", 1)


def test_an_engines_refused_command_is_answered_to_nobody_by_name() -> None:
    desk = called()
    refused = desk.say(commands.ReportEngineMedia, user="bob", device="1", flow="up", epoch=7)
    assert (refused.code, refused.fault, refused.user, refused.device) == ("stale_epoch", "engine", "", "")


REFUSED: dict[str, tuple[type[commands.Command], str, str, str]] = {
    "accept after the end": (commands.AcceptCall, BOB, "call_ended", "nobody"),
    "accept by who was not called": (commands.AcceptCall, XEN, "not_invited", "user"),
    "a second accept": (commands.AcceptCall, BOB2, "already_answered", "nobody"),
    "a stranger hangs up": (commands.HangUp, XEN, "not_in_call", "user"),
    "of a call that nobody knows": (commands.AcceptCall, BOB, "unknown_call", "device"),
}


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_comes_too_late_or_from_the_wrong_one_is_refused_and_the_call_goes_on(what: str) -> None:
    kind, who, code, fault = REFUSED[what]
    desk = answered()
    if what == "accept after the end":
        desk.say(commands.HangUp, ANA)
    before = desk.partition.lines.get(KEY)
    refused = desk.say(kind, who, call_id="c7" if code == "unknown_call" else "c1")
    assert (refused.code, refused.fault) == (code, fault)
    assert desk.partition.lines.get(KEY) == before


def test_a_thousand_invitations_by_one_user_are_refused_while_others_go_on() -> None:
    desk = Desk(Rules(invites_per_user_limit=10, connect_ms=300_000))
    desk.say(commands.RequestCall, EVE, conversation_id=ROOM, call_kind="group", callees=("ana",))
    desk.say(commands.JoinCall, BOB, conversation_id=ROOM)
    outcomes = [desk.say(commands.InviteToCall, EVE, conversation_id=ROOM, callees=(f"u{i}",)) for i in range(1_000)]
    refused = [each for each in outcomes if isinstance(each, CallRefused)]
    assert {(each.code, each.fault) for each in refused} == {("too_many_invites", "user")}
    assert len(outcomes) - len(refused) == 9
    assert all(0 < each.retry_after_ms <= 60_000 for each in refused)
    (invited,) = desk.say(commands.InviteToCall, BOB, conversation_id=ROOM, callees=("xen",))
    assert isinstance(invited, events.PartiesInvited)
    desk.clock_ms += refused[-1].retry_after_ms
    assert isinstance(desk.say(commands.InviteToCall, EVE, conversation_id=ROOM, callees=("u9999",))[-1], events.PartiesInvited)


def test_what_time_does_to_the_largest_call_at_once_fits_in_one_batch_with_its_record() -> None:
    """As many as may be in it, all others rung, everybody's ids as long as they may be; and nobody has looked for an hour."""
    limits = {"participants_limit": 1_000, "parties_limit": 1_500, "invites_per_command_limit": 1_000, "invites_per_user_limit": 10_000}
    limits |= {"connect_ms": 300_000}
    desk = Desk(Rules(**limits))
    rung = tuple(f"r{number:063d}" for number in range(499))
    inside = [f"u{number:063d}/{number:064d}" for number in range(1_000)]
    desk.say(commands.RequestCall, inside[0], conversation_id=ROOM, call_kind="group", callees=rung)
    for who in inside[1:]:
        (joined,) = desk.say(commands.JoinCall, who, conversation_id=ROOM)
    assert joined.seq == 1_000
    assert desk.say(commands.JoinCall, "one/more", conversation_id=ROOM).code == "call_full"
    brought = desk.wait(3_600_000)
    entries = [Entry(record.key, record.value, None, record.headers) for record in desk.events[-len(brought) :]]
    assert len(brought) == 499 + 1_000 + 2
    assert 400_000 < entries_bytes(entries) < batch_bytes_limit("call-events")


def test_who_was_ever_in_a_call_is_counted_so_that_its_record_stays_writable() -> None:
    desk = Desk(Rules(parties_limit=3))
    desk.say(commands.RequestCall, EVE, conversation_id=ROOM, call_kind="group", callees=("ana",))
    assert isinstance(desk.say(commands.JoinCall, BOB, conversation_id=ROOM)[0], events.ParticipantJoined)
    desk.say(commands.LeaveCall, BOB, conversation_id=ROOM)
    for refused in (
        desk.say(commands.JoinCall, XEN, conversation_id=ROOM),
        desk.say(commands.InviteToCall, EVE, conversation_id=ROOM, callees=("xen",)),
    ):
        assert (refused.code, refused.fault) == ("call_full", "nobody")
    assert isinstance(desk.say(commands.JoinCall, BOB, conversation_id=ROOM)[0], events.ParticipantJoined), "who was counted comes back"


def test_another_tenants_command_is_refused_and_changes_nothing() -> None:
    desk = called()
    refused = desk.say(commands.AcceptCall, BOB, tenant="other")
    assert (refused.code, refused.fault, refused.tenant) == ("foreign_tenant", "user", "other")


def test_a_command_that_is_not_understood_or_misplaced_is_poison_and_the_next_one_is_handled() -> None:
    desk = Desk()
    assert desk.take(KEY, b"\0nonsense") == "unknown schema id 1852796531"
    assert desk.take(KEY, None) == "shorter than the wire format's header"
    assert desk.hear(make_call_command(commands.RequestCall, ANA, 5), key=b"another") == "the record's key is not its conversation"
    other = Partition(0, 7, desk.rules, snapshot_interval_ms=10)
    command = make_call_command(commands.RequestCall, ANA, 6, conversation_id="d-x")
    record = Record("call-commands", 0, 0, START_MS, *call_entry(command)[:2])
    assert desk.kept(other.handle(record, START_MS)) == "the conversation belongs to another partition"
    assert isinstance(desk.say(commands.RequestCall, ANA)[0], events.CallRequested)


def test_a_past_that_counts_no_more_is_forgotten_and_the_seq_goes_on() -> None:
    desk = answered()
    desk.say(commands.HangUp, ANA)
    line = desk.partition.lines.get(KEY)
    assert line is not None
    assert line.ended
    desk.clock_ms += 599_999
    saved = desk.saved()
    assert len(saved[0].value or b"") > 300
    desk.partition.checkpoint(0, desk.clock_ms)
    assert desk.partition.lines.get(KEY) == line
    desk.clock_ms += 1
    desk.partition.checkpoint(0, desk.clock_ms)
    assert desk.partition.lines.get(KEY) == bare(line)
    assert desk.partition.lines.live_count == 0
    saved = desk.saved()
    assert len(saved[0].value or b"") < 200, "what is kept for ever of a conversation that had calls"
    desk.partition = desk.successor(saved)
    (requested,) = desk.say(commands.RequestCall, BOB, call_id="c2", callees=("ana",))
    assert requested.seq == line.head_seq + 1
    assert state(desk.successor())[0][0][1].live == state(desk.partition)[0][0][1].live


def test_a_call_that_goes_on_is_not_forgotten_however_old_its_last_event_and_the_call_before_it_are() -> None:
    desk = answered()
    desk.say(commands.HangUp, ANA)
    desk.say(commands.RequestCall, BOB, call_id="c2", callees=("ana",), ring_ms=120_000)
    line = desk.partition.lines.get(KEY)
    desk.partition.checkpoint(0, desk.clock_ms + 3_600_000)
    assert desk.partition.lines.get(KEY) == line
    assert desk.partition.lines.live_count == 1


def test_a_gap_quarantines_its_conversation_alone_and_time_does_nothing_to_it() -> None:
    desk = called()
    desk.say(commands.RequestCall, EVE, conversation_id=ROOM, call_id="c2", callees=("ana",))
    desk.say(commands.ReportRinging, BOB)
    desk.say(commands.ReportRinging, BOB2)
    successor = Partition(0, 1, desk.rules, snapshot_interval_ms=10)
    desk.events = [*desk.events[:2], desk.events[3]._replace(offset=2)]
    reasons = [successor.fold(record, START_MS) for record in desk.events]
    assert reasons == [None, None, "gap: seq 3 follows 1; the conversation is quarantined"]
    desk.partition = successor
    assert desk.say(commands.AcceptCall, BOB) == "the conversation is quarantined: see the dead letter of its events"
    assert {event.conversation_id for event in desk.wait(RING_MS + 500)} == {ROOM}
    checkpoint = codec.decode(desk.saved()[-1].value, CallsCheckpoint)
    assert checkpoint.events_next == 2, "every successor sees the gap"


def test_an_event_that_no_owner_writes_quarantines_instead_of_ending_the_take_over() -> None:
    desk = answered()
    requested, _, accepted = desk.events
    event: events.Event = codec.decode(accepted.value, events.Event)  # type: ignore[arg-type]
    of_no_call = accepted._replace(offset=1, value=codec.encode("call-events", replace(event, call_id="c0", seq=2)))
    successor = Partition(0, 1, desk.rules, snapshot_interval_ms=10)
    assert successor.fold(requested, START_MS) is None
    assert (successor.fold(of_no_call, START_MS) or "").startswith("impossible event: ValueError: CallAccepted of a call that is not live")


def test_a_snapshot_that_cannot_be_read_makes_the_successor_fold_the_whole_log() -> None:
    desk = played()
    saved = desk.saved()
    successor = Partition(0, 1, desk.rules, snapshot_interval_ms=10)
    reasons = [successor.load(record._replace(value=(record.value or b"")[:-3]) if record.key == KEY else record) for record in saved]
    assert [reason for reason in reasons if reason] != []
    assert successor.fold_start() == 0
    for record in desk.events:
        assert successor.fold(record, desk.clock_ms) is None
    assert state(successor)[0] == state(desk.partition)[0]
