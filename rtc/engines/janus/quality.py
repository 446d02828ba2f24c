"""How good a leg's media is, from what Janus' admin API says of its two handles. Pure.

What the leg gets (its subscriber: what Janus sent, and what the leg says it lost) and what it sends (its publisher) count together.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct, field

from schemas.call_values import Quality


class Counts(Struct, frozen=True):
    packets: int = 0
    bytes_lastsec: int = 0


class Both(Struct, frozen=True):
    into: Counts = field(default_factory=Counts, name="in")
    out: Counts = field(default_factory=Counts)


class Rtcp(Struct, frozen=True):
    """`rtt` and the jitters are milliseconds. `lost`: what Janus did not get; `lost_by_remote`: what the device did not."""

    rtt: int = 0
    lost: int = 0
    lost_by_remote: int = field(default=0, name="lost-by-remote")
    jitter_local: int = field(default=0, name="jitter-local")
    jitter_remote: int = field(default=0, name="jitter-remote")


class Medium(Struct, frozen=True):
    rtcp: dict[str, Rtcp] = {}
    stats: Both = field(default_factory=Both)


class Transport(Struct, frozen=True):
    media: dict[str, Medium] = {}


class Handle(Struct, frozen=True):
    webrtc: Transport = field(default_factory=Transport)


class HandleInfo(Struct, frozen=True):
    """The answer to `handle_info`."""

    janus: str
    transaction: str = ""
    info: Handle = field(default_factory=Handle)


_DECODER = msgspec.json.Decoder(HandleInfo)


def decode(raw: str | bytes) -> HandleInfo | None:
    """None: nothing that we could understand."""
    try:
        return _DECODER.decode(raw)
    except msgspec.DecodeError:
        return None


def quality(publisher: Handle, subscriber: Handle) -> Quality | None:
    """None: nothing has flowed yet."""
    sent, got = _media(publisher), _media(subscriber)
    lost = sum(rtcp.lost for medium in sent for rtcp in medium.rtcp.values())
    lost += sum(rtcp.lost_by_remote for medium in got for rtcp in medium.rtcp.values())
    arrived = sum(medium.stats.into.packets for medium in sent)
    passed = sum(medium.stats.out.packets for medium in got)
    if not arrived + passed:
        return None
    all_rtcp = [rtcp for medium in [*sent, *got] for rtcp in medium.rtcp.values()]
    return Quality(
        loss_ratio=min(1.0, max(0, lost) / (arrived + passed + max(0, lost))),
        rtt_ms=_most(rtcp.rtt for rtcp in all_rtcp),
        jitter_ms=_most(max(rtcp.jitter_local, rtcp.jitter_remote) for rtcp in all_rtcp),
        bitrate_kbps=sum(medium.stats.out.bytes_lastsec for medium in got) * 8 // 1000,
    )


def _media(handle: Handle) -> list[Medium]:
    return list(handle.webrtc.media.values())


def _most(values: Iterable[int]) -> int:
    return max(0, max(values, default=0))
