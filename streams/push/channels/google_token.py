"""A Google service account's access token: google-auth makes it, in a thread, over an HTTP client that is bounded as the others are."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import httpx
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.auth.transport import Request
from google.oauth2.service_account import Credentials

from streams.push.channels.access import Grant
from streams.push.channels.answers import DETAIL_CHARS_LIMIT, Unreadable, read_fields
from streams.push.channels.http import tls_context
from streams.push.channels.port import BadCredentials, Refused, Verdict
from streams.push.config import is_safe

SCOPES = ("https://www.googleapis.com/auth/firebase.messaging",)
ANSWER_BYTES_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answered:
    """What google-auth wants of an answer."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class BoundedRequest(Request):
    """google-auth's way out. All its requests together, with the pauses that it makes between them, begin within the time-out."""

    def __init__(self, timeout_ms: int, proxy: str) -> None:
        timeout_s = timeout_ms / 1000
        self.until = time.monotonic() + timeout_s
        plain = {"accept-encoding": "identity"}
        self.client = httpx.Client(timeout=timeout_s, trust_env=False, proxy=proxy or None, verify=tls_context(), headers=plain)

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> Answered:
        """Raises: TransportError, also for what is no JSON: then it was not Google that answered."""
        if time.monotonic() > self.until:
            raise no_answer("timeout")
        try:
            with self.client.stream(method, url, content=body, headers=dict(headers or {})) as answer:
                data = self._read(answer)
            read_fields(data)
        except (httpx.HTTPError, httpx.InvalidURL, Unreadable) as failed:
            raise no_answer(_words(failed)) from None
        return Answered(answer.status_code, answer.headers, data)

    def _read(self, answer: httpx.Response) -> bytes:
        data = bytearray()
        for part in answer.iter_raw():
            data += part
            if len(data) > ANSWER_BYTES_LIMIT or time.monotonic() > self.until:
                raise no_answer("too long an answer, or too slow")
        return bytes(data)


class ServiceAccount:
    """The credentials of a service account's key file. `project`: empty where the file names none."""

    def __init__(self, key_file: str, timeout_ms: int, proxy: str = "") -> None:
        """Raises: BadCredentials."""
        info = _info(key_file)
        try:
            self.credentials: Any = Credentials.from_service_account_info(info, scopes=SCOPES)  # type: ignore[no-untyped-call]
        except Exception as bad:  # noqa: BLE001  # google-auth checks little: a number for a key is an AttributeError there
            raise BadCredentials(f"no key file of a service account: {_words(bad)}") from None
        self.project = str(info.get("project_id") or "")
        self.timeout_ms, self.proxy = timeout_ms, proxy

    async def ask(self, now_ms: int) -> Grant | Refused:
        """For `Access`. misconfigured where Google refuses the key; retry where it does not answer."""
        return await asyncio.to_thread(self.fetch, now_ms)

    def fetch(self, now_ms: int) -> Grant | Refused:
        """Blocks: at most the time-out, and a pause of google-auth's."""
        request = BoundedRequest(self.timeout_ms, self.proxy)
        try:
            self.credentials.refresh(request)
        except RefreshError as failed:
            verdict: Verdict = "retry" if failed.retryable else "misconfigured"
            return Refused(verdict, 0, "no_access_token" if failed.retryable else "bad_credentials", detail=_words(failed))
        except (GoogleAuthError, ValueError, TypeError, KeyError, AttributeError) as failed:  # an answer of no form that it knows
            return Refused("retry", 0, "no_access_token", detail=_words(failed))
        finally:
            request.client.close()
        token, until = self.credentials.token, self.credentials.expiry
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or until is None:
            return Refused("retry", 0, "no_access_token", detail="an answer without a token or its end")
        life_ms = int((until.replace(tzinfo=UTC).timestamp() - time.time()) * 1000)
        return Grant(token, now_ms + max(0, life_ms))


def no_answer(words: str) -> TransportError:
    return TransportError(words)  # type: ignore[no-untyped-call]


def _info(key_file: str) -> dict[str, Any]:
    try:
        found = json.loads(key_file)
    except (ValueError, RecursionError) as bad:
        raise BadCredentials(f"the key file is no JSON: {bad}") from None
    if not isinstance(found, dict) or found.get("type") != "service_account":
        raise BadCredentials("the key file is none of a service account")
    if not isinstance(found.get("token_uri"), str) or not is_safe(found["token_uri"]):
        raise BadCredentials("the key file's token_uri must be https")
    return found


def _words(failed: BaseException) -> str:
    return f"{type(failed).__name__}: {failed}"[:DETAIL_CHARS_LIMIT]
