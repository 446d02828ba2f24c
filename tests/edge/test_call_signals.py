"""Signals on whole nodes over the log in memory: what reaches the log, whom it is told, and what is refused."""

from typing import Any

import pytest

from edge import call_frames as frames
from edge.calls.early import CALLS_KEPT, SIGNALS_KEPT, Early
from edge.clocks import clock_ms
from log.port import Entry
from schemas import call_signals as signals
from schemas.codec import decode, encode
from schemas.partition import partition_of
from tests.edge.builders import ANA, BEN, GROUP
from tests.edge.nodes import until
from tests.edge.test_calls_node import CALL, Play, play, two_by_two
from tests.rtc.test_sdp import GOOD, HEAD, ICE, text

SIGNAL: Any = signals.CallSignal
TOPIC = "call-signals"
SDP = text(*GOOD)
TRACK = frames.FrameTrack("0", "microphone")


def description(seq: int = 1, **changes: Any) -> frames.CallDescription:
    base: dict[str, Any] = {
        "conversation": GROUP,
        "call": CALL,
        "pc": "publish",
        "generation": 1,
        "seq": seq,
        "sdp_type": "offer",
        "sdp": SDP,
    }
    return frames.CallDescription(**(base | {"tracks": (TRACK,), "ticket": "t"} | changes))


def candidate(seq: int = 2, **changes: Any) -> frames.CallCandidate:
    base: dict[str, Any] = {"conversation": GROUP, "call": CALL, "pc": "publish", "generation": 1, "seq": seq, "mid": "0"}
    base["candidate"] = "candidate:1 1 udp 2130706431 127.0.0.1 9 typ host"
    return frames.CallCandidate(**(base | changes))


async def published(play: Play, count: int) -> list[Any]:
    """The signals in the log, oldest first."""
    while len(found := [decode(value, SIGNAL) for value in await play.edges[0].published(TOPIC)]) < count:
        await until(lambda: True)
    return found


async def from_engine(play: Play, kind: type[Any], user: str = "", device: str = "", **fields: Any) -> None:
    base: dict[str, Any] = {
        "tenant": "default",
        "conversation_id": GROUP,
        "call_id": CALL,
        "user": user,
        "device": device,
        "engine": "embedded-1",
    }
    base |= {"epoch": 1, "generation": 1, "direction": "to_device" if user else "to_all", "seq": 1, "at_ms": clock_ms()}
    partition = partition_of(CALL.encode(), await play.owner.log.partitions_count(TOPIC))
    await play.owner.log.publish(TOPIC, partition, [Entry(CALL.encode(), encode(TOPIC, kind(**(base | fields))))])


async def in_a_call(play: Play, **fields: Any) -> None:
    await two_by_two(play)
    await play.request(**fields)
    await play.seen("ben2", frames.CallRing)
    await play.ask("ben2", frames.CallAccept)
    await play.everybody_heard()


def test_a_devices_signals_are_in_the_log_in_its_order_and_whose_they_are_says_the_edge() -> None:
    async def body(play: Play) -> None:
        await in_a_call(play)
        lying = frames.FrameTrack("0", "microphone", user=BEN, device="x", muted=True)
        said: list[Any] = [description(), candidate(), candidate(3, candidate="")]
        said += [frames.CallLayer(conversation=GROUP, call=CALL, publisher=BEN, source="camera", layer="low")]
        said += [frames.CallTicketWanted(conversation=GROUP, call=CALL, generation=2)]
        said += [frames.CallTracks(conversation=GROUP, call=CALL, tracks=(lying,))]
        for frame in said:
            play.say("ana", frame)
        found = await published(play, len(said))
        assert {(each.user, each.device, each.engine, each.epoch) for each in found} == {(ANA, "phone", "embedded-1", 1)}
        assert [(type(each), each.direction, each.generation, each.seq) for each in found] == [
            (signals.SignalDescription, "to_engine", 1, 1),
            (signals.SignalCandidate, "to_engine", 1, 2),
            (signals.SignalCandidate, "to_engine", 1, 3),
            (signals.SignalLayer, "to_engine", 0, 0),
            (signals.TicketWanted, "to_engine", 2, 0),
            (signals.SignalTracks, "to_all", 0, 0),
        ]
        own = signals.Track("0", "microphone", ANA, "phone", False)
        assert (found[0].tracks, found[0].ticket) == ((own,), "t")
        for name in ("ana2", "ben", "ben2"):
            (heard,) = await play.seen(name, frames.CallTracksChanged)
            assert (heard.user, heard.device, heard.tracks[0].user, heard.tracks[0].muted) == (ANA, "phone", ANA, True)
        assert play.of("ana", frames.CallTracksChanged) == []
        assert play.of("ana", frames.CallSignalRefusal) == []

    play(body)


