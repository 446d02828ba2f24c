"""Web Push against a push service of our own that checks and decrypts as the browsers' and their services do."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from streams.push.alert import AlertKind
from streams.push.channels.port import Accepted, BadCredentials, PushChannel, Refused
from streams.push.channels.subscription import (
    ENCRYPTION_BYTES,
    BadToken,
    fitted,
    host_allowed,
    padded,
    payload_of,
    subscription_of,
)
from streams.push.channels.vapid import ORIGINS_LIMIT, RENEW_BEFORE_S, TOKEN_LIFE_S, Vapid, good_subject
from streams.push.channels.webpush import HOSTS, from_section
from streams.push.config import BadPushConfig, Section
from tests.push.channel_laws import LONG, ChannelLaws, alert, now, refused
from tests.push.fakes.base import Moods
from tests.push.fakes.webpush import FakeWebPush

PEM = (
    ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)  # made anew for each run: no key lies in the repository
NOW_S = 1_795_000_000


def section(name: str = "webpush", **fields: Any) -> Section:
    return Section(name, "", {"vapid_key": "env:VAPID", "hosts": ["127.0.0.1"], **fields}, {"VAPID": PEM}, Path("push.yaml"))


class TestWebPush(ChannelLaws):
    def fake(self) -> Moods:
        return FakeWebPush()

    def channel(self, fake: Moods, timeout_ms: int) -> PushChannel:
        return from_section(section(timeout_ms=timeout_ms, subject="mailto:push@example.org"))

    def token(self, fake: Moods, number: int = 1) -> str:
        assert isinstance(fake, FakeWebPush)
        return fake.subscribe(f"s{number}")

    def shown_text(self, fake: Moods) -> tuple[str, str]:
        assert isinstance(fake, FakeWebPush)
        return fake.received[-1]["title"], fake.received[-1]["body"]

    # -- what is Web Push's own

    def test_the_service_worker_gets_what_is_documented(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeWebPush)
            some = alert(7)
            assert isinstance(await channel.send(self.token(fake), some, now()), Accepted)
            assert fake.received == [
                {
                    **{"kind": "alert", "title": "Ana", "body": "Hello", "badge": 3, "tag": some.collapse_key, "key": some.send_key},
                    **{"ticket": some.ticket, "at_ms": some.at_ms, "data": dict(some.data)},
                }
            ]

        self.run(law)

    @pytest.mark.parametrize(("kind", "urgency"), [("alert", "high"), ("ring", "high"), ("withdraw", "normal"), ("silent", "low")])
    def test_urgency_topic_and_time_to_live_are_told(self, kind: AlertKind, urgency: str) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeWebPush)
            some = alert(kind=kind, ttl_ms=90_500)
            await channel.send(self.token(fake), some, some.at_ms)
            assert (fake.headers["urgency"], fake.headers["topic"], fake.headers["ttl"]) == (urgency, some.collapse_key, "90")

        self.run(law)

    def test_nobody_can_tell_how_long_a_short_message_is(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeWebPush)
            for body in ("no", "Yes, with pleasure"):
                await channel.send(self.token(fake), alert(body=body), now())
            assert len({len(body) for body in fake.bodies}) == 1

        self.run(law)

    def test_a_full_payload_is_exactly_what_every_service_takes(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeWebPush)
            await channel.send(self.token(fake), alert(body=LONG), now())
            assert len(fake.bodies[-1]) == 4_096

        self.run(law)

    def test_a_service_that_takes_less_gets_less_once(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeWebPush)
            fake.refuses_over = 3_000
            assert isinstance(await channel.send(self.token(fake), alert(body=LONG), now()), Accepted)
            assert fake.requests_count == 2
            fake.refuses_over = 100
            outcome = refused(await channel.send(self.token(fake), alert(body=LONG), now()))
            assert (outcome.verdict, outcome.status, outcome.code) == ("give_up", 413, "too_large")
            assert fake.requests_count == 4

        self.run(law)

    def test_a_subscription_of_another_key_turns_nothing_off(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeWebPush)
            foreign = fake.subscribe("foreign", vapid="B" + "A" * 86)
            outcome = refused(await channel.send(foreign, alert(), now()))
            assert (outcome.verdict, outcome.status, outcome.code) == ("give_up", 403, "vapid_refused")
            assert fake.violations == ["subscribed with another key"]
            fake.violations.clear()

        self.run(law)

    def test_an_unknown_subscription_is_removed(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeWebPush)
            token = self.token(fake)
            fake.subscribers.clear()
            assert refused(await channel.send(token, alert(), now())).verdict == "remove_token"

        self.run(law)

    def test_one_signature_serves_a_service_for_hours(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeWebPush)
            seen = set()
            for number in range(3):
                await channel.send(self.token(fake), alert(number), now())
                seen.add(fake.headers["authorization"])
            assert len(seen) == 1

        self.run(law)

    @pytest.mark.parametrize(
        "endpoint",
        [
            "https://example.org/push",
            "https://fcm.googleapis.com.example.org/x",
            "https://evil-push.apple.com/x",
            "https://169.254.169.254/latest",
            "https://[::1]/x",
            "http://localhost/x",
        ],
    )
    def test_an_endpoint_of_no_push_service_is_sent_nothing(self, endpoint: str) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            token = json.dumps({**json.loads(self.token(fake)), "endpoint": endpoint})
            assert channel.check_token(token) is not None
            outcome = refused(await channel.send(token, alert(), now()))
            assert (outcome.verdict, outcome.code) == ("give_up", "foreign_host")

        self.run(law)

    def test_a_browser_that_must_show_every_push_gets_none_that_shows_nothing(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            apple = json.dumps({**json.loads(self.token(fake)), "endpoint": "https://web.push.apple.com/Qx"})
            outcome = refused(await from_section(section(hosts=list(HOSTS))).send(apple, alert(kind="withdraw"), now()))
            assert (outcome.verdict, outcome.code) == ("give_up", "unsupported_kind")

        self.run(law)


KEYS = {
    "p256dh": "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM",
    "auth": "tBHItJI5svbpez7KI4CCXg",
}


def token(**changes: Any) -> str:
    return json.dumps({"endpoint": "https://updates.push.services.mozilla.com/wpush/v2/gAAA", "keys": KEYS, **changes})


def test_a_subscription_is_read() -> None:
    found = subscription_of(token())
    assert (found.host, found.origin) == ("updates.push.services.mozilla.com", "https://updates.push.services.mozilla.com")
    assert subscription_of(token(endpoint="https://Push.Example.org:8443/a?b=c")).origin == "https://push.example.org:8443"
    assert subscription_of(token(keys={**KEYS, "auth": KEYS["auth"] + "=="})) == found


@pytest.mark.parametrize(
    ("endpoint", "origin"),
    [
        ("https://push.example.org:443/a", "https://push.example.org"),
        ("https://PUSH.example.org:444/a", "https://push.example.org:444"),
        ("https://[2606:4700::1111]/a", "https://[2606:4700::1111]"),
        ("http://127.0.0.1:80/a", "http://127.0.0.1"),
    ],
)
def test_an_origin_is_written_as_browsers_and_services_write_it(endpoint: str, origin: str) -> None:
    assert subscription_of(token(endpoint=endpoint)).origin == origin


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "null",
        "[]",
        "{}",
        '"text"',
        token(endpoint=None),
        token(endpoint=""),
        token(endpoint="http://updates.push.services.mozilla.com/x"),
        token(endpoint="https://user:password@fcm.googleapis.com/x"),
        token(endpoint="https://fcm.googleapis.com:0/x"),
        token(endpoint="https://fcm.googleapis.com:99999/x"),
        token(endpoint="https:///x"),
        token(endpoint="https://fcm.googleapis.com/x#y"),
        token(endpoint="https://fcm.googleapis.com/x\r\nHost: y"),
        token(endpoint="https://fcm.googleapis.com/x\n"),
        token(endpoint="https://fcm.googleapis.com\\@example.org/"),
        token(endpoint="https://[::1"),
        token(endpoint="file:///etc/passwd"),
        token(endpoint="https://fcm.googleapis.com/" + "x" * 2_048),
        token(keys=None),
        token(keys={}),
        token(keys={**KEYS, "auth": 5}),
        token(keys={**KEYS, "auth": "short"}),
        token(keys={**KEYS, "p256dh": KEYS["p256dh"][:-4]}),
        token(keys={**KEYS, "p256dh": "B" + "A" * 86}),
        token(keys={**KEYS, "p256dh": "ü" * 87}),
        token(more="x" * 5_000),
    ],
)
def test_what_is_no_subscription_is_refused(bad: str) -> None:
    with pytest.raises(BadToken):
        subscription_of(bad)


@given(st.text(max_size=300) | st.dictionaries(st.sampled_from(["endpoint", "keys", "x"]), st.text() | st.integers()).map(json.dumps))
def test_no_text_breaks_the_reading_of_a_subscription(text: str) -> None:
    with pytest.raises(BadToken):
        subscription_of(text)


def test_hosts_are_whole_names_or_what_is_below_one() -> None:
    assert [host_allowed(host, HOSTS) for host in ("fcm.googleapis.com", "web.push.apple.com", "db5p.notify.windows.com")] == [True] * 3
    assert [host_allowed(host, HOSTS) for host in ("push.apple.com.example.org", "xpush.apple.com", "googleapis.com", "")] == [False] * 4


@given(st.text(max_size=3_000), st.text(max_size=5_000), st.integers(500, 4_096))
def test_a_payload_always_fits_and_is_always_json(title: str, body: str, limit: int) -> None:
    some = alert(title=title, body=body, now_ms=NOW_S * 1000)
    payload = fitted(some, limit)
    assert payload is not None
    assert len(payload) <= limit
    fields = json.loads(payload)
    assert fields["key"] == some.send_key
    if len(payload_of(some, title.encode("utf-8", "replace").decode(), body.encode("utf-8", "replace").decode())) <= limit:
        assert "…" not in fields["title"] + fields["body"] or "…" in title + body


def test_what_does_not_fit_without_any_text_is_not_sent() -> None:
    assert fitted(alert(), 100) is None


@given(st.integers(0, 5_000), st.integers(0, 5_000))
def test_padding_rounds_up_and_never_over_the_limit(size: int, more: int) -> None:
    found = padded(b"x" * size, size + more)
    assert size <= len(found) <= size + more
    assert len(found) % 512 == 0 or len(found) in (size + more, size)


def test_the_overhead_of_the_encryption_is_what_the_rfcs_say() -> None:
    assert ENCRYPTION_BYTES == 103  # 4096 - 3993, RFC 8291 section 4


def test_a_vapid_token_is_kept_until_it_is_nearly_over() -> None:
    vapid = Vapid(PEM, "mailto:push@example.org")
    first = vapid.header("https://a.example", NOW_S)
    assert vapid.header("https://a.example", NOW_S + TOKEN_LIFE_S - RENEW_BEFORE_S) == first
    assert vapid.header("https://a.example", NOW_S + TOKEN_LIFE_S - RENEW_BEFORE_S + 1) != first
    assert vapid.header("https://b.example", NOW_S) != first


def test_a_clock_that_is_set_back_makes_no_token_of_more_than_its_life() -> None:
    vapid = Vapid(PEM, "")
    later = vapid.header("https://a.example", NOW_S + 86_400)
    assert vapid.header("https://a.example", NOW_S) != later


def test_no_more_origins_are_remembered_than_a_limit() -> None:
    vapid = Vapid(PEM, "")
    for number in range(ORIGINS_LIMIT + 5):
        vapid.headers[f"https://{number}.example"] = ("old", NOW_S + 5 * 3600)
    vapid.header("https://new.example", NOW_S)
    assert len(vapid.headers) <= ORIGINS_LIMIT + 5


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "nothing",
        PEM[:100],
        ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    ],
    ids=["empty", "words", "cut off", "P-384", "Ed25519"],  # not the keys: test processes must name their tests alike
)
def test_a_key_that_is_none_turns_the_channel_off(pem: str) -> None:
    one = from_section(Section("webpush", "", {"vapid_key": "env:KEY"}, {"KEY": pem}))
    with pytest.raises(BadCredentials):
        asyncio.run(one.start())


def test_the_key_is_that_of_the_variable_where_the_section_names_none(tmp_path: Path) -> None:
    (tmp_path / "vapid.pem").write_text(PEM)
    one = from_section(Section("webpush", "", {}, {"WARBLER_VAPID_KEY": str(tmp_path / "vapid.pem")}))
    asyncio.run(one.start())
    assert one.form.hosts == HOSTS


def test_a_channel_that_was_not_started_says_so_and_raises_nothing() -> None:
    async def body() -> None:
        async with FakeWebPush() as fake:
            one = from_section(section())
            assert await one.send(fake.subscribe(), alert(), now()) == Refused("retry", 0, "not_started")
            await one.close()

    asyncio.run(body())


@pytest.mark.parametrize(
    "subject", ["push@example.org", "mailto:", "mailto:root@localhost", "http://example.org", "https://localhost", "mailto:a b@c.d"]
)
def test_a_subject_by_which_nobody_is_reached_is_refused(subject: str) -> None:
    assert not good_subject(subject)
    with pytest.raises(BadPushConfig, match="subject"):
        from_section(section(subject=subject))


def test_a_channel_that_is_started_anew_keeps_its_connections() -> None:
    """The worker does so while the channel is off; sends may still be on their way."""

    async def body() -> None:
        async with FakeWebPush() as fake:
            one = from_section(section())
            await one.start()
            first = one.http
            await one.start()
            assert one.http is first
            assert isinstance(await one.send(fake.subscribe(), alert(), now()), Accepted)
            await one.close()

    asyncio.run(body())
