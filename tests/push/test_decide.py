from dataclasses import replace
from typing import Any

import pytest

from schemas.accounts import AlertOn, PushMode, QuietLets
from schemas.notices import PushRequested
from schemas.values import Content
from store.pushing import Alerted, PushSettings
from streams.push.channels.port import Traits
from streams.push.decide import Decision, decide, send_key
from streams.push.situation import CallNow, CampaignText, ChannelNow, DeviceNow, Mode, Only, Situation, Times, call_of, over_mark
from tests.push.situations import CHANNELS, NOON_MS, TTL_MS, message, request, situation, token

NIGHT = PushSettings(quiet_from_min=11 * 60, quiet_until_min=13 * 60)  # where it is quiet at noon
PHONE_AND_TABLET = (token("phone"), token("tablet", registered_at_ms=2_000))


def sent(decision: Decision) -> list[tuple[str, str]]:
    return [(planned.token.device, planned.token.channel) for planned in decision.sends]


def reasons(decision: Decision) -> list[tuple[str, str, str]]:
    return sorted((one.device, one.channel, one.reason) for one in decision.suppressed)


def reason(found: Situation, now_ms: int = NOON_MS) -> str:
    """Why nothing is sent, for the user as a whole; "" if something is."""
    decision = decide(found, now_ms)
    if decision.sends:
        return ""
    (one,) = decision.suppressed
    assert (one.device, decision.held) == ("", ())
    return one.reason


def mentioning(seq: int = 10, **fields: Any) -> Any:
    return message(seq, mentions=("cem", "ana"), **fields)


# ---- what goes out


def test_a_message_goes_to_every_device_once() -> None:
    decision = decide(situation(tokens=PHONE_AND_TABLET, unread=300), NOON_MS)
    assert sent(decision) == [("phone", "apns"), ("tablet", "apns")]
    alert = decision.sends[0].alert
    assert (alert.kind, alert.title, alert.body, alert.badge) == ("alert", "Climbers", "Ben: hello", 300)
    assert (alert.at_ms, alert.deadline_ms, alert.ticket) == (NOON_MS, NOON_MS + TTL_MS, "")
    assert alert.data == {"purpose": "message", "conversation": "c1", "seq": "10"}
    assert [*decision.suppressed, *decision.held] == []


def test_keys_are_of_one_send_and_of_one_conversation() -> None:
    first, second = (planned.alert for planned in decide(situation(tokens=PHONE_AND_TABLET), NOON_MS).sends)
    assert first.send_key == send_key("ana:c1:10:1", "phone", "apns") != second.send_key
    assert first.collapse_key == second.collapse_key
    other = decide(situation(request=request(conversation_id="c2")), NOON_MS).sends[0].alert
    assert other.collapse_key != first.collapse_key
    for key in (first.send_key, first.collapse_key):
        assert len(key) == 32
        assert set(key) <= set("0123456789abcdef")


def test_the_language_is_the_users_then_the_devices() -> None:
    german = token(locale="de-AT")
    assert decide(situation(tokens=(german,), messages=None), NOON_MS).sends[0].alert.body == "Neue Nachricht"
    chosen = situation(tokens=(german,), messages=None, settings=PushSettings(locale="fr"))
    assert decide(chosen, NOON_MS).sends[0].alert.locale == "fr"


def test_no_badge_where_the_user_wants_none_or_it_is_not_known() -> None:
    assert decide(situation(unread=3, settings=PushSettings(badge=False)), NOON_MS).sends[0].alert.badge is None
    assert decide(situation(unread=None), NOON_MS).sends[0].alert.badge is None
    assert decide(situation(unread=0), NOON_MS).sends[0].alert.badge == 0


def test_without_leave_to_show_content_the_alert_says_only_that_there_is_something() -> None:
    alert = decide(situation(settings=PushSettings(content_shown=False)), NOON_MS).sends[0].alert
    assert (alert.title, alert.body) == ("New message", "")
    assert not {"Ben", "hello", "Climbers"} & {*alert.data.values(), alert.title}


def test_sealed_content_is_never_shown() -> None:
    sealed = message(content=Content("text/plain", b"hello", "key-1"))
    assert decide(situation(messages=(sealed,)), NOON_MS).sends[0].alert.body == "Ben: New message"


