"""One way to post to somebody else's server: it never raises, takes at most its time-out, reads at most so many bytes, follows no redirect.

Called by the push channels, webhooks and hooks. With `GuardedBackend` it connects to no address that only this network can reach.
"""

import asyncio
import functools
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Literal

import httpcore
import httpx

from log.web.connections import IDLE_S, Connections
from log.web.guarded import ForbiddenAddress

ANSWER_BYTES_LIMIT = 64 * 1024
TIMEOUT_MS = 10_000
DETAIL_CHARS_LIMIT = 300
# No try would send it: the address or a header is none. `Connections` lets httpcore's errors through.
BAD_REQUESTS = (
    *(httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError),
    *(httpcore.UnsupportedProtocol, httpcore.LocalProtocolError),
    UnicodeError,
)
NoAnswerReason = Literal["timeout", "bad_request", "forbidden_address", "connection", "answer_too_long"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `headers`: names in lower case. `body`: as it was sent, never unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class NoReply:
    """Why nothing usable came back. `status`: of an answer that was too long, else 0."""

    reason: NoAnswerReason
    detail: str = ""
    status: int = 0


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Reading the authorities takes 30 ms, so it is done once."""
    return httpx.create_ssl_context(trust_env=False)


class Poster:
    """Connections to others' servers. Make it in the loop that posts."""

    def __init__(
        self,
        *,
        timeout_ms: int = TIMEOUT_MS,
        in_flight_limit: int = 100,
        keep: int | None = None,
        answer_bytes_limit: int = ANSWER_BYTES_LIMIT,
        proxy: str = "",
        tls: ssl.SSLContext | None = None,
        backend: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        """`backend`: what connects; not used with a proxy. `keep`: idle connections at most; None: as many as may be in flight."""
        self.timeout_s = timeout_ms / 1000
        self.answer_bytes_limit = answer_bytes_limit
        self.places = asyncio.Semaphore(in_flight_limit)
        kept = in_flight_limit if keep is None else keep
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=kept, keepalive_expiry=IDLE_S)
        self.client = httpx.AsyncClient(
            # httpx's own connections know how to go through a proxy.
            transport=None if proxy else Connections(kept, tls or tls_context(), backend),
            limits=limits,
            timeout=None,  # one overall time-out instead: each of httpx's would start anew with every byte that drips
            follow_redirects=False,
            trust_env=False,
            proxy=proxy or None,
            verify=tls or tls_context(),
            # What one answer sets must not go out with the next post.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"user-agent": "warbler", "accept-encoding": "identity"},
        )

    async def send(self, url: str, content: bytes, headers: Mapping[str, str]) -> Reply | NoReply:
        """The answer whatever its status, or why there is none. Raises nothing but being cancelled."""
        try:
            async with asyncio.timeout(self.timeout_s), self.places, self._posting(url, content, headers) as response:
                return await self._read(response)
        except TimeoutError:
            return NoReply("timeout")
        except BAD_REQUESTS as bad:
            return NoReply("bad_request", _words(bad))
        except ForbiddenAddress as bad:
            return NoReply("forbidden_address", str(bad))
        except Exception as failed:  # noqa: BLE001  # callers rely on it: no fault of a library's may cost a worker its lane
            return NoReply("connection", _words(failed))

    def _posting(self, url: str, content: bytes, headers: Mapping[str, str]) -> AbstractAsyncContextManager[httpx.Response]:
        return self.client.stream("POST", url, content=content, headers=dict(headers))

    async def _read(self, response: httpx.Response) -> Reply | NoReply:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self.answer_bytes_limit:
                return NoReply("answer_too_long", status=response.status_code)
        return Reply(response.status_code, {name.lower(): value for name, value in response.headers.items()}, bytes(body))

    async def close(self) -> None:
        await self.client.aclose()


def _words(failed: Exception) -> str:
    return f"{type(failed).__name__}: {failed}"[:DETAIL_CHARS_LIMIT]
