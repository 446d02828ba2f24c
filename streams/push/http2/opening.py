"""Opening a connection of HTTP/2: TCP, a proxy where there is one, TLS with the offer of h2."""

import asyncio
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

PROXY_ANSWER_BYTES_LIMIT = 8_192


@dataclass(frozen=True, slots=True)
class Target:
    """`proxy`: http://host:port of the way out, "" for none."""

    host: str
    port: int
    proxy: str = ""

    @classmethod
    def of(cls, url: str, proxy: str = "") -> "Target":
        parts = urlsplit(url)
        return cls(parts.hostname or "", parts.port or 443, proxy)

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"


def client_tls(authorities: str = "") -> ssl.SSLContext:
    """`authorities`: a file of PEM with those to trust instead of the system's. Raises: OSError, ssl.SSLError."""
    context = ssl.create_default_context(cafile=authorities or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    return context


async def open_transport(target: Target, tls: ssl.SSLContext, protocol: asyncio.Protocol) -> None:
    """`protocol` has been given its transport. Raises: OSError (a peer that does not speak HTTP/2 among them), IncompleteReadError."""
    loop = asyncio.get_running_loop()
    if target.proxy:
        writer = await _through(target)
        transport = await loop.start_tls(writer.transport, protocol, tls, server_hostname=target.host)
        assert isinstance(transport, asyncio.Transport)
        protocol.connection_made(transport)
    else:
        transport, _ = await loop.create_connection(lambda: protocol, target.host, target.port, ssl=tls, server_hostname=target.host)
    talking = transport.get_extra_info("ssl_object")
    if talking is None or talking.selected_alpn_protocol() != "h2":
        transport.abort()
        raise ConnectionError(f"{target.host} does not speak HTTP/2")


async def _through(target: Target) -> asyncio.StreamWriter:
    """A tunnel that the proxy opened. Source: RFC 9110, 9.3.6."""
    proxy = urlsplit(target.proxy)
    reader, writer = await asyncio.open_connection(proxy.hostname, proxy.port or 80, limit=PROXY_ANSWER_BYTES_LIMIT)
    place = f"{target.host}:{target.port}"
    writer.write(f"CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n\r\n".encode())
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        head = b""
    if head.split(b" ", 2)[1:2] != [b"200"]:
        writer.close()
        raise ConnectionError(f"the proxy {proxy.hostname} answered {head[:60]!r}")
    return writer
