"""What expires of a conversation: by the age of each piece of content, without what is held, and never a fact that is no content."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas import events
from schemas.retention import HoldPlaced, MatterOpened, RetentionSet
from schemas.values import Content
from store.retention import Retention
from streams.retention.deciding import Subject, expired, expiring

GROUP = "g-1"
RULED: dict[str, Any] = {"event_id": "e", "tenant": "default", "actor": "root", "at_ms": 0}
RULE = RetentionSet(**RULED, scope="tenant", target="", keep_ms=100)


def base(seq: int, at_ms: int) -> dict[str, Any]:
    ids = {"event_id": f"{GROUP}:{seq}", "tenant": "default", "conversation_id": GROUP, "command_id": f"c{seq}", "trace_id": ""}
    return {**ids, "seq": seq, "ordinal": seq, "at_ms": at_ms, "user": "u-ana", "device": "d"}


def sent(seq: int, at_ms: int) -> events.MessageSent:
    return events.MessageSent(**base(seq, at_ms), content=Content("text/plain", b"x"))


def edited(seq: int, at_ms: int, target: int) -> events.MessageEdited:
    return events.MessageEdited(**base(seq, at_ms), target_seq=target, content=Content("text/plain", b"y"))


def left(seq: int, at_ms: int) -> events.MemberLeft:
    return events.MemberLeft(**base(seq, at_ms))


def held(from_ms: int, until_ms: int) -> Retention:
    span: dict[str, Any] = {"conversations": (GROUP,), "users": (), "from_ms": from_ms, "until_ms": until_ms}
    return Retention.of([RULE, MatterOpened(**RULED, matter="m", name="", **span), HoldPlaced(**RULED, matter="m", reason="")])


def subject(retention: Retention) -> Subject:
    return Subject("default", GROUP, "group", retention.holding(GROUP, ()))


HAPPENED: list[events.Event] = [sent(1, 10), left(2, 20), edited(3, 30, 1), sent(4, 40), sent(5, 50)]


def test_what_is_older_than_the_rule_expires_and_members_stay() -> None:
    state = Retention.of([RULE])
    found = expiring(HAPPENED, 1, subject(state), state, 140)
    assert [[event.seq for event in span] for span in found.spans] == [[1, 3, 4]]
    assert (found.next_seq, found.over) == (5, True)
    told = expired(found.spans[0], subject(state), state, 140)
    assert (told.from_seq, told.before_seq, told.edit_seqs, told.messages_count, told.decided_at) == (1, 5, (3,), 2, 1)
    assert state.counts(told)


def test_what_is_held_stays_and_parts_what_expires() -> None:
    state = held(25, 35)
    found = expiring(HAPPENED, 1, subject(state), state, 1_000)
    assert [[event.seq for event in span] for span in found.spans] == [[1], [4, 5]]
    assert (found.next_seq, found.over) == (6, False)


def test_without_a_rule_nothing_is_looked_at_any_further() -> None:
    assert expiring(HAPPENED, 1, subject(Retention()), Retention(), 10**12) == ((), 1, True)


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(0, 400), st.integers(0, 200), st.integers(1, 100))
def test_nothing_young_or_held_expires_and_everything_else_does(gaps: list[int], now_ms: int, from_ms: int, long_ms: int) -> None:
    times = [sum(gaps[: at + 1]) for at in range(len(gaps))]
    happened: list[events.Event] = [sent(seq, at_ms) for seq, at_ms in enumerate(times, 1)]
    state = held(from_ms, from_ms + long_ms)
    found = expiring(happened, 1, subject(state), state, now_ms)
    gone = {event.seq for span in found.spans for event in span}
    kept = {event.seq for event in happened if event.at_ms + 100 > now_ms or state.held(GROUP, (), event.at_ms)}
    assert gone == {event.seq for event in happened} - kept
