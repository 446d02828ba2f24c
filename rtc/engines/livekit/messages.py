"""What LiveKit says, as values, of its JSON in either spelling. Pure.

Its API writes `num_participants`, its webhooks `numParticipants`; whole numbers of 64 bits are texts in both. Source: the protocol's files
livekit_models.proto, livekit_room.proto and livekit_webhook.proto.
"""

import re
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from rtc.engines.port import Room

T = TypeVar("T")
ROOM_PREFIX = "warbler"


class TrackInfo(Struct, frozen=True):
    sid: str = ""
    type: str | int = "AUDIO"
    source: str | int = "UNKNOWN"
    muted: bool = False

    @property
    def audio(self) -> bool:
        return self.type in ("AUDIO", 0)


class ParticipantInfo(Struct, frozen=True):
    """`sid`: of one stay in the room; `identity`: who it is, the same in every stay. `joined_at`: seconds."""

    sid: str = ""
    identity: str = ""
    state: str | int = "JOINING"
    joined_at: int = 0
    tracks: tuple[TrackInfo, ...] = ()

    @property
    def active(self) -> bool:
        """Its connection carries media; before that it is only being let in."""
        return self.state in ("ACTIVE", 2)


class RoomInfo(Struct, frozen=True):
    sid: str = ""
    name: str = ""
    num_participants: int = 0


class Webhook(Struct, frozen=True):
    event: str
    id: str = ""
    created_at: int = 0
    room: RoomInfo = RoomInfo()
    participant: ParticipantInfo = ParticipantInfo()
    track: TrackInfo = TrackInfo()


class Rooms(Struct, frozen=True):
    rooms: tuple[RoomInfo, ...] = ()


class Participants(Struct, frozen=True):
    participants: tuple[ParticipantInfo, ...] = ()


class Nothing(Struct, frozen=True):
    pass


class TwirpFailure(Struct, frozen=True):
    code: str = "unknown"
    msg: str = ""


def room_name(room: Room) -> str:
    return f"{ROOM_PREFIX}.{room.call_id}.{room.epoch}"


def named_room(name: str) -> Room | None:
    """None: it is none of ours."""
    call_id, dot, epoch = name.removeprefix(f"{ROOM_PREFIX}.").rpartition(".")
    if not name.startswith(f"{ROOM_PREFIX}.") or not dot or not call_id or not epoch.isdecimal() or not epoch.isascii():
        return None
    return Room(call_id, int(epoch[:18]))


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found.group(1).lower(), name)


def _in_snake(value: Any) -> Any:
    if isinstance(value, dict):
        return {snake(name): _in_snake(each) for name, each in value.items() if each is not None}
    return [_in_snake(each) for each in value] if isinstance(value, list) else value


def read(raw: bytes, type: type[T]) -> T:
    """Raises: msgspec.DecodeError if it is not JSON, or does not fit."""
    return msgspec.convert(_in_snake(msgspec.json.decode(raw)), type, strict=False)
