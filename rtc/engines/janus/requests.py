"""The bodies of the requests to Janus' VideoRoom. Pure."""

from typing import Any

from rtc.engines.janus.feeds import Plan
from rtc.engines.janus.ids import OBSERVER, description, feed_number, room_number, room_pin, room_secret
from rtc.engines.names import leg_name
from rtc.engines.port import Leg, Room
from schemas.call_signals import Layer, Track

Body = dict[str, Any]


def create(key: str, node: str, room: Room, limits: Body) -> Body:
    made = {
        "request": "create",
        "room": room_number(key, room),
        "secret": room_secret(key, room),
        "pin": room_pin(key, room),
        "admin_key": key,
        "description": description(node, room),
        "is_private": True,
        "audiolevel_event": True,
        "notify_joining": False,
        "videocodec": "vp8,h264,vp9",
        "audiocodec": "opus",
    }
    return made | limits


def of_room(key: str, room: Room, request: str, **more: Any) -> Body:
    """A request about the room by who may change it."""
    return {"request": request, "room": room_number(key, room), "secret": room_secret(key, room), **more}


def observe(key: str, room: Room) -> Body:
    return {"request": "join", "ptype": "publisher", "room": room_number(key, room), "pin": room_pin(key, room), "display": OBSERVER}


def publish(key: str, room: Room, leg: Leg, tracks: tuple[Track, ...]) -> Body:
    return {
        "request": "joinandconfigure",
        "ptype": "publisher",
        "room": room_number(key, room),
        "pin": room_pin(key, room),
        "id": feed_number(key, room, leg),
        "display": leg_name(leg),
        "descriptions": _descriptions(tracks),
    }


def republish(tracks: tuple[Track, ...]) -> Body:
    return {"request": "configure", "descriptions": _descriptions(tracks)}


def _descriptions(tracks: tuple[Track, ...]) -> list[Body]:
    return [{"mid": track.mid, "description": track.source} for track in tracks]


def subscribe(key: str, room: Room, plan: Plan) -> Body:
    """Janus shall change nothing by itself when a feed goes: of one that is kicked and detached at once it forgets to (1.1.2)."""
    joined = {"request": "join", "ptype": "subscriber", "room": room_number(key, room), "pin": room_pin(key, room)}
    return joined | {"streams": _feeds(plan), "autoupdate": False}


def change(plan: Plan) -> Body:
    """Of a subscription that there is."""
    body: Body = {"request": "update"}
    if plan.subscribe:
        body["subscribe"] = _feeds(plan)
    if plan.unsubscribe:
        body["unsubscribe"] = [{"sub_mid": mid} for mid in plan.unsubscribe]
    return body


def _feeds(plan: Plan) -> list[Body]:
    return [{"feed": feed, "mid": mid} for feed, mid in plan.subscribe]


def cap(kbps: int) -> Body:
    """What the publisher of a handle is told to send at most; 0: no limit."""
    return {"request": "configure", "bitrate": kbps * 1000}


def layer(mid: str, wanted: Layer) -> Body:
    """Only a publisher that sends several encodings has layers; of any other, only whether it is sent counts."""
    numbers = {"substream": 0, "temporal": 0} if wanted == "low" else {"substream": 2, "temporal": 2}
    return {"request": "configure", "streams": [{"mid": mid, "send": wanted != "off", **numbers}]}
