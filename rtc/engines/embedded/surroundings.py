"""What the parts of the embedded engine know of each other, as far as they need to."""

from typing import TYPE_CHECKING, Protocol

from aiortc import RTCCertificate

from rtc.engines.embedded.port_socket import Address, PortSocket
from rtc.engines.embedded.settings import EmbeddedEngineSettings

if TYPE_CHECKING:
    from rtc.engines.embedded.incoming import Incoming
    from rtc.engines.embedded.reception import Reception
    from rtc.engines.embedded.rtp import Packet
    from rtc.engines.embedded.session import Session
    from rtc.engines.embedded.slots import SourceKey
    from rtc.engines.embedded.source import Source


class Tools(Protocol):
    """What everything has from the engine. `now_ms`: monotonic."""

    settings: EmbeddedEngineSettings
    socket: PortSocket
    certificate: RTCCertificate
    address: Address

    def now_ms(self) -> int: ...

    def random32(self) -> int: ...


class Hall(Protocol):
    """The room, as its sessions see it. `sources`: what is published in it now."""

    sources: "dict[SourceKey, Source]"

    def came(self, session: "Session", incoming: "Incoming", packet: "Packet", reception: "Reception") -> None: ...

    def keyframe_wanted(self, source: "Source") -> None: ...

    def connected(self, session: "Session") -> None: ...

    def parted(self, session: "Session") -> None: ...
