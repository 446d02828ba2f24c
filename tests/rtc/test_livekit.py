"""The engine on LiveKit against a local server of its protocol; and who is in a room, from webhooks in any order."""

import asyncio
import json
import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtc.engines.livekit.engine import LiveKitEngine
from rtc.engines.livekit.messages import ParticipantInfo, Webhook, named_room, read, room_name
from rtc.engines.livekit.seen import Ids, RoomSeen, listed, told
from rtc.engines.livekit.settings import LiveKitSettings
from rtc.engines.livekit.tokens import BadToken, Signer, check_webhook
from rtc.engines.make import make
from rtc.engines.names import leg_name, named_leg
from rtc.engines.port import EngineEvent, EngineRefused, EngineUnavailable, Leg, MediaSeen, Room, RoomGone
from tests.rtc.livekit_server import LiveKitServer
from tests.rtc.peers import until

KEY, SECRET = "APIkey", "s" * 32
ROOM = Room("call-1", 1)
ANA, BEN = Leg("ana", "phone", 1), Leg("ben", "tab", 1)


class World(NamedTuple):
    server: LiveKitServer
    engine: LiveKitEngine
    told: list[EngineEvent]

    async def join(self, leg: Leg, room: Room = ROOM) -> dict[str, object]:
        ticket = await self.engine.ticket(room, leg, int(time.time() * 1000) + 60_000)
        return self.server.join(ticket.token)

    async def tell(self, *webhooks: dict[str, object]) -> list[int]:
        """All that the server has to tell so far, or these."""
        return await self.server.send(self.engine.webhook_port, *(webhooks or self.server.webhooks))

    def flows(self, leg: Leg) -> list[str]:
        return [event.flow for event in self.told if isinstance(event, MediaSeen) and event.leg == leg]


def play(folder: Path, body: Callable[[World], Awaitable[None]], **chosen: str) -> None:
    async def run() -> None:
        async with asyncio.timeout(90), world(folder, chosen) as there:
            await body(there)

    asyncio.run(run())


@asynccontextmanager
async def world(folder: Path, chosen: dict[str, str]) -> AsyncIterator[World]:
    (folder / "secret").write_text(SECRET + "\n")
    server = LiveKitServer(KEY, SECRET)
    await server.start()
    env = {"RTC_LIVEKIT_URL": server.url, "RTC_LIVEKIT_KEY": KEY, "RTC_LIVEKIT_SECRET_FILE": str(folder / "secret")}
    engine = make("livekit", "livekit-1", env | {"RTC_LIVEKIT_WEBHOOK_PORT": str(free_port())} | chosen)
    assert isinstance(engine, LiveKitEngine)
    await engine.start()
    there = World(server, engine, [])
    listening = asyncio.ensure_future(listen(there))
    try:
        yield there
    finally:
        listening.cancel()
        await engine.stop()
        await server.stop()


async def listen(there: World) -> None:
    async for event in there.engine.events():
        there.told.append(event)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def test_a_device_comes_with_its_ticket_is_seen_and_can_be_removed(tmp_path: Path) -> None:
    async def body(there: World) -> None:
        await there.engine.ensure_room(ROOM, "video")
        await there.engine.ensure_room(ROOM, "video")
        ticket = await there.engine.ticket(ROOM, ANA, int(time.time() * 1000) + 60_000)
        assert ticket.url == there.server.url.replace("http", "ws")
        await there.join(ANA)
        await there.join(BEN)
        assert set(await there.tell()) == {200}
        await until(lambda: there.flows(ANA) == ["up"] == there.flows(BEN), "both are up")
        assert {(seen.leg, seen.flowing) for seen in (await there.engine.snapshot(ROOM)).legs} == {(ANA, True), (BEN, True)}
        assert there.engine.load() == (1, 2)
        await there.engine.kick(ROOM, "ana", "phone")
        await there.engine.kick(ROOM, "ana", "phone")
        await there.tell()
        await until(lambda: there.flows(ANA) == ["up", "gone"], "ana is gone")
        assert [seen.leg for seen in (await there.engine.snapshot(ROOM)).legs] == [BEN]
        await there.engine.close(ROOM)
        await there.engine.close(ROOM)
        await there.tell()
        assert not (await there.engine.snapshot(ROOM)).exists
        assert there.flows(BEN) == ["up"]  # we closed it ourselves: nothing is told of it
        assert RoomGone(ROOM) not in there.told

    play(tmp_path, body)


