"""The contract with aiortc and pylibsrtp below their public surface: fails when one of them changes what the embedded engine touches."""

import asyncio
import inspect
import struct
from collections.abc import Callable

import aiortc
import pytest
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import RTCDtlsTransport

from rtc.engines.embedded.touched import Handshake, Pipe, SrtpError, buffer, context_of, protect


def test_the_version_is_the_one_that_was_read() -> None:
    assert aiortc.__version__ == "1.16.0"


def test_a_dtls_transport_asks_of_its_ice_transport_what_a_pipe_has() -> None:
    source = inspect.getsource(RTCDtlsTransport)
    asked = {word.split("(")[0].split(".")[0].strip() for word in source.split("self.transport.")[1:]}
    assert {word.split()[0].rstrip(",):") for word in asked} == {"_recv", "_send", "role"}


async def pair() -> tuple[Handshake, Handshake]:
    """Two ends, connected by their pipes."""
    pipes: list[Pipe] = []

    def to(number: int) -> Callable[[bytes], None]:
        return lambda data: pipes[number].feed(data)

    pipes += [Pipe(to(1)), Pipe(to(0))]
    certificates = [RTCCertificate.generateCertificate() for _ in pipes]
    ends = [Handshake(pipe, certificate) for pipe, certificate in zip(pipes, certificates, strict=True)]
    prints = [tuple((one.algorithm, one.value) for one in certificate.getFingerprints()) for certificate in certificates]
    done = await asyncio.gather(ends[0].run("server", prints[1]), ends[1].run("client", prints[0]))
    assert all(done)
    return ends[0], ends[1]


def test_a_handshake_gives_the_keys_of_both_directions_and_says_goodbye() -> None:
    async def run() -> None:
        server, client = await pair()
        packet = struct.pack("!BBHII", 0x80, 96, 7, 8, 9) + b"payload"
        memory, view = buffer(2_048)
        view[: len(packet)] = packet
        size = protect(context_of(server.sending), memory, len(packet))
        assert size > len(packet)
        assert client.receiving.unprotect(bytes(view[:size])) == packet
        report = struct.pack("!BBHI", 0x80, 201, 1, 9)
        assert server.receiving.unprotect_rtcp(client.sending.protect_rtcp(report)) == report
        closed = asyncio.Event()
        server.on_closed(closed.set)
        await client.stop()
        await asyncio.wait_for(closed.wait(), 30)
        await server.stop()

    asyncio.run(run())


def test_the_same_packet_may_be_sent_again_and_is_taken_once() -> None:
    """What a repetition without RTX needs of both sides."""

    async def run() -> None:
        server, client = await pair()
        packet = struct.pack("!BBHII", 0x80, 96, 7, 8, 9) + b"payload"
        first, again = server.sending.protect(packet), server.sending.protect(packet)
        assert client.receiving.unprotect(first) == packet
        with pytest.raises(SrtpError, match="replay"):
            client.receiving.unprotect(again)
        await asyncio.gather(client.stop(), server.stop())

    asyncio.run(run())


def test_another_fingerprint_is_no_handshake() -> None:
    async def run() -> None:
        pipes: list[Pipe] = []
        pipes += [Pipe(lambda data: pipes[1].feed(data)), Pipe(lambda data: pipes[0].feed(data))]
        ends = [Handshake(pipe, RTCCertificate.generateCertificate()) for pipe in pipes]
        other = tuple((one.algorithm, one.value) for one in RTCCertificate.generateCertificate().getFingerprints())
        results = await asyncio.gather(ends[0].run("server", other), ends[1].run("client", other))
        assert not any(results)
        await asyncio.gather(*(end.stop() for end in ends))

    asyncio.run(run())


def test_what_libsrtp_refuses_is_no_packet() -> None:
    async def run() -> None:
        server, client = await pair()
        memory, _ = buffer(64)
        assert protect(context_of(server.sending), memory, 3) == 0
        await asyncio.gather(client.stop(), server.stop())

    asyncio.run(run())