def test_what_an_engine_says_reaches_the_device_it_is_for_or_all_in_the_call() -> None:
    async def body(play: Play) -> None:
        await in_a_call(play)
        ice = (signals.IceServer(("turn:127.0.0.1",), "name", "word"),)
        ticket = {"engine_kind": "embedded", "url": "", "ticket": "secret", "ice_servers": ice, "until_ms": 9}
        await from_engine(play, signals.TicketGiven, BEN, "laptop", **ticket)
        track = signals.Track("1", "camera", ANA, "phone")
        offer = {"pc": "subscribe", "sdp_type": "offer", "sdp": "v=0", "tracks": (track,), "ticket": ""}
        await from_engine(play, signals.SignalDescription, BEN, "laptop", **offer)
        await from_engine(play, signals.SignalCandidate, BEN, "laptop", pc="publish", candidate="c", mid="0", seq=2)
        await from_engine(play, signals.SignalLimits, BEN, "laptop", bitrate_kbps=300, height=360, audio_only=False)
        await from_engine(play, signals.SignalRefused, BEN, "laptop", code="ticket_used", detail="d", refused_seq=4)
        await from_engine(play, signals.SignalSpeaking, speakers=(signals.Speaker(ANA, 70),))
        (speaking,) = await play.seen("ben2", frames.CallSpeaking)
        assert speaking.speakers == (frames.FrameSpeaker(ANA, 70),)
        (given,) = play.of("ben2", frames.CallTicket)
        assert (given.ticket, given.ice_servers) == ("secret", (frames.FrameIceServer(("turn:127.0.0.1",), "name", "word"),))
        (described,), (came,) = play.of("ben2", frames.CallDescribed), play.of("ben2", frames.CallCandidateCame)
        assert (described.pc, described.tracks) == ("subscribe", (frames.FrameTrack("1", "camera", ANA, "phone"),))
        assert (came.pc, came.seq) == ("publish", 2)
        assert [each.height for each in play.of("ben2", frames.CallLimits)] == [360]
        assert [(each.code, each.seq) for each in play.of("ben2", frames.CallSignalRefusal)] == [("ticket_used", 4)]
        for name in ("ana", "ana2", "ben"):
            await play.seen(name, frames.CallSpeaking)
            assert not play.of(name, frames.CallTicket | frames.CallDescribed)  # type: ignore[arg-type]
        assert play.of("eve", object) == []

    play(body)


