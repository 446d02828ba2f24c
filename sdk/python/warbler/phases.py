"""The phases of a client's connection, and the only table that changes them. Pure."""

import enum
from collections.abc import Mapping


class Phase(enum.Enum):
    OFFLINE = "offline"
    GREETING = "greeting"
    LIVE = "live"
    ENDED = "ended"


class Signal(enum.Enum):
    OPENED = "opened"
    WELCOMED = "welcomed"
    LOST = "lost"
    STOPPED = "stopped"


NEXT: Mapping[tuple[Phase, Signal], Phase] = {
    (Phase.OFFLINE, Signal.OPENED): Phase.GREETING,
    (Phase.OFFLINE, Signal.LOST): Phase.OFFLINE,
    (Phase.OFFLINE, Signal.STOPPED): Phase.ENDED,
    (Phase.GREETING, Signal.WELCOMED): Phase.LIVE,
    (Phase.GREETING, Signal.LOST): Phase.OFFLINE,
    (Phase.GREETING, Signal.STOPPED): Phase.ENDED,
    (Phase.LIVE, Signal.LOST): Phase.OFFLINE,
    (Phase.LIVE, Signal.STOPPED): Phase.ENDED,
}
