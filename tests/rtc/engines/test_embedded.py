"""The embedded engine with devices made of aiortc, over real UDP on loopback."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import pytest

from rtc.engines.embedded import ticking
from rtc.engines.embedded.engine import EmbeddedEngine
from rtc.engines.embedded.settings import EmbeddedEngineSettings
from rtc.engines.embedded.transport import Transport
from rtc.engines.port import EngineRefused, Leg, MediaSeen, Room, RoomSnapshot
from schemas.call_signals import Track
from tests.rtc.engines.aiortc_device import Device, Stage, on_loopback, until, vp8_frames

ROOM = Room("call-1", 1)


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    on_loopback(monkeypatch.setattr)
    vp8_frames()  # made before any clock runs


@asynccontextmanager
async def staged(**settings: Any) -> AsyncIterator[Stage]:
    engine = EmbeddedEngine(EmbeddedEngineSettings(**settings))
    await engine.start()
    await engine.ensure_room(ROOM, "video")
    stage = Stage(engine, ROOM)
    try:
        yield stage
    finally:
        await stage.close()
        await engine.stop()


def played(play: Callable[[Stage], Awaitable[None]], **settings: Any) -> None:
    async def run() -> None:
        async with asyncio.timeout(120), staged(**settings) as stage:
            await play(stage)

    asyncio.run(run())


async def gets(device: Device, *names: tuple[str, Any], more: int = 5) -> None:
    """Waits until the device has decoded some more of each."""
    before = {name: device.got.get(name, 0) for name in names}
    await until(lambda: all(device.got.get(name, 0) >= before[name] + more for name in names))


async def gets_no(device: Device, name: tuple[str, Any]) -> None:
    """Looks for a while, after what was under way has come."""
    await asyncio.sleep(0.3)
    before = device.got.get(name, 0)
    await asyncio.sleep(0.3)
    assert device.got.get(name, 0) == before


def test_two_see_and_hear_each_other() -> None:
    async def play(stage: Stage) -> None:
        ana, bob = stage.join("ana"), stage.join("bob")
        await ana.publish("microphone", "camera")
        await bob.publish("microphone", "camera")
        await gets(bob, ("ana", "microphone"), ("ana", "camera"))
        await gets(ana, ("bob", "microphone"), ("bob", "camera"))
        await until(lambda: stage.flows("ana") == stage.flows("bob") == ["up"])
        snapshot = await stage.engine.snapshot(ROOM)
        assert {(seen.leg.user, seen.flowing) for seen in snapshot.legs} == {("ana", True), ("bob", True)}
        assert stage.engine.load() == (1, 2)
        await until(lambda: stage.qualities("ana"))
        quality = stage.qualities("ana")[0].quality
        assert quality.loss_ratio < 0.5
        assert quality.bitrate_kbps > 20

    played(play, quality_interval_ms=1_000)


def test_who_comes_goes_and_shares_a_screen_is_offered_to_the_others() -> None:
    async def play(stage: Stage) -> None:
        ana, bob = stage.join("ana"), stage.join("bob")
        await ana.publish("camera")
        await bob.publish("microphone")
        await gets(bob, ("ana", "camera"))
        assert len(bob.offers) == 1
        await ana.publish("screen")
        await gets(bob, ("ana", "screen"), ("ana", "camera"))
        cem = stage.join("cem")
        await cem.publish("camera")
        await gets(cem, ("ana", "screen"), ("ana", "camera"), ("bob", "microphone"))
        await gets(bob, ("cem", "camera"))
        places = {track.user + track.source: track.mid for track in bob.offers[-1].tracks}
        await cem.close()
        await until(lambda: "cemcamera" not in {track.user + track.source for track in bob.offers[-1].tracks})
        assert "gone" in stage.flows("cem")
        dora = stage.join("dora")
        await dora.publish("camera")
        await gets(bob, ("dora", "camera"), ("ana", "camera"))  # in cem's section, though aiortc listens to each SSRC only once
        again = {track.user + track.source: track.mid for track in bob.offers[-1].tracks}
        assert again["doracamera"] == places["cemcamera"]
        assert {name: again[name] for name in ("anacamera", "anascreen")} == {name: places[name] for name in ("anacamera", "anascreen")}

    played(play)


def test_a_new_generation_takes_the_place_of_the_old_one_without_a_new_offer_to_anybody() -> None:
    async def play(stage: Stage) -> None:
        ana, bob = stage.join("ana"), stage.join("bob")
        await ana.publish("microphone", "camera")
        await bob.publish("microphone")
        await gets(bob, ("ana", "camera"))
        offers = len(bob.offers)
        second = stage.join("ana", generation=2)
        await second.publish("microphone", "camera")
        await gets(second, ("bob", "microphone"))
        await until(lambda: ana.up.connectionState == "closed")
        await gets(bob, ("ana", "camera"), ("ana", "microphone"), more=15)
        assert len(bob.offers) == offers
        assert "gone" not in stage.flows("ana")
        with pytest.raises(EngineRefused, match="unknown_leg"):
            await stage.engine.publish(ROOM, ana.leg, ana.up.localDescription.sdp, (), ())

    played(play)


def test_what_carries_goes_on_through_tries_that_come_to_nothing() -> None:
    async def play(stage: Stage) -> None:
        ana, bob = stage.join("ana"), stage.join("bob")
        await ana.publish("microphone", "camera")
        await bob.publish("microphone")
        await gets(bob, ("ana", "camera"))
        for generation in (2, 3):  # their answers are lost
            vain = stage.join("ana", generation=generation)
            await vain.prepare("microphone", "camera")
            await stage.engine.publish(ROOM, vain.leg, vain.up.localDescription.sdp, (), ())
        await gets(bob, ("ana", "camera"), more=15)
        assert ana.up.connectionState == "connected"
        await stage.join("ana", generation=4).publish("microphone", "camera")
        await until(lambda: ana.up.connectionState == "closed")
        await gets(bob, ("ana", "camera"), more=15)
        assert "gone" not in stage.flows("ana")

    played(play)


def test_a_try_that_never_comes_leaves_what_carries_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(stage: Stage) -> None:
        ana, bob = stage.join("ana"), stage.join("bob")
        await ana.publish("microphone", "camera")
        await bob.publish("microphone")
        await gets(bob, ("ana", "camera"))
        vain = stage.join("ana", generation=2)
        await vain.prepare("microphone", "camera")
        monkeypatch.setattr("rtc.engines.embedded.transport.HANDSHAKE_TIMEOUT_S", 0.3)
        await stage.engine.publish(ROOM, vain.leg, vain.up.localDescription.sdp, (), ())
        room = stage.engine.rooms[ROOM]
        assert room.sessions["ana", "1"].leg == vain.leg
        await until(lambda: room.sessions["ana", "1"].leg == ana.leg)
        await gets(bob, ("ana", "camera"), more=15)
        await gets(ana, ("bob", "microphone"), more=15)
        assert "gone" not in stage.flows("ana")
        await ana.close()
        await until(lambda: "gone" in stage.flows("ana"))

    played(play)


def test_who_goes_and_comes_back_between_two_offers_is_seen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(stage: Stage) -> None:
        ana, bob = stage.join("ana"), stage.join("bob")
        await ana.publish("camera")
        await bob.publish("microphone")
        await gets(bob, ("ana", "camera"))
        offers = len(bob.offers)
        second = stage.join("ana", generation=2)
        await second.prepare("camera")
        monkeypatch.setattr("rtc.engines.embedded.room.OFFER_AFTER_S", 1.0)
        await stage.engine.kick(ROOM, "ana", "1")
        await second.send()
        await gets(bob, ("ana", "camera"), more=15)
        assert len(bob.offers) == offers

    played(play)


def test_a_key_frame_that_passed_before_a_subscribers_handshake_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The handshake is held back until the publisher has answered the wish that came with the subscriber's answer."""

    async def play(stage: Stage) -> None:
        ana, bob = stage.join("ana"), stage.join("bob")
        await ana.publish("camera")
        await until(lambda: stage.flows("ana") == ["up"])
        held: list[tuple[Transport, bytes]] = []
        with monkeypatch.context() as patched:
            patched.setattr(Transport, "took_dtls", lambda transport, data: held.append((transport, data)))
            await bob.publish("microphone")
            source = next(source for source in stage.engine.rooms[ROOM].sources.values() if source.is_video)
            await until(lambda: source.feeds)
            await asyncio.sleep(0.7)  # more than a key frame's way
            assert source.feeds[0].packets == 0
        for transport, data in held:
            transport.took_dtls(data)
        await gets(bob, ("ana", "camera"))

    played(play)


