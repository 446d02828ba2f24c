"""Command ids: repeats, conflicts, clocks, and what is forgotten by age and by count. Read marks by value."""

import pytest
from msgspec.structs import replace

from schemas import commands
from schemas.fingerprint import fingerprint
from schemas.ids import uuid7
from schemas.values import Content
from streams.conversations.decide import Accepted, Noted, Repeated
from streams.conversations.evolve import evolve
from streams.conversations.rules import DAY_MS, Rules
from tests.streams.talking import T0_MS, Talk, code_of, opened, text

BAD_IDS = [
    "",
    "x",
    "018bcfe5-6800-42bc-9947-505cbcc785d4",  # version 4
    "018bcfe5-6800-72bc-c947-505cbcc785d4",  # variant
    "018BCFE5-6800-72BC-9947-505CBCC785D4",  # another text of the same id would not be found again
    "018bcfe5680072bc9947505cbcc785d4",
    "018bcfe5-6800-72bc-9947-505cbcc785d4\n",
    "{018bcfe5-6800-72bc-9947-505cbcc785d4}",
]


@pytest.mark.parametrize("command_id", BAD_IDS)
def test_a_malformed_id_is_invalid(command_id: str) -> None:
    talk = opened()
    command = replace(talk.command(commands.SendMessage, "ana", content=text("hi")), command_id=command_id)
    assert code_of(talk.decide(command)) == "invalid"
    assert code_of(Talk().decide(command)) == "invalid"


def test_a_repeat_gets_the_answer_of_the_first_time_from_any_device_and_edge() -> None:
    talk = opened()
    command = talk.command(commands.SendMessage, "ben", content=text("hi"))
    seq = talk.must(command)
    talk.now_ms += 5_000
    talk.send("ana")
    again = replace(command, device="laptop", trace_id="other", received_at_ms=7)
    assert talk.decide(again) == Repeated(seq, 1, T0_MS)


@pytest.mark.parametrize(
    "change",
    [
        {"content": text("ho")},
        {"content": Content("text/markdown", b"hi")},
        {"content": Content("text/plain", b"hi", "key-1")},
        {"reply_to": 1},
        {"mentions": ("ana",)},
        {"user": "ana"},
    ],
)
def test_the_same_id_for_another_request_is_a_conflict(change: dict[str, object]) -> None:
    talk = opened()
    command = talk.command(commands.SendMessage, "ben", content=text("hi"))
    talk.must(command)
    assert code_of(talk.decide(replace(command, **change))) == "command_id_reused"


def test_the_same_id_for_another_kind_of_request_is_a_conflict() -> None:
    talk = opened()
    sent = talk.command(commands.SendMessage, "ben", content=text("hi"))
    seq = talk.must(sent)
    added = talk.command(commands.AddReaction, "ben", command_id=sent.command_id, target_seq=seq, reaction="+1")
    removed = talk.command(commands.RemoveReaction, "ben", command_id=sent.command_id, target_seq=seq, reaction="+1")
    assert code_of(talk.decide(added)) == "command_id_reused"
    assert fingerprint(added) != fingerprint(removed)


def test_a_stranger_learns_nothing_from_a_known_id_and_who_left_still_gets_its_answer() -> None:
    talk = opened()
    sent = talk.command(commands.SendMessage, "ben", content=text("hi"))
    talk.must(sent)
    assert code_of(talk.decide(replace(sent, user="zoe"))) == "not_member"
    leave = talk.command(commands.LeaveConversation, "ben")
    talk.must(leave)
    assert code_of(talk.decide(leave)) == "repeated"
    assert code_of(talk.decide(sent)) == "repeated"


def test_a_creation_is_repeated_by_its_id_and_exists_for_any_other() -> None:
    talk = Talk()
    create = talk.command(commands.CreateConversation, "ana", conversation_kind="group", title="Birds", members=())
    talk.must(create)
    assert talk.decide(create) == Repeated(1, 0, T0_MS)
    assert code_of(talk.decide(replace(create, title="Owls"))) == "command_id_reused"
    assert code_of(talk.decide(replace(create, command_id=talk.fresh_id()))) == "conversation_exists"


def test_the_clock_may_be_ahead_by_a_minute_and_behind_by_a_day() -> None:
    for state_exists in (True, False):
        talk = opened() if state_exists else Talk()

        def outcome(id_ms: int, talk: Talk = talk, state_exists: bool = state_exists) -> str:
            command_id = talk.fresh_id(id_ms)
            if state_exists:
                return code_of(talk.decide(talk.command(commands.SendMessage, "ana", content=text("hi"), command_id=command_id)))
            create = talk.command(
                commands.CreateConversation, "ana", conversation_kind="group", title="", members=(), command_id=command_id
            )
            return code_of(talk.decide(create))

        assert outcome(T0_MS + 60_000) == "accepted"
        assert outcome(T0_MS + 60_001) == "clock_ahead"
        assert outcome(T0_MS - DAY_MS) == "accepted"
        assert outcome(T0_MS - DAY_MS - 1) == "stale"


