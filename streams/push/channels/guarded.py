"""The way out for addresses that users brought: what resolves to this machine or its own network is not connected to.

The address that was checked is the one connected to, so a name that changes between the two (DNS rebinding) gains nothing.
"""

import asyncio
import functools
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpcore

from schemas.errors import WarblerError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
RESOLVING_THREADS = 8
TRIED_ADDRESSES_LIMIT = 4


class ForbiddenAddress(WarblerError):
    """The name leads to an address that only this network can reach."""


def is_public(address: IpAddress) -> bool:
    """Whether it is somebody else's; an IPv4 address in IPv6's clothes counts as what it is."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


def allowed(address: str, networks: Iterable[IpNetwork]) -> bool:
    """`networks`: the operator's exceptions. `address`: as the resolver writes it, perhaps with a zone."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return is_public(found) or any(found in network for network in networks)


@functools.cache
def resolving() -> ThreadPoolExecutor:
    """Threads of its own: a name server that hangs holds up nobody else's work."""
    return ThreadPoolExecutor(RESOLVING_THREADS, "push-resolve")


class GuardedBackend(httpcore.AnyIOBackend):
    """Connects to addresses that are allowed."""

    def __init__(self, networks: Sequence[IpNetwork]) -> None:
        self.networks = networks

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises: ForbiddenAddress; httpcore.ConnectError, OSError."""
        ask = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        infos = await asyncio.get_running_loop().run_in_executor(resolving(), ask)
        addresses = [str(info[4][0]) for info in infos]
        good = list(dict.fromkeys(address for address in addresses if allowed(address, self.networks)))
        if not good:
            raise ForbiddenAddress(f"{host} is not an address that a push may be sent to")
        for address in good[: min(TRIED_ADDRESSES_LIMIT, len(good)) - 1]:
            try:
                return await super().connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError:
                continue
        return await super().connect_tcp(good[min(TRIED_ADDRESSES_LIMIT, len(good)) - 1], port, timeout, local_address, socket_options)
