"""One encrypted way between the engine and a leg: where it is, its keys, and what comes over it, decrypted."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, Literal

from aiortc import RTCCertificate

from rtc.engines.embedded import rtcp
from rtc.engines.embedded.describing import Local, Remote
from rtc.engines.embedded.outlet import Destination, Outlet
from rtc.engines.embedded.port_socket import Address, PortSocket
from rtc.engines.embedded.touched import Handshake, Pipe, SrtpError, context_of

TransportState = Literal["new", "connected", "closed"]
HANDSHAKE_TIMEOUT_S = 30.0


class Transport:
    """Waits for the leg's first check, then for its handshake. The callbacks are called in the loop, and never after `close`."""

    def __init__(
        self,
        socket: PortSocket,
        certificate: RTCCertificate,
        address: Address,
        on_rtp: Callable[[bytes], None],
        on_rtcp: Callable[[bytes], None],
        on_state: Callable[[TransportState], None],
        on_life: Callable[[], None],
    ) -> None:
        self.ufrag, self.password = secrets.token_hex(6), secrets.token_hex(16)
        fingerprint = next(print_.value for print_ in certificate.getFingerprints() if print_.algorithm == "sha-256")
        self.local = Local(self.ufrag, self.password, fingerprint, (address,))
        self.state: TransportState = "new"
        self.remote: Remote | None = None
        self.destination: Destination | None = None
        self.context: Any = None
        self.undecryptable = 0
        self._socket = socket
        self._nominated = False
        self._addressed = asyncio.Event()
        self._pipe = Pipe(self._send_plain)
        self._handshake = Handshake(self._pipe, certificate)
        self._task: asyncio.Task[None] | None = None
        self._on_rtp, self._on_rtcp, self._on_state, self._on_life = on_rtp, on_rtcp, on_state, on_life
        socket.enter(self)

    @property
    def outlet(self) -> Outlet:
        return self._socket.outlet

    def start(self, remote: Remote, role: Literal["client", "server"]) -> None:
        """Begins with the handshake. A second call changes nothing."""
        if self._task is None:
            self.remote = remote
            self._task = asyncio.create_task(self._connect(remote, role))

    async def _connect(self, remote: Remote, role: Literal["client", "server"]) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                await self._addressed.wait()
                connected = await self._handshake.run(role, remote.fingerprints)
        except TimeoutError:
            connected = False
        if self.state == "closed":
            return
        if not connected:
            self._closed()
            return
        self._handshake.on_closed(self._closed)
        self._unprotect, self._unprotect_rtcp = self._handshake.receiving.unprotect, self._handshake.receiving.unprotect_rtcp
        self.context = context_of(self._handshake.sending)
        self.state = "connected"
        self._on_state("connected")

    def checked(self, address: Address, nominates: bool) -> None:
        if nominates or not self._nominated:
            self._nominated = self._nominated or nominates
            if self.destination is None or self.destination.address != address:
                self.destination = Destination(address)
            self._addressed.set()
        self._on_life()

    def took_dtls(self, data: bytes) -> None:
        self._pipe.feed(data)

    def took_srtp(self, data: bytes) -> None:
        if self.state != "connected" or len(data) < 2:
            return
        try:
            if rtcp.is_rtcp(data[1]):
                self._on_rtcp(self._unprotect_rtcp(data))
            else:
                self._on_rtp(self._unprotect(data))
        except (SrtpError, ValueError):
            self.undecryptable += 1

    def send_rtcp(self, data: bytes) -> None:
        if self.state == "connected" and self.destination is not None:
            self._socket.send(self._handshake.sending.protect_rtcp(data), self.destination.address)

    def send_rtp(self, data: bytes) -> None:
        """A single packet; who sends many uses the outlet."""
        if self.state == "connected" and self.destination is not None:
            self.outlet.view[: len(data)] = data
            self.outlet.protect_and_queue(self.context, len(data), self.destination)

    async def close(self) -> None:
        """Says good-bye. A second call changes nothing."""
        if self.state == "closed":
            return
        self.state = "closed"
        self.context = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._handshake.stop()
        self._socket.leave(self)

    def _closed(self) -> None:
        """The peer went, or never came."""
        if self.state != "closed":
            self.state = "closed"
            self.context = None
            self._socket.leave(self)
            self._pipe.close()
            self._on_state("closed")

    def _send_plain(self, data: bytes) -> None:
        if self.destination is not None:
            self._socket.send(data, self.destination.address)