def test_a_command_is_remembered_for_as_long_as_its_id_would_be_taken() -> None:
    """Ids that were ahead and behind when they were accepted, repeated at every moment around the horizon."""
    for skew_ms in (-3_000, 0, 3_000):
        talk = opened(rules=Rules(command_horizon_ms=60_000))
        command = talk.command(commands.SendMessage, "ana", content=text("hi"), command_id=talk.fresh_id(T0_MS + skew_ms))
        talk.must(command)
        for now_ms in range(T0_MS + 55_000, T0_MS + 66_000, 1_000):
            talk.now_ms = now_ms
            talk.send("ben")  # so that old ones are dropped
            outcome = code_of(talk.decide(command))
            in_time = now_ms <= T0_MS + skew_ms + 60_000
            assert outcome == "repeated" if in_time else outcome in ("repeated", "stale"), (skew_ms, now_ms - T0_MS)
        assert outcome == "stale"


def test_what_was_forgotten_by_count_is_stale_and_newer_ids_are_not() -> None:
    talk = opened(rules=Rules(remembered_commands=3))
    first = talk.command(commands.SendMessage, "ana", content=text("first"))
    delayed = talk.command(commands.SendMessage, "ana", content=text("made after, sent much later"))
    talk.must(first)
    for _ in range(3):
        talk.now_ms += 1
        talk.send("ana")
    assert code_of(talk.decide(first)) == "stale"
    assert code_of(talk.decide(delayed)) == "accepted"
    talk.send("ana")
    assert code_of(talk.decide(delayed)) == "stale"


def test_the_floor_is_the_newest_id_that_was_forgotten_also_when_an_older_one_is_forgotten_later() -> None:
    talk = opened(rules=Rules(remembered_commands=2))
    newer = talk.command(commands.SendMessage, "ben", content=text("made second, arrives first"), command_id=talk.fresh_id(T0_MS + 5_000))
    older = talk.command(commands.SendMessage, "ben", content=text("made first, arrives second"), command_id=talk.fresh_id(T0_MS))
    for command in (newer, older):
        talk.must(command)
    talk.now_ms += 10_000
    for _ in range(2):
        talk.send("ana")
    assert [code_of(talk.decide(command)) for command in (newer, older)] == ["stale", "stale"]


def test_a_clock_that_is_ahead_makes_nobody_else_stale() -> None:
    talk = opened(rules=Rules(remembered_commands=3))
    for _ in range(10):
        talk.must(talk.command(commands.SendMessage, "ana", content=text("hi"), command_id=talk.fresh_id(T0_MS + 59_000)))
    assert code_of(talk.decide(talk.command(commands.SendMessage, "ben", content=text("hi")))) == "accepted"
    assert code_of(talk.decide(talk.command(commands.SendMessage, "ana", content=text("hi")))) == "stale"


def test_who_leaves_and_comes_back_cannot_send_a_forgotten_command_twice() -> None:
    talk = opened(rules=Rules(remembered_commands=3))
    sent = talk.command(commands.SendMessage, "ben", content=text("hi"))
    talk.must(sent)
    talk.must(talk.command(commands.LeaveConversation, "ben"))
    for _ in range(3):
        talk.send("ana")
    talk.must(talk.command(commands.AddMember, "ana", member="ben"))
    assert code_of(talk.decide(sent)) == "stale"


def test_floors_are_dropped_once_the_horizon_covers_them() -> None:
    talk = opened(members={f"u{n}": "member" for n in range(20)}, rules=Rules(remembered_commands=1, command_horizon_ms=60_000))
    for n in range(20):
        talk.send(f"u{n}")
    assert len(talk.head.floors) == 20  # ana's creation, and all but the last
    talk.now_ms += 120_000
    for _ in range(20):
        talk.send("ana")
    assert set(talk.head.floors) == {"ana"}


def test_time_never_runs_backwards_in_a_conversation() -> None:
    talk = opened()
    talk.now_ms = T0_MS - 5_000
    decision = talk.decide(talk.command(commands.SendMessage, "ana", content=text("hi")))
    assert isinstance(decision, Accepted)
    assert decision.events[0].at_ms == T0_MS


def test_readers_do_not_push_messages_out_of_memory() -> None:
    talk = opened(rules=Rules(remembered_commands=3))
    sent = talk.send("ana")
    for n in range(10):
        other = talk.send("ana") if n == 5 else sent
        talk.do(talk.command(commands.MarkRead, "ben", up_to_seq=other, up_to_ordinal=1 + (n >= 5)))
        talk.do(talk.command(commands.MarkRead, "ana", up_to_seq=talk.head.head_seq, up_to_ordinal=talk.head.head_ordinal))
    assert code_of(talk.decide(talk.command(commands.EditMessage, "ana", target_seq=sent, content=text("ho")))) == "accepted"


