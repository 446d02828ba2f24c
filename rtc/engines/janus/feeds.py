"""Who publishes what in one room, as Janus tells an observer of it, and what follows for who subscribes. Pure."""

from collections.abc import Collection, Mapping
from typing import NamedTuple, cast, get_args

from rtc.engines.janus.messages import Publisher, RoomData, Stream
from rtc.engines.names import named_leg
from rtc.engines.port import Leg
from schemas.call_signals import Speaker, Track, TrackSource

SOURCES: frozenset[str] = frozenset(get_args(TrackSource))
SILENT_DBOV = 127  # RFC 6464: 0 is the loudest


class Feed(NamedTuple):
    leg: Leg
    streams: Mapping[str, TrackSource]  # by mid of its SDP


class Feeds(NamedTuple):
    """`levels`: of the feeds that talk, 0..100."""

    by_id: Mapping[int, Feed] = {}
    levels: Mapping[int, int] = {}


class Plan(NamedTuple):
    """What a subscription has to change. `subscribe`: (feed, its mid); `unsubscribe`: mids of the subscription itself."""

    subscribe: tuple[tuple[int, str], ...] = ()
    unsubscribe: tuple[str, ...] = ()


def after(feeds: Feeds, data: RoomData) -> Feeds:
    """The feeds after an event that the observer got."""
    if data.videoroom in ("talking", "stopped-talking"):
        return _heard(feeds, data)
    gone = {gone for gone in (data.unpublished, data.leaving, data.kicked) if isinstance(gone, int)}
    published = {publisher.id: feed for publisher in data.publishers if (feed := _feed(publisher)) is not None}
    by_id = {id: feed for id, feed in feeds.by_id.items() if id not in gone} | published
    return Feeds(by_id, {id: level for id, level in feeds.levels.items() if id in by_id})


def _feed(publisher: Publisher) -> Feed | None:
    leg = named_leg(publisher.display)
    if leg is None:
        return None
    return Feed(leg, {stream.mid: source(stream.description, stream.type) for stream in publisher.streams if not stream.disabled})


def source(description: str, kind: str) -> TrackSource:
    """What a stream shows: what its device said, else the usual thing of its kind."""
    if description in SOURCES:
        return cast(TrackSource, description)
    return "microphone" if kind == "audio" else "camera"


def _heard(feeds: Feeds, data: RoomData) -> Feeds:
    levels = {id: level for id, level in feeds.levels.items() if id != data.id}
    if data.videoroom == "talking" and data.id in feeds.by_id:
        levels[data.id] = _level(data.level_dbov)
    return feeds._replace(levels=levels)


def _level(dbov: float) -> int:
    return max(1, min(100, round((SILENT_DBOV - dbov) * 100 / SILENT_DBOV)))


def speakers(feeds: Feeds, muted: Collection[str] = ()) -> tuple[Speaker, ...]:
    """The loudest first; a user once. `muted`: users whose sound is not passed on, of whose silence Janus says nothing."""
    loudest: dict[str, int] = {}
    for id, level in feeds.levels.items():
        user = feeds.by_id[id].leg.user
        if user not in muted:
            loudest[user] = max(level, loudest.get(user, 0))
    return tuple(Speaker(user, level) for user, level in sorted(loudest.items(), key=lambda item: (-item[1], item[0])))


def plan(feeds: Feeds, user: str, streams: tuple[Stream, ...]) -> Plan:
    """What must change so that a subscription with `streams` has everything but the user's own, each leg in its newest generation."""
    newest = {(feed.leg.user, feed.leg.device): id for id, feed in sorted(feeds.by_id.items(), key=lambda item: item[1].leg.generation)}
    wanted = {(id, mid) for id in newest.values() if feeds.by_id[id].leg.user != user for mid in feeds.by_id[id].streams}
    having = {(stream.feed_id, stream.feed_mid): stream.mid for stream in streams if stream.active and stream.feed_id}
    dropped = [mid for feed, mid in having.items() if feed not in wanted]
    return Plan(tuple(sorted(wanted - set(having))), tuple(sorted(dropped)))


def tracks(streams: tuple[Stream, ...], muted: frozenset[tuple[str, str, TrackSource]]) -> tuple[Track, ...]:
    """What each media section of a subscription is. `muted`: (user, device, source) that their own devices say are so."""
    found = []
    for stream in streams:
        leg = named_leg(stream.feed_display)
        if stream.active and stream.feed_id and leg is not None:
            what = source(stream.feed_description, stream.type)
            found.append(Track(stream.mid, what, leg.user, leg.device, (leg.user, leg.device, what) in muted))
    return tuple(found)
