"""One end of an encrypted media connection, as cheap as Python allows: for putting load on a media engine.

ICE with one address, DTLS by aiortc, SRTP by libsrtp; decodes nothing. A packet's delay ends when it is in this end's socket: the
kernel's time stamp says when, so that a load client that falls behind does not make the engine look slow.
"""

import asyncio
import hmac
import secrets
import socket
import struct
import time
import zlib
from collections.abc import Callable

from aiortc import RTCCertificate

from rtc.engines.embedded import codecs, describing, rtcp, sdp, stun
from rtc.engines.embedded.reception import Reception
from rtc.engines.embedded.touched import Handshake, Pipe, SrtpError

SO_TIMESTAMPNS = 35
STAMP = struct.Struct("!Q")
CHECK_AGAIN_S, CHECK_KEEP_S = 0.2, 4.0
READ_AT_ONCE = 64
SOCKET_BUFFER_BYTES = 1 << 20
OWN_SSRC = 7


class Peer:
    """`delays_us`: of the packets that came with a time stamp in their payload, while `counting`."""

    certificate = RTCCertificate.generateCertificate()

    def __init__(self, host: str, offers: bool) -> None:
        self.ufrag, self.password = secrets.token_hex(4), secrets.token_hex(12)
        self._offers = offers
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.bind((host, 0))
        self._pipe = Pipe(self._send)
        self._handshake = Handshake(self._pipe, self.certificate)
        self._remote: describing.Remote | None = None
        self._address: tuple[str, int] | None = None
        self._checked = asyncio.Event()
        self.connected = asyncio.Event()
        self.receptions: dict[int, Reception] = {}
        self.counting = False
        self.delays_us: list[float] = []
        self.packets = self.octets = 0
        self._tasks: list[asyncio.Task[None]] = []
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)

    @property
    def local(self) -> describing.Local:
        fingerprint = next(print_.value for print_ in self.certificate.getFingerprints() if print_.algorithm == "sha-256")
        return describing.Local(self.ufrag, self.password, fingerprint, (self._socket.getsockname(),))

    def offer(self, kinds: list[tuple[str, int]]) -> str:
        """`kinds`: audio or video, each with its SSRC."""
        lines = [line for line in describing.head(1, 1, [str(at) for at in range(len(kinds))]) if line != "a=ice-lite"]
        for mid, (kind, ssrc) in enumerate(kinds):
            form = codecs.OWN[codecs.OPUS if kind == "audio" else codecs.VP8]
            lines += [f"m={kind} 9 UDP/TLS/RTP/SAVPF {form.payload_type}", "c=IN IP4 0.0.0.0", f"a=mid:{mid}", "a=sendonly"]
            lines += [line for line in codecs.lines(form) if "rtx" not in line and "apt=" not in line]
            lines += [f"a=msid:s t{mid}", f"a=ssrc:{ssrc} cname:load", *describing.transport_lines(self.local, "actpass")]
        return describing.joined(lines)

    def answer(self, offer: str) -> str:
        """Takes everything."""
        description = sdp.parse(offer)
        lines = [line for line in describing.head(1, 1, list(description.bundled())) if line != "a=ice-lite"]
        for section in description.sections:
            form = codecs.choose(section)
            assert form is not None
            lines += [f"m={section.kind} 9 {section.protocol} {form.payload_type}", "c=IN IP4 0.0.0.0", f"a=mid:{section.first('mid')}"]
            lines += ["a=inactive" if section.has("inactive") else "a=recvonly"]
            lines += [line for line in codecs.lines(form) if "rtx" not in line and "apt=" not in line]
            lines += describing.transport_lines(self.local, "active")
        return describing.joined(lines)

    def remote(self, text: str) -> None:
        """The engine's description. Begins to connect at the first."""
        description = sdp.parse(text)
        section = next(section for section in description.sections if section.port)
        self._remote = describing.remote_of(description, section)
        if not self._tasks:  # the engine's own checks may have come before its description
            words = next(value for value in section.all("candidate") if " udp " in value.lower() and ":" not in value.split()[4]).split()
            self._address = (words[4], int(words[5]))
            self._tasks = [asyncio.create_task(self._check()), asyncio.create_task(self._connect())]

    async def _check(self) -> None:
        while True:
            self._send(self._request())
            await asyncio.sleep(CHECK_KEEP_S if self._checked.is_set() else CHECK_AGAIN_S)

    def _request(self) -> bytes:
        assert self._remote is not None
        name = f"{self._remote.ufrag}:{self.ufrag}".encode()
        role = 0x802A if self._offers else 0x8029
        body = struct.pack("!HH", stun.USERNAME, len(name)) + name + bytes(-len(name) % 4)
        body += struct.pack("!HHI", 0x0024, 4, 1) + struct.pack("!HHQ", role, 8, 1)
        body += struct.pack("!HH", stun.USE_CANDIDATE, 0) if self._offers else b""
        transaction = secrets.token_bytes(12)
        head = struct.pack("!HHI", stun.REQUEST, len(body) + 24, stun.COOKIE) + transaction
        body += struct.pack("!HH", stun.INTEGRITY, 20) + hmac.digest(self._remote.password.encode(), head + body, "sha1")
        head = struct.pack("!HHI", stun.REQUEST, len(body) + 8, stun.COOKIE) + transaction
        return head + body + struct.pack("!HHI", stun.FINGERPRINT, 4, zlib.crc32(head + body) ^ stun.FINGERPRINT_XOR)

    async def _connect(self) -> None:
        assert self._remote is not None
        await self._checked.wait()
        role = "client" if self._remote.setup in ("passive", "actpass") else "server"
        if await self._handshake.run(role, self._remote.fingerprints):  # type: ignore[arg-type]
            self.connected.set()

    def _send(self, data: bytes) -> None:
        if self._address is not None:
            try:
                self._socket.sendto(data, self._address)
            except OSError:
                return

    def send_rtp(self, packet: bytes) -> None:
        self._send(self._handshake.sending.protect(packet))

    def report(self) -> None:
        """A receiver report of all that comes."""
        if self.receptions and self.connected.is_set():
            now_ms = time.monotonic_ns() // 1_000_000
            reports = [reception.report(now_ms) for reception in list(self.receptions.values())[:31]]
            self._send(self._handshake.sending.protect_rtcp(rtcp.receiver_report(OWN_SSRC, reports)))

    def _read(self) -> None:
        for _ in range(READ_AT_ONCE):
            try:
                data, notes, _, whence = self._socket.recvmsg(2_048, 64)
            except OSError:
                return
            first = data[0]
            if 127 < first < 192:
                if not rtcp.is_rtcp(data[1]) and self.connected.is_set():
                    self._came(data, notes)
            elif first < 2:
                self._took_stun(data, whence)
            elif 19 < first < 64:
                self._pipe.feed(data)

    def _took_stun(self, data: bytes, whence: tuple[str, int]) -> None:
        if data[:2] == b"\x01\x01":
            self._checked.set()
        elif (check := stun.read(data)) is not None and check.is_by(self.password):
            self._address = whence
            self._send(stun.answer(check, whence, self.password))
            self._checked.set()

    def _came(self, data: bytes, notes: list[tuple[int, int, bytes]]) -> None:
        try:
            packet = self._handshake.receiving.unprotect(data)
        except SrtpError:
            return
        seq, timestamp, ssrc = struct.unpack_from("!HII", packet, 2)
        reception = self.receptions.get(ssrc)
        if reception is None:
            reception = self.receptions[ssrc] = Reception(ssrc, 90_000, asks=False)
        reception.add(seq, timestamp, len(packet), 0)
        if self.counting:
            self.packets += 1
            self.octets += len(packet)
            seconds, nanos = struct.unpack("qq", notes[0][2][:16])
            self.delays_us.append((seconds * 1_000_000_000 + nanos - STAMP.unpack(packet[-8:])[0]) / 1_000)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        await self._handshake.stop()
        self._socket.close()


