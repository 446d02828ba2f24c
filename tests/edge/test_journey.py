"""A message's journey: every step that is known with its time, every other with the reason; and nothing that is hidden."""

from typing import Any

from edge.journey import NO_COMMAND, NO_PASSAGE, NO_PUSH, NO_RECEIPT, NO_RECORD, READ_SOMETIME, Accepted, Found, Step, journey_of
from schemas import events
from schemas.notices import PushRequested
from schemas.records import LogPassed, WatermarkRaised
from schemas.values import WatermarkState
from store.receipts import ReceiptRow
from store.views import Membership
from tests.edge.builders import ANA, BEN, EVE, GROUP, base, sent
from tests.push.campaign_parts import result

SEQ = 5


def member(user: str, joined_seq: int = 1, read_seq: int = 1) -> Membership:
    return Membership(
        user=user,
        conversation_id=GROUP,
        conversation_kind="group",
        title="",
        role="member",
        joined_seq=joined_seq,
        active=True,
        changed_seq=joined_seq,
        read_seq=read_seq,
        read_ordinal=read_seq,
    )


def found(**more: Any) -> Found:
    fields: dict[str, Any] = {
        "event": sent(SEQ, user=ANA, device="phone"),
        "offset": 40,
        "partition": 2,
        "committed_at_ms": 1_030,
        "accepted": Accepted(1_000, 1_010),
        "members": [member(ANA), member(BEN)],
    }
    return Found(**{**fields, **more})


def passed(process: str, next_offset: int, at_ms: int, stage: Any = "fanned_out", partition: int = 2) -> LogPassed:
    return LogPassed(process=process, stage=stage, topic="conversation-events", partition=partition, next_offset=next_offset, at_ms=at_ms)


def mark(state: WatermarkState, up_to_seq: int, at_ms: int, user: str = BEN, device: str = "phone", **more: bool) -> WatermarkRaised:
    return WatermarkRaised(
        tenant="default", conversation_id=GROUP, user=user, device=device, state=state, up_to_seq=up_to_seq, at_ms=at_ms, **more
    )


def steps(what: Found, name: str, see_hidden: bool = False) -> list[Step]:
    return [step for step in journey_of(what, 9_999, see_hidden).steps if step.step == name]


def test_what_the_log_says_stands_first_and_in_order() -> None:
    journey = journey_of(found(), 9_999, see_hidden=False)
    assert journey.steps[:3] == (Step("received", 1_000), Step("accepted", 1_010), Step("committed", 1_030))
    assert (journey.conversation, journey.seq, journey.user, journey.device) == (GROUP, SEQ, ANA, "phone")
    names = [step.step for step in journey.steps]
    assert names == ["received", "accepted", "committed", "projected", "fanned_out", "pushed", "delivered", "read"]


def test_what_is_not_known_says_why() -> None:
    lost = found(accepted=None)
    assert steps(lost, "accepted") == [Step("accepted", why=NO_COMMAND)]
    lost = found(accepted=None, offset=None, committed_at_ms=None)
    for name in ("received", "accepted", "committed", "projected", "fanned_out"):
        assert [(step.at_ms, step.why) for step in steps(lost, name)] == [(None, NO_RECORD)]
    assert steps(found(), "fanned_out") == [Step("fanned_out", why=NO_PASSAGE)]
    assert steps(found(), "pushed") == [Step("pushed", why=NO_PUSH)]
    assert steps(found(), "delivered") == [Step("delivered", user=BEN, why=NO_RECEIPT)]


def test_a_passage_counts_from_the_first_that_is_beyond_the_event_of_each_process() -> None:
    passages = [
        passed("edge-1", 40, 1_040),  # up to the event, without it
        passed("edge-2", 99, 1_050, partition=3),
        passed("edge-2", 45, 1_060),
        passed("edge-1", 41, 1_070),
        passed("edge-1", 60, 1_080),
        passed("worker-1", 41, 1_055, "projected"),
    ]
    what = found(passages=passages)
    assert steps(what, "fanned_out") == [Step("fanned_out", 1_060, True, "edge-2"), Step("fanned_out", 1_070, True, "edge-1")]
    assert steps(what, "projected") == [Step("projected", 1_055, True, "worker-1")]


def test_receipts_are_told_for_every_device_with_the_first_mark_that_reached_the_message() -> None:
    phone = [mark("delivered", 4, 1_100), mark("delivered", 5, 1_110), mark("delivered", 9, 1_120)]
    others = [mark("delivered", 7, 1_130, device="laptop"), mark("played", 5, 1_140), mark("previewed", 5, 1_105), mark("unread", 5, 1_150)]
    what = found(marks=[*phone, *others])
    expected = [Step("delivered", 1_110, user=BEN, device="phone"), Step("delivered", 1_130, user=BEN, device="laptop")]
    assert steps(what, "delivered") == expected
    assert steps(what, "played") == [Step("played", 1_140, user=BEN, device="phone")]
    assert steps(what, "read") == [Step("read", user=BEN, why=NO_RECEIPT)]


