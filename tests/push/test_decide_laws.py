"""What holds for every decision, in whatever situation."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import QuietLets
from schemas.notices import PushRequested
from schemas.values import Content
from store.pushing import CHANNELS as CHANNEL_NAMES
from store.pushing import Alerted, PushSettings, PushToken
from store.views import MessageView
from streams.push.alert import Alert
from streams.push.channels.port import Traits
from streams.push.decide import Decision, Planned, decide
from streams.push.reasons import WITHHELD, state_of
from streams.push.situation import RING_ONLY, CallNow, CampaignText, ChannelNow, DeviceNow, Mode, Only, Situation
from tests.push.situations import NOON_MS, TTL_MS, message, request, token

T = TypeVar("T")
DEVICES = ("phone", "tablet", "laptop")
SECRET = "verysecret"  # stands in every text of somebody
NAMED = ("apns", "apns_voip", "fcm", "webpush", "vivo")

TIMES_MS = (NOON_MS - TTL_MS - 5, NOON_MS - TTL_MS, NOON_MS - TTL_MS + 1, *[NOON_MS - 60_000, NOON_MS - 1_000, NOON_MS, NOON_MS + 5] * 3)


class Chance:
    """Makes situations of one number, 30 times as fast as strategies for each field would. What fails is found again by its number."""

    def __init__(self, number: int) -> None:
        self.rng = Random(number)  # seeded by hypothesis
        self.one = self.rng.choice

    def some(self, make: Callable[[], T], most: int, key: Callable[[T], object]) -> tuple[T, ...]:
        return tuple(
            {key(made): made for made in (make() for _ in range(max(self.rng.randint(0, most), self.rng.randint(0, most))))}.values()
        )

    def mode(self) -> Mode | None:
        return self.one([None, None, None, Mode(self.one(["all", "mentions", "none"]), self.one([0, NOON_MS - 1, NOON_MS + 1]))])

    def token(self) -> PushToken:
        fields = {
            "app": self.one(["", "", "beta"]),
            "locale": self.one(["en", "de-AT", "ru", "xx"]),
            "registered_at_ms": self.one([0, 1, 2]),
        }
        return token(self.one(DEVICES), self.one(NAMED), **fields)

    def content(self) -> Content | None:
        sealed = self.one([None, None, "key-1"])
        return self.one([None, *[Content(self.one(["text/plain", "image/png", "x"]), SECRET.encode(), sealed)] * 4])

    def view(self) -> MessageView:
        mentions = self.one([(), ("ana",), ("cem",), ("cem", "ana")])
        fields: dict[str, Any] = {
            "user": self.one(["ben", "cem", "ben", "cem", "ana"]),
            "content": self.content(),
            "at_ms": self.one(TIMES_MS),
            "mentions": mentions,
        }
        return message(self.rng.randint(7, 12), **fields)

    def channels(self) -> dict[tuple[str, str], ChannelNow]:
        def now() -> ChannelNow:
            return ChannelNow(
                Traits(4096, self.one([True, False]), self.one([True, False])), self.one([True, True, False]), self.one([True, False])
            )

        return {(name, app): now() for name in NAMED[:-1] for app in ("", "beta") if self.rng.random() < 0.9}

    def wants(self) -> PushSettings:
        minutes = [0, 600, 720, 1439]
        lets: tuple[QuietLets, ...] = self.one([(), ("calls",), ("mentions",), ("mentions", "calls")])
        quiet = (self.one(minutes), self.one(minutes)) if self.rng.random() < 0.3 else (0, 0)
        zone = self.one(["UTC", "Europe/Berlin", "nowhere"])
        shown, badge = self.one([True, False]), self.one([True, False])
        return PushSettings(zone, *quiet, lets, shown, badge, self.one(["all", "last_used"]), self.one(["", "fr", "ja"]))

    def request(self) -> PushRequested:
        return request(
            from_seq=self.rng.randint(7, 10),
            to_seq=self.rng.randint(10, 12),
            attempt=self.one([1, 2]),
            purpose=self.one(["message", "message", "call", "campaign"]),
            ref="ref-1",
            conversation_kind=self.one(["direct", "group", "channel"]),
            deadline_ms=self.one([0, 0, 0, 0, 0, NOON_MS, NOON_MS + 1, NOON_MS + 60_000]),
            at_ms=self.one(TIMES_MS),
        )

    def row(self) -> Alerted:
        return Alerted(self.one(DEVICES), self.one(NAMED), self.rng.randint(8, 13), self.one([1, 2]), self.one([True, False]), NOON_MS - 9)

    def situation(self) -> Situation:
        views = tuple(sorted(self.some(self.view, 4, lambda view: view.seq), key=lambda view: view.seq))
        only = Only(self.one(DEVICES), self.one(NAMED), self.one([True, False, False]))
        return Situation(
            request=self.request(),
            tokens=self.some(self.token, 6, place),
            channels=self.channels(),
            settings=self.wants(),
            user_state="frozen" if self.rng.random() < 0.05 else "active",
            member=self.rng.random() < 0.95,
            messages=self.one([views, views, views, None]),
            campaign=self.one([None, *[CampaignText(SECRET, SECRET, cancelled=self.rng.random() < 0.2)] * 4]),
            call=self.one([None, CallNow(self.one(["ben", "zoe"]), self.one([True, False]), self.one(["ringing", "missed", "ended"]))]),
            delivered_seq=self.one([0, 0, 0, 0, 9, 10, 12]),
            mode=self.mode(),
            mode_everywhere=self.mode(),
            alerted=self.some(self.row, 3, lambda row: (row.device, row.channel)) if self.rng.random() < 0.3 else (),
            unread=self.one([None, 0, 300]),
            names={"ben": f"Ben {SECRET}"},
            title=self.one(["", f"Club {SECRET}"]),
            devices={device: DeviceNow(self.one([True, False]), self.rng.randint(0, 3)) for device in DEVICES if self.rng.random() < 0.5},
            only=self.one([None, None, None, only]),
            channel_order=tuple(self.rng.sample(CHANNEL_NAMES, len(CHANNEL_NAMES))),
        )


def place(one: PushToken) -> tuple[str, str]:
    return one.device, one.channel


situations = st.integers(0, 2**48).map(lambda number: Chance(number).situation())
law = settings(max_examples=1_000, deadline=None)


def planned_of(decision: Decision) -> list[Planned]:
    return [*decision.sends, *(held.planned for held in decision.held)]


@law
@given(situations)
def test_of_a_device_at_most_one_token_is_sent_to(found: Situation) -> None:
    devices = [planned.token.device for planned in planned_of(decide(found, NOON_MS))]
    assert len(devices) == len(set(devices))


@law
@given(situations)
def test_every_token_is_sent_to_or_has_a_reason_and_never_both(found: Situation) -> None:
    decision = decide(found, NOON_MS)
    told = [place(planned.token) for planned in planned_of(decision)]
    withheld = [(one.device, one.channel) for one in decision.suppressed]
    assert len(told + withheld) == len({*told, *withheld})
    assert {one.reason for one in decision.suppressed} <= WITHHELD
    if found.only is not None:
        assert [*told, *withheld] == [(found.only.device, found.only.channel)]
    elif withheld == [("", "")]:
        assert told == []
    else:
        assert sorted(told + withheld) == sorted(place(one) for one in found.tokens)


@law
@given(situations)
def test_the_same_situation_gives_the_same_decision(found: Situation) -> None:
    assert decide(found, NOON_MS) == decide(replace(found, names=dict(found.names)), NOON_MS)


@law
@given(situations, st.integers(0, 2**32))
def test_the_order_in_which_rows_are_read_changes_nothing(found: Situation, number: int) -> None:
    sample = Chance(number).rng.sample
    shuffled = sample(found.tokens, len(found.tokens)), sample(found.alerted, len(found.alerted))
    again = decide(replace(found, tokens=tuple(shuffled[0]), alerted=tuple(shuffled[1])), NOON_MS)
    assert again == decide(found, NOON_MS)


@law
@given(situations, st.integers(-10_000, 10_000))
def test_nothing_goes_out_at_its_deadline_or_later(found: Situation, later_ms: int) -> None:
    now_ms = NOON_MS + later_ms
    for planned in planned_of(decide(found, now_ms)):
        assert now_ms < planned.alert.deadline_ms
        assert found.request.deadline_ms in (0, planned.alert.deadline_ms)


@law
@given(situations)
def test_a_retry_has_the_deadline_that_the_first_decision_settled_and_goes_nowhere_else(found: Situation) -> None:
    first = decide(replace(found, only=None), NOON_MS)
    for planned in planned_of(first):
        again = replace(found, only=Only(*place(planned.token)), request=_with_deadline(found, planned.alert.deadline_ms))
        retried = planned_of(decide(again, NOON_MS))
        assert [(one.token, one.alert.send_key, one.alert.deadline_ms) for one in retried] == [
            (planned.token, planned.alert.send_key, planned.alert.deadline_ms)
        ]


def _with_deadline(found: Situation, deadline_ms: int) -> Any:
    return request(**{name: getattr(found.request, name) for name in found.request.__struct_fields__} | {"deadline_ms": deadline_ms})


@law
@given(situations)
def test_a_repeat_of_what_was_accepted_sends_nothing(found: Situation) -> None:
    """Every vendor said yes, the rows were written, and the request comes again: after a crash, or the retry after a time-out."""
    decision = decide(found, NOON_MS)
    asked = found.request
    accepted = tuple(Alerted(*place(one.token), asked.to_seq, asked.attempt, True, NOON_MS) for one in planned_of(decision))
    after = replace(found, alerted=(*found.alerted, *accepted))
    again = planned_of(decide(after, NOON_MS))
    assert {one.token.device for one in again} & {row.device for row in accepted} == set()
    assert again == []


@law
@given(situations, st.data())
def test_a_crash_between_two_answers_alerts_nobody_twice(found: Situation, data: Any) -> None:
    """Some devices were accepted and written down; what comes again goes to the others, as it would have."""
    planned = planned_of(decide(found, NOON_MS))
    done = [one for one in planned if data.draw(st.booleans())]
    asked = found.request
    accepted = tuple(Alerted(*place(one.token), asked.to_seq, asked.attempt, True, NOON_MS) for one in done)
    again = planned_of(decide(replace(found, alerted=(*found.alerted, *accepted)), NOON_MS))
    assert again == [one for one in planned if one not in done]


@law
@given(situations)
def test_a_token_that_takes_only_calls_gets_nothing_but_a_ring(found: Situation) -> None:
    for planned in planned_of(decide(found, NOON_MS)):
        assert planned.token.channel not in RING_ONLY or planned.alert.kind == "ring"
        assert (planned.alert.kind == "ring") <= (found.request.purpose == "call")


@law
@given(situations)
def test_only_what_is_on_and_whole_is_sent_to_at_once(found: Situation) -> None:
    decision = decide(found, NOON_MS)
    for planned in decision.sends:
        now = found.channels[planned.token.channel, planned.token.app]
        assert now.on
        assert not now.open
    for held in decision.held:
        now = found.channels[held.planned.token.channel, held.planned.token.app]
        assert held.reason == ("breaker_open" if now.on else "channel_off")


@law
@given(situations)
def test_who_wants_content_hidden_sees_nothing_of_anybody(found: Situation) -> None:
    for planned in planned_of(decide(found, NOON_MS)):
        if not found.settings.content_shown:
            assert SECRET not in planned.alert.title + planned.alert.body
            assert planned.alert.title
        assert shown_of(planned.alert, found)


def shown_of(alert: Alert, found: Situation) -> bool:
    """Sealed content is not shown to anybody: where every message is sealed, no body has their text."""
    sealed = found.messages is not None and all(view.content is None or view.content.key_id for view in found.messages)
    return not (found.request.purpose == "message" and sealed and alert.body.endswith(SECRET))


@law
@given(situations)
def test_an_alert_is_never_empty_and_its_badge_is_the_count_or_none(found: Situation) -> None:
    for planned in planned_of(decide(found, NOON_MS)):
        alert = planned.alert
        assert alert.title or alert.body
        assert alert.badge == (found.unread if found.settings.badge else None)


@law
@given(situations)
def test_what_is_delivered_to_the_end_alerts_nobody(found: Situation) -> None:
    if found.request.purpose == "message":
        assert planned_of(decide(replace(found, delivered_seq=found.request.to_seq), NOON_MS)) == []


@law
@given(situations)
def test_more_wishes_for_quiet_never_lead_to_more_alerts(found: Situation) -> None:
    """None goes out under mode `none`, or without leave in quiet hours, that would not have without them."""
    free = {place(one.token) for one in planned_of(decide(found, NOON_MS))}
    quieter = replace(found, settings=_always_quiet(found.settings), mode=Mode("none"))
    assert {place(one.token) for one in planned_of(decide(quieter, NOON_MS))} <= free


def _always_quiet(chosen: PushSettings) -> PushSettings:
    return PushSettings("UTC", 0, 1439, (), chosen.content_shown, chosen.badge, chosen.alert_on, chosen.locale, chosen.at_ms)


def test_a_reason_has_a_state() -> None:
    assert {reason: state_of(reason) for reason in ("delivered", "expired", "muted")} == {
        "delivered": "withdrawn",
        "expired": "expired",
        "muted": "suppressed",
    }


def test_the_situations_are_worth_it() -> None:
    """Of those made, enough lead to sends, held ones and every reason; else the laws would hold for nothing."""
    decisions = [decide(Chance(number).situation(), NOON_MS) for number in range(4_000)]
    assert sum(bool(decision.sends) for decision in decisions) > 300
    assert sum(bool(decision.held) for decision in decisions) > 200
    assert {one.reason for decision in decisions for one in decision.suppressed} == WITHHELD - {"cannot_withdraw", "breaker_open"}
