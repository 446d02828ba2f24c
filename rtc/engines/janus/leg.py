"""What one leg has at Janus: the handle by which it publishes, and the one by which it gets everybody else. Called by `room`."""

import asyncio
from dataclasses import dataclass, field

from rtc.engines.janus.flow import Flow
from rtc.engines.janus.messages import Stream
from rtc.engines.janus.strain import Strain
from rtc.engines.port import Leg
from schemas.call_signals import Layer, Track, TrackSource

Who = tuple[str, str]  # user, device


@dataclass(slots=True, eq=False)
class JanusLeg:
    """`subscriber` 0: none yet. `offered`: an offer waits for its answer. `hears`: its subscription is connected.

    `deaf`: its subscription broke, and only a new generation mends it.
    """

    leg: Leg
    publisher: int
    feed: int
    tracks: tuple[Track, ...] = ()
    flow: Flow = field(default_factory=Flow)
    subscriber: int = 0
    streams: tuple[Stream, ...] = ()
    offered: bool = False
    hears: bool = False
    deaf: bool = False
    layers: dict[tuple[str, TrackSource], Layer] = field(default_factory=dict)
    layered: dict[Track, Layer] = field(default_factory=dict)  # what Janus was told
    strain: Strain = field(default_factory=Strain)
    told: Strain = field(default_factory=Strain)  # of which the device and Janus know
    audio_mids: tuple[str, ...] = ()  # of what it publishes
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def who(self) -> Who:
        return self.leg.user, self.leg.device

    @property
    def handles(self) -> tuple[int, ...]:
        return tuple(handle for handle in (self.publisher, self.subscriber) if handle)
