"""What the transport of a description is: its ICE credentials, fingerprint and role, read and written. Pure."""

import re
from typing import Literal

from msgspec import Struct

from rtc.engines.embedded.sdp import Description, Section

Setup = Literal["active", "passive", "actpass"]
UFRAG = re.compile(r"[A-Za-z0-9+/\-_=]{4,256}")  # RFC 8839 has ice-char only; browsers have sent the others too
PASSWORD = re.compile(r"[A-Za-z0-9+/\-_=]{22,256}")
FINGERPRINT = re.compile(r"(sha-256|sha-384|sha-512) ([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){31,63})")


class Remote(Struct, frozen=True):
    """The peer's side of a transport. `setup`: what it says that it is."""

    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    setup: Setup


class Local(Struct, frozen=True):
    """The engine's side. `addresses`: where it can be reached; it listens there and never asks (ICE lite)."""

    ufrag: str
    password: str
    fingerprint: str
    addresses: tuple[tuple[str, int], ...]


def remote_of(description: Description, section: Section) -> Remote:
    """Raises: ValueError."""
    ufrag, password = description.said(section, "ice-ufrag"), description.said(section, "ice-pwd")
    if not UFRAG.fullmatch(ufrag) or not PASSWORD.fullmatch(password):
        raise ValueError("no usable ice-ufrag and ice-pwd")
    setup = description.said(section, "setup")
    if setup not in ("active", "passive", "actpass"):
        raise ValueError(f"no usable setup: {setup[:20]!r}")
    return Remote(ufrag, password, _fingerprints(description, section), setup)  # type: ignore[arg-type]


def _fingerprints(description: Description, section: Section) -> tuple[tuple[str, str], ...]:
    said = section.all("fingerprint") or [value for name, value in description.attributes if name == "fingerprint"]
    found = [match for value in said if (match := FINGERPRINT.fullmatch(value.strip()))]
    if not found:
        raise ValueError("no usable fingerprint")
    return tuple((match[1], match[2]) for match in found)


def transport_lines(local: Local, setup: Setup) -> list[str]:
    """For every section that is not refused: some clients read them in the first one only, some in each."""
    return [
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        f"a=setup:{setup}",
        "a=rtcp-mux",
        *(
            f"a=candidate:{at + 1} 1 udp {2130706431 - at} {host} {port} typ host generation 0"
            for at, (host, port) in enumerate(local.addresses)
        ),
        "a=end-of-candidates",
    ]


def head(session: int, version: int, bundled: list[str]) -> list[str]:
    group = [f"a=group:BUNDLE {' '.join(bundled)}"] if bundled else []
    return ["v=0", f"o=- {session} {version} IN IP4 127.0.0.1", "s=-", "t=0 0", "a=ice-lite", *group, "a=msid-semantic: WMS *"]


def connection_line(local: Local) -> str:
    host = local.addresses[0][0]
    return f"c=IN IP{6 if ':' in host else 4} {host}"


def joined(lines: list[str]) -> str:
    return "\r\n".join(lines) + "\r\n"
