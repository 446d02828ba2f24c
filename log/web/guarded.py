"""The way out for addresses that users brought: what resolves to this machine or its own network is not connected to.

The address that was checked is the one connected to, so a name that changes between the two (DNS rebinding) gains nothing.
"""

import asyncio
import functools
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpcore

from log.web.addresses import IpNetwork, allowed
from schemas.errors import WarblerError

RESOLVING_THREADS = 8
TRIED_ADDRESSES_LIMIT = 4


class ForbiddenAddress(WarblerError):
    """The name leads to an address that only this network can reach."""


@functools.cache
def resolving() -> ThreadPoolExecutor:
    """Threads of its own: a name server that hangs holds up nobody else's work."""
    return ThreadPoolExecutor(RESOLVING_THREADS, "resolve")


class GuardedBackend(httpcore.AnyIOBackend):
    """Connects to addresses that are allowed. `public` False: to the operator's exceptions alone, for what goes in clear."""

    def __init__(self, networks: Sequence[IpNetwork], public: bool = True) -> None:
        self.networks, self.public = networks, public

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
        good = list(dict.fromkeys(address for address in addresses if allowed(address, self.networks, self.public)))
        if not good:
            raise ForbiddenAddress(f"{host} is an address that only this network can reach")
        for address in good[: min(TRIED_ADDRESSES_LIMIT, len(good)) - 1]:
            try:
                return await super().connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError:
                continue
        return await super().connect_tcp(good[min(TRIED_ADDRESSES_LIMIT, len(good)) - 1], port, timeout, local_address, socket_options)
