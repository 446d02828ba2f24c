"""Opening a connection of HTTP/2: TCP, a proxy where there is one, TLS with the offer of h2."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

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


def client_tls(ca_file: str = "") -> ssl.SSLContext:
    """`ca_file`: PEM of authorities to trust beside the public ones. Raises: OSError, ssl.SSLError."""
    context = httpx.create_ssl_context(trust_env=False)  # with the authorities that the other push channels trust
    if ca_file:
        context.load_verify_locations(ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    return context


async def open_transport(target: Target, tls: ssl.SSLContext, protocol: asyncio.Protocol) -> None:
    """`protocol` has been given its transport. Raises: OSError; a peer that does not speak HTTP/2 is one too."""
    loop = asyncio.get_running_loop()
    if target.proxy:
        tunnel = await _through(target)
        transport, _ = await loop.create_connection(lambda: protocol, sock=tunnel, ssl=tls, server_hostname=target.host)
    else:
        transport, _ = await loop.create_connection(lambda: protocol, target.host, target.port, ssl=tls, server_hostname=target.host)
    talking = transport.get_extra_info("ssl_object")
    if talking is None or talking.selected_alpn_protocol() != "h2":
        transport.abort()
        raise ConnectionError(f"{target.host} does not speak HTTP/2")


async def _through(target: Target) -> socket.socket:
    """A tunnel that the proxy opened. Source: RFC 9110, 9.3.6."""
    tunnel = await _connected(target.proxy)
    try:
        await _ask(tunnel, f"{target.host}:{target.port}")
    except BaseException:
        tunnel.close()
        raise
    return tunnel


async def _connected(proxy: str) -> socket.socket:
    loop, parts = asyncio.get_running_loop(), urlsplit(proxy)
    failed: OSError = ConnectionError(f"{proxy}: no address")
    for family, kind, number, _, address in await loop.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM):
        found = socket.socket(family, kind, number)
        found.setblocking(False)
        try:
            await loop.sock_connect(found, address)
            return found
        except OSError as refused:
            found.close()
            failed = refused
        except BaseException:
            found.close()
            raise
    raise failed


async def _ask(tunnel: socket.socket, place: str) -> None:
    """Raises: ConnectionError for a proxy that does not let us through."""
    loop, head = asyncio.get_running_loop(), b""
    await loop.sock_sendall(tunnel, f"CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n\r\n".encode())
    while b"\r\n\r\n" not in head and len(head) < PROXY_ANSWER_BYTES_LIMIT:  # the vendor says nothing before our TLS does
        if not (more := await loop.sock_recv(tunnel, PROXY_ANSWER_BYTES_LIMIT)):
            break
        head += more
    if head.split(b" ", 2)[1:2] != [b"200"] or not head.endswith(b"\r\n\r\n"):
        raise ConnectionError(f"the proxy answered {head[:60]!r}")
