"""What Janus says over its WebSocket, as values. Pure.

Fields that a message does not have keep their defaults; what we do not read is left out. Source: Janus' documentation of its API and of
the VideoRoom plugin (1.x, multistream).
"""

import msgspec
from msgspec import Struct, field


class Jsep(Struct, frozen=True):
    type: str
    sdp: str


class Stream(Struct, frozen=True):
    """One media section: of a publisher (`mid`, `description`), or of a subscription (`mid` there, `feed_*` of the publisher)."""

    mid: str = ""
    type: str = ""
    description: str = ""
    disabled: bool = False
    active: bool = True
    feed_id: int = 0
    feed_mid: str = ""
    feed_display: str = ""
    feed_description: str = ""


class Publisher(Struct, frozen=True):
    id: int
    display: str = ""
    streams: tuple[Stream, ...] = ()


class Participant(Struct, frozen=True):
    id: int
    display: str = ""
    publisher: bool = False


class ListedRoom(Struct, frozen=True):
    room: int
    description: str = ""
    num_participants: int = 0


class RoomData(Struct, frozen=True):
    """What the VideoRoom says. `unpublished`, `leaving`, `kicked`: the feed it is about, or "ok" about who asks."""

    videoroom: str
    room: int = 0
    id: int = 0
    error_code: int = 0
    error: str = ""
    publishers: tuple[Publisher, ...] = ()
    streams: tuple[Stream, ...] = ()
    participants: tuple[Participant, ...] = ()
    list: tuple[ListedRoom, ...] = ()
    unpublished: int | str = 0
    leaving: int | str = 0
    kicked: int | str = 0
    reason: str = ""
    level_dbov: float = field(default=127.0, name="audio-level-dBov-avg")


class PluginData(Struct, frozen=True):
    data: RoomData


class Created(Struct, frozen=True):
    id: int = 0


class Failure(Struct, frozen=True):
    code: int = 0
    reason: str = ""


class Message(Struct, frozen=True):
    """`janus`: what it is: success, error, ack, event, webrtcup, media, slowlink, hangup, detached, timeout. `sender`: the handle."""

    janus: str
    transaction: str = ""
    sender: int = 0
    data: Created = Created()
    plugindata: PluginData | None = None
    jsep: Jsep | None = None
    error: Failure = Failure()
    mid: str = ""
    receiving: bool = False
    uplink: bool = False
    lost: int = 0
    reason: str = ""

    @property
    def room_data(self) -> RoomData:
        return self.plugindata.data if self.plugindata is not None else NOTHING


NOTHING = RoomData("")
_DECODER = msgspec.json.Decoder(Message)


def decode(raw: str | bytes) -> Message | None:
    """None: nothing that we could understand."""
    try:
        return _DECODER.decode(raw)
    except msgspec.DecodeError:  # also what does not fit
        return None