def test_a_ticket_is_for_one_room_and_a_time_and_only_for_a_room_of_ours(tmp_path: Path) -> None:
    async def body(there: World) -> None:
        with pytest.raises(EngineRefused, match="unknown_call"):
            await there.join(ANA)
        await there.engine.ensure_room(ROOM, "audio")
        late = await there.engine.ticket(ROOM, ANA, int(time.time() * 1000) - 5_000)
        await asyncio.sleep(1.1)  # it is good for at least a second
        with pytest.raises(PermissionError):
            there.server.join(late.token)
        joined = await there.join(ANA)
        assert joined["room"] == room_name(ROOM)
        assert named_leg(str(joined["identity"])) == ANA
        claims = there.server.claims((await there.engine.ticket(ROOM, ANA, int(time.time() * 1000) + 9_000)).token)
        assert claims["video"]["roomJoin"] is True
        assert "roomAdmin" not in claims["video"]
        assert claims["exp"] - time.time() < 10

    play(tmp_path, body)


def test_webhooks_twice_late_and_in_the_wrong_order_end_where_the_truth_is(tmp_path: Path) -> None:
    async def body(there: World) -> None:
        await there.engine.ensure_room(ROOM, "video")
        ana = await there.join(ANA)
        there.server.leave(ana)
        await there.join(BEN)
        backwards = [*reversed(there.server.webhooks)]
        assert set(await there.tell(*backwards, *backwards)) == {200}
        await until(lambda: there.flows(BEN) == ["up"], "ben is up, once")
        assert there.flows(ANA) == ["gone"]  # left before joined: it never comes up again
        again = await there.join(ANA)
        await there.tell(there.server.webhooks[-1])
        await until(lambda: there.flows(ANA) == ["gone", "up"], "a new stay of hers counts")
        assert ana["sid"] != again["sid"]

    play(tmp_path, body)


def test_what_is_not_livekits_is_not_believed(tmp_path: Path) -> None:
    async def body(there: World) -> None:
        await there.engine.ensure_room(ROOM, "video")
        await there.join(ANA)
        url = f"http://127.0.0.1:{there.engine.webhook_port}/"
        true = json.dumps(there.server.webhooks[-1]).encode()
        foreign = json.dumps({**there.server.webhooks[-1], "id": "EV_x", "room": {"name": "somebody-else"}}).encode()
        signed = there.server.signed
        cases = [
            (signed(true, secret="t" * 32), true, 401),
            (signed(true, key="other"), true, 401),
            (signed(true, ttl_s=-3_600), true, 401),
            (signed(b"{}"), true, 401),
            ("", true, 401),
            ("a.b.c", true, 401),
            ("..", true, 401),
            ("eyJhbGciOiJub25lIn0.e30.", true, 401),
            (signed(b"no json"), b"no json", 400),
            (signed(b"[" * 50_000), b"[" * 50_000, 400),
            (signed(b'{"event": 5}'), b'{"event": 5}', 400),
            (signed(foreign), foreign, 200),  # taken and left alone
        ]
        async with httpx.AsyncClient() as client:
            for token, content, status in cases:
                answer = await client.post(url, content=content, headers={"Authorization": token})
                assert answer.status_code == status, (token[:20], content[:20])
            assert (await client.post(url, content=b"x" * 300_000)).status_code == 413
            assert (await client.get(url)).status_code == 404
            chunked = await client.post(url, content=stream())
            assert chunked.status_code == 411
            assert there.told == []
            assert (await client.post(url, content=true, headers={"Authorization": signed(true)})).status_code == 200
        await until(lambda: there.flows(ANA) == ["up"], "the true one is believed")

    play(tmp_path, body)


async def stream() -> AsyncIterator[bytes]:
    yield b"{}"


def test_what_no_webhook_told_is_found_by_asking(tmp_path: Path) -> None:
    async def body(there: World) -> None:
        await there.engine.ensure_room(ROOM, "video")
        ana = await there.join(ANA)
        await until(lambda: there.flows(ANA) == ["up"], "she is found")
        there.server.leave(ana)
        await until(lambda: there.flows(ANA) == ["up", "gone"], "she is missed")
        await there.tell()  # what comes late changes nothing
        await asyncio.sleep(0.3)
        assert there.flows(ANA) == ["up", "gone"]
        there.server.rooms.clear()  # as after its restart
        await until(lambda: RoomGone(ROOM) in there.told, "the room is gone")
        assert there.engine.load() == (0, 0)

    play(tmp_path, body, RTC_LIVEKIT_POLL_MS="100")


