"""Codes and links: asked for, sent, confirmed. What is good is decided in `codes`. Called by the routes; calls slips and senders."""

import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from edge.clocks import clock_ms
from edge.metrics import CODES
from edge.people.codes import (
    CodeKind,
    CodeSlip,
    Guessed,
    Subject,
    Wait,
    ask,
    code_hash,
    code_of,
    guess,
    link_hash,
    link_of,
    read_link,
    slip_key,
)
from edge.people.letters import Letters
from edge.people.senders import Sender
from edge.people.swapping import AnySlips, changed, count, too_many
from edge.people.throttle import Limit
from edge.people.ways_settings import HOUR_MS, WaysSettings
from edge.rest.errors import Problem
from schemas.errors import WarblerError
from store.sealing import NONCE_BYTES, NotSealedHere, Sealer

LOGGER = structlog.get_logger()
BUSY_RETRY_MS = 5_000
MaySend = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Asked:
    expires_at_ms: int
    retry_after_ms: int


def bad_code() -> Problem:
    """The same for a wrong code, one for something else, one that was used, and an address that never asked."""
    return Problem(401, "bad_code", "the code is wrong or was used")


class CodeDesk:
    def __init__(
        self,
        settings: WaysSettings,
        slips: AnySlips,
        sealer: Sealer,
        senders: Mapping[CodeKind, Sender],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._settings, self._slips, self._sealer, self.senders, self._spawn = settings, slips, sealer, senders, spawn
        self._letters = Letters.of(settings.letters)
        self._key = sealer.hash_key("codes")
        self._sending = 0
        self._keep_s = max(settings.code_limits.failures.window_ms, settings.code_ms) // 1000 + 1

    async def ask(self, subject: Subject, link_base: str, may_send: MaySend) -> Asked:
        """Makes a code, and sends it by and by if `may_send` says so: neither the answer nor its time tells whether.

        Raises: Problem too_many, busy; StoreUnavailable.
        """
        if self._sending >= self._settings.codes_sending_limit:
            raise Problem(503, "busy", "too many codes are being sent", True, BUSY_RETRY_MS)
        now_ms, settings = clock_ms(), self._settings
        if subject.user:
            await count(self._slips, f"sends:{subject.user}", Limit(settings.user_code_sends_per_hour, HOUR_MS), now_ms)
        code, secret = code_of(secrets.randbelow(10**settings.code_digits), settings.code_digits), secrets.token_urlsafe(32)
        await self._keep(subject, code, secret, now_ms)
        link = f"{link_base}/#link={link_of(slip_key(self._key, subject), secret)}"
        self._sending += 1
        self._spawn(self._send(subject, code, link if subject.purpose == "sign_in" else "", may_send))
        return Asked(now_ms + settings.code_ms, settings.code_resend_ms)

    async def _keep(self, subject: Subject, code: str, secret: str, now_ms: int) -> None:
        where = slip_key(self._key, subject)
        sealed = self._sealer.seal(msgspec.json.encode((subject.kind, subject.to)), where, secrets.token_bytes(NONCE_BYTES))
        fresh = CodeSlip(code_hash(self._key, subject, code), link_hash(self._key, secret), 0, 0, (), (), sealed)
        limits = self._settings.code_limits

        def decide(kept: bytes) -> tuple[bytes | None, CodeSlip | Wait]:
            asked = ask(_slip(kept), fresh, limits, now_ms)
            return (msgspec.json.encode(asked), asked) if isinstance(asked, CodeSlip) else (None, asked)

        asked = await changed(self._slips, where, decide, self._keep_s)
        if isinstance(asked, Wait):
            raise too_many(asked.retry_after_ms)

    async def _send(self, subject: Subject, code: str, link: str, may_send: MaySend) -> None:
        try:
            if not await may_send():
                CODES.labels(subject.kind, "withheld").inc()
                return
            service, minutes = self._settings.rp_name, -(-self._settings.code_ms // 60_000)
            mail = subject.kind == "email"
            letter = self._letters.mail(service, code, link, minutes) if mail else self._letters.message(service, code, minutes)
            await self.senders[subject.kind].send(subject.to, letter)
            CODES.labels(subject.kind, "sent").inc()
        except Exception as failed:  # noqa: BLE001  what cannot be written or sent must not end the node
            CODES.labels(subject.kind, "failed").inc()
            LOGGER.warning(
                "a code could not be sent",
                kind=subject.kind,
                reason=f"{type(failed).__name__}: {failed}" if isinstance(failed, WarblerError) else type(failed).__name__,
            )
        finally:
            self._sending -= 1

    async def confirm(self, subject: Subject, code: str) -> None:
        """Returns if the code is good; it is used up then. Raises: Problem bad_code, code_expired, too_many; StoreUnavailable."""
        await self._guess(slip_key(self._key, subject), code_hash(self._key, subject, code))

    async def confirm_link(self, token: str) -> Subject:
        """The subject of a link that is good; it and its code are used up. Raises: as `confirm`."""
        where, secret = read_link(token)
        seen = _slip((await self._slips.get(where)).value)
        await self._guess(where, link_hash(self._key, secret))
        try:
            assert seen is not None  # or it could not have been good
            kind, to = msgspec.json.decode(self._sealer.open(seen.sealed_to, where), type=tuple[CodeKind, str])
        except NotSealedHere:
            raise bad_code() from None
        return Subject("sign_in", kind, to)

    async def _guess(self, where: str, given: str) -> None:
        limits, now_ms = self._settings.code_limits, clock_ms()

        def decide(kept: bytes) -> tuple[bytes | None, Guessed]:
            guessed = guess(_slip(kept), given, limits, now_ms)
            return (None if guessed.slip is None else msgspec.json.encode(guessed.slip)), guessed

        guessed = await changed(self._slips, where, decide, self._keep_s)
        match guessed.verdict:
            case "good":
                return
            case "too_many":
                raise too_many(guessed.retry_after_ms)
            case "expired":
                raise Problem(401, "code_expired", "the code is over: ask for a new one")
            case "wrong":
                raise bad_code()


def _slip(kept: bytes) -> CodeSlip | None:
    return msgspec.json.decode(kept, type=CodeSlip) if kept else None
