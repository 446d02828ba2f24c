"""All that the engine uses of aiortc and pylibsrtp below their public surface; tests/rtc/engines/test_touched.py fails when they change it.

aiortc gives the DTLS handshake and the SRTP sessions that come of it (`RTCDtlsTransport`), over a transport that is ours. Its peer
connections are not used: they decode, a thread each track, and forward nothing.
"""

import asyncio
from typing import Any, Literal

from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from pylibsrtp import Error, Session
from pylibsrtp._binding import ffi, lib  # type: ignore[import-not-found]

SrtpError = Error
DATAGRAMS_LIMIT = 64  # of handshakes that wait; what is lost is sent again
TRAILER_BYTES = 16 + 4 + 128  # SRTP's and SRTCP's longest


class Pipe:
    """What an `RTCDtlsTransport` asks of its ICE transport: `role`, `_recv` and `_send`."""

    role = "controlled"

    def __init__(self, send: Any) -> None:
        self._datagrams: asyncio.Queue[bytes] = asyncio.Queue(DATAGRAMS_LIMIT)
        self._closed = False
        self._send_datagram = send

    def feed(self, datagram: bytes) -> None:
        if not self._datagrams.full():
            self._datagrams.put_nowait(datagram)

    def close(self) -> None:
        self._closed = True
        if self._datagrams.full():
            self._datagrams.get_nowait()
        self._datagrams.put_nowait(b"")

    async def _recv(self) -> bytes:
        if self._closed:
            raise ConnectionError
        datagram = await self._datagrams.get()
        if not datagram:
            raise ConnectionError
        return datagram

    async def _send(self, datagram: bytes) -> None:
        self._send_datagram(datagram)


class Handshake:
    """One DTLS association. After `run` answered True, `receiving` and `sending` are its SRTP sessions."""

    def __init__(self, pipe: Pipe, certificate: RTCCertificate) -> None:
        self._dtls = RTCDtlsTransport(pipe, [certificate])  # type: ignore[arg-type]
        self._pipe = pipe

    async def run(self, role: Literal["client", "server"], fingerprints: tuple[tuple[str, str], ...]) -> bool:
        """Blocks: until the peer's handshake is there or failed; safe to cancel."""
        self._dtls._set_role(role)
        wanted = [RTCDtlsFingerprint(algorithm=algorithm, value=value) for algorithm, value in fingerprints]
        await self._dtls.start(RTCDtlsParameters(fingerprints=wanted))
        return self._dtls.state == "connected"

    def on_closed(self, call: Any) -> None:
        """`call` once the peer has said good-bye, or the association broke."""
        self._dtls.on("statechange", lambda: call() if self._dtls.state in ("closed", "failed") else None)

    @property
    def receiving(self) -> Session:
        return self._dtls._rx_srtp

    @property
    def sending(self) -> Session:
        return self._dtls._tx_srtp

    async def stop(self) -> None:
        """Says good-bye to the peer, if there is one."""
        self._dtls.remove_all_listeners()
        await self._dtls.stop()
        self._pipe.close()


def context_of(session: Session) -> Any:
    """libsrtp's own handle of a session, for `protect`."""
    return session._srtp[0]


def buffer(size: int) -> tuple[Any, memoryview]:
    """Memory for libsrtp to work in, and the same as Python sees it."""
    memory = ffi.new("char[]", size)
    return memory, memoryview(ffi.buffer(memory)).cast("B")


LENGTH = ffi.new("int *")


def protect(context: Any, memory: Any, size: int) -> int:
    """Makes SRTP of the packet in `memory`, in place; its length then, or 0 if libsrtp refuses it."""
    LENGTH[0] = size
    if lib.srtp_protect(context, memory, LENGTH) != 0:
        return 0
    length: int = LENGTH[0]
    return length
