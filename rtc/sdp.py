"""What an SDP has to be before an engine sees it. Pure.

Not a parser: engines and browsers have one each. This is the door, so that a megabyte, garbage or a description without media is refused
with a reason that its device can show, and no media library meets bytes that it was not written for.
Source: RFC 8866 (lines), RFC 8829 5.2.1 (what a description of WebRTC has).
"""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from schemas.call_signals import PeerConnection, SignalCode, Track

LINE = re.compile(r"[a-z]=[^\0]*")
MEDIA = re.compile(r"(audio|video|application) (\d{1,5})(/\d+)? ([A-Z0-9/]+)((?: [^ ]+)+)")
CANDIDATE = re.compile(r"(?:a=)?candidate:\S+ [12] (?:udp|tcp|UDP|TCP) \d{1,10} \S+ \d{1,5} typ (?:host|srflx|prflx|relay)(?: \S+)*")
IN_ORDER = ("v=0", "o=", "s=")
NEEDED = ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:")


class Limits(Struct, frozen=True):
    """`publish_sections`, `subscribe_sections`: media sections of a description of that connection."""

    sdp_bytes: int = 64 * 1024
    publish_sections: int = 8
    subscribe_sections: int = 512

    def sections(self, pc: PeerConnection) -> int:
        return self.publish_sections if pc == "publish" else self.subscribe_sections


class Fault(Struct, frozen=True):
    code: SignalCode
    detail: str


def sdp_fault(sdp: str, pc: PeerConnection, tracks: Iterable[Track], limits: Limits) -> Fault | None:
    """Why this description goes to no engine; None: it may."""
    if len(sdp) > limits.sdp_bytes or len(sdp.encode()) > limits.sdp_bytes:
        return Fault("too_long", f"a description has at most {limits.sdp_bytes} bytes")
    lines = sdp.replace("\r\n", "\n").rstrip("\n").split("\n")
    if any(not LINE.fullmatch(line) for line in lines) or not _begins(lines):
        return Fault("invalid", "that is no SDP")
    head, *sections = _sections(lines)
    media = [MEDIA.fullmatch(section[0][2:]) for section in sections]
    if None in media:
        return Fault("invalid", "a media section that cannot be read")
    if not any(found is not None and found[1] in ("audio", "video") for found in media):
        return Fault("no_media", "the description has no audio and no video")
    if len(sections) > limits.sections(pc):
        return Fault("too_many", f"at most {limits.sections(pc)} media sections")
    # Of those that are bundled only the first has to say how it is reached.
    if any(not any(line.startswith(needed) for part in (head, *sections) for line in part) for needed in NEEDED):
        return Fault("invalid", "a description without ICE or DTLS")
    return _track_fault(sections, tracks)


def candidate_fault(candidate: str) -> Fault | None:
    """Why this candidate goes to no engine. The empty one, the last, may."""
    return None if not candidate or CANDIDATE.fullmatch(candidate) else Fault("invalid", "that is no candidate")


def _begins(lines: list[str]) -> bool:
    return len(lines) > len(IN_ORDER) and all(line.startswith(start) for line, start in zip(lines, IN_ORDER, strict=False))


def _sections(lines: list[str]) -> Iterator[list[str]]:
    """The session's lines, then those of each media section."""
    part: list[str] = []
    for line in lines:
        if line.startswith("m="):
            yield part
            part = []
        part.append(line)
    yield part


def _track_fault(sections: list[list[str]], tracks: Iterable[Track]) -> Fault | None:
    mids = {line.removeprefix("a=mid:") for section in sections for line in section if line.startswith("a=mid:")}
    if len(mids) < len(sections):
        return Fault("invalid", "every media section needs a mid of its own")
    named = [track.mid for track in tracks]
    if len(set(named)) < len(named) or not mids.issuperset(named):
        return Fault("invalid", "a track names a media section that is not there, or that another has")
    return None
