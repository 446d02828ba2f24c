from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.notices import PushCancelled
from store.pushing import Alerted, PushSettings
from streams.push.channels.port import Traits
from streams.push.decide import collapse_key, decide
from streams.push.situation import RING_ONLY, ChannelNow, over_mark
from streams.push.withdraw import Cancellation, withdraw
from tests.push.situations import CHANNELS, NOON_MS, TTL_MS, situation, token


def row(device: str = "phone", channel: str = "apns", to_seq: int = 10, *, shown: bool = True) -> Alerted:
    return Alerted(device, channel, to_seq, 1, shown, NOON_MS - 60_000)


def cancellation(**fields: Any) -> Cancellation:
    made: dict[str, Any] = {
        "cancelled": PushCancelled(tenant="default", user="ana", conversation_id="c1", up_to_seq=10, at_ms=NOON_MS),
        "subject": "c1",
        "tokens": (token(),),
        "alerted": (row(),),
        "channels": CHANNELS,
        "settings": PushSettings(),
    }
    return Cancellation(**(made | fields))


def outcome(found: Cancellation, now_ms: int = NOON_MS) -> list[tuple[str, str, str]]:
    decision = withdraw(found, now_ms)
    assert decision.held == ()
    sent = [(one.token.device, one.token.channel, one.alert.kind) for one in decision.sends]
    return sorted(sent + [(one.device, one.channel, one.reason) for one in decision.suppressed])


def test_what_was_shown_is_taken_back_under_the_key_it_was_shown_under() -> None:
    (shown,) = decide(situation(), NOON_MS).sends
    (back,) = withdraw(cancellation(unread=2), NOON_MS).sends
    assert back.alert.collapse_key == shown.alert.collapse_key == collapse_key("ana", "c1")
    assert back.alert.send_key != shown.alert.send_key  # or the device would take it for a repeat
    assert (back.alert.kind, back.alert.title, back.alert.body, back.alert.badge) == ("withdraw", "", "", 2)
    assert back.alert.data == {"conversation": "c1", "seq": "10"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [("phone", "apns", "withdraw")]),
        ({"alerted": ()}, []),
        ({"alerted": (row(shown=False),)}, []),
        ({"alerted": (row(to_seq=11),)}, []),  # it tells of something newer
        ({"alerted": (row(channel="fcm", to_seq=9), row(to_seq=11))}, []),
        ({"alerted": (row(to_seq=9),)}, [("phone", "apns", "withdraw")]),
        ({"alerted": (row(), row("tablet"))}, [("phone", "apns", "withdraw"), ("tablet", "apns", "token_gone")]),
        ({"alerted": (row(channel="oppo"),), "tokens": (token(), token(channel="oppo"))}, [("phone", "oppo", "cannot_withdraw")]),
        ({"channels": {}}, [("phone", "apns", "channel_off")]),
        ({"channels": {("apns", ""): ChannelNow(Traits(1, withdraws=True), on=False)}}, [("phone", "apns", "channel_off")]),
        ({"channels": {("apns", ""): ChannelNow(Traits(1, withdraws=True), open=True)}}, [("phone", "apns", "breaker_open")]),
        ({"settings": PushSettings(quiet_from_min=0, quiet_until_min=1439)}, [("phone", "apns", "withdraw")]),  # it makes no sound
    ],
)
def test_what_is_taken_back(fields: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert outcome(cancellation(**fields)) == expected


def test_a_ring_is_taken_back_through_the_devices_other_token() -> None:
    tokens = (token(channel="apns_voip"), token(channel="webpush"), token(channel="apns"))
    rung = cancellation(subject="call-1", alerted=(row(channel="apns_voip"),), tokens=tokens)
    assert outcome(rung) == [("phone", "webpush", "withdraw")]
    without = cancellation(alerted=(row(channel="apns_voip"),), tokens=tokens[:1])
    assert outcome(without) == [("phone", "apns_voip", "cannot_withdraw")]


def test_only_the_ring_that_is_over_is_taken_back() -> None:
    over = PushCancelled(tenant="default", user="ana", conversation_id="c1", up_to_seq=0, at_ms=NOON_MS, ref="call-1", attempt=3)
    for attempt, taken in ((3, True), (4, False)):
        shows = Alerted("phone", "apns", 0, attempt, True, NOON_MS)
        decision = withdraw(cancellation(cancelled=over, subject="call-1", alerted=(shows, over_mark(3, NOON_MS))), NOON_MS)
        assert [one.token.channel for one in decision.sends] == (["apns"] if taken else [])
        assert [one.alert.data for one in decision.sends] == [{"purpose": "call", "conversation": "c1", "ref": "call-1"}] * taken
        assert decision.suppressed == ()


def test_too_late_is_too_late() -> None:
    assert outcome(cancellation(), NOON_MS + TTL_MS) == [("phone", "apns", "expired")]
    assert withdraw(cancellation(), NOON_MS + 1).sends[0].alert.deadline_ms == NOON_MS + TTL_MS


def test_no_badge_where_the_user_wants_none() -> None:
    assert withdraw(cancellation(unread=2, settings=PushSettings(badge=False)), NOON_MS).sends[0].alert.badge is None


names = st.sampled_from(["apns", "apns_voip", "fcm", "webpush", "oppo", "vivo"])
devices = st.sampled_from(["phone", "tablet"])


@given(
    st.lists(
        st.builds(row, devices, names, st.integers(8, 12), shown=st.booleans()), max_size=5, unique_by=lambda one: (one.device, one.channel)
    ),
    st.lists(st.builds(token, devices, names), max_size=6, unique_by=lambda one: (one.device, one.channel)),
    st.permutations(["apns", "apns_voip", "fcm", "webpush", "oppo", "vivo"]),
)
def test_never_through_a_token_that_takes_only_calls_and_at_most_once_a_device(
    rows: list[Alerted], tokens: list[Any], order: list[str]
) -> None:
    able = {(name, ""): ChannelNow(Traits(4096, withdraws=name != "oppo")) for name in order}  # whatever the trait of a ring-only one says
    found = cancellation(alerted=tuple(rows), tokens=tuple(tokens), channel_order=tuple(order), channels=able)
    decision = withdraw(found, NOON_MS)
    assert all(one.token.channel not in RING_ONLY and one.alert.kind == "withdraw" for one in decision.sends)
    told = [one.token.device for one in decision.sends] + [one.device for one in decision.suppressed]
    shown = {one.device for one in rows if one.shown and one.to_seq <= 10}
    assert len(told) == len(set(told))
    assert set(told) <= shown