def test_where_the_log_was_not_looked_through_the_tables_say_by_when() -> None:
    rows = {"delivered": [ReceiptRow(BEN, "phone", 8, 0, False, 5_000), ReceiptRow(BEN, "old", 4, 0, False, 900)]}
    assert steps(found(rows=rows), "delivered") == [Step("delivered", 5_000, True, user=BEN, device="phone")]
    both = found(rows=rows, marks=[mark("delivered", 5, 1_110)])
    assert steps(both, "delivered") == [Step("delivered", 1_110, False, user=BEN, device="phone")]


def test_read_marks_that_are_events_and_messages_sent_later_are_reads() -> None:
    read = events.ReadMarked(up_to_seq=5, up_to_ordinal=5, **{**base(6, user=BEN, device="phone"), "at_ms": 1_200})
    older = events.ReadMarked(up_to_seq=4, up_to_ordinal=4, **{**base(7, user=EVE, device="phone"), "at_ms": 1_210})
    answer = events.MessageSent(content=sent(1).content, **{**base(8, user=EVE, device="laptop"), "at_ms": 1_220})
    what = found(later=[read, older, answer], members=[member(ANA), member(BEN), member(EVE)])
    assert steps(what, "read") == [Step("read", 1_200, user=BEN, device="phone"), Step("read", 1_220, user=EVE, device="laptop")]
    assert steps(found(members=[member(BEN, read_seq=9)]), "read") == [Step("read", user=BEN, why=READ_SOMETIME)]


def test_hidden_receipts_are_told_to_administrators_only() -> None:
    what = found(marks=[mark("read", 5, 1_110, hidden=True)], rows={"delivered": [ReceiptRow(BEN, "phone", 8, 0, True, 5_000)]})
    assert steps(what, "read") == [Step("read", user=BEN, why=NO_RECEIPT)]
    assert steps(what, "delivered") == [Step("delivered", user=BEN, why=NO_RECEIPT)]
    assert steps(what, "read", see_hidden=True) == [Step("read", 1_110, user=BEN, device="phone")]
    assert steps(what, "delivered", see_hidden=True) == [Step("delivered", 5_000, True, user=BEN, device="phone")]


def test_the_author_and_who_joined_later_are_not_waited_for_but_the_authors_other_device_is_told() -> None:
    marks = [mark("delivered", 5, 1_100, ANA), mark("delivered", 5, 1_110, ANA, "tab")]
    what = found(members=[member(ANA), member(EVE, joined_seq=9)], marks=marks)
    assert steps(what, "delivered") == [Step("delivered", 1_110, user=ANA, device="tab")]
    assert steps(what, "read") == []


def test_pushes_are_those_whose_range_holds_the_message() -> None:
    def push(user: str, from_seq: int, to_seq: int, at_ms: int, conversation: str = GROUP) -> PushRequested:
        return PushRequested(
            push_id="p",
            tenant="default",
            user=user,
            conversation_id=conversation,
            conversation_kind="group",
            from_seq=from_seq,
            to_seq=to_seq,
            attempt=1,
            reason="absent",
            at_ms=at_ms,
        )

    pushes = [push(BEN, 1, 4, 1), push(BEN, 3, 5, 2), push(BEN, 5, 5, 3), push(EVE, 5, 6, 4), push("u-x", 5, 5, 5, "g-other")]
    assert steps(found(pushes=pushes), "pushed") == [Step("pushed", 2, user=BEN), Step("pushed", 4, user=EVE)]


def push_of(user: str, to_seq: int, at_ms: int) -> PushRequested:
    return PushRequested(
        push_id="p",
        tenant="default",
        user=user,
        conversation_id=GROUP,
        conversation_kind="group",
        from_seq=to_seq,
        to_seq=to_seq,
        attempt=1,
        reason="absent",
        at_ms=at_ms,
    )


def test_what_became_of_a_push_is_told_to_its_user_and_to_administrators() -> None:
    about: dict[str, Any] = {"conversation_id": GROUP, "from_seq": SEQ, "to_seq": SEQ}
    results = [
        result("k1", user=BEN, channel="webpush", at_ms=20, **about),
        result("k1", user=BEN, channel="webpush", at_ms=30, **about),  # told again after a crash
        result("k1", "received", user=BEN, channel="webpush", at_ms=40, **about),
        result("", "suppressed", "muted", user=EVE, device="", channel="", at_ms=50, **about),
        result("k9", user=BEN, **(about | {"from_seq": SEQ + 1, "to_seq": SEQ + 1})),
    ]
    what = found(pushes=[push_of(BEN, SEQ, 10), push_of(EVE, SEQ, 11)], push_results=results)
    asked = [Step("pushed", 10, user=BEN), Step("pushed", 11, user=EVE)]
    bens = [
        Step("pushed", 20, user=BEN, device="d-1", channel="webpush", outcome="accepted"),
        Step("pushed", 40, user=BEN, device="d-1", channel="webpush", outcome="received"),
    ]
    muted = Step("pushed", 50, user=EVE, why="muted", outcome="suppressed")

    def seen(see_hidden: bool, viewer: str) -> list[Step]:
        return [step for step in journey_of(what, 9_999, see_hidden, viewer).steps if step.step == "pushed"]

    assert seen(True, "") == [asked[0], *bens, asked[1], muted]
    assert seen(False, BEN) == [asked[0], *bens, asked[1]]
    assert seen(False, ANA) == asked