def test_who_is_muted_stays_so_with_a_new_track(tmp_path: Path) -> None:
    async def body(there: World) -> None:
        await there.engine.ensure_room(ROOM, "video")
        ana = await there.join(ANA)
        microphone, camera = there.server.publish_track(ana, "MICROPHONE"), there.server.publish_track(ana, "CAMERA")
        await there.engine.mute(ROOM, "ana", True)
        assert (microphone["muted"], camera["muted"]) == (True, False)
        sound = there.server.publish_track(ana, "SCREEN_SHARE_AUDIO")
        await there.tell(there.server.webhooks[-1])
        await until(lambda: sound["muted"], "the new track is muted")
        await there.engine.mute(ROOM, "ana", False)
        assert (microphone["muted"], sound["muted"]) == (False, False)
        there.server.remote_unmute = False
        await there.engine.mute(ROOM, "ana", True)
        await there.engine.mute(ROOM, "ana", False)  # refused there: the device unmutes itself
        assert microphone["muted"]

    play(tmp_path, body)


def test_a_livekit_that_is_not_there_is_unavailable_and_may_come_back(tmp_path: Path) -> None:
    async def body(there: World) -> None:
        await there.engine.ensure_room(ROOM, "video")
        await there.server.stop()
        for asked in (there.engine.ensure_room(ROOM, "video"), there.engine.snapshot(ROOM), there.engine.close(Room("other", 1))):
            with pytest.raises(EngineUnavailable):
                await asked
        await there.server.start()
        await there.engine.ensure_room(ROOM, "video")
        assert (await there.engine.snapshot(ROOM)).exists

    play(tmp_path, body)


def test_a_key_that_livekit_does_not_know_is_said_at_the_start(tmp_path: Path) -> None:
    async def body(there: World) -> None:
        env = {"RTC_LIVEKIT_URL": there.server.url, "RTC_LIVEKIT_KEY": "other", "RTC_LIVEKIT_SECRET_FILE": str(tmp_path / "secret")}
        stranger = make("livekit", "livekit-2", env)
        with pytest.raises(EngineUnavailable):
            await stranger.start()
        await stranger.stop()

    play(tmp_path, body)


