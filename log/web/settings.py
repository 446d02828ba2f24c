"""Which addresses of our own network others may make us post to, from WARBLER_OUTBOUND_*. Pure; the environment is an argument."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from log.web.addresses import IpNetwork, is_public
from schemas.errors import WarblerError
from schemas.variables import values_of

PREFIX = "WARBLER_"
URL_CHARS_LIMIT = 2_000


class BadAddress(WarblerError):
    """Nothing may be posted there; the message says why."""


@dataclass(frozen=True, slots=True)
class OutboundSettings:
    """`outbound_networks`: CIDRs, separated by commas, that count as if they were of the internet; to them also http goes."""

    outbound_networks: str = ""

    def __post_init__(self) -> None:
        try:
            _ = self.networks
        except ValueError as bad:
            raise ValueError(f"{PREFIX}OUTBOUND_NETWORKS={self.outbound_networks}: {bad}") from None

    @property
    def networks(self) -> tuple[IpNetwork, ...]:
        return tuple(ipaddress.ip_network(each.strip()) for each in self.outbound_networks.split(",") if each.strip())

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "OutboundSettings":
        """Raises: ValueError that names the variable."""
        return cls(**values_of(cls, PREFIX, env))


def check_url(url: str, networks: tuple[IpNetwork, ...]) -> str:
    """The address as it may be posted to, as far as its text can tell: what its name leads to is looked at with every connection.

    Raises: BadAddress.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise BadAddress("no address of HTTP") from None
    if len(url) > URL_CHARS_LIMIT or not url.isascii() or any(sign.isspace() or not sign.isprintable() for sign in url):
        raise BadAddress(f"an address is at most {URL_CHARS_LIMIT} ASCII characters without spaces")
    if parts.scheme not in ("https", "http") or not host:
        raise BadAddress("an address begins with https://")
    if parts.username is not None or parts.password is not None:
        raise BadAddress("no name and password in an address: who calls is shown by the signature")
    if parts.fragment:
        raise BadAddress("an address has no fragment")
    if parts.scheme == "http" and not networks:
        raise BadAddress("only https, but for networks that the operator named (WARBLER_OUTBOUND_NETWORKS)")
    _check_literal(host, parts.scheme, networks)
    return url


def _check_literal(host: str, scheme: str, networks: tuple[IpNetwork, ...]) -> None:
    if host == "localhost" and not networks:
        raise BadAddress("this machine and its network are not posted to, but for WARBLER_OUTBOUND_NETWORKS")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return
    within = any(address in network for network in networks)
    if not within and (scheme == "http" or not is_public(address)):
        raise BadAddress("this machine and its network are not posted to, but for WARBLER_OUTBOUND_NETWORKS")
