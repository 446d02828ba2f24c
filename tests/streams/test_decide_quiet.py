"""Read marks that become receipts instead of events, and messages that rather come twice than not at all."""

import copy

import pytest

from log.port import Record
from schemas import codec, commands
from schemas.keys import conversation_of_receipt
from schemas.records import CommandRepeated, WatermarkRaised
from schemas.values import ConversationKind, Member, Qos, Role
from streams.conversations.decide import Accepted, Noted
from streams.conversations.partition import COMMANDS_TOPIC, RECEIPTS_TOPIC, Partition
from streams.conversations.rules import DAY_MS, Rules
from streams.owning.outcome import Answer
from tests.streams.talking import GROUP_ID, T0_MS, Talk, code_of, opened, text

CROWD: dict[str, Role] = {f"u{number}": "member" for number in range(4)}
FEW = Rules(read_events_members_limit=4)


def crowd() -> Talk:
    """Five members where read marks of up to four are events."""
    return opened(members=CROWD, rules=FEW)


def mark(talk: Talk, user: str, seq: int, ordinal: int, *, quiet: bool = False) -> commands.MarkRead:
    return talk.command(commands.MarkRead, user, up_to_seq=seq, up_to_ordinal=ordinal, quiet=quiet)


def test_among_many_a_read_mark_is_noted_and_changes_nothing_of_the_owners() -> None:
    talk = crowd()
    seq = talk.send("ana")
    before = copy.deepcopy(talk.head)
    assert talk.do(mark(talk, "u1", seq, 1)) == Noted(seq, 1, raised=True)
    assert talk.head == before


def test_among_few_it_is_an_event_unless_it_is_quiet() -> None:
    talk = opened()
    seq = talk.send("ana")
    assert talk.decide(mark(talk, "ben", seq, 1, quiet=True)) == Noted(seq, 1, raised=True)
    assert isinstance(talk.decide(mark(talk, "ben", seq, 1)), Accepted)


def test_a_quiet_mark_is_checked_like_any_other() -> None:
    talk = crowd()
    seq = talk.send("ana")
    assert code_of(talk.decide(mark(talk, "u1", seq + 1, 1))) == "seq_ahead"
    assert code_of(talk.decide(mark(talk, "u1", seq, 7))) == "invalid"
    assert code_of(talk.decide(mark(talk, "zoe", seq, 1))) == "not_member"


def test_who_sent_the_message_has_read_it_and_nothing_is_written_for_that() -> None:
    talk = crowd()
    seq = talk.send("u1")
    assert talk.decide(mark(talk, "u1", seq, 1)) == Noted(seq, 1, raised=False)


def test_a_noted_mark_is_answered_with_seq_0_and_a_mark_that_is_there_already_leaves_no_receipt() -> None:
    partition = Partition(0, 1, FEW, unpacked_limit=10, snapshot_interval_ms=30_000)
    talk = opened()
    created = talk.command(commands.CreateConversation, "ana", conversation_kind="group", title="t", members=())
    partition.handle(record_of(created, 0), T0_MS)
    partition.handle(record_of(talk.command(commands.SendMessage, "ana", content=text("hello")), 1), T0_MS)
    answer = partition_answer(partition, mark(talk, "ana", 2, 1, quiet=True), offset=2)
    assert answer.receipt is None  # ana sent the message and so has read up to it
    reply = codec.decode(answer.entry.value, CommandRepeated)
    assert (reply.seq, reply.ordinal, answer.refused) == (0, 0, False)


def record_of(command: commands.Command, offset: int) -> Record:
    return Record(COMMANDS_TOPIC, 0, offset, T0_MS, GROUP_ID.encode(), codec.encode(COMMANDS_TOPIC, command))


def partition_answer(partition: Partition, command: commands.Command, offset: int) -> Answer:
    outcome = partition.handle(record_of(command, offset), T0_MS)
    assert isinstance(outcome, Answer), outcome
    return outcome


def test_the_receipt_of_a_quiet_mark_is_hidden_and_keyed_by_device() -> None:
    partition = Partition(0, 1, FEW, unpacked_limit=10, snapshot_interval_ms=30_000)
    talk = opened()
    members = (Member("ben"),)
    created = talk.command(commands.CreateConversation, "ana", conversation_kind="group", title="t", members=members)
    partition.handle(record_of(created, 0), T0_MS)
    partition.handle(record_of(talk.command(commands.SendMessage, "ana", content=text("hello")), 1), T0_MS)
    answer = partition_answer(partition, mark(talk, "ben", 2, 1, quiet=True), offset=2)
    assert answer.receipt is not None
    receipt = codec.decode(answer.receipt.value, WatermarkRaised)
    assert (receipt.user, receipt.state, receipt.up_to_seq, receipt.up_to_ordinal, receipt.hidden) == ("ben", "read", 2, 1, True)
    assert answer.receipt.key is not None
    assert conversation_of_receipt(answer.receipt.key) == GROUP_ID
    assert answer.receipt.key.split(b"\0")[1:] == [b"ben", b"phone", b"read"]
    assert codec.encode(RECEIPTS_TOPIC, receipt) == answer.receipt.value


@pytest.mark.parametrize(("qos", "code"), [("at_least_once", "accepted"), ("effectively_once", "stale"), (None, "stale")])
def test_a_message_that_may_come_twice_is_never_refused_as_stale(qos: Qos | None, code: str) -> None:
    talk = opened()
    old = talk.command(commands.SendMessage, "ben", content=text("late"), qos=qos)
    talk.now_ms += DAY_MS + 1
    assert code_of(talk.decide(old)) == code


def test_while_it_is_remembered_even_such_a_message_comes_once() -> None:
    talk = opened()
    command = talk.command(commands.SendMessage, "ben", content=text("hi"), qos="at_least_once")
    talk.must(command)
    assert code_of(talk.decide(command)) == "repeated"


@pytest.mark.parametrize("kind", ["direct", "group", "channel"])
def test_the_usual_qos_is_chosen_by_the_kind_of_conversation(kind: ConversationKind) -> None:
    rules = Rules.from_env({f"STREAMS_AT_LEAST_ONCE_{kind.upper()}": "1"})
    talk = opened(kind, rules=rules)
    assert qos_of(talk, None) == "at_least_once"
    assert qos_of(talk, "effectively_once") == "effectively_once"
    assert qos_of(opened(kind), None) == "effectively_once"


def qos_of(talk: Talk, asked: Qos | None) -> Qos:
    decision = talk.decide(talk.command(commands.SendMessage, "ana", content=text("x"), qos=asked))
    assert isinstance(decision, Accepted)
    (event,) = decision.events
    qos: Qos = event.qos  # type: ignore[union-attr]
    return qos
