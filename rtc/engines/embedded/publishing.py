"""What a leg offers to publish, read from its description, and the answer to it. Pure.

Rule: one codec a section, the first of the offer that passes; simulcast is not answered, data channels are refused.
"""

from msgspec import Struct

from rtc.engines.embedded import codecs, describing, sdp
from rtc.engines.embedded.codecs import EXTENSION_URIS, LEVEL_URI, MID_URI, Numbered
from rtc.engines.embedded.describing import Local, Remote
from schemas.call_signals import SignalCode

SDP_BYTES_LIMIT = 64 * 1024
SSRCS_LIMIT = 16


class Refused(ValueError):
    """A description that cannot be used."""

    def __init__(self, code: SignalCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Published(Struct, frozen=True):
    """One section. `form` None: refused. `sends`: the leg sends on it. Extension ids are 0 where not offered.

    `ssrcs`: that it names; `repairs`: SSRC of a retransmission -> of what it repairs.
    """

    mid: str
    kind: str
    form: Numbered | None
    sends: bool
    mid_extension: int
    level_extension: int
    ssrcs: tuple[int, ...]
    repairs: dict[int, int]
    protocol: str
    formats: tuple[str, ...]
    extensions: tuple[str, ...]
    bundled: bool


class PublishOffer(Struct, frozen=True):
    remote: Remote
    sections: tuple[Published, ...]


def read_offer(text: str) -> PublishOffer:
    """Raises: Refused."""
    if len(text) > SDP_BYTES_LIMIT:
        raise Refused("too_long", f"more than {SDP_BYTES_LIMIT} bytes")
    try:
        description = sdp.parse(text)
        media = [section for section in description.sections if section.kind in ("audio", "video")]
        if not media:
            raise Refused("no_media", "no audio and no video section")
        bundle = description.bundled()
        sections = tuple(_published(section, bundle) for section in description.sections)
        if not any(section.form for section in sections):
            raise Refused("no_media", "no section has a codec that passes")
        first = next(at for at, section in enumerate(sections) if section.form)
        remote = describing.remote_of(description, description.sections[first])
    except Refused:
        raise
    except ValueError as error:
        raise Refused("invalid", str(error)) from error
    if len({section.mid for section in sections}) < len(sections) or not all(section.mid for section in sections):
        raise Refused("invalid", "each section needs a mid of its own")
    return PublishOffer(remote, sections)


def _published(section: sdp.Section, bundle: tuple[str, ...]) -> Published:
    mid = section.first("mid")
    if len(mid) > 32 or any(letter.isspace() for letter in mid):
        raise ValueError("not a mid")
    extensions = _extensions(section)
    is_media = section.kind in ("audio", "video") and section.has("rtcp-mux") and (section.port > 0 or mid in bundle)
    ssrcs, repairs = _ssrcs(section)
    return Published(
        mid=mid,
        kind=section.kind,
        form=codecs.choose(section) if is_media else None,
        sends=not section.has("recvonly") and not section.has("inactive"),
        mid_extension=extensions.get(MID_URI, 0),
        level_extension=extensions.get(LEVEL_URI, 0),
        ssrcs=ssrcs,
        repairs=repairs,
        protocol=section.protocol,
        formats=section.formats,
        extensions=tuple(f"a=extmap:{number} {uri}" for uri, number in extensions.items()),
        bundled=mid in bundle or not bundle,
    )


def _extensions(section: sdp.Section) -> dict[str, int]:
    found = {}
    for value in section.all("extmap"):
        number, _, uri = value.partition(" ")
        uri = uri.split(" ")[0]
        if uri in EXTENSION_URIS:
            found[uri] = sdp.number(number.partition("/")[0], 256)
    return found


def _ssrcs(section: sdp.Section) -> tuple[tuple[int, ...], dict[int, int]]:
    named = list(dict.fromkeys(sdp.number(value.partition(" ")[0], 1 << 32) for value in section.all("ssrc")))[:SSRCS_LIMIT]
    repairs = {}
    for value in section.all("ssrc-group"):
        words = value.split()
        if len(words) == 3 and words[0] == "FID":
            repairs[sdp.number(words[2], 1 << 32)] = sdp.number(words[1], 1 << 32)
    return tuple(ssrc for ssrc in named if ssrc not in repairs), repairs


def write_answer(offer: PublishOffer, local: Local, session: int, version: int) -> str:
    """The engine waits for the handshake (passive) unless the leg does."""
    setup: describing.Setup = "active" if offer.remote.setup == "passive" else "passive"
    taken = [section.mid for section in offer.sections if section.form and section.bundled]
    lines = describing.head(session, version, taken)
    for section in offer.sections:
        if section.form is None or section.mid not in taken:
            lines += [f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}", "c=IN IP4 0.0.0.0", "a=inactive"]
            lines.append(f"a=mid:{section.mid}")
        else:
            lines += _section_lines(section, section.form, local, setup)
    return describing.joined(lines)


def _section_lines(section: Published, form: Numbered, local: Local, setup: describing.Setup) -> list[str]:
    formats = f"{form.payload_type} {form.rtx_type}" if form.rtx_type else str(form.payload_type)
    return [
        f"m={section.kind} {local.addresses[0][1]} {section.protocol} {formats}",
        describing.connection_line(local),
        f"a=mid:{section.mid}",
        "a=recvonly" if section.sends else "a=inactive",
        *section.extensions,
        *codecs.lines(form),
        *describing.transport_lines(local, setup),
    ]