# ---- nothing to tell any more


@pytest.mark.parametrize(
    ("why", "fields"),
    [
        ("no_device", {"tokens": ()}),
        ("not_member", {"member": False}),
        ("user_inactive", {"user_state": "frozen"}),
        ("user_inactive", {"user_state": "deactivated"}),
        ("user_inactive", {"user_state": "deleted"}),
        ("delivered", {"delivered_seq": 10}),
        ("delivered", {"delivered_seq": 11, "messages": None}),
        ("recalled", {"messages": ()}),
        ("recalled", {"messages": (message(content=None, recalled=True),)}),
        ("recalled", {"messages": (message(9), message(11))}),
        ("own_message", {"messages": (message(user="ana"),)}),
        ("expired", {"messages": (message(at_ms=NOON_MS - TTL_MS),)}),
        ("expired", {"messages": None, "request": request(at_ms=NOON_MS - TTL_MS)}),
        ("expired", {"request": request(deadline_ms=NOON_MS)}),
        ("expired", {"request": request(deadline_ms=NOON_MS), "tokens": ()}),
        ("expired", {"messages": (message(at_ms=NOON_MS - 10),), "times": Times(ttl_ms=10)}),
    ],
)
def test_what_need_not_be_told_is_not(why: str, fields: dict[str, Any]) -> None:
    assert reason(situation(**fields)) == why


def test_only_what_was_not_delivered_is_told() -> None:
    some = situation(
        request=request(from_seq=8), messages=(message(8, "old"), message(9, "gone", recalled=True), message(10)), delivered_seq=8
    )
    assert decide(some, NOON_MS).sends[0].alert.body == "Ben: hello"


def test_a_message_from_before_is_left_out_and_the_deadline_is_the_newest_ones() -> None:
    some = situation(request=request(from_seq=9), messages=(message(9, at_ms=NOON_MS - TTL_MS), message(10, at_ms=NOON_MS - 5)))
    alert = decide(some, NOON_MS).sends[0].alert
    assert (alert.body, alert.deadline_ms) == ("Ben: hello", NOON_MS - 5 + TTL_MS)


# ---- modes, mentions, quiet hours: the table of decision 0023


@pytest.mark.parametrize(
    ("here", "everywhere", "kind", "mentioned", "why"),
    [
        (None, None, "group", False, ""),
        ("all", None, "group", False, ""),
        ("mentions", None, "group", False, "not_mentioned"),
        ("mentions", None, "group", True, ""),
        ("mentions", None, "direct", False, "not_mentioned"),
        ("none", None, "group", False, "muted"),
        ("none", None, "group", True, "muted"),
        (None, "none", "group", True, "muted"),
        (None, "none", "direct", False, "muted"),
        (None, "mentions", "group", False, "not_mentioned"),
        (None, "mentions", "channel", True, ""),
        (None, "mentions", "direct", False, ""),
        ("all", "none", "group", False, ""),
        ("all", "mentions", "group", False, ""),
        ("none", "all", "group", True, "muted"),
        ("mentions", "none", "group", True, ""),
    ],
)
def test_modes(here: PushMode | None, everywhere: PushMode | None, kind: str, mentioned: bool, why: str) -> None:
    found = situation(
        request=request(conversation_kind=kind),
        messages=(mentioning() if mentioned else message(),),
        mode=Mode(here) if here else None,
        mode_everywhere=Mode(everywhere) if everywhere else None,
    )
    assert reason(found) == why


def test_a_muted_group_tells_of_the_mention_and_of_nothing_else() -> None:
    burst = (message(8), mentioning(9, text="you?"), message(10))
    found = situation(request=request(from_seq=8), messages=burst, mode=Mode("mentions"))
    assert decide(found, NOON_MS).sends[0].alert.body == "Ben mentioned you: you?"


def test_a_mute_has_an_end() -> None:
    muted = situation(mode=Mode("none", NOON_MS + 1))
    assert reason(muted, NOON_MS) == "muted"
    assert reason(muted, NOON_MS + 1) == ""
    assert reason(replace(muted, mode_everywhere=Mode("mentions")), NOON_MS + 1) == "not_mentioned"