def test_between_two_without_an_engine_each_hears_the_other_turned_round_and_early_offers_wait() -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        await play.request(engine="p2p")
        (ticket,) = await play.seen("ana", frames.CallTicket)
        assert (ticket.engine_kind, ticket.ticket, ticket.generation, ticket.epoch) == ("p2p", "", 1, 1)
        play.say("ana", description())
        play.say("ana", candidate())
        await published(play, 2)
        await play.seen("ben2", frames.CallRing)
        assert play.of("ben2", frames.CallDescribed) == []
        await play.ask("ben2", frames.CallAccept)
        (described,), (came,) = await play.seen("ben2", frames.CallDescribed), await play.seen("ben2", frames.CallCandidateCame)
        assert (described.pc, described.sdp_type, described.seq) == ("subscribe", "offer", 1)
        assert described.tracks == (frames.FrameTrack("0", "microphone", ANA, "phone"),)
        assert (came.pc, came.seq) == ("subscribe", 2)
        await play.seen("ben2", frames.CallTicket)
        play.say("ben2", description(pc="subscribe", sdp_type="answer"))
        (answer,) = await play.seen("ana", frames.CallDescribed)
        assert (answer.pc, answer.sdp_type) == ("publish", "answer")
        play.say("ben2", frames.CallTicketWanted(conversation=GROUP, call=CALL, generation=2))
        assert [each.generation for each in await play.seen("ben2", frames.CallTicket, 2)] == [1, 2]
        play.say("ana", frames.CallLayer(conversation=GROUP, call=CALL, publisher=BEN, source="camera", layer="low"))
        assert [each.code for each in await play.seen("ana", frames.CallSignalRefusal)] == ["not_supported"]
        for name in ("ana2", "ben"):
            assert not play.of(name, frames.CallTicket | frames.CallDescribed)  # type: ignore[arg-type]

    play(body)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (description(sdp=text(*HEAD, *ICE)), "no_media"),
        (description(sdp="hello"), "invalid"),
        (description(tracks=(frames.FrameTrack("7", "camera"),)), "invalid"),
        (candidate(candidate="hello"), "invalid"),
    ],
    ids=["no-media", "no-sdp", "track-of-nothing", "no-candidate"],
)
def test_between_two_without_an_engine_the_edge_looks_at_what_goes_to_the_other(frame: Any, code: str) -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        await play.request(engine="p2p")
        play.say("ana", frame)
        assert [each.code for each in await play.seen("ana", frames.CallSignalRefusal)] == [code]

    play(body)


@pytest.mark.parametrize(
    ("name", "frame", "code"),
    [
        ("eve", description(), "not_in_call"),
        ("ben", description(), "not_in_call"),
        ("ana", description(call="none"), "unknown_call"),
        ("ana", description(conversation="g-none"), "unknown_call"),
        ("ana", description(epoch=2), "stale_epoch"),
        ("ana", description(sdp="v" * (64 * 1024 + 1)), "too_long"),
        ("ana", candidate(epoch=0), "stale_epoch"),
        ("ana2", frames.CallTracks(conversation=GROUP, call=CALL, tracks=()), "not_in_call"),
    ],
    ids=["stranger", "other-device", "call", "conversation", "epoch", "long", "old-epoch", "own-other-device"],
)
def test_a_signal_that_may_not_be_is_refused_and_the_next_one_passes(name: str, frame: Any, code: str) -> None:
    async def body(play: Play) -> None:
        await in_a_call(play)
        play.say(name, frame)
        (refused,) = await play.seen(name, frames.CallSignalRefusal)
        assert (refused.code, refused.call, refused.seq) == (code, frame.call, getattr(frame, "seq", 0))
        play.say("ana", description())
        (passed,) = await published(play, 1)
        assert passed.user == ANA

    play(body)


def test_a_signal_from_before_this_node_knows_of_the_call_waits_for_it_with_all_that_follow() -> None:
    """Ana's edge is held up: it reads nothing of the call until the signals have come."""

    async def body(play: Play) -> None:
        await two_by_two(play)
        desk = play.edges[0].node.calls
        held: list[Any] = []
        take, desk._take = desk._take, lambda event: held.append(event)  # type: ignore[method-assign]
        await play.request()
        await until(lambda: bool(held))
        play.say("ana", description())
        play.say("ana", candidate())
        desk._take = take  # type: ignore[method-assign]
        for event in held:
            desk._take(event)
        assert [each.seq for each in await published(play, 2)] == [1, 2]
        assert play.of("ana", frames.CallSignalRefusal) == []

    play(body)


def test_early_signals_are_bounded() -> None:
    early = Early()
    base: dict[str, Any] = {"tenant": "t", "conversation_id": "c", "user": "u", "device": "d", "engine": "p2p", "epoch": 1}
    base |= {"generation": 1, "direction": "to_peer", "at_ms": 0, "pc": "publish", "candidate": "c", "mid": ""}
    for seq in range(SIGNALS_KEPT + 5):
        early.keep(signals.SignalCandidate(call_id="first", seq=seq, **base))
    kept = early.take("first")
    assert [each.seq for each in kept if isinstance(each, signals.SignalCandidate)] == list(range(SIGNALS_KEPT))
    assert early.take("first") == []
    for number in range(CALLS_KEPT + 1):
        early.keep(signals.SignalCandidate(call_id=str(number), seq=1, **base))
    assert (early.take("0"), len(early.take("1"))) == ([], 1)