class Stream:
    """Made-up media with the shape of the real: a picture of 30 a second in packets of some 1,050 bytes, or sound of 50 a second."""

    def __init__(self, send: Callable[[bytes], None], kind: str, ssrc: int, kbps: int) -> None:
        self._send, self.kind, self.ssrc = send, kind, ssrc
        self.per_s = 30 if kind == "video" else 50
        self._packets = max(1, round(kbps * 125 / self.per_s / 1_050)) if kind == "video" else 1
        self._bytes = kbps * 125 // self.per_s // self._packets
        form = codecs.OWN[codecs.VP8 if kind == "video" else codecs.OPUS]
        self._type, self._step = form.payload_type, form.codec.clock_hz // self.per_s
        self._seq = self._number = 0
        self._filling = secrets.token_bytes(self._bytes)

    def tick(self) -> None:
        """One picture, or one piece of sound."""
        for at in range(self._packets):
            last = at == self._packets - 1
            head = struct.pack(
                "!BBHII", 0x80, self._type | (last << 7), self._seq & 0xFFFF, self._number * self._step & 0xFFFFFFFF, self.ssrc
            )
            begin = b""
            if self.kind == "video":  # descriptor with a picture number, then the first byte of the picture: 0 is a key frame's
                key = self._number % 30 == 0
                begin = struct.pack("!BBH", 0x90 if at == 0 else 0x80, 0x80, 0x8000 | self._number & 0x7FFF) + bytes([0 if key else 1])
            body = begin + self._filling[: self._bytes - len(begin) - STAMP.size]
            self._send(head + body + STAMP.pack(time.time_ns()))
            self._seq += 1
        self._number += 1

    async def run(self) -> None:
        began = time.perf_counter()
        while True:
            self.tick()
            await asyncio.sleep(max(0.0, began + self._number / self.per_s - time.perf_counter()))
