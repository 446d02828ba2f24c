"""One REST call: JSON in, a typed value out, errors of one tree. A shell around httpx; base of `Rest` and `Admin`."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Struct

from warbler.errors import RequestFailed, StepUpNeeded, Unreachable

T = TypeVar("T")
WITHIN_S = 30.0

TokenSource = Callable[[str | None], Awaitable[str]]
"""Gives a valid access token; called before every connection and call, with the token that was refused, if one was."""


class Paged(Protocol):
    """A page of something; `next` is what to ask with as `after`."""

    @property
    def next(self) -> str | None: ...


P = TypeVar("P", bound=Paged)


class Problem(Struct):
    """The body of every error."""

    code: str = "unknown"
    detail: str = ""
    retryable: bool = False
    retry_after_ms: int = 0


class Http:
    """Raises, from every call: RequestFailed with the server's code, StepUpNeeded where a factor must be shown again; Unreachable
    when there is no answer.

    `url`: a node's address, or several: after one did not answer the next is asked.
    """

    def __init__(self, url: str | Sequence[str], *, access_token: str = "", within_s: float = WITHIN_S) -> None:
        self._bases = deque(base_of(each) for each in ([url] if isinstance(url, str) else url))
        self.access_token = access_token
        self.token_source: TokenSource | None = None
        self._scheme = "Bearer"
        self._http = httpx.AsyncClient(base_url=self._bases[0], timeout=within_s, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    def challenged(self, challenge: str) -> "Http":
        """The same server, called with the challenge of a sign-in that waits, instead of a token. Not to be closed."""
        other = Http.__new__(Http)
        other._bases, other._http = self._bases, self._http
        other.access_token, other.token_source, other._scheme = challenge, None, "Challenge"
        return other

    async def call(
        self,
        method: str,
        path: str,
        answer: type[T],
        body: object = None,
        *,
        params: dict[str, Any] | None = None,
        token: str | None = None,
        about: str = "",
    ) -> T:
        """`token` None: the caller's own; empty: none. `about`: the conversation, where the answer is a frame that names one."""
        response = await self.response(method, path, {"json": msgspec.to_builtins(body)} if body is not None else {}, params, token)
        return decoded(response.content, answer, about)

    async def response(
        self, method: str, path: str, content: dict[str, Any], params: dict[str, Any] | None = None, token: str | None = None
    ) -> httpx.Response:
        """`content`: what httpx is told of the body."""
        used = await self._bearer(None) if token is None else token
        try:
            return await self._once(method, path, content, params, used)
        except RequestFailed as failed:
            # this device's clock may be wrong: the server's counts
            if failed.code != "token_expired" or token is not None or self.token_source is None:
                raise
            return await self._once(method, path, content, params, await self._bearer(used))

    async def _once(self, method: str, path: str, content: dict[str, Any], params: dict[str, Any] | None, bearer: str) -> httpx.Response:
        given = {name: value for name, value in (params or {}).items() if value is not None}
        headers = {"authorization": f"{self._scheme} {bearer}"} if bearer else {}
        body = {name: value for name, value in content.items() if name != "headers"}
        try:
            response = await self._http.request(method, path, params=given, headers=headers | content.get("headers", {}), **body)
        except httpx.TransportError as error:
            silent = self._http.base_url
            self._bases.rotate(-1)
            self._http.base_url = self._bases[0]
            raise Unreachable(f"{silent}: {error or type(error).__name__}") from error
        if response.is_error:
            raise problem_of(response)
        return response

    async def pages(self, path: str, page: type[P], params: dict[str, Any] | None = None) -> AsyncIterator[P]:
        """Page after page, until there is none."""
        after: str | None = None
        while True:
            found = await self.call("GET", path, page, params={**(params or {}), "after": after})
            yield found
            after = found.next
            if after is None:
                return

    async def _bearer(self, refused: str | None) -> str:
        return self.access_token if self.token_source is None else await self.token_source(refused)


def path_of(*parts: str) -> str:
    """A path below /v1, each part escaped."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def base_of(url: str) -> str:
    return url.replace("ws://", "http://", 1).replace("wss://", "https://", 1).removesuffix("/v1/socket").rstrip("/")


def decoded(content: bytes, answer: type[T], conversation: str = "") -> T:
    if answer is type(None):
        return None
    return msgspec.json.decode(_typed(content, answer, conversation), type=answer)


def _typed(content: bytes, answer: type[Any], conversation: str) -> bytes:
    """REST bodies are frames without their `type`, `request` and `conversation`: puts them in, so that one model serves both."""
    tag = getattr(getattr(answer, "__struct_config__", None), "tag", None)
    if tag is None:
        return content
    fields = msgspec.json.decode(content)
    return msgspec.json.encode({"type": tag, "request": "", "conversation": conversation} | fields)


def problem_of(response: httpx.Response) -> RequestFailed:
    try:
        problem = msgspec.json.decode(response.content, type=Problem)
    except msgspec.MsgspecError:
        problem = Problem("http_error", response.text[:200], response.status_code >= 500)
    kind = StepUpNeeded if problem.code == "step_up_needed" else RequestFailed
    wait_ms = problem.retry_after_ms or 1000 * _seconds(response.headers.get("retry-after", ""))
    return kind(problem.code, problem.detail, problem.retryable, response.status_code, wait_ms)


def _seconds(text: str) -> int:
    """Of a Retry-After; 0 where it is a date (RFC 9110 10.2.3), which our servers never send."""
    return int(text) if text.isdecimal() else 0
