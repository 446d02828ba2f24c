"""APNs: alerts, background pushes and rings against a fake that refuses what Apple would refuse; nothing here ever reached Apple."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvloop

from streams.push.alert import Alert, AlertKind
from streams.push.channels.apns import ApnsChannel, from_section
from streams.push.channels.port import Accepted, BadCredentials, PushChannel, Refused
from streams.push.config import BadPushConfig, Section
from streams.push.http2.client import Http2Client, Http2Limits
from tests.push.channel_laws import ChannelLaws, alert, now, refused
from tests.push.fakes.apns import KEY_ID, TEAM, TOPIC, FakeApns, Fault
from tests.push.fakes.apns_checks import Answer
from tests.push.fakes.base import Moods

TOKEN = "ab" * 32


def section(fake: FakeApns, name: str = "apns", **fields: Any) -> Section:
    about = {"key": "env:KEY", "key_id": KEY_ID, "team_id": TEAM, "topic": TOPIC, "url": fake.url, "ca_file": fake.authority}
    return Section(name, "", {**about, **fields}, {"KEY": fake.key_pem})


def hex_token(number: int) -> str:
    return f"{number:064x}"


class TestApns(ChannelLaws):
    answers_empty = False  # it is APNs' success

    def fake(self) -> Moods:
        return FakeApns()

    def channel(self, fake: Moods, timeout_ms: int) -> PushChannel:
        assert isinstance(fake, FakeApns)
        return from_section(section(fake, timeout_ms=timeout_ms))

    def token(self, fake: Moods, number: int = 1) -> str:
        return hex_token(number)

    def shown_text(self, fake: Moods) -> tuple[str, str]:
        assert isinstance(fake, FakeApns)
        shown: Any = fake.requests[-1][1]
        return shown["aps"]["alert"]["title"], shown["aps"]["alert"]["body"]

    def bad_tokens(self) -> list[str]:
        return [*super().bad_tokens(), "a" * 63, "g" * 64, "ab" * 15, "ab" * 101, "../" + "ab" * 32]


class TestApnsVoip(TestApns):
    def channel(self, fake: Moods, timeout_ms: int) -> PushChannel:
        assert isinstance(fake, FakeApns)
        channel = from_section(section(fake, "apns_voip", timeout_ms=timeout_ms))
        return Ringing(channel)

    def shown_text(self, fake: Moods) -> tuple[str, str]:
        assert isinstance(fake, FakeApns)
        shown: Any = fake.requests[-1][1]
        return shown["warbler"]["title"], shown["warbler"]["body"]


class Ringing:
    """A VoIP push channel to which every alert of the laws is a ring; what else it is given is in `test_voip_only_rings`."""

    def __init__(self, channel: ApnsChannel) -> None:
        self.channel, self.name, self.traits = channel, channel.name, channel.traits
        self.start, self.close, self.check_token = channel.start, channel.close, channel.check_token

    async def send(self, token: str, alert: Alert, now_ms: int) -> Accepted | Refused:
        return await self.channel.send(token, replace(alert, kind="ring"), now_ms)


Body = Callable[[FakeApns, ApnsChannel], Awaitable[None]]


def run(body: Body, fake: FakeApns | None = None, violations: int = 0, name: str = "apns", **fields: Any) -> None:
    async def whole() -> None:
        vendor = fake or FakeApns()
        async with asyncio.timeout(30), vendor:
            channel = from_section(section(vendor, name, **{"timeout_ms": 3_000, **fields}))
            await channel.start()
            try:
                await body(vendor, channel)
            finally:
                await channel.close()
        assert len(vendor.violations) == violations, vendor.violations

    uvloop.run(whole())  # as the worker does; the laws run on asyncio's own loop


# -- what is sent


@pytest.mark.parametrize(
    ("kind", "push_type", "priority"),
    [("alert", "alert", "10"), ("ring", "alert", "10"), ("silent", "background", "5"), ("withdraw", "background", "5")],
)
def test_each_kind_has_its_type_and_priority(kind: AlertKind, push_type: str, priority: str) -> None:
    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        some = alert(kind=kind)
        assert isinstance(await channel.send(TOKEN, some, now()), Accepted)
        headers, payload = fake.requests[-1]
        found: Any = payload
        assert (headers["apns-push-type"], headers["apns-priority"], headers["apns-topic"]) == (push_type, priority, TOPIC)
        assert headers["apns-expiration"] == str(some.deadline_ms // 1000)
        assert headers["apns-id"].replace("-", "") == some.send_key
        assert headers.get("apns-collapse-id") == (None if kind == "silent" else some.collapse_key)
        assert found["warbler"] | {"badge": 3} == {
            **{"kind": kind, "tag": some.collapse_key, "key": some.send_key, "ticket": some.ticket, "at_ms": some.at_ms},
            **{"data": some.data, "badge": 3},
        }
        assert ("alert" in found["aps"], found["aps"].get("badge")) == ((True, 3) if push_type == "alert" else (False, None))

    run(body)


def test_a_ring_by_voip_goes_to_the_apps_voip_topic() -> None:
    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        assert channel.traits.rings
        assert not channel.traits.withdraws
        assert isinstance(await channel.send(TOKEN, alert(kind="ring"), now()), Accepted)
        headers, _ = fake.requests[-1]
        assert (headers["apns-push-type"], headers["apns-topic"], "apns-collapse-id" in headers) == ("voip", f"{TOPIC}.voip", False)

    run(body, name="apns_voip")


@pytest.mark.parametrize("kind", ["alert", "silent", "withdraw"])
def test_voip_only_rings(kind: AlertKind) -> None:
    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        assert refused(await channel.send(TOKEN, alert(kind=kind), now())).code == "unsupported_kind"
        assert fake.connections_count == 0

    run(body, name="apns_voip")


def test_what_is_due_within_the_second_is_now_or_never() -> None:
    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        at_ms = now() // 1000 * 1000
        assert isinstance(await channel.send(TOKEN, alert(ttl_ms=400, now_ms=at_ms), at_ms + 100), Accepted)
        assert fake.requests[-1][0]["apns-expiration"] == "0"

    run(body)


# -- what APNs answers


@pytest.mark.parametrize(
    ("answer", "verdict", "code"),
    [
        (Answer(400, "BadDeviceToken"), "remove_token", "BadDeviceToken"),
        (Answer(400, "DeviceTokenNotForTopic"), "remove_token", "DeviceTokenNotForTopic"),
        (Answer(400, "BadTopic"), "misconfigured", "BadTopic"),
        (Answer(400, "BadCollapseId"), "give_up", "BadCollapseId"),
        (Answer(403, "InvalidProviderToken"), "misconfigured", "InvalidProviderToken"),
        (Answer(403, "BadEnvironmentKeyIdInToken"), "misconfigured", "BadEnvironmentKeyIdInToken"),
        (Answer(413, "PayloadTooLarge"), "give_up", "PayloadTooLarge"),
        (Answer(429, "TooManyRequests"), "retry", "TooManyRequests"),
        (Answer(429, "TooManyProviderTokenUpdates"), "retry", "TooManyProviderTokenUpdates"),
        (Answer(500, "InternalServerError"), "retry", "InternalServerError"),
        (Answer(503, "Shutdown"), "retry", "Shutdown"),
        (Answer(418, "SomethingNew"), "give_up", "SomethingNew"),
        (Answer(502), "retry", "empty"),
    ],
)
def test_each_answer_has_its_verdict(answer: Answer, verdict: str, code: str) -> None:
    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        await channel.send(hex_token(1), alert(), now())
        fake.answer(TOKEN, answer)
        outcome = refused(await channel.send(TOKEN, alert(), now()))
        assert (outcome.verdict, outcome.status, outcome.code) == (verdict, answer.status, code)
        assert (fake.shown[TOKEN], fake.connections_count) == ([], 1)

    run(body)


@pytest.mark.parametrize("reason", ["BadDeviceToken", "DeviceTokenNotForTopic"])
def test_no_token_is_lost_before_it_is_known_that_any_works(reason: str) -> None:
    """With `sandbox` or `topic` wrong APNs says this of every token."""

    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        fake.answer(TOKEN, Answer(400, reason), Answer(200), Answer(400, reason))
        assert refused(await channel.send(TOKEN, alert(), now())).verdict == "give_up"
        assert isinstance(await channel.send(TOKEN, alert(), now()), Accepted)
        assert refused(await channel.send(TOKEN, alert(), now())).verdict == "remove_token"

    run(body)


def test_retry_after_is_what_the_vendor_says() -> None:
    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        fake.answer(TOKEN, Answer(503, "ServiceUnavailable", retry_after_s=90))
        assert refused(await channel.send(TOKEN, alert(), now())).retry_after_ms == 90_000

    run(body)


def test_a_dead_token_says_since_when() -> None:
    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        fake.answer(TOKEN, Answer(410, "Unregistered", 1_760_000_000_123))
        outcome = refused(await channel.send(TOKEN, alert(), now()))
        assert (outcome.verdict, outcome.dead_since_ms) == ("remove_token", 1_760_000_000_123)

    run(body)


# -- the provider token


def test_an_expired_provider_token_is_made_anew_once() -> None:
    """The fake's clock goes ahead by an hour; the worker's does not know."""

    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        at_ms = now() // 2_400_000 * 2_400_000 + 1_300_000  # 1,300 s into the stretch: another one may be made
        fake.ahead_s = at_ms // 1000 - int(time.time())
        assert isinstance(await channel.send(TOKEN, alert(1, now_ms=at_ms), at_ms), Accepted)
        assert channel.token is not None
        first = channel.token.text
        fake.ahead_s += 2_400
        sent = [channel.send(hex_token(n), alert(n, now_ms=at_ms, ttl_ms=9_000_000), at_ms) for n in range(2, 30)]
        assert [outcome for outcome in await asyncio.gather(*sent) if not isinstance(outcome, Accepted)] == []
        assert channel.token.text != first

    run(body, violations=28)


def test_a_clock_that_is_wrong_turns_the_channel_off() -> None:
    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        at_ms = now() // 2_400_000 * 2_400_000 + 10_000  # the token was made just now
        fake.ahead_s = at_ms // 1000 - int(time.time()) + 3 * 3_600
        outcome = refused(await channel.send(TOKEN, alert(now_ms=at_ms, ttl_ms=20_000_000), at_ms))
        assert (outcome.verdict, outcome.code) == ("misconfigured", "ExpiredProviderToken")

    run(body, violations=1)


# -- connections that end


@pytest.mark.parametrize("fault", ["refused_stream", "goaway"])
def test_what_was_not_looked_at_is_sent_again_at_once(fault: Fault) -> None:
    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        fake.latency_s = 0.05
        await channel.send(TOKEN, alert(), now())  # from here on many at once
        tokens = [hex_token(number) for number in range(2, 102)]
        fake.answer(tokens[50], fault)
        begun = time.monotonic()
        outcomes = await asyncio.gather(*(channel.send(token, alert(number), now()) for number, token in enumerate(tokens, 2)))
        assert [outcome for outcome in outcomes if not isinstance(outcome, Accepted)] == []
        assert time.monotonic() - begun < 20
        assert [len(fake.shown[token]) for token in tokens] == [1] * 100
        assert fake.connections_count == 2

    run(body, connections=1)


@pytest.mark.parametrize(("fault", "code"), [("goaway_after", "connection"), ("reset", "internal_error")])
def test_what_may_have_been_looked_at_is_left_to_the_outbox(fault: Fault, code: str) -> None:
    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        fake.answer(TOKEN, fault)
        some = alert()
        outcome = refused(await channel.send(TOKEN, some, now()))
        assert (outcome.verdict, outcome.status) == ("retry", 0)
        assert outcome.code in (code, "goaway")
        assert isinstance(await channel.send(TOKEN, some, now()), Accepted)
        assert fake.shown[TOKEN] == [some.send_key]  # the same apns-id

    run(body)


def test_a_peer_that_refuses_every_stream_does_not_keep_us_busy() -> None:
    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        refusals: list[Fault] = ["refused_stream"] * 20
        fake.answer(TOKEN, *refusals)
        outcome = refused(await channel.send(TOKEN, alert(), now()))
        assert outcome.verdict == "retry"
        assert fake.connections_count <= 4

    run(body)


def test_never_more_streams_than_the_peer_lets() -> None:
    """One until the first good push, then 7, then 3, then 40, while 300 wait."""

    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        fake.latency_s = 0.005
        sends = [asyncio.create_task(channel.send(hex_token(number), alert(number), now())) for number in range(1, 301)]
        for streams, after in ((3, 50), (40, 150)):
            async with asyncio.timeout(10):
                while fake.moods["ok"] < after:  # noqa: ASYNC110  # what the fake counts, no event says
                    await asyncio.sleep(0.001)
            assert max(connection.open_peak for connection in fake.connections) == 7
            fake.set_streams(streams)
        outcomes = await asyncio.gather(*sends)
        assert [outcome for outcome in outcomes if not isinstance(outcome, Accepted)] == []
        assert 7 < max(connection.open_peak for connection in fake.connections) <= 40

    run(body, FakeApns(streams=7), timeout_ms=20_000)


def test_small_windows_only_slow_it_down() -> None:
    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        sends = [channel.send(hex_token(number), alert(number, body="y" * 3_000), now()) for number in range(1, 60)]
        assert [outcome for outcome in await asyncio.gather(*sends) if not isinstance(outcome, Accepted)] == []

    run(body, FakeApns(window=100))


def test_a_connection_that_fell_silent_is_given_up_and_the_next_is_another() -> None:
    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        assert channel.client is not None
        channel.client.limits = Http2Limits(quiet_s=0.05)
        fake.answer(TOKEN, "deaf")
        begun = time.monotonic()
        outcome = refused(await channel.send(TOKEN, alert(), now()))
        assert (outcome.verdict, outcome.code) == ("retry", "connection")
        assert time.monotonic() - begun < 20
        assert isinstance(await channel.send(TOKEN, alert(2), now()), Accepted)
        assert fake.connections_count == 2

    run(body, timeout_ms=10_000)


def test_a_channel_that_is_started_anew_leaves_its_connections_and_loses_nothing() -> None:
    """After a key was revoked: Apple wants new connections for the next one."""

    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        fake.latency_s = 0.1
        await channel.send(TOKEN, alert(), now())
        sends = [asyncio.create_task(channel.send(hex_token(number), alert(number), now())) for number in range(2, 50)]
        await asyncio.sleep(0.02)
        await channel.start()
        assert isinstance(await channel.send(TOKEN, alert(50), now()), Accepted)
        assert [outcome for outcome in await asyncio.gather(*sends) if not isinstance(outcome, Accepted)] == []
        assert (len(fake.shown), fake.connections_count, len(fake.shown[TOKEN])) == (49, 2, 2)

    run(body)


def test_a_vendor_that_is_away_is_not_run_down() -> None:
    """Every connection attempt fails: after the second, requests are refused without one for a while."""

    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        await fake.__aexit__(None, None, None)
        assert isinstance(channel.client, Http2Client)
        for number in range(1, 50):
            assert refused(await channel.send(TOKEN, alert(number), now())).code == "connection"
        assert channel.client.opened_count == 2

    run(body)


def test_an_authority_that_is_not_trusted_is_no_vendor() -> None:
    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        outcome = refused(await channel.send(TOKEN, alert(), now()))
        assert (outcome.verdict, outcome.code) == ("retry", "connection")
        assert "CERTIFICATE" in outcome.detail.upper()

    run(body, ca_file="")


# -- through a proxy


def test_the_way_out_may_be_a_proxy() -> None:
    async def body(fake: FakeApns, channel: ApnsChannel) -> None:
        asked: list[bytes] = []

        async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", fake.port)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await asyncio.gather(pipe(reader, up_writer), pipe(up_reader, writer))

        async with await asyncio.start_server(tunnel, "127.0.0.1", 0) as proxy:
            own = from_section(section(fake, proxy=f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"))
            await own.start()
            assert isinstance(await own.send(TOKEN, alert(), now()), Accepted)
            await own.close()
        assert asked[0].startswith(f"CONNECT 127.0.0.1:{fake.port} HTTP/1.1\r\n".encode())

    run(body)


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
    except ConnectionError:
        pass
    writer.close()


# -- configuration


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"key_id": "short"}, "key_id"),
        ({"team_id": "lowercase1"}, "team_id"),
        ({"topic": ""}, "topic"),
        ({"topic": f"{TOPIC}.voip"}, "topic"),
        ({"token_min": 19}, "token_min"),
        ({"token_min": 56}, "token_min"),
        ({"url": "http://127.0.0.1:1"}, "url"),
        ({"sandbox": "yes"}, "sandbox"),
    ],
)
def test_a_section_that_cannot_work_is_refused_by_name(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(BadPushConfig, match=named):
        from_section(section(FakeApns(), **{"url": "https://127.0.0.1:1", **fields}))


def test_the_environment_is_the_host() -> None:
    fake = FakeApns()
    assert from_section(section(fake, url="")).target.host == "api.push.apple.com"
    assert from_section(section(fake, url="", sandbox=True)).target.host == "api.sandbox.push.apple.com"


@pytest.mark.parametrize("key", ["env:NONE", "no/such/file.p8", "env:TEXT"])
def test_a_key_that_is_none_turns_the_channel_off(key: str, tmp_path: Path) -> None:
    fields = {**section(FakeApns()).fields, "url": "https://127.0.0.1:1", "key": key}
    channel = from_section(Section("apns", "", fields, {"TEXT": json.dumps({"no": "key"})}, tmp_path / "push.yaml"))
    with pytest.raises(BadCredentials):
        asyncio.run(channel.start())