def test_whoever_wants_mentions_is_not_told_of_what_is_not_known() -> None:
    assert reason(situation(messages=None, mode=Mode("mentions"))) == "content_unknown"
    assert reason(situation(messages=None, mode=Mode("none"))) == "muted"
    unknown = decide(situation(messages=None), NOON_MS).sends[0].alert
    assert (unknown.title, unknown.body) == ("Climbers", "New message")


@pytest.mark.parametrize(
    ("lets", "mentioned", "mode", "why"),
    [
        ((), False, None, "quiet_hours"),
        ((), True, None, "quiet_hours"),
        (("calls",), True, None, "quiet_hours"),
        (("mentions",), False, None, "quiet_hours"),
        (("mentions",), True, None, ""),
        (("mentions",), True, "mentions", ""),
        (("mentions",), True, "none", "muted"),
    ],
)
def test_quiet_hours(lets: tuple[QuietLets, ...], mentioned: bool, mode: PushMode | None, why: str) -> None:
    settings = PushSettings(quiet_from_min=NIGHT.quiet_from_min, quiet_until_min=NIGHT.quiet_until_min, quiet_lets=lets)
    found = situation(messages=(mentioning() if mentioned else message(),), settings=settings, mode=Mode(mode) if mode else None)
    assert reason(found) == why


def test_in_quiet_hours_nothing_is_told_of_what_is_not_known() -> None:
    assert reason(situation(messages=None, settings=NIGHT)) == "quiet_hours"


def test_quiet_hours_are_those_of_the_users_clock_across_a_change_of_it() -> None:
    """22:00 to 07:00 in Berlin: on 29 March 2026 the clock goes from 02:00 to 03:00, so the night ends at 05:00 UTC and not at 06:00."""
    settings = PushSettings(time_zone="Europe/Berlin", quiet_from_min=22 * 60, quiet_until_min=7 * 60)
    last_quiet_ms = 1_774_760_399_000  # 2026-03-29T04:59:59Z
    found = situation(settings=settings, messages=(message(at_ms=last_quiet_ms),))
    assert reason(found, last_quiet_ms) == "quiet_hours"
    assert reason(found, last_quiet_ms + 1_000) == ""
    day_before_ms = last_quiet_ms - 86_400_000
    assert reason(situation(settings=settings, messages=(message(at_ms=day_before_ms),)), day_before_ms + 3_600_000) == "quiet_hours"


# ---- which token


def test_a_device_with_several_tokens_gets_one_alert() -> None:
    found = situation(tokens=(token(channel="fcm"), token(channel="apns_voip"), token(channel="apns")))
    decision = decide(found, NOON_MS)
    assert sent(decision) == [("phone", "apns")]
    assert reasons(decision) == [("phone", "apns_voip", "ring_only"), ("phone", "fcm", "second_channel")]


def test_the_order_of_the_push_channels_can_be_chosen() -> None:
    found = situation(tokens=(token(channel="apns"), token(channel="fcm")), channel_order=("fcm", "apns"))
    assert sent(decide(found, NOON_MS)) == [("phone", "fcm")]


def test_a_push_channel_that_is_off_gives_way_to_another() -> None:
    channels = CHANNELS | {("apns", ""): ChannelNow(Traits(4096), on=False)}
    decision = decide(situation(tokens=(token(channel="fcm"), token(channel="apns")), channels=channels), NOON_MS)
    assert sent(decision) == [("phone", "fcm")]
    assert reasons(decision) == [("phone", "apns", "channel_off")]


def test_what_has_only_a_push_channel_that_is_off_waits_for_it() -> None:
    channels = CHANNELS | {("apns", ""): ChannelNow(Traits(4096), on=False)}
    decision = decide(situation(channels=channels), NOON_MS)
    (held,) = decision.held
    assert (held.reason, held.planned.token.channel, held.planned.alert.deadline_ms) == ("channel_off", "apns", NOON_MS + TTL_MS)
    assert [*decision.sends, *decision.suppressed] == []


def test_an_open_breaker_is_waited_for_and_not_gone_around() -> None:
    channels = CHANNELS | {("apns", ""): ChannelNow(Traits(4096), open=True)}
    decision = decide(situation(tokens=(token(channel="fcm"), token(channel="apns")), channels=channels), NOON_MS)
    assert (sent(decision), [held.reason for held in decision.held]) == ([], ["breaker_open"])
    assert reasons(decision) == [("phone", "fcm", "second_channel")]