def test_kicked_muted_and_not_wanted() -> None:
    async def play(stage: Stage) -> None:
        ana, bob, cem = stage.join("ana"), stage.join("bob"), stage.join("cem")
        await ana.publish("microphone", "camera")
        await bob.publish("microphone")
        await cem.publish("microphone")
        await gets(bob, ("ana", "microphone"), ("ana", "camera"), ("cem", "microphone"))
        await stage.engine.mute(ROOM, "ana", True)
        await gets_no(bob, ("ana", "microphone"))
        await gets(bob, ("ana", "camera"))
        await stage.engine.mute(ROOM, "ana", False)
        await gets(bob, ("ana", "microphone"))
        await stage.engine.layer(ROOM, bob.leg, "ana", "camera", "off")
        await gets_no(bob, ("ana", "camera"))
        await gets(cem, ("ana", "camera"))
        await stage.engine.layer(ROOM, bob.leg, "ana", "camera", "high")
        await gets(bob, ("ana", "camera"))
        await stage.engine.kick(ROOM, "cem", "1")
        await until(lambda: cem.up.connectionState == "closed")
        await until(lambda: "cem" not in {track.user for track in bob.offers[-1].tracks})
        await gets(bob, ("ana", "camera"))
        with pytest.raises(EngineRefused, match="unknown_leg"):
            await stage.engine.tracks(ROOM, cem.leg, ())

    played(play)