def mark(talk: Talk, user: str, seq: int, ordinal: int) -> commands.MarkRead:
    return talk.command(commands.MarkRead, user, up_to_seq=seq, up_to_ordinal=ordinal)


def test_the_ordinal_of_a_mark_is_checked_exactly_where_it_is_remembered() -> None:
    talk = opened()
    talk.send("ana")  # seq 2, ordinal 1
    talk.must(talk.command(commands.AddReaction, "ana", target_seq=2, reaction="+1"))
    talk.send("ana")  # seq 4, ordinal 2
    for seq, right in ((2, 1), (3, 1), (4, 2)):
        outcomes = {ordinal: code_of(talk.decide(mark(talk, "ben", seq, ordinal))) for ordinal in range(-1, 4)}
        assert outcomes == {ordinal: "accepted" if ordinal == right else "invalid" for ordinal in range(-1, 4)}


def test_beyond_memory_the_ordinal_of_a_mark_is_bounded_by_what_is_known() -> None:
    talk = opened(rules=Rules(remembered_commands=2))
    for _ in range(6):
        talk.send("ana")  # seq 2..7, ordinal 1..6; remembered: 6 and 7
    for _ in range(2):
        talk.must(talk.command(commands.AddReaction, "ana", target_seq=7, reaction="+1"))  # remembered: 8 and 9
    outcomes = {ordinal: code_of(talk.decide(mark(talk, "ben", 5, ordinal))) for ordinal in range(7)}
    # Of the 2 events between 5 and 8 at most 2 are messages, so 4 at least; and 4 events after ben's own mark at 1: 4 at most.
    assert outcomes == {0: "invalid", 1: "invalid", 2: "invalid", 3: "invalid", 4: "accepted", 5: "invalid", 6: "invalid"}


def test_a_mark_that_is_not_above_the_present_one_is_noted_and_nothing_is_taken_from_it() -> None:
    talk = opened()
    talk.send("ana")
    talk.send("ana")
    low = mark(talk, "ben", 2, 1)
    low_seq = talk.must(low)
    talk.must(mark(talk, "ben", 3, 2))
    assert talk.decide(low) == Repeated(low_seq, 2, T0_MS)
    assert talk.decide(mark(talk, "ben", 2, 1)) == Noted(3, 2, raised=False)
    assert talk.decide(mark(talk, "ben", 3, 99)) == Noted(3, 2, raised=False)


def test_so_is_one_below_a_mark_that_sending_set() -> None:
    talk = opened()
    talk.send("ben")
    assert talk.decide(mark(talk, "ben", 1, 0)) == Noted(2, 1, raised=False)


def test_sending_moves_the_senders_mark_and_joining_begins_at_the_join() -> None:
    talk = opened()
    seq = talk.send("ben")
    assert (talk.head.members["ben"].read_seq, talk.head.members["ben"].read_ordinal) == (seq, 1)
    assert (talk.head.members["ana"].read_seq, talk.head.members["ana"].read_ordinal) == (1, 0)
    joined = talk.must(talk.command(commands.AddMember, "ana", member="new"))
    new = talk.head.members["new"]
    assert (new.joined_seq, new.read_seq, new.read_ordinal) == (joined, joined, 1)


def test_a_fingerprint_is_the_same_in_every_process_and_for_ever() -> None:
    """It stands in the log: if this fails, retries across the change are refused as conflicts."""
    command = Talk().command(commands.SendMessage, "ana", content=text("hi"), command_id=uuid7(T0_MS, 1))
    assert fingerprint(command).hex() == "8dec86ecf61f7e3e"


def test_beyond_memory_a_remembered_message_does_not_count_before_itself() -> None:
    talk = opened(rules=Rules(remembered_commands=2))
    for _ in range(6):
        talk.send("ana")  # seq 2..7, ordinal 1..6; remembered: 6 and 7
    outcomes = {ordinal: code_of(talk.decide(mark(talk, "ben", 5, ordinal))) for ordinal in range(3, 7)}
    assert outcomes == {3: "invalid", 4: "accepted", 5: "invalid", 6: "invalid"}


def test_a_mark_in_the_log_that_is_below_the_present_one_does_not_lower_it() -> None:
    talk = opened()
    talk.send("ana")
    talk.must(mark(talk, "ben", 2, 1))
    low = replace(talk.log[-1][0], up_to_seq=1, up_to_ordinal=0)  # as another owner might have written it
    after = evolve(talk.head, low, b"12345678", talk.rules)
    assert (after.members["ben"].read_seq, after.members["ben"].read_ordinal) == (2, 1)