@pytest.mark.parametrize("fields", [{"channel": "vivo"}, {"channel": "apns", "app": "another"}, {"channel": "pigeon"}])
def test_a_push_channel_or_app_that_is_not_configured_is_off(fields: dict[str, str]) -> None:
    decision = decide(situation(tokens=(token(**fields),)), NOON_MS)
    assert (decision.sends, decision.held) == ((), ())
    assert reasons(decision) == [("phone", fields["channel"], "channel_off")]


@pytest.mark.parametrize(
    ("devices", "alerted"),
    [
        ({}, "tablet"),  # nothing is known of them: the one that registered last
        ({"phone": DeviceNow(False, 5), "tablet": DeviceNow(False, 4)}, "phone"),
        ({"phone": DeviceNow(False, 5), "tablet": DeviceNow(True, 4)}, "tablet"),
        ({"laptop": DeviceNow(True, 9), "phone": DeviceNow(False, 1)}, "phone"),  # a device without a token cannot be alerted
    ],
)
def test_only_the_device_used_last_is_alerted_where_the_user_wants_that(devices: dict[str, DeviceNow], alerted: str) -> None:
    found = situation(tokens=PHONE_AND_TABLET, settings=PushSettings(alert_on="last_used"), devices=devices)
    decision = decide(found, NOON_MS)
    (other,) = {"phone", "tablet"} - {alerted}
    assert sent(decision) == [(alerted, "apns")]
    assert reasons(decision) == [(other, "apns", "other_device")]


def test_the_device_used_last_cannot_be_one_that_has_no_push_channel() -> None:
    tokens = (token("phone"), token("tablet", "vivo", registered_at_ms=9_000))
    decision = decide(situation(tokens=tokens, settings=PushSettings(alert_on="last_used")), NOON_MS)
    assert sent(decision) == [("phone", "apns")]
    assert reasons(decision) == [("tablet", "vivo", "channel_off")]


# ---- repeats


def row(device: str = "phone", channel: str = "apns", to_seq: int = 10, attempt: int = 1, *, shown: bool = True) -> Alerted:
    return Alerted(device, channel, to_seq, attempt, shown, NOON_MS)


@pytest.mark.parametrize(
    ("alerted", "asked", "repeats"),
    [
        (row(), request(), True),
        (row(to_seq=11), request(), True),
        (row(to_seq=9), request(), False),
        (row(channel="fcm"), request(), True),
        (row(device="tablet"), request(), False),
        (row(), request(attempt=2), False),
        (row(attempt=2), request(attempt=1), True),
        (row(to_seq=12), request(attempt=2), True),
        (row(shown=False), request(), True),
    ],
)
def test_what_a_device_was_alerted_of_is_not_sent_again(alerted: Alerted, asked: PushRequested, repeats: bool) -> None:
    decision = decide(situation(request=asked, alerted=(alerted,)), NOON_MS)
    assert reasons(decision) == ([("phone", "apns", "repeated")] if repeats else [])
    assert bool(decision.sends) != repeats


def test_after_a_crash_the_device_used_last_is_the_one_that_was_alerted() -> None:
    """Meanwhile the tablet was used; the phone has the alert."""
    settings = PushSettings(alert_on="last_used")
    devices = {"tablet": DeviceNow(True, 9)}
    decision = decide(situation(tokens=PHONE_AND_TABLET, settings=settings, devices=devices, alerted=(row("phone"),)), NOON_MS)
    assert sent(decision) == []
    assert reasons(decision) == [("phone", "apns", "repeated"), ("tablet", "apns", "other_device")]


# ---- a retry is about one send


def test_a_retry_is_of_its_own_send_alone() -> None:
    found = situation(tokens=(*PHONE_AND_TABLET, token(channel="fcm")), only=Only("phone", "fcm"))
    decision = decide(found, NOON_MS)
    assert sent(decision) == [("phone", "fcm")]
    assert decision.suppressed == ()