def test_who_talks_is_told_within_a_second() -> None:
    async def play(stage: Stage) -> None:
        ana, bob = stage.join("ana"), stage.join("bob")
        await ana.publish("microphone")
        await bob.publish("microphone")
        await gets(bob, ("ana", "microphone"))
        assert stage.speaking() == []
        ana.tone.quiet = False
        await until(lambda: stage.speaking() == [("ana",)], timeout_s=1.0)
        ana.tone.quiet, bob.tone.quiet = True, False
        await until(lambda: stage.speaking()[-1] == ("bob",), timeout_s=2.0)

    played(play)


def test_who_cannot_be_sent_a_picture_is_sent_sound_and_later_both() -> None:
    async def play(stage: Stage) -> None:
        ana, bob = stage.join("ana"), stage.join("bob")
        await ana.publish("microphone", "camera")
        await bob.publish("microphone")
        await gets(bob, ("ana", "camera"))
        way = stage.engine.rooms[ROOM].sessions["bob", "1"].subscription.way

        async def lose() -> None:
            while True:
                way.reported(0.5)
                await asyncio.sleep(0.05)

        losing = asyncio.create_task(lose())
        await until(lambda: any(limited.audio_only for limited in stage.limits("bob")))
        await gets_no(bob, ("ana", "camera"))
        await gets(bob, ("ana", "microphone"))
        losing.cancel()
        await until(lambda: stage.limits("bob")[-1].audio_only is False)
        await gets(bob, ("ana", "camera"))

    played(play, audio_only_after_ms=500, audio_only_retry_ms=500)


