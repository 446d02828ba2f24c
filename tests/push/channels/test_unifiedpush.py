"""UnifiedPush: Web Push to wherever a user says, which must not be our own network."""

import asyncio
import json
import socket
from collections.abc import Iterable
from typing import Any

import httpcore
import pytest

from log.web.addresses import allowed
from log.web.guarded import ForbiddenAddress, GuardedBackend
from streams.push.channels.port import Accepted, BadCredentials, Outcome, PushChannel
from streams.push.channels.unifiedpush import Servers, UnifiedPushChannel, from_section
from streams.push.config import BadPushConfig
from tests.push.channel_laws import TIMEOUT_MS, ChannelLaws, alert, now, refused
from tests.push.channels.test_webpush import section
from tests.push.fakes.base import FakeVendor, Mood, Moods, Reply, Request
from tests.push.fakes.tls import loopback_certificates
from tests.push.fakes.webpush import FakeWebPush


class TestUnifiedPush(ChannelLaws):
    answers_empty = False  # any 2xx is a success there, without a word

    def fake(self) -> Moods:
        return FakeWebPush()

    def channel(self, fake: Moods, timeout_ms: int) -> PushChannel:
        limit = 100 if timeout_ms > TIMEOUT_MS else 20  # the law of many at once asks one server for all of them
        fields = {"hosts": [], "networks": ["127.0.0.1/32"], "server_in_flight_limit": limit}
        return from_section(section("unifiedpush", **fields, timeout_ms=timeout_ms))

    def token(self, fake: Moods, number: int = 1) -> str:
        assert isinstance(fake, FakeWebPush)
        return fake.subscribe(f"s{number}")

    def shown_text(self, fake: Moods) -> tuple[str, str]:
        assert isinstance(fake, FakeWebPush)
        return fake.received[-1]["title"], fake.received[-1]["body"]

    # -- what is UnifiedPush's own

    def test_a_payload_is_short_enough_for_older_servers(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeWebPush)
            await channel.send(self.token(fake), alert(body="word " * 2_000), now())
            assert len(fake.bodies[-1]) == 4_000

        self.run(law)

    def test_our_own_network_is_not_reached(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            closed = from_section(section("unifiedpush", hosts=[]))
            await closed.start()
            outcome = refused(await closed.send(self.token(fake), alert(), now()))
            assert (outcome.verdict, outcome.status, outcome.code) == ("give_up", 0, "forbidden_address")
            assert sum(fake.moods.values()) == 0
            await closed.close()

        self.run(law)

    def test_hosts_can_be_narrowed(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            narrow = from_section(section("unifiedpush", hosts=["push.example.org"], networks=["127.0.0.0/8"]))
            assert narrow.check_token(self.token(fake)) is not None
            assert refused(await narrow.send(self.token(fake), alert(), now())).code == "foreign_host"

        self.run(law)

    def test_a_server_that_hangs_takes_no_place_of_the_others(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(channel, UnifiedPushChannel)
            tokens = [self.token(fake, number) for number in range(1, 41)]
            for token in tokens:
                fake.script(token, ["slow"])
            sending = [asyncio.create_task(channel.send(token, alert(), now())) for token in tokens]
            async with FakeWebPush() as other:
                assert isinstance(await channel.send(other.subscribe(), alert(), now()), Accepted)
            codes = [refused(outcome).code for outcome in await asyncio.gather(*sending)]
            assert (codes.count("timeout"), codes.count("server_busy")) == (20, 20)
            assert {server.in_flight for server in channel.servers.known.values()} == {0}

        self.run(law)

    def test_a_server_that_is_down_is_left_alone_and_the_others_are_not(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            for _ in range(25):
                fake.script(self.token(fake), ["error"])
                outcome = refused(await channel.send(self.token(fake), alert(), now()))
            assert (outcome.verdict, outcome.code) == ("retry", "server_down")
            assert outcome.retry_after_ms is not None
            assert outcome.retry_after_ms >= 5_000
            assert fake.moods["error"] == 20
            async with FakeWebPush() as other:
                assert isinstance(await channel.send(other.subscribe(), alert(), now()), Accepted)

        self.run(law)


def test_servers_that_nobody_asks_any_more_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.push.channels.unifiedpush.SERVERS_LIMIT", 3)
    servers = Servers()
    busy = servers.of("https://busy.example")
    busy.in_flight = 1
    for number in range(20):
        servers.of(f"https://{number}.example")
    assert len(servers.known) == 3
    assert servers.of("https://busy.example") is busy


class Answers(FakeVendor):
    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply

    async def receive(self, request: Request) -> Reply | Mood:
        return self.reply


@pytest.mark.parametrize("status", [*range(300, 309), *range(400, 432), 451, 500, 501, 502, 503, 507])
def test_no_answer_of_somebodys_server_turns_the_channel_off(status: int) -> None:
    async def body() -> None:
        async with Answers(Reply(status, b"", (("location", "http://127.0.0.1:1/"),))) as fake:
            channel = from_section(section("unifiedpush", hosts=[], networks=["127.0.0.1"]))
            await channel.start()
            keys = json.loads(FakeWebPush(1).subscribe())["keys"]
            outcome = refused(await channel.send(json.dumps({"endpoint": f"{fake.url}/up", "keys": keys}), alert(), now()))
            assert outcome.status == status
            assert outcome.verdict != "misconfigured"
            assert fake.requests_count == (2 if status == 413 else 1)
            await channel.close()

    asyncio.run(body())


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1"),
        *("255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2001:db8::1"),
    ],
)
def test_an_address_of_ours_or_nobodys_is_forbidden(address: str) -> None:
    assert not allowed(address, ())


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_an_address_of_the_internet_is_not(address: str) -> None:
    assert allowed(address, ())


def connect(backend: GuardedBackend, addresses: Iterable[str], monkeypatch: pytest.MonkeyPatch, up: frozenset[str]) -> list[str]:
    """Which addresses were connected to, where a name resolves to these."""
    tried: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    async def connect_tcp(self: Any, host: str, *_: Any) -> Any:
        tried.append(host)
        if host not in up:
            raise httpcore.ConnectError
        return None

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_tcp)
    asyncio.run(backend.connect_tcp("name.example", 443))
    return tried


def test_a_name_with_a_good_and_a_bad_address_gets_the_good_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert connect(GuardedBackend(()), ["10.0.0.1", "1.1.1.1", "::1"], monkeypatch, frozenset({"1.1.1.1"})) == ["1.1.1.1"]


def test_a_name_with_only_bad_addresses_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ForbiddenAddress, match=r"name\.example"):
        connect(GuardedBackend(()), ["10.0.0.1", "fe80::1%eth0"], monkeypatch, frozenset())