@pytest.mark.parametrize("alert_on", ["all", "last_used"])
def test_a_retry_is_not_taken_from_its_device_because_another_was_used(alert_on: AlertOn) -> None:
    devices = {"tablet": DeviceNow(True, 9)}
    found = situation(tokens=PHONE_AND_TABLET, settings=PushSettings(alert_on=alert_on), devices=devices, only=Only("phone", "apns"))
    assert sent(decide(found, NOON_MS)) == [("phone", "apns")]


def test_a_retry_goes_to_the_token_that_took_the_place_of_the_old_one() -> None:
    found = situation(tokens=(token(token_id="new"),), only=Only("phone", "apns"))
    assert decide(found, NOON_MS).sends[0].token.token_id == "new"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"only": Only("phone", "fcm")}, "token_gone"),
        ({"only": Only("phone", "fcm"), "tokens": ()}, "token_gone"),
        ({"only": Only("phone", "fcm", moved=True)}, "holder_moved"),
        ({"only": Only("phone", "fcm", moved=True), "tokens": (token(channel="fcm"),)}, "holder_moved"),
        ({"only": Only("phone", "fcm"), "delivered_seq": 10}, "delivered"),
        ({"only": Only("phone", "fcm"), "request": request(deadline_ms=NOON_MS)}, "expired"),
        ({"only": Only("phone", "fcm"), "mode": Mode("none")}, "muted"),
        ({"only": Only("phone", "fcm"), "settings": NIGHT}, "quiet_hours"),
    ],
)
def test_a_retry_that_came_to_nothing_says_of_which_send(fields: dict[str, Any], why: str) -> None:
    decision = decide(situation(**fields), NOON_MS)
    assert reasons(decision) == [("phone", "fcm", why)]
    assert [*decision.sends, *decision.held] == []


def test_a_device_that_acknowledges_while_its_push_waits_is_not_alerted() -> None:
    found = situation(only=Only("phone", "apns"), request=request(deadline_ms=NOON_MS + 5))
    assert sent(decide(found, NOON_MS)) == [("phone", "apns")]
    assert reasons(decide(replace(found, delivered_seq=10), NOON_MS)) == [("phone", "apns", "delivered")]


# ---- calls


def ringing(**fields: Any) -> Situation:
    call = request(purpose="call", ref="call-1", from_seq=0, to_seq=0, push_id="ana:call-1:0:1", deadline_ms=NOON_MS + 30_000)
    return situation(**({"request": call, "messages": None, "call": CallNow("ben")} | fields))


def test_a_call_goes_through_the_token_that_rings() -> None:
    decision = decide(ringing(tokens=(token(), token(channel="apns_voip"))), NOON_MS)
    assert sent(decision) == [("phone", "apns_voip")]
    alert = decision.sends[0].alert
    assert (alert.kind, alert.title, alert.body, alert.deadline_ms) == ("ring", "Ben", "Incoming call", NOON_MS + 30_000)
    assert alert.data == {"purpose": "call", "conversation": "c1", "ref": "call-1", "media": "audio", "caller": "ben"}


@pytest.mark.parametrize("tokens", [(token(),), (token(channel="fcm"), token(channel="webpush"))])
def test_without_such_a_token_it_goes_through_the_first(tokens: tuple[Any, ...]) -> None:
    (planned,) = decide(ringing(tokens=tokens), NOON_MS).sends
    assert (planned.alert.kind, planned.token.channel) == ("ring", "apns" if len(tokens) == 1 else "webpush")


def test_a_token_that_rings_and_is_off_gives_way_to_another() -> None:
    channels = CHANNELS | {("apns_voip", ""): ChannelNow(Traits(5120, rings=True), on=False)}
    assert sent(decide(ringing(tokens=(token(), token(channel="apns_voip")), channels=channels), NOON_MS)) == [("phone", "apns")]


@pytest.mark.parametrize(
    ("fields", "now_ms", "why"),
    [
        ({"mode": Mode("none")}, NOON_MS, ""),
        ({"mode_everywhere": Mode("none")}, NOON_MS, ""),
        ({"settings": NIGHT}, NOON_MS, ""),
        ({"settings": PushSettings(quiet_from_min=660, quiet_until_min=780, quiet_lets=("mentions",))}, NOON_MS, "quiet_hours"),
        ({"member": False}, NOON_MS, ""),  # a third called into a call between two
        ({}, NOON_MS + 30_000, "expired"),
        ({"call": CallNow("ben", state="ended")}, NOON_MS, "delivered"),
        ({"call": None}, NOON_MS, ""),
    ],
)
def test_calls_pass_modes_and_where_let_quiet_hours(fields: dict[str, Any], now_ms: int, why: str) -> None:
    assert reason(ringing(**fields), now_ms) == why


