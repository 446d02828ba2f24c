"""A push channel's HTTP client: `log.web.posting`, with the outcomes that channels know."""

import ssl
from collections.abc import Mapping
from pathlib import Path

import httpx

from log.web.posting import ANSWER_BYTES_LIMIT, TIMEOUT_MS, NoReply, Poster, Reply, tls_context
from log.web.retry_after import retry_after_ms
from streams.push.channels.answers import Table, Unreadable, looks_like, read_fields
from streams.push.channels.port import BadCredentials, Refused

__all__ = ["ANSWER_BYTES_LIMIT", "TIMEOUT_MS", "Answer", "PushHttp", "fields_of", "no_fields", "tls_context", "tls_context_with"]
# What no other try would send, either; everything else is tried again.
HOPELESS = frozenset({"bad_request", "forbidden_address"})


class Answer(Reply):
    """What came back."""

    __slots__ = ()

    def retry_after_ms(self, now_ms: int) -> int | None:
        return retry_after_ms(self.headers.get("retry-after"), now_ms)


def tls_context_with(authorities: Path) -> ssl.SSLContext:
    """One that trusts those of the file too. Raises: BadCredentials."""
    context = httpx.create_ssl_context(trust_env=False)
    try:
        context.load_verify_locations(authorities)
    except (OSError, ValueError) as bad:  # ssl's errors are OSErrors; ValueError: a NUL in the path
        raise BadCredentials(f"{authorities}: no certificates in PEM: {bad}") from None
    return context


class PushHttp(Poster):
    """The connections of one push channel. Make it in `start`, in the loop that sends."""

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Answer | Refused:
        """The vendor's answer whatever its status, or why there is none. Raises nothing but being cancelled."""
        reply = await self.send(url, content, headers)
        if isinstance(reply, NoReply):
            return Refused("give_up" if reply.reason in HOPELESS else "retry", reply.status, reply.reason, detail=reply.detail)
        return Answer(reply.status, reply.headers, reply.body)


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
