"""Access tokens of the vendors that give them for hours: one for all sends, asked for once however many wait, renewed early."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from streams.push.channels.port import Refused

RENEW_EARLY_MS = 5 * 60_000
RENEW_AGAIN_MS = 10_000  # a vendor that refuses every token is asked for a new one so often, not for each push
ASK_AGAIN_MS = 1_000  # nor is a vendor that gives none, or one that ended already


@dataclass(frozen=True, slots=True)
class Grant:
    """`until_ms`: when the vendor says that it ends."""

    token: str
    until_ms: int

    def fresh_until_ms(self, asked_ms: int) -> int:
        """Half of a short life, and a few minutes less of a long one: a push on its way must not meet the end."""
        return max(asked_ms + ASK_AGAIN_MS, self.until_ms - min(RENEW_EARLY_MS, max(0, self.until_ms - asked_ms) // 2))


Ask = Callable[[int], Awaitable[Grant | Refused]]


class Access:
    """`ask` never raises and takes bounded time."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.grant: Grant | None = None
        self.fresh_until_ms = 0
        self.refusal: Refused | None = None
        self.ask_again_ms = 0
        self.renewed_ms: int | None = None
        self.asking: asyncio.Task[Grant | Refused] | None = None

    async def token(self, now_ms: int) -> str | Refused:
        """The current one, or a new one; else why the vendor gave none.

        Blocks: as long as `ask`. Who is cancelled leaves the others their answer.
        """
        if self.grant is not None and now_ms < self.fresh_until_ms:
            return self.grant.token
        if self.refusal is not None and now_ms < self.ask_again_ms:
            return self._old_one(now_ms) or self.refusal
        if self.asking is None:
            self.asking = asyncio.create_task(self._ask(now_ms))
        found = await asyncio.shield(self.asking)
        return found.token if isinstance(found, Grant) else self._old_one(now_ms) or found

    def _old_one(self, now_ms: int) -> str:
        """What was to be renewed early and could not be; empty: it ended."""
        return self.grant.token if self.grant is not None and now_ms < self.grant.until_ms else ""

    def renew(self, token: str, now_ms: int) -> bool:
        """After the vendor called the token ended: whether another may be had. Once for all who were told so, and seldom."""
        if self.grant is None or self.grant.token != token:
            return True  # somebody was told before us
        if self.renewed_ms is not None and 0 <= now_ms - self.renewed_ms < RENEW_AGAIN_MS:
            return False
        self.grant, self.renewed_ms = None, now_ms
        return True

    async def _ask(self, now_ms: int) -> Grant | Refused:
        try:
            found = await self.ask(now_ms)
        finally:
            self.asking = None
        if isinstance(found, Grant):
            self.grant, self.refusal, self.fresh_until_ms = found, None, found.fresh_until_ms(now_ms)
        else:
            self.refusal, self.ask_again_ms = found, now_ms + ASK_AGAIN_MS
        return found

    async def close(self) -> None:
        if self.asking is not None:
            self.asking.cancel()
            await asyncio.gather(self.asking, return_exceptions=True)
