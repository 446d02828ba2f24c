"""One HTTP client a push channel: it never raises, takes at most its time-out, reads at most so many bytes, follows no redirect."""

import asyncio
import functools
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpcore
import httpx

from streams.push.channels.answers import DETAIL_CHARS_LIMIT, Table, Unreadable, looks_like, read_fields, retry_after_ms
from streams.push.channels.connections import IDLE_S, Connections
from streams.push.channels.guarded import ForbiddenAddress
from streams.push.channels.port import BadCredentials, Refused

ANSWER_BYTES_LIMIT = 64 * 1024
TIMEOUT_MS = 10_000
# No try would send it: the address or a header is none. `Connections` lets httpcore's errors through.
BAD_REQUESTS = (
    *(httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError),
    *(httpcore.UnsupportedProtocol, httpcore.LocalProtocolError),
    UnicodeError,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers`: names in lower case. `body`: as it was sent, never unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def retry_after_ms(self, now_ms: int) -> int | None:
        return retry_after_ms(self.headers.get("retry-after"), now_ms)


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Reading the authorities takes 30 ms, so it is done once."""
    return httpx.create_ssl_context(trust_env=False)


def tls_context_with(authorities: Path) -> ssl.SSLContext:
    """One that trusts those of the file too. Raises: BadCredentials."""
    context = httpx.create_ssl_context(trust_env=False)
    try:
        context.load_verify_locations(authorities)
    except (OSError, ValueError) as bad:  # ssl's errors are OSErrors; ValueError: a NUL in the path
        raise BadCredentials(f"{authorities}: no certificates in PEM: {bad}") from None
    return context


class PushHttp:
    """The connections of one push channel. Make it in `start`, in the loop that sends."""

    def __init__(
        self,
        *,
        timeout_ms: int = TIMEOUT_MS,
        in_flight_limit: int = 100,
        answer_bytes_limit: int = ANSWER_BYTES_LIMIT,
        proxy: str = "",
        tls: ssl.SSLContext | None = None,
        backend: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        """`backend`: what connects; not used with a proxy."""
        self.timeout_s = timeout_ms / 1000
        self.answer_bytes_limit = answer_bytes_limit
        self.places = asyncio.Semaphore(in_flight_limit)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=in_flight_limit, keepalive_expiry=IDLE_S)
        self.client = httpx.AsyncClient(
            # httpx's own connections know how to go through a proxy.
            transport=None if proxy else Connections(in_flight_limit, tls or tls_context(), backend),
            limits=limits,
            timeout=None,  # one overall time-out instead: each of httpx's would start anew with every byte that drips
            follow_redirects=False,
            trust_env=False,
            proxy=proxy or None,
            verify=tls or tls_context(),
            # What one answer sets must not go out with the next push.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"user-agent": "warbler", "accept-encoding": "identity"},
        )

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Answer | Refused:
        """The vendor's answer whatever its status, or why there is none. Raises nothing but being cancelled."""
        try:
            async with asyncio.timeout(self.timeout_s), self.places, self._posting(url, content, headers) as response:
                return await self._read(response)
        except TimeoutError:
            return Refused("retry", 0, "timeout")
        except BAD_REQUESTS as bad:
            return Refused("give_up", 0, "bad_request", detail=_words(bad))
        except ForbiddenAddress as bad:
            return Refused("give_up", 0, "forbidden_address", detail=str(bad))
        except Exception as failed:  # noqa: BLE001  # the port promises so: no fault of a library's may cost the worker its lane
            return Refused("retry", 0, "connection", detail=_words(failed))

    def _posting(self, url: str, content: bytes, headers: Mapping[str, str]) -> AbstractAsyncContextManager[httpx.Response]:
        return self.client.stream("POST", url, content=content, headers=dict(headers))

    async def _read(self, response: httpx.Response) -> Answer | Refused:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self.answer_bytes_limit:
                return Refused("retry", response.status_code, "answer_too_long")
        return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, bytes(body))

    async def close(self) -> None:
        await self.client.aclose()


def _words(failed: Exception) -> str:
    return f"{type(failed).__name__}: {failed}"[:DETAIL_CHARS_LIMIT]


def fields_of(answer: Answer, table: Table, now_ms: int) -> dict[str, object] | Refused:
    """The JSON object of an answer. One that is none did not come from the vendor's application: tried again unless its status says more.

    Of an HTML page only 429 and 5xx are believed, and a 2xx is no success: a proxy or a captive portal answers for everybody.
    """
    try:
        return read_fields(answer.body)
    except Unreadable as bad:
        return no_fields(answer, table, now_ms, bad.code)


def no_fields(answer: Answer, table: Table, now_ms: int, code: str = "") -> Refused:
    """The verdict on an answer without the fields that an answer has."""
    after, word = answer.retry_after_ms(now_ms), code or looks_like(answer.body)
    by_status = table.refused(answer.status, "", after)
    if answer.status < 400 or (word == "html" and by_status.verdict != "retry"):
        return Refused("retry", answer.status, word, after)
    return Refused(by_status.verdict, answer.status, word, by_status.retry_after_ms)