def test_a_way_that_falls_silent_is_lost_and_comes_back() -> None:
    async def play(stage: Stage) -> None:
        ana = stage.join("ana")
        await ana.publish("microphone")
        await until(lambda: stage.flows("ana") == ["up"])
        socket_, addresses = stage.engine.socket, dict(stage.engine.socket._by_address)
        socket_._by_address.clear()  # as if the network had swallowed everything
        await until(lambda: stage.flows("ana") == ["up", "lost"])
        socket_._by_address.update(addresses)
        await until(lambda: stage.flows("ana") == ["up", "lost", "up"])
        await ana.close()
        await until(lambda: stage.flows("ana")[-1] == "gone")
        assert (await stage.engine.snapshot(ROOM)).legs == ()

    played(play, media_lost_ms=500)


def test_a_recording_has_every_track_as_long_as_it_was(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        ana, bob = stage.join("ana"), stage.join("../bob")
        await ana.publish("microphone", "camera")
        await bob.publish("microphone")
        await gets(ana, ("../bob", "microphone"))
        await stage.engine.record(ROOM, True)
        await stage.engine.record(ROOM, True)
        await asyncio.sleep(2.0)
        await stage.engine.record(ROOM, False)
        await stage.engine.record(ROOM, False)

    played(play, recordings_dir=str(tmp_path))
    (folder,) = tmp_path.iterdir()
    tracks = [json.loads(line) for line in (folder / "tracks.jsonl").read_text().splitlines()]
    assert sorted((track["user"], track["source"]) for track in tracks) == [
        ("../bob", "microphone"),
        ("ana", "camera"),
        ("ana", "microphone"),
    ]
    for track in tracks:
        with av.open(str(folder / track["file"])) as file:
            packets = [packet for packet in file.demux() if packet.pts is not None]
            file.seek(0)
            decoded = sum(1 for _ in file.decode(file.streams[0]))
        spanned_s = float((packets[-1].pts - packets[0].pts) * packets[0].time_base)  # type: ignore[operator]
        assert 1.2 < spanned_s < 2.5, track
        assert decoded == len(packets) == pytest.approx(spanned_s * (30 if track["source"] == "camera" else 50), abs=8)
        if track["source"] == "camera":
            assert packets[0].is_keyframe


def test_what_is_no_media_of_anybody_is_dropped_while_the_call_goes_on() -> None:
    """20,000 datagrams from a stranger, and 2,000 with a leg's address that nobody encrypted."""

    async def play(stage: Stage) -> None:
        ana, bob = stage.join("ana"), stage.join("bob")
        await ana.publish("camera")
        await bob.publish("microphone")
        await gets(bob, ("ana", "camera"))
        target = ("127.0.0.1", stage.engine.socket.port)
        kinds = (
            b"\x80\x60" + os.urandom(1_000),
            b"\x16\xfe\xfd" + os.urandom(100),
            b"\x00\x01\x00\x08\x21\x12\xa4\x42" + os.urandom(20),
            b"",
        )
        publisher = stage.engine.rooms[ROOM].sessions["ana", "1"].publish
        assert publisher.destination is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for number in range(20_000):
                stranger.sendto(kinds[number % 4], target)
                if number % 200 == 0:
                    await asyncio.sleep(0)  # the engine shares this loop
        for _ in range(2_000):
            publisher.took_srtp(kinds[0])
        await gets(bob, ("ana", "camera"))
        assert stage.engine.socket.foreign + stage.engine.socket.forged > 5_000  # the rest the system may have dropped
        assert publisher.undecryptable == 2_000
        assert stage.flows("ana") == ["up"]

    played(play)


NO_MEDIA = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
BARE = NO_MEDIA + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"


@pytest.mark.parametrize(
    ("sdp", "code"),
    [
        ("", "invalid"),
        ("nonsense", "invalid"),
        (NO_MEDIA, "no_media"),
        (NO_MEDIA + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n", "no_media"),
        (BARE, "invalid"),
        (BARE.replace("111 opus/48000/2", "111 speex/8000"), "no_media"),
        (BARE.replace("m=audio 9", "m=audio nine"), "invalid"),
        (BARE.replace("SAVPF 111", "SAVPF 99999999999"), "invalid"),
        (BARE + "a=ssrc:99999999999 cname:x\r\n", "invalid"),
        ("v=0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * 200, "invalid"),
        (NO_MEDIA + "a=x" * (1 << 19), "too_long"),
    ],
    ids=range(11),
)
def test_a_description_that_cannot_be_used_is_refused_and_leaves_nothing(sdp: str, code: str) -> None:
    async def play(stage: Stage) -> None:
        leg = Leg("ana", "1", 1)
        with pytest.raises(EngineRefused, match=f"^{code}"):
            await stage.engine.publish(ROOM, leg, sdp, (Track("0", "microphone"),), ())
        assert await stage.engine.snapshot(ROOM) == RoomSnapshot(ROOM, True, ())

    played(play)


def test_what_is_asked_of_nothing_is_refused() -> None:
    async def play(stage: Stage) -> None:
        engine, leg, other = stage.engine, Leg("ana", "1", 1), Room("call-2", 1)
        await engine.ensure_room(ROOM, "video")
        for room, code in ((ROOM, "unknown_leg"), (other, "unknown_call")):
            with pytest.raises(EngineRefused, match=code):
                await engine.candidate(room, leg, "publish", "", "0")
            with pytest.raises(EngineRefused, match=code):
                await engine.answer(room, leg, BARE)
        for refused in (engine.record(ROOM, True), engine.ticket(ROOM, leg, 0)):
            with pytest.raises(EngineRefused, match="not_supported"):
                await refused
        await engine.kick(other, "ana", "1")
        await engine.kick(ROOM, "ana", "1")
        await engine.close(other)
        assert (await engine.snapshot(other)).exists is False
        ana = stage.join("ana")
        await ana.publish("microphone")
        await engine.candidate(ROOM, ana.leg, "publish", "candidate:1 1 udp 1 127.0.0.1 9 typ host", "0")
        await engine.candidate(ROOM, ana.leg, "publish", "", "0")
        for candidate, code in (("x", "invalid"), ("candidate:" + "1 " * 500, "too_long")):
            with pytest.raises(EngineRefused, match=code):
                await engine.candidate(ROOM, ana.leg, "publish", candidate, "0")
        with pytest.raises(EngineRefused, match="invalid"):
            await engine.answer(ROOM, ana.leg, BARE)
        await until(lambda: stage.flows("ana") == ["up"])
        await engine.close(ROOM)
        await until(lambda: ana.up.connectionState == "closed")
        assert [event for event in stage.seen if isinstance(event, MediaSeen) and event.flow == "gone"] == []

    played(play)


def test_an_engine_whose_clock_broke_says_so_where_its_events_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken clock")

    monkeypatch.setattr(ticking, "tick", broken)

    async def run() -> None:
        engine = EmbeddedEngine(EmbeddedEngineSettings())
        await engine.start()
        await engine.ensure_room(ROOM, "audio")
        with pytest.raises(RuntimeError, match="broken clock"):
            await anext(engine.events())
        await engine.stop()

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_room_takes_no_more_than_it_may() -> None:
    async def play(stage: Stage) -> None:
        ana, bob, cem = stage.join("ana"), stage.join("bob"), stage.join("cem")
        await ana.publish("microphone")
        await bob.publish("microphone")
        with pytest.raises(EngineRefused, match="too_many"):
            await cem.publish("microphone")
        with pytest.raises(EngineRefused, match="too_many"):
            await ana.publish("screen")

    played(play, participants_limit=2, tracks_per_leg_limit=1)