def test_what_devices_say_to_livekit_themselves_is_refused_here(tmp_path: Path) -> None:
    async def body(there: World) -> None:
        engine = there.engine
        assert engine.capabilities().own_tickets
        asked = (
            engine.publish(ROOM, ANA, "v=0", (), ()),
            engine.answer(ROOM, ANA, "v=0"),
            engine.candidate(ROOM, ANA, "publish", "", ""),
            engine.tracks(ROOM, ANA, ()),
            engine.layer(ROOM, ANA, "ben", "camera", "low"),
            engine.record(ROOM, True),
        )
        for each in asked:
            with pytest.raises(EngineRefused, match="not_supported"):
                await each

    play(tmp_path, body)


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({}, "RTC_LIVEKIT_KEY"),
        ({"RTC_LIVEKIT_KEY": "k"}, "RTC_LIVEKIT_SECRET_FILE"),
        ({"RTC_LIVEKIT_KEY": "k", "RTC_LIVEKIT_SECRET_FILE": "/nowhere"}, "RTC_LIVEKIT_SECRET_FILE"),
        ({"RTC_LIVEKIT_KEY": "k", "RTC_LIVEKIT_URL": "ws://x"}, "RTC_LIVEKIT_URL"),
        ({"RTC_LIVEKIT_KEY": "k", "RTC_LIVEKIT_DEVICE_URL": "http://x"}, "RTC_LIVEKIT_DEVICE_URL"),
        ({"RTC_LIVEKIT_KEY": "k", "RTC_LIVEKIT_POLL_MS": "soon"}, "RTC_LIVEKIT_POLL_MS"),
        ({"RTC_LIVEKIT_KEY": "k", "RTC_LIVEKIT_POLL_MS": "1"}, "RTC_LIVEKIT_POLL_MS"),
    ],
)
def test_a_wrong_setting_is_named(env: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make("livekit", "livekit-1", env)


def test_devices_are_told_the_address_that_is_theirs() -> None:
    assert LiveKitSettings(url="https://here").told_url() == "wss://here"
    assert LiveKitSettings(device_url="wss://there").told_url() == "wss://there"


# ---- who is in a room


def webhook(event: str, sid: str, leg: Leg) -> Webhook:
    return Webhook(event, participant=ParticipantInfo(sid, leg_name(leg)))


HISTORIES = st.lists(st.tuples(st.sampled_from([ANA, BEN, Leg("ana", "phone", 2)]), st.booleans()), min_size=1, max_size=6)


@given(HISTORIES, st.integers(0, 1 << 32), st.data())
@settings(max_examples=300)
def test_in_whatever_order_stays_are_told_their_end_is_the_end(stays: list[tuple[Leg, bool]], seed: int, data: st.DataObject) -> None:
    """Every stay is told to begin, perhaps to publish, and perhaps to end; in any order and how often."""
    events = [webhook("participant_joined", f"S{at}", leg) for at, (leg, _) in enumerate(stays)]
    events += [webhook("participant_left", f"S{at}", leg) for at, (leg, ended) in enumerate(stays) if ended]
    events += data.draw(st.lists(st.sampled_from(events), max_size=5))
    random.Random(seed).shuffle(events)
    seen, last = RoomSeen(), dict[tuple[str, str], str]()
    for each in events:
        now = told(seen, ROOM, each)
        seen = now.seen
        for event in now.events:
            assert isinstance(event, MediaSeen)
            last[(event.leg.user, event.leg.device)] = event.flow
    truth = {f"S{at}": leg for at, (leg, ended) in enumerate(stays) if not ended}
    assert dict(seen.stays) == truth
    here = {(leg.user, leg.device) for leg in truth.values()}
    assert {place for place, flow in last.items() if flow == "up"} == here
    assert listed(seen, ROOM, [ParticipantInfo(sid, leg_name(leg), "ACTIVE") for sid, leg in truth.items()]).events == ()


def test_a_second_connection_of_a_device_outlives_its_first() -> None:
    anew = Leg("ana", "phone", 2)
    seen = told(told(RoomSeen(), ROOM, webhook("participant_joined", "S1", ANA)).seen, ROOM, webhook("track_published", "S2", anew)).seen
    first = told(seen, ROOM, webhook("participant_left", "S1", ANA))
    assert first.events == ()
    assert told(first.seen, ROOM, webhook("participant_connection_aborted", "S2", anew)).events == (MediaSeen(ROOM, anew, "gone"),)


def test_strangers_and_words_we_do_not_know_change_nothing() -> None:
    seen = told(RoomSeen(), ROOM, webhook("participant_joined", "S1", ANA)).seen
    stranger = Webhook("participant_joined", participant=ParticipantInfo("S9", "EG_recorder"))
    for each in (stranger, webhook("egress_started", "S1", ANA), webhook("participant_left", "", ANA), Webhook("track_unpublished")):
        assert told(seen, ROOM, each) == (seen, ())
    waiting = ParticipantInfo("S2", leg_name(BEN), "JOINING")
    assert listed(RoomSeen(), ROOM, [waiting, ParticipantInfo("S3", "EG_recorder", "ACTIVE")]) == (RoomSeen(), ())


def test_a_webhook_is_repeated_only_while_it_is_remembered() -> None:
    ids = Ids(2)
    assert [ids.repeated(id) for id in ("a", "b", "a", "c", "a", "", "")] == [False, False, True, False, False, False, False]


def test_rooms_are_named_so_that_they_are_read_back() -> None:
    for room in (ROOM, Room("a.b", 12), Room("0198-c", 1)):
        assert named_room(room_name(room)) == room
    for name in ("", "warbler", "warbler.", "warbler.x", "warbler..1", "warbler.x.y", "other.x.1", "warbler.x.²"):
        assert named_room(name) is None


def test_both_spellings_and_numbers_as_texts_are_read() -> None:
    api = b'{"sid":"S","joined_at":"1700000000","state":"ACTIVE","new_field":{},"tracks":[{"sid":"T","type":"VIDEO"}]}'
    hook = b'{"sid":"S","joinedAt":1700000000,"state":2,"region":null,"tracks":[{"sid":"T","type":1,"mimeType":"video/VP8"}]}'
    for raw in (api, hook):
        participant = read(raw, ParticipantInfo)
        assert (participant.active, participant.joined_at, participant.tracks[0].audio) == (True, 1_700_000_000, False)


def test_a_token_of_ours_is_read_by_another_library_and_theirs_by_us() -> None:
    server, signer, now = LiveKitServer(KEY, SECRET), Signer(KEY, SECRET), int(time.time())
    assert server.claims(signer.token({"video": {"room": "x"}}, now, 60))["video"] == {"room": "x"}
    check_webhook(signer, server.signed(b"body"), b"body", now)
    for token in ("", "x", "a.b", "\x00.é.ü", server.signed(b"body")[:-2], server.signed(b"body") + "x"):
        with pytest.raises(BadToken):
            check_webhook(signer, token, b"body", now)
