"""Which media section of a subscription carries whose track: sections are kept, given up and used again. Pure.

Rule 1: a section never changes its place, mid, codec or SSRC; a client that was told of them once (aiortc listens no second time) goes on.
Rule 2: who comes back gets the section that it had; else the first free one of the same codec is used again before a new one is made.
"""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from rtc.engines.embedded import codecs, describing
from rtc.engines.embedded.codecs import LEVEL_URI, MID_URI, OWN, SEND_TIME_URI, Codec
from rtc.engines.embedded.describing import Local, Remote
from rtc.engines.embedded.publishing import Refused
from rtc.engines.embedded.sdp import Description, parse
from schemas.call_signals import TrackSource

LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
MID_EXTENSION, LEVEL_EXTENSION, SEND_TIME_EXTENSION = 1, 2, 3
SLOTS_MOST = len(LETTERS) ** 2  # mids have two letters, so that each is at the same place of a packet


class SourceKey(Struct, frozen=True):
    """Whose track, and which of its."""

    user: str
    device: str
    source: TrackSource


class Slot(Struct, frozen=True):
    """One section. `key`: whose track it carries, or carried last when not `active`."""

    mid: str
    codec: Codec
    ssrc: int
    rtx_ssrc: int
    key: SourceKey
    active: bool


def plan(slots: tuple[Slot, ...], wanted: dict[SourceKey, Codec], limit: int, ssrc: Callable[[], int]) -> tuple[Slot, ...]:
    """The sections from now on. Shape: as many as before or more; who finds no place under `limit` has none."""
    kept = [replace(slot, active=wanted.get(slot.key) == slot.codec) for slot in slots]
    placed = {slot.key for slot in kept if slot.active}
    for key, codec in wanted.items():
        if key in placed:
            continue
        free = next((at for at, slot in enumerate(kept) if not slot.active and slot.codec == codec), -1)
        if free >= 0:
            kept[free] = replace(kept[free], key=key, active=True)
        elif len(kept) < min(limit, SLOTS_MOST):
            kept.append(Slot(mid_of(len(kept)), codec, ssrc(), ssrc(), key, active=True))
    return tuple(kept)


def mid_of(at: int) -> str:
    return LETTERS[at // len(LETTERS)] + LETTERS[at % len(LETTERS)]


def write_offer(slots: tuple[Slot, ...], local: Local, session: int, version: int) -> str:
    lines = describing.head(session, version, [slot.mid for slot in slots])
    for slot in slots:
        lines += _section(slot, local)
    return describing.joined(lines)


def _section(slot: Slot, local: Local) -> list[str]:
    form = OWN[slot.codec]
    formats = f"{form.payload_type} {form.rtx_type}" if form.rtx_type else str(form.payload_type)
    extensions = [(MID_EXTENSION, MID_URI), (SEND_TIME_EXTENSION, SEND_TIME_URI)]
    if slot.codec.kind == "audio":
        extensions.append((LEVEL_EXTENSION, LEVEL_URI))
    return [
        f"m={slot.codec.kind} {local.addresses[0][1]} UDP/TLS/RTP/SAVPF {formats}",
        describing.connection_line(local),
        f"a=mid:{slot.mid}",
        "a=sendonly" if slot.active else "a=inactive",
        *(f"a=extmap:{number} {uri}" for number, uri in extensions),
        *codecs.lines(form),
        *(_stream(slot) if slot.active else []),
        *describing.transport_lines(local, "actpass"),
    ]


def _stream(slot: Slot) -> list[str]:
    # one stream and CNAME for a device's microphone and camera, and one for its screen: what is played in step shares them
    name = stream_name(slot.key)
    group, ssrcs = [], [slot.ssrc]
    if OWN[slot.codec].rtx_type:
        group, ssrcs = [f"a=ssrc-group:FID {slot.ssrc} {slot.rtx_ssrc}"], [slot.ssrc, slot.rtx_ssrc]
    return [f"a=msid:{name} {name}-{slot.key.source}", *group, *(f"a=ssrc:{ssrc} cname:{name}" for ssrc in ssrcs)]


def stream_name(key: SourceKey) -> str:
    """An SDP token, whatever letters users and devices have."""
    part = "screen" if key.source in ("screen", "screen_audio") else "face"
    return f"{key.user.encode().hex()}.{key.device.encode().hex()}.{part}"


class SubscribeAnswer(Struct, frozen=True):
    """`taken`: the mids that the leg receives; `repaired`: those where it understands retransmissions."""

    remote: Remote
    taken: frozenset[str]
    repaired: frozenset[str]


def read_answer(text: str, slots: tuple[Slot, ...], bytes_limit: int) -> SubscribeAnswer:
    """Raises: Refused."""
    if len(text) > bytes_limit:
        raise Refused("too_long", f"more than {bytes_limit} bytes")
    try:
        description = parse(text)
        remote = _remote(description)
    except ValueError as error:
        raise Refused("invalid", str(error)) from error
    sections = description.sections
    if [section.first("mid") for section in sections] != [slot.mid for slot in slots]:
        raise Refused("invalid", "the answer's sections are not the offer's")
    if remote.setup == "actpass":
        raise Refused("invalid", "an answer says which side starts the handshake")
    pairs = [(slot, section) for slot, section in zip(slots, sections, strict=True) if section.port > 0]
    return SubscribeAnswer(
        remote=remote,
        taken=frozenset(
            slot.mid
            for slot, section in pairs
            if str(OWN[slot.codec].payload_type) in section.formats and not section.has("inactive") and not section.has("sendonly")
        ),
        repaired=frozenset(slot.mid for slot, section in pairs if str(OWN[slot.codec].rtx_type) in section.formats),
    )


def _remote(description: Description) -> Remote:
    section = next((section for section in description.sections if section.port > 0), None)
    if section is None:
        raise Refused("no_media", "every section is refused")
    return describing.remote_of(description, section)
