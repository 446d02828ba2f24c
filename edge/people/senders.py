"""Carries letters to mailboxes and phones: SMTP, any SMS gateway that speaks HTTP, and the console. Called by `edge.people.code_desk`.

An address never stands in our logs; what went wrong does.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from pathlib import Path
from string import Template
from typing import Protocol
from urllib.parse import quote

import aiosmtplib
import httpx
import structlog

from edge.people.letters import Letter
from edge.people.ways_settings import WaysSettings
from schemas.errors import WarblerError

LOGGER = structlog.get_logger()
RETRY_S = 0.5  # doubled after each attempt
ANSWER_BYTES_LIMIT = 64 * 1024


class NotSent(WarblerError):
    """The letter was not taken. `retryable`: the other side may take it later."""

    def __init__(self, reason: str, retryable: bool) -> None:
        super().__init__(reason)
        self.retryable = retryable


class Sender(Protocol):
    async def send(self, to: str, letter: Letter) -> None:
        """Returns when the letter was taken. Raises: NotSent. Delivery: after NotSent it may have been taken all the same."""
        ...


async def _attempted(once: Callable[[], Awaitable[None]], attempts: int) -> None:
    for attempt in range(1, attempts + 1):
        try:
            await once()
            return
        except NotSent as failed:
            if attempt == attempts or not failed.retryable:
                raise
        await asyncio.sleep(RETRY_S * 2 ** (attempt - 1))


class SmtpSender:
    def __init__(self, settings: WaysSettings) -> None:
        self._settings = settings
        self._password = Path(settings.smtp_password_file).read_text().strip() if settings.smtp_password_file else None

    async def send(self, to: str, letter: Letter) -> None:
        await _attempted(lambda: self._once(to, letter), self._settings.smtp_attempts)

    async def _once(self, to: str, letter: Letter) -> None:
        settings = self._settings
        try:
            await aiosmtplib.send(
                self._message(to, letter),
                hostname=settings.smtp_host,
                port=settings.smtp_port,
                username=settings.smtp_user or None,
                password=self._password,
                use_tls=settings.smtp_tls == "tls",
                start_tls=settings.smtp_tls == "starttls",
                timeout=settings.smtp_timeout_ms / 1000,
            )
        except aiosmtplib.SMTPResponseException as answer:
            raise NotSent(f"the mail server answered {answer.code}", 400 <= answer.code < 500) from None
        except aiosmtplib.SMTPRecipientsRefused as refused:
            raise NotSent("the mail server refuses the recipient", any(400 <= each.code < 500 for each in refused.recipients)) from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as failed:
            raise NotSent(f"the mail server cannot be reached: {type(failed).__name__}", True) from None

    def _message(self, to: str, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._settings.mail_from, to, letter.subject
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answering machine answers this
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        return message


class HttpSmsSender:
    """A gateway described by settings: $to, $text and $code in the body and the URL stand for the number, the text and the code."""

    def __init__(self, settings: WaysSettings, client: httpx.AsyncClient) -> None:
        self._settings, self._client = settings, client
        self._headers: dict[str, str] = json.loads(settings.sms_headers)
        content_type = next((value for name, value in self._headers.items() if name.lower() == "content-type"), "")
        self._quoted: Callable[[str], str] = json.dumps if "json" in content_type else lambda value: quote(value, safe="")
        self._success = re.compile(settings.sms_success)

    async def send(self, to: str, letter: Letter) -> None:
        await _attempted(lambda: self._once(to, letter), self._settings.sms_attempts)

    async def _once(self, to: str, letter: Letter) -> None:
        settings, words = self._settings, {"to": to, "text": letter.text, "code": letter.code}
        url = Template(settings.sms_url).safe_substitute({name: quote(value, safe="") for name, value in words.items()})
        body = Template(settings.sms_body).safe_substitute({name: self._quoted(value) for name, value in words.items()})
        try:
            answer = await self._client.request(
                settings.sms_method,
                url,
                headers=self._headers,
                content=body.encode() if settings.sms_method != "GET" else None,
                timeout=settings.sms_timeout_ms / 1000,
                follow_redirects=False,
            )
        except httpx.HTTPError as failed:
            raise NotSent(f"the SMS gateway cannot be reached: {type(failed).__name__}", True) from None
        if not answer.is_success:
            raise NotSent(f"the SMS gateway answered {answer.status_code}", answer.status_code in (408, 429) or answer.status_code >= 500)
        if not self._success.search(answer.text[:ANSWER_BYTES_LIMIT]):
            raise NotSent("the SMS gateway's answer is not that of EDGE_SMS_SUCCESS", False)


class ConsoleSender:
    """For development: whoever sees the node's output may sign in as anybody."""

    async def send(self, to: str, letter: Letter) -> None:
        print(f"--- to {to}: {letter.subject}\n{letter.text}---", flush=True)