def test_a_call_without_a_deadline_rings_for_so_long() -> None:
    call = request(purpose="call", ref="call-1", to_seq=0)
    assert decide(ringing(request=call), NOON_MS).sends[0].alert.deadline_ms == NOON_MS + Times().ring_ms


def test_a_missed_call_is_an_alert_and_never_rings() -> None:
    missed = ringing(tokens=(token(), token(channel="apns_voip")), call=CallNow("ben", state="missed"))
    decision = decide(missed, NOON_MS)
    assert sent(decision) == [("phone", "apns")]
    assert (decision.sends[0].alert.kind, decision.sends[0].alert.body) == ("alert", "Missed call")
    assert reasons(decision) == [("phone", "apns_voip", "ring_only")]


def test_a_missed_call_is_told_as_long_as_a_message_is() -> None:
    call = request(purpose="call", ref="call-1", to_seq=0, attempt=4, missed=True, caller="ben")
    (planned,) = decide(ringing(request=call, call=call_of(call, ())), NOON_MS + Times().ttl_ms - 1).sends
    assert (planned.alert.title, planned.alert.body, planned.alert.deadline_ms) == ("Ben", "Missed call", NOON_MS + Times().ttl_ms)
    assert reason(ringing(request=call, call=call_of(call, ())), NOON_MS + Times().ttl_ms) == "expired"


def test_a_mark_ends_what_was_asked_before_it_and_nothing_that_was_asked_later() -> None:
    mark = over_mark(3, NOON_MS)
    for attempt, state in ((2, "ended"), (3, "ended"), (4, "ringing")):
        call = request(purpose="call", ref="call-1", attempt=attempt, caller="ben", video=True)
        assert call_of(call, (mark,)) == CallNow("ben", True, state)  # type: ignore[arg-type]
        assert decide(ringing(request=call, call=call_of(call, (mark,)), alerted=(mark,)), NOON_MS).sends == () or state == "ringing"
    missed = request(purpose="call", ref="call-1", attempt=3, caller="ben", missed=True)
    assert call_of(missed, (mark,)) == CallNow("ben", False, "missed")
    assert call_of(request(), (mark,)) is None


# ---- campaigns


def announced(**fields: Any) -> Situation:
    asked = request(purpose="campaign", ref="k1", conversation_id="", to_seq=0, push_id="k1:ana", deadline_ms=NOON_MS + 60_000)
    return situation(**({"request": asked, "messages": None, "title": "", "campaign": CampaignText("Sale", "today", '{"a":1}')} | fields))


def test_a_campaign_says_its_own() -> None:
    alert = decide(announced(unread=7), NOON_MS).sends[0].alert
    assert (alert.kind, alert.title, alert.body, alert.badge) == ("alert", "Sale", "today", 7)
    assert alert.data == {"purpose": "campaign", "ref": "k1", "data": '{"a":1}'}


def test_a_campaign_without_words_only_wakes_the_app() -> None:
    assert decide(announced(campaign=CampaignText("", "", "{}")), NOON_MS).sends[0].alert.kind == "silent"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"campaign": None}, "content_unknown"),
        ({"campaign": CampaignText("a", "b", cancelled=True)}, "campaign_cancelled"),
        ({"mode_everywhere": Mode("none")}, "muted"),
        ({"mode_everywhere": Mode("mentions")}, ""),
        ({"settings": NIGHT}, "quiet_hours"),
        ({"member": False}, ""),
        ({"user_state": "frozen"}, "user_inactive"),
    ],
)
def test_what_stops_a_campaign(fields: dict[str, Any], why: str) -> None:
    assert reason(announced(**fields)) == why


def test_a_campaign_is_nothing_after_its_deadline() -> None:
    assert reason(announced(), NOON_MS + 60_000) == "expired"
