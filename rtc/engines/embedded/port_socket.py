"""The engine's one UDP port: whose is a datagram, by the address that it comes from, and everything else dropped before it costs anything.

A leg shows by a signed STUN check that an address is its own; SRTP and DTLS of other addresses are counted and forgotten.
"""

import asyncio
import contextlib
import ipaddress
import socket
from typing import Protocol

from rtc.engines.embedded import stun
from rtc.engines.embedded.outlet import Outlet

DATAGRAM_BYTES_MOST = 2_048
READ_AT_ONCE = 64
SOCKET_BUFFER_BYTES = 4 << 20
ADDRESSES_PER_LEG_LIMIT = 8

Address = tuple[str, int]


class Owner(Protocol):
    """Who has credentials at the port."""

    ufrag: str
    password: str

    def checked(self, address: Address, nominates: bool) -> None: ...

    def took_dtls(self, data: bytes) -> None: ...

    def took_srtp(self, data: bytes) -> None: ...


class PortSocket:
    """`foreign`: datagrams dropped because their address is nobody's; `forged`: checks with a wrong signature."""

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self._socket.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)
        self._socket.bind((host, port))
        self.port: int = self._socket.getsockname()[1]
        self.outlet = Outlet(self._socket)
        self._owners: dict[str, Owner] = {}
        self._by_address: dict[Address, Owner] = {}
        self.foreign = self.forged = 0

    def start(self) -> None:
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)

    def stop(self) -> None:
        with contextlib.suppress(ValueError, OSError):  # it was closed already
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def enter(self, owner: Owner) -> None:
        self._owners[owner.ufrag] = owner

    def leave(self, owner: Owner) -> None:
        self._owners.pop(owner.ufrag, None)
        for address in [address for address, who in self._by_address.items() if who is owner]:
            del self._by_address[address]

    def send(self, data: bytes, address: Address) -> None:
        """May be lost, as any datagram."""
        with contextlib.suppress(OSError):
            self._socket.sendto(data, address)

    def _read(self) -> None:
        receive, by_address = self._socket.recvfrom, self._by_address
        for _ in range(READ_AT_ONCE):
            try:
                data, whence = receive(DATAGRAM_BYTES_MOST)
            except OSError:  # nothing more is there
                break
            address = whence[:2]
            first = data[0] if data else 255
            if first < 2:
                self._check(data, address)
                continue
            owner = by_address.get(address)
            if owner is None:
                self.foreign += 1
            elif 127 < first < 192:
                owner.took_srtp(data)
                self.outlet.flush_if_enough()
            elif 19 < first < 64:
                owner.took_dtls(data)
        self.outlet.flush()

    def _check(self, data: bytes, address: Address) -> None:
        check = stun.read(data)
        owner = self._owners.get(check.ufrag) if check else None
        if check is None or owner is None or not check.is_by(owner.password):
            self.forged += 1
            return
        if self._by_address.get(address) is not owner and not self._admit(owner, address):
            return
        self.send(stun.answer(check, address, owner.password), address)
        owner.checked(address, check.nominates)

    def _admit(self, owner: Owner, address: Address) -> bool:
        """An address that was another's is the later one's: a router may give a port to the next."""
        if sum(who is owner for who in self._by_address.values()) >= ADDRESSES_PER_LEG_LIMIT:
            return False
        self._by_address[address] = owner
        return True
