"""Which codecs pass, and by which payload types the engine itself names them. Pure.

Rule: in what the engine offers, a payload type means the same codec in every room, so that a packet is rewritten once for all who get it.
"""

from typing import Literal

from msgspec import Struct

from rtc.engines.embedded.sdp import Section, number

Kind = Literal["audio", "video"]
CLOCK_HZ = {"opus": 48_000, "vp8": 90_000, "h264": 90_000}
KINDS: dict[str, Kind] = {"opus": "audio", "vp8": "video", "h264": "video"}
# Of H.264 only what every browser decodes and what aiortc knows: the two baselines, in packetization mode 1.
H264_PROFILES = ("42e0", "4200")
MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
EXTENSION_URIS = (MID_URI, LEVEL_URI, SEND_TIME_URI)


class Codec(Struct, frozen=True):
    """`name`: opus, vp8 or h264. `profile`: of h264, its first four digits, else empty."""

    name: str
    profile: str = ""

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    @property
    def clock_hz(self) -> int:
        return CLOCK_HZ[self.name]


class Numbered(Struct, frozen=True):
    """A codec with the payload types of one description. `rtx_type` 0: no retransmission format."""

    codec: Codec
    payload_type: int
    rtx_type: int
    parameters: str


OPUS, VP8 = Codec("opus"), Codec("vp8")
H264 = tuple(Codec("h264", profile) for profile in H264_PROFILES)
H264_PARAMETERS = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id="
OWN: dict[Codec, Numbered] = {
    OPUS: Numbered(OPUS, 111, 0, "minptime=10;useinbandfec=1"),
    VP8: Numbered(VP8, 96, 97, ""),
    **{codec: Numbered(codec, 102 + 2 * at, 103 + 2 * at, f"{H264_PARAMETERS}{codec.profile}1f") for at, codec in enumerate(H264)},
}


def choose(section: Section) -> Numbered | None:
    """The first codec of an offered section that passes, in the order of who offers. Raises: ValueError."""
    maps = _by_type(section, "rtpmap")
    parameters = _by_type(section, "fmtp")
    for form in section.formats:
        payload_type = number(form, 128)
        codec = _known(section.kind, maps.get(payload_type, ""), parameters.get(payload_type, ""))
        if codec is not None:
            return Numbered(codec, payload_type, _rtx_of(payload_type, maps, parameters), parameters.get(payload_type, ""))
    return None


def _by_type(section: Section, name: str) -> dict[int, str]:
    pairs = (value.partition(" ") for value in section.all(name))
    return {number(form, 128): rest.strip().lower() for form, _, rest in pairs}


def _known(kind: str, mapped: str, parameters: str) -> Codec | None:
    if kind == "audio" and mapped == "opus/48000/2":
        return OPUS
    if kind == "video" and mapped == "vp8/90000":
        return VP8
    if kind == "video" and mapped == "h264/90000":
        said = dict(part.strip().partition("=")[::2] for part in parameters.split(";"))
        profile = said.get("profile-level-id", "")[:4]
        if said.get("packetization-mode") == "1" and profile in H264_PROFILES:
            return Codec("h264", profile)
    return None


def _rtx_of(payload_type: int, maps: dict[int, str], parameters: dict[int, str]) -> int:
    return next((rtx for rtx, mapped in maps.items() if mapped == "rtx/90000" and parameters.get(rtx) == f"apt={payload_type}"), 0)


def lines(numbered: Numbered) -> list[str]:
    """How a description says the codec."""
    codec, form = numbered.codec, numbered.payload_type
    if codec.kind == "audio":
        return [f"a=rtpmap:{form} opus/48000/2", *_parameters(numbered)]
    feedback = [f"a=rtcp-fb:{form} {what}" for what in ("goog-remb", "ccm fir", "nack", "nack pli")]
    rtx = [f"a=rtpmap:{numbered.rtx_type} rtx/90000", f"a=fmtp:{numbered.rtx_type} apt={form}"] if numbered.rtx_type else []
    return [f"a=rtpmap:{form} {codec.name.upper()}/90000", *feedback, *_parameters(numbered), *rtx]


def _parameters(numbered: Numbered) -> list[str]:
    return [f"a=fmtp:{numbered.payload_type} {numbered.parameters}"] if numbered.parameters else []
