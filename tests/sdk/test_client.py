"""The shell: a real socket to a small server in the test that speaks for the fake edge."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import msgspec
import pytest
import uvloop
from warbler import (
    Client,
    ClientError,
    Closed,
    Connected,
    ConnectionRefused,
    Disconnected,
    Happening,
    Rejected,
    RequestFailed,
    Rest,
    RosterEntry,
    RosterKeeper,
    SignedOut,
    SignedOutSeen,
    TimelineEvent,
    Unreachable,
    frames,
    roster_keeper,
)
from warbler.client import socket_url
from warbler.frames import FromDevice, FromEdge
from warbler.friends import Friends
from warbler.roster import RosterPage
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from tests.sdk.fake_edge import FakeEdge

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    async def within() -> T:
        return await asyncio.wait_for(work, 20)

    return asyncio.run(within())


class Served:
    """The fake edge behind a port. `hold` keeps decisions back; `kick` closes every connection."""

    def __init__(self) -> None:
        self.edge = FakeEdge(["g-1"])
        self.tokens = {"good"}
        self.sockets: set[ServerConnection] = set()
        self.hold = False
        self.hellos: list[frames.Hello] = []
        self.heard: list[frames.FromDevice] = []
        self.url = ""

    async def handle(self, socket: ServerConnection) -> None:
        binary = socket.subprotocol == "warbler.v1+msgpack"
        codec: Any = msgspec.msgpack if binary else msgspec.json
        out: asyncio.Queue[FromEdge] = asyncio.Queue()
        hello = codec.decode(await socket.recv(decode=False), type=FromDevice)
        self.hellos.append(hello)
        if hello.token not in self.tokens:
            await socket.close(4503, "the token has expired")
            return
        self.sockets.add(socket)
        session = self.edge.open("u-a", hello, int(time.time() * 1000), out.put_nowait)
        writer = asyncio.create_task(self._write(socket, out, codec, binary))
        try:
            async for message in socket:
                data = message if isinstance(message, bytes) else message.encode()
                frame = codec.decode(data, type=FromDevice)
                self.heard.append(frame)
                if isinstance(frame, frames.Receipts):
                    out.put_nowait(receipts_page(frame))
                self.edge.on_frame(session, frame, int(time.time() * 1000))
                self.decide()
        finally:
            self.sockets.discard(socket)
            self.edge.close(session)
            writer.cancel()

    def decide(self) -> None:
        while self.edge.commands and not self.hold:
            self.edge.decide(int(time.time() * 1000))

    async def _write(self, socket: ServerConnection, out: "asyncio.Queue[FromEdge]", codec: Any, binary: bool) -> None:
        while True:
            data = codec.encode(await out.get())
            await socket.send(data if binary else data.decode())

    async def kick(self, code: int) -> None:
        for socket in list(self.sockets):
            await socket.close(code, "kicked")


def receipts_page(asked: frames.Receipts) -> frames.ReceiptsPage:
    """Three members, one a page; the middle page is empty, as a page may be that looked through others."""
    place = int(asked.after or 0)
    entries = () if place == 1 else (frames.ReceiptEntry(f"u-{place}", asked.seq, 9),)
    return frames.ReceiptsPage(asked.request, asked.conversation, entries, None if place == 3 else str(place + 1))


@asynccontextmanager
async def served(edge: FakeEdge | None = None) -> AsyncIterator[Served]:
    it = Served()
    it.edge = edge or it.edge
    subprotocols = [Subprotocol("warbler.v1+json"), Subprotocol("warbler.v1+msgpack")]
    server: Server = await serve(it.handle, "127.0.0.1", 0, subprotocols=subprotocols, ping_interval=None)
    it.url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
    try:
        yield it
    finally:
        server.close()
        await server.wait_closed()


def test_it_works_on_uvloop_too() -> None:
    async def work() -> None:
        async with served() as it, Client(it.url, token="good", device="d-1") as client:
            assert await client.send("g-1", "hello") == 1

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(work(), 20))


@pytest.mark.parametrize("codec", ["json", "msgpack"])
def test_a_message_is_acked_and_its_event_is_yielded(codec: Any) -> None:
    async def work() -> None:
        async with served() as it, Client(it.url, token="good", device="d-1", codec=codec) as client:
            assert await client.send("g-1", "hello") == 1
            assert await asyncio.gather(*(client.send_nowait("g-1", str(n)) for n in range(20)))
            texts = []
            async for happening in client.events():
                if isinstance(happening, TimelineEvent) and happening.event.content is not None:
                    texts.append(happening.event.content.text)
                    assert happening.own
                if len(texts) == 21:
                    break
            assert texts == ["hello", *map(str, range(20))]
            assert client.positions() == {"g-1": 22}
            assert client.directory["g-1"].head_seq == 21

    run(work())


def test_an_unanswered_command_survives_a_cut_and_is_stored_once() -> None:
    async def work() -> None:
        async with served() as it, Client(it.url, token="good", device="d-1") as client:
            it.hold = True
            sent = client.send_nowait("g-1", "once")
            while not it.edge.commands:  # noqa: ASYNC110  only until a frame has crossed the loopback
                await asyncio.sleep(0.01)
            await it.kick(4000)
            async for happening in client.events():
                if isinstance(happening, Disconnected):
                    assert happening.close_code == 4000
                    break
            it.hold = False
            it.decide()
            assert (await sent).seq == 1
            assert len(it.edge.timelines["g-1"].events) == 1
            assert it.hellos[-1].positions == {"g-1": 1}

    run(work())


def test_a_token_that_is_over_is_asked_for_anew() -> None:
    async def work() -> None:
        asked: list[str | None] = []

        async def token(refused: str | None) -> str:
            asked.append(refused)
            return "old" if len(asked) == 1 else "good"

        async with served() as it, Client(it.url, token=token, device="d-1") as client:
            assert await client.send("g-1", "x") == 1
        assert asked == [None, "old"]

    run(work())


def test_a_fixed_token_that_is_over_signs_out() -> None:
    async def work() -> None:
        async with served() as it:
            with pytest.raises(SignedOut):
                await Client(it.url, token="old", device="d-1").__aenter__()

    run(work())


@pytest.mark.parametrize(("code", "why"), [(4504, "revoked"), (4511, "replaced"), (4512, "frozen")])
def test_who_is_signed_out_from_elsewhere_is_told_why_and_does_not_come_back(code: int, why: str) -> None:
    async def work() -> None:
        async with served() as it, Client(it.url, token="good", device="d-1") as client:
            await client.send("g-1", "x")
            await it.kick(code)
            happened: list[Happening] = []

            async def listen() -> None:
                async for happening in client.events():
                    happened.append(happening)  # noqa: PERF401  # kept also when it raises

            with pytest.raises(SignedOut) as ended:
                await listen()
            assert (ended.value.why, ended.value.close_code) == (why, code)
            last = happened[-1]
            assert isinstance(last, SignedOutSeen)
            assert (last.why, last.close_code) == (why, code)
            await asyncio.sleep(0.3)
            assert len(it.hellos) == 1

    run(work())


class Pages:
    """The roster over REST: fails once, then gives what it has."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fail_with: ClientError | None = Unreachable("the node restarts")
        self.answer = RosterPage("v1", True, (roster_entry("u-ben", "asked"),))

    async def roster_page(self, since: str = "", after: str | None = None) -> RosterPage:
        self.asked.append(since)
        if self.fail_with is not None:
            error, self.fail_with = self.fail_with, None
            raise error
        return self.answer


