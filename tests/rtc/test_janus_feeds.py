"""Who publishes what at Janus, what a subscription has to change, and whose media flows."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtc.engines.janus.feeds import Feed, Feeds, Plan, after, plan, speakers, tracks
from rtc.engines.janus.flow import Flow, heard, looked_at
from rtc.engines.janus.ids import described_room, description, feed_number, room_number, room_pin, room_secret
from rtc.engines.janus.messages import Message, PluginData, RoomData, Stream, decode
from rtc.engines.names import leg_name, named_leg
from rtc.engines.port import Leg, Room
from schemas.call_signals import Speaker, Track, TrackSource

ANA, AGAIN, BEN = Leg("ana", "phone", 1), Leg("ana", "phone", 2), Leg("ben", "tab", 3)


def data(**fields: Any) -> RoomData:
    return msgspec.convert({"videoroom": "event", **fields}, RoomData)


def published(id: int, leg: Leg, *streams: dict[str, Any]) -> dict[str, Any]:
    return {"publishers": [{"id": id, "display": leg_name(leg), "streams": list(streams)}]}


MICROPHONE = {"type": "audio", "mid": "0", "description": "microphone"}
CAMERA = {"type": "video", "mid": "1", "description": "camera"}
SCREEN = {"type": "video", "mid": "2", "description": "screen"}


def test_feeds_come_change_and_go() -> None:
    feeds = after(Feeds(), data(**published(7, ANA, MICROPHONE, CAMERA)))
    assert feeds.by_id == {7: Feed(ANA, {"0": "microphone", "1": "camera"})}
    feeds = after(feeds, data(**published(7, ANA, MICROPHONE, {**CAMERA, "disabled": True}, SCREEN)))
    assert feeds.by_id == {7: Feed(ANA, {"0": "microphone", "2": "screen"})}
    feeds = after(feeds, data(**published(8, BEN, MICROPHONE)))
    assert set(feeds.by_id) == {7, 8}
    for word in ("unpublished", "leaving", "kicked"):
        assert set(after(feeds, data(**{word: 7})).by_id) == {8}
    assert after(feeds, data(leaving="ok", unpublished="ok")) == feeds  # about who asks, not about a feed
    assert after(feeds, data(leaving=99, kicked=98)) == feeds  # left before it came


def test_what_a_stream_is_said_to_be_counts_and_else_its_kind() -> None:
    streams = ({"type": "audio", "mid": "a"}, {"type": "video", "mid": "v", "description": "nonsense"}, {**SCREEN, "mid": "s"})
    assert after(Feeds(), data(**published(7, ANA, *streams))).by_id[7].streams == {"a": "microphone", "v": "camera", "s": "screen"}


def test_of_a_leg_the_newest_generation_counts_that_is_there() -> None:
    old, new = Feed(ANA, {"0": "microphone"}), Feed(AGAIN, {"0": "microphone"})
    having = (Stream(mid="0", feed_id=7, feed_mid="0"),)
    assert plan(Feeds({7: old, 9: new}), "ben", having) == plan(Feeds({9: new, 7: old}), "ben", having) == Plan(((9, "0"),), ("0",))
    assert plan(Feeds({7: old}), "ben", having) == Plan()


@pytest.mark.parametrize("text", ["warbler-observer", "", "[]", '["ana"]', '["ana","phone","1"]', "{", '["ana","phone",1,2]'])
def test_publishers_that_are_none_of_ours_are_left_out(text: str) -> None:
    assert after(Feeds(), data(publishers=[{"id": 7, "display": text, "streams": [MICROPHONE]}])) == Feeds()


def test_the_loudest_speaks_first_and_who_is_muted_not_at_all() -> None:
    feeds = Feeds({7: Feed(ANA, {}), 8: Feed(BEN, {})})
    talking = {"videoroom": "talking", "id": 7, "audio-level-dBov-avg": 63.5}
    feeds = after(feeds, data(**talking))
    feeds = after(feeds, data(**{**talking, "id": 8, "audio-level-dBov-avg": 0.0}))
    assert speakers(feeds) == (Speaker("ben", 100), Speaker("ana", 50))
    assert speakers(feeds, {"ben"}) == (Speaker("ana", 50),)
    assert speakers(after(feeds, data(videoroom="stopped-talking", id=8))) == (Speaker("ana", 50),)
    assert speakers(after(feeds, data(leaving=7))) == (Speaker("ben", 100),)
    assert after(feeds, data(**{**talking, "id": 99})) == feeds  # of nobody who is there


def stream(mid: str, feed: int, feed_mid: str, leg: Leg = ANA, active: bool = True) -> Stream:
    return Stream(mid, "video", active=active, feed_id=feed, feed_mid=feed_mid, feed_display=leg_name(leg), feed_description="camera")


def test_a_subscription_gets_what_is_new_and_loses_what_is_gone_but_never_its_own() -> None:
    feeds = Feeds({7: Feed(ANA, {"0": "microphone", "1": "camera"}), 8: Feed(BEN, {"0": "microphone"})})
    assert plan(feeds, "ben", ()) == Plan(((7, "0"), (7, "1")))
    assert plan(feeds, "ana", ()) == Plan(((8, "0"),))
    having = (stream("0", 7, "0"), stream("1", 9, "0"), stream("2", 7, "5"), stream("3", 7, "1", active=False))
    assert plan(feeds, "ben", having) == Plan(((7, "1"),), ("1", "2"))
    assert plan(Feeds(), "ben", ()) == Plan()


FEEDS = st.dictionaries(st.integers(1, 4), st.sets(st.sampled_from("012"), min_size=1), max_size=4)


@given(FEEDS, st.sets(st.tuples(st.integers(1, 6), st.sampled_from("0123"))))
@settings(max_examples=200)
def test_after_its_plan_a_subscription_has_what_it_should(of: dict[int, set[str]], having: set[tuple[int, str]]) -> None:
    legs = {1: AGAIN, 2: ANA, 3: Leg("ana", "desk", 1)}
    feeds = Feeds({id: Feed(legs.get(id, BEN), dict.fromkeys(mids, "camera")) for id, mids in of.items()})
    streams = tuple(stream(str(at), *feed) for at, feed in enumerate(sorted(having)))
    change = plan(feeds, "ben", streams)
    left = {(each.feed_id, each.feed_mid) for each in streams if each.mid not in change.unsubscribe}
    wanted = {3, 1 if 1 in of else 2}
    assert left | set(change.subscribe) == {(id, mid) for id, mids in of.items() if id in wanted for mid in mids}
    assert not left & set(change.subscribe)  # Janus would send it twice


def test_tracks_name_whose_they_are_and_what_is_muted() -> None:
    streams = (stream("0", 7, "1"), stream("1", 8, "1", BEN), stream("2", 7, "1", active=False), Stream("3", "audio"))
    muted: frozenset[tuple[str, str, TrackSource]] = frozenset({("ben", "tab", "camera")})
    assert tracks(streams, muted) == (Track("0", "camera", "ana", "phone"), Track("1", "camera", "ben", "tab", True))


def test_numbers_and_secrets_are_the_same_each_time_and_differ_by_all_they_are_made_of() -> None:
    rooms = [Room("c", 1), Room("c", 2), Room("d", 1)]
    made = [{function("key", room) for room in rooms} for function in (room_number, room_secret, room_pin)]
    assert [len(each) for each in made] == [3, 3, 3]
    assert room_number("key", rooms[0]) == room_number("key", Room("c", 1)) != room_number("other", rooms[0])
    legs = [ANA, BEN, Leg("ana", "phone", 2)]
    numbers = {feed_number("key", room, leg) for room in rooms for leg in legs}
    assert len(numbers) == 9
    assert all(0 < number <= 1 << 52 for number in numbers)


def test_names_are_read_back() -> None:
    strange = Leg('a"\u2028]', "d,1", 2)
    assert named_leg(leg_name(strange)) == strange
    assert described_room(description("janus-1", Room("c", 3)), "janus-1") == Room("c", 3)
    assert described_room(description("janus-1", Room("c", 3)), "janus-2") is None
    assert described_room("Demo Room", "janus-1") is None


TRACKS = (Track("0", "microphone"), Track("1", "camera"))
MUTED = (Track("0", "microphone", muted=True), Track("1", "camera", muted=True))


def look(flow: Flow, now_ms: int, tracks: tuple[Track, ...] = TRACKS) -> Flow:
    return looked_at(flow, tracks, now_ms, 2_000)


def test_media_is_up_with_its_first_packet_and_lost_after_a_while() -> None:
    flow = look(Flow(connected=True), 0)
    assert flow.said == ""
    flow = look(heard(flow, "0", True), 10)
    assert flow.said == "up"
    flow = look(heard(flow, "0", False), 100)
    assert flow.said == "up"
    assert look(flow, 2_099).said == "up"
    flow = look(flow, 2_100)
    assert flow.said == "lost"
    assert look(flow, 9_000).said == "lost"
    assert look(heard(flow, "1", True), 9_001).said == "up"


def test_who_is_muted_or_only_listens_is_there_by_its_transport() -> None:
    assert look(Flow(), 0, MUTED).said == ""
    assert look(Flow(connected=True), 0, MUTED).said == "up"
    assert look(Flow(connected=True), 0, ()).said == "up"


def test_a_pause_that_ends_in_time_is_none() -> None:
    flow = look(heard(Flow(), "0", True), 0)
    flow = look(heard(flow, "0", False), 1_000)
    flow = look(heard(flow, "0", True), 2_500)
    flow = look(heard(flow, "0", False), 2_600)
    assert look(flow, 4_500).said == "up"


@pytest.mark.parametrize("raw", ["", "{", "[]", "null", '{"janus":1}', '{"janus":"event","sender":"x"}', '{"x":1}', b"\xff"])
def test_what_cannot_be_understood_is_none(raw: str | bytes) -> None:
    assert decode(raw) is None


def test_what_we_do_not_read_is_left_out() -> None:
    raw = '{"janus":"event","sender":5,"new":{},"plugindata":{"plugin":"x","data":{"videoroom":"talking","id":3,"mindex":0}}}'
    assert decode(raw) == Message("event", sender=5, plugindata=PluginData(RoomData("talking", id=3)))