def test_the_next_address_is_tried_where_one_is_down_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    assert connect(GuardedBackend(()), ["1.1.1.1", "1.0.0.1"], monkeypatch, frozenset({"1.0.0.1"})) == ["1.1.1.1", "1.0.0.1"]
    many = [f"1.1.1.{number}" for number in range(1, 30)]
    with pytest.raises(httpcore.ConnectError):
        connect(GuardedBackend(()), many, monkeypatch, frozenset())


def test_a_name_that_is_none_is_tried_again_later() -> None:
    async def body() -> None:
        channel = from_section(section("unifiedpush", hosts=[]))
        await channel.start()
        keys = json.loads(FakeWebPush(1).subscribe())["keys"]
        outcome = refused(await channel.send(json.dumps({"endpoint": "https://nowhere.invalid/up", "keys": keys}), alert(), now()))
        assert (outcome.verdict, outcome.code) == ("retry", "connection")
        await channel.close()

    asyncio.run(body())


@pytest.mark.parametrize("fields", [{"networks": ["everything"]}, {"networks": ["10.0.0.1/8"]}, {"proxy": "http://proxy.example:3128"}])
def test_a_section_that_would_check_nothing_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadPushConfig, match="unifiedpush"):
        from_section(section("unifiedpush", hosts=[], **fields))


def test_what_resolves_is_what_is_connected_to() -> None:
    """localhost, by its name and with the real resolver."""

    async def body() -> None:
        async with FakeWebPush() as fake:
            channel = from_section(section("unifiedpush", hosts=[], networks=["127.0.0.0/8"]))
            await channel.start()
            token = fake.subscribe("one").replace("127.0.0.1", "localhost")
            outcome = refused(await channel.send(token, alert(), now()))
            assert (outcome.status, fake.violations) == (401, [f"VAPID is for http://localhost:{fake.port}"])
            assert isinstance(await channel.send(fake.subscribe("one"), alert(), now()), Accepted)
            await channel.close()

    assert socket.getaddrinfo("localhost", 80)
    asyncio.run(body())


def certified(name: str, ca_file: str, networks: tuple[str, ...] = ("127.0.0.0/8",)) -> tuple[Outcome, FakeWebPush]:
    """A push over TLS to the fake by this name."""

    async def body() -> tuple[Outcome, FakeWebPush]:
        async with FakeWebPush(tls=loopback_certificates().server_context("http/1.1")) as fake:
            channel = from_section(section("unifiedpush", hosts=[], networks=list(networks), ca_file=ca_file))
            await channel.start()
            try:
                return await channel.send(fake.subscribe("one").replace("127.0.0.1", name), alert(), now()), fake
            finally:
                await channel.close()

    return asyncio.run(body())


def test_a_server_is_believed_by_its_certificate_and_its_name() -> None:
    authority = str(loopback_certificates().authority)
    assert isinstance(certified("127.0.0.1", authority)[0], Accepted)
    outcome, fake = certified("localhost", authority)
    assert (refused(outcome).status, fake.requests_count) == (401, 1)  # reached, for it knows itself by its number


@pytest.mark.parametrize(("name", "own"), [("127.0.0.1", False), ("127.0.0.2", True)])
def test_a_server_with_another_authority_or_name_is_sent_nothing(name: str, own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.2 is made to lead to the fake, whose certificate is for 127.0.0.1."""
    connect_tcp = httpcore.AnyIOBackend.connect_tcp

    async def connect(self: Any, host: str, *rest: Any) -> Any:
        return await connect_tcp(self, "127.0.0.1", *rest)

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    outcome, fake = certified(name, str(loopback_certificates().authority) if own else "")
    assert (refused(outcome).verdict, refused(outcome).code, fake.requests_count) == ("retry", "connection", 0)
    assert "certificate verify failed" in refused(outcome).detail


@pytest.mark.parametrize("ca_file", ["/nowhere.pem", "/dev/null", "/", "a\x00b"])
def test_authorities_that_are_none_turn_the_channel_off(ca_file: str) -> None:
    with pytest.raises(BadCredentials):
        certified("127.0.0.1", ca_file)