def roster_entry(user: str, relation: Any) -> RosterEntry:
    return RosterEntry(user, f"d-{user}", relation, False, "", (), "", 1)


def test_the_roster_is_kept_by_what_is_told_and_read_on_after_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_keeper, "RETRY_S", 0.01)

    async def work() -> None:
        pages = Pages()
        told: list[RosterEntry] = []
        async with served() as it, Client(it.url, token="good", device="d-1") as client:
            async with RosterKeeper(client, cast(Friends, pages), changed=told.extend) as roster:
                assert [each.user for each in roster.asking()] == ["u-ben"]
                it.edge.sessions[0].send(frames.Roster("v2", (roster_entry("u-ben", "friends"),)))
                await until(lambda: bool(roster.friends()))
                pages.answer = RosterPage("v3", False, (roster_entry("u-eve", "requested"),))
                await it.kick(1011)
                await until(lambda: roster.get("u-eve") is not None)
                assert (pages.asked, roster.version) == (["", "", "v2"], "v3")
            assert client.observers == []
        assert [(each.user, each.relation) for each in told] == [("u-ben", "asked"), ("u-ben", "friends"), ("u-eve", "requested")]

    run(work())


def test_a_roster_that_may_not_be_read_is_an_error_at_the_door() -> None:
    async def work() -> None:
        pages = Pages()
        pages.fail_with = RequestFailed("token_revoked", "", False, 401)
        async with served() as it, Client(it.url, token="good", device="d-1") as client:
            with pytest.raises(RequestFailed):
                await RosterKeeper(client, cast(Friends, pages)).__aenter__()

    run(work())


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  # what is waited for is state of another task, which sets no event
        await asyncio.sleep(0.005)


