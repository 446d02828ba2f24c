"""Which addresses are somebody else's. Pure."""

import ipaddress
from collections.abc import Iterable

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: IpAddress) -> bool:
    """Whether it is somebody else's; an IPv4 address in IPv6's clothes counts as what it is."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


def allowed(address: str, networks: Iterable[IpNetwork], public: bool = True) -> bool:
    """`networks`: the operator's exceptions. `address`: as the resolver writes it, perhaps with a zone. `public`: the internet, too."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return (public and is_public(found)) or any(found in network for network in networks)