def test_a_close_code_that_forbids_coming_back_ends_the_client() -> None:
    async def work() -> None:
        async with served() as it, Client(it.url, token="good", device="d-1") as client:
            it.hold = True
            sent = client.send_nowait("g-1", "x")
            await asyncio.sleep(0.05)
            await it.kick(4505)
            with pytest.raises(ConnectionRefused):
                await sent
            with pytest.raises(ConnectionRefused):
                async for _ in client.events():
                    pass

    run(work())


def test_closing_fails_what_is_unanswered() -> None:
    async def work() -> None:
        async with served() as it:
            async with Client(it.url, token="good", device="d-1") as client:
                it.hold = True
                sent = client.send_nowait("g-1", "x")
            with pytest.raises(Closed):
                await sent

    run(work())


def test_nobody_there_is_unreachable() -> None:
    async def work() -> None:
        with pytest.raises(Unreachable):
            await Client("http://127.0.0.1:9", token="good", device="d-1", connect_within_s=0.5).__aenter__()

    run(work())


def test_after_a_move_it_goes_on_at_the_next_address_and_sends_what_was_not_answered() -> None:
    async def work() -> None:
        edge = FakeEdge(["g-1"])
        async with (
            served(edge) as first,
            served(edge) as second,
            Client([first.url, second.url], token="good", device="d-1") as client,
        ):
            assert client.url == socket_url(first.url)
            first.hold = second.hold = True
            sent = client.send_nowait("g-1", "on the way")
            edge.sessions[0].send(frames.Move(100))
            async for happening in client.events():
                if isinstance(happening, Disconnected):
                    assert happening.retry_in_ms == 0
                elif isinstance(happening, Connected) and second.hellos:
                    break
            assert client.url == socket_url(second.url)
            second.hold = False
            second.decide()
            assert (await sent).seq == 1
            assert len(edge.timelines["g-1"].events) == 1

    run(work())


def test_an_address_where_nobody_is_is_passed_over() -> None:
    async def work() -> None:
        async with served() as it, Client(["http://127.0.0.1:9", it.url], token="good", device="d-1") as client:
            assert await client.send("g-1", "x") == 1

    run(work())


def test_receipts_are_read_page_by_page_and_marks_are_told() -> None:
    async def work() -> None:
        async with served() as it, Client(it.url, token="good", device="d-1") as client:
            pages = [page async for page in client.receipts("g-1", 7, "played", has=False, limit=1)]
            assert [entry.user for page in pages for entry in page.entries] == ["u-0", "u-2", "u-3"]
            assert len(pages) == 4
            client.mark_played("g-1", 3)
            client.mark_unread("g-1", 2)
            client.set_presence(True, "tea")
            client.watch_receipts("g-1", 7)
            while len(it.heard) < 8:  # noqa: ASYNC110  only until frames have crossed the loopback
                await asyncio.sleep(0.01)
            assert it.heard[0] == frames.Receipts(it.heard[0].request, "g-1", 7, "played", False, None, 1)  # type: ignore[union-attr]
            told = [frame for frame in it.heard[4:] if isinstance(frame, frames.Mark)]
            assert told == [frames.Mark("g-1", "played", 3), frames.Mark("g-1", "unread", 2)]
            assert frames.SetPresence(True, "tea") in it.heard
            assert frames.WatchReceipts("g-1", 7) in it.heard

    run(work())


def test_a_refusal_is_typed() -> None:
    async def work() -> None:
        async with served() as it, Client(it.url, token="good", device="d-1") as client:
            it.edge.timelines["g-1"].evicted_ms = 1 << 47
            with pytest.raises(Rejected) as caught:
                await client.send_nowait("g-1", "x", command_id="01900000-0000-7000-8000-000000000000")
            assert caught.value.code == "stale"

    run(work())


def test_a_full_queue_stops_taking_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warbler.client.QUEUE_LIMIT", 10)

    async def work() -> None:
        async with served() as it, Client(it.url, token="good", device="d-1") as client:
            for number in range(50):
                await client.send("g-1", str(number))
            assert len(client._queue) <= 12
            seqs = []
            async for happening in client.events():
                if isinstance(happening, TimelineEvent):
                    seqs.append(happening.event.seq)
                if len(seqs) == 50:
                    break
            assert seqs == list(range(1, 51))

    run(work())


def test_rest_asks_the_next_address_after_one_that_does_not_answer() -> None:
    async def work() -> None:
        async with served() as it, Rest(["http://127.0.0.1:9", it.url], within_s=2) as rest:
            with pytest.raises(Unreachable, match=":9"):
                await rest.users([])
            with pytest.raises(RequestFailed) as caught:  # a WebSocket's port answers: not with what was wanted, but it answers
                await rest.users([])
            assert caught.value.status == 426

    run(work())


def test_addresses() -> None:
    assert socket_url("https://chat.example/") == "wss://chat.example/v1/socket"
    assert socket_url("ws://h:1/v1/socket") == "ws://h:1/v1/socket"
