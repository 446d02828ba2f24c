"""The configured push channels at work: each app with its token bucket, its breaker, its limit of sends in flight, its numbers.

Called by `streams.push.handling`. A push channel without credentials is off: that is said once, and it is tried anew now and then, because
a file may have been mended; what should go through it waits in the retry topics meanwhile.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import structlog

from store.pushing import CHANNELS, PushToken
from streams.push.alert import Alert
from streams.push.breaker import Breaker, is_fault
from streams.push.bucket import TokenBucket
from streams.push.channels.port import Accepted, BadCredentials, Outcome, PushChannel, Refused, Traits
from streams.push.decide import Planned
from streams.push.reasons import Withheld
from streams.push.retrying import delay_ms, held_ms, spared
from streams.push.settings import OutboxSettings
from streams.push.situation import ChannelNow
from streams.push.stats import ChannelStats

TURN_WAIT_MS = 2_000  # longer than that a send does not keep others from working while it waits for the vendor's quota
NOT_CONFIGURED = ChannelNow(Traits(payload_bytes_limit=4_096), on=False)

logger = structlog.get_logger("streams.push")


def mono_ms() -> float:
    """The loop's clock, so that a test's loop may have one of its own."""
    return asyncio.get_running_loop().time() * 1000


class Sender:
    """One app of one push channel."""

    def __init__(self, channel: PushChannel, app: str, clock_ms: Callable[[], int]) -> None:
        self.channel = channel
        self.app = app
        self.on = False
        self.stats = ChannelStats()
        self.breaker = Breaker()
        self._bucket = TokenBucket.full(channel.traits.per_second, mono_ms())
        self._places = asyncio.Semaphore(channel.traits.in_flight_limit)
        self._clock_ms = clock_ms
        self._checked_mono_ms = 0.0
        self._said = ""

    @property
    def now(self) -> ChannelNow:
        return ChannelNow(self.channel.traits, self.on, self.breaker.opens_in_ms(mono_ms()) > 0)

    async def start(self) -> None:
        """On, or off and said why, once."""
        self._checked_mono_ms = mono_ms()
        try:
            await self.channel.start()
        except BadCredentials as bad:
            self.turn_off(str(bad))
            return
        if self._said:
            logger.info("push channel on", channel=self.channel.name, app=self.app)
        self.on, self._said = True, ""

    def turn_off(self, why: str) -> None:
        self.on = False
        if why != self._said:
            self._said = why
            logger.warning("push channel off; what is for it waits until its deadline", channel=self.channel.name, app=self.app, reason=why)

    async def check(self, every_ms: int) -> None:
        """Try one that is off anew, if that was not done lately."""
        if not self.on and mono_ms() - self._checked_mono_ms >= every_ms:
            await self.start()

    async def send(self, token: str, alert: Alert) -> tuple[Outcome, int] | Withheld:
        """The vendor's answer and how many ms it took, or why it was not asked."""
        self.stats.queued_since_ms[alert.send_key] = self._clock_ms()
        try:
            async with self._places:
                if (reason := await self._turn()) is not None:
                    return reason
                self.stats.queued_since_ms.pop(alert.send_key, None)
                return await self._ask(token, alert)
        finally:
            self.stats.queued_since_ms.pop(alert.send_key, None)

    async def _turn(self) -> Withheld | None:
        """Wait for the quota's turn; why it is not to be sent now. A quota that is used up for long is as good as an open breaker."""
        if not self.on:
            return "channel_off"
        while (wait_ms := self._bucket.take(mono_ms())) > 0:
            if wait_ms > TURN_WAIT_MS:
                return "breaker_open"
            await asyncio.sleep(wait_ms / 1000)
        return None if self.breaker.ask(mono_ms()) else "breaker_open"

    async def _ask(self, token: str, alert: Alert) -> tuple[Outcome, int]:
        self.stats.in_flight += 1
        begun_ms = mono_ms()
        try:
            outcome = await self.channel.send(token, alert, self._clock_ms())
        except BaseException:
            self.breaker.give_back()
            raise
        finally:
            self.stats.in_flight -= 1
        latency_ms = round(mono_ms() - begun_ms)
        self._learn(outcome, latency_ms)
        return outcome, latency_ms

    def _learn(self, outcome: Outcome, latency_ms: int) -> None:
        now_ms = mono_ms()
        self.breaker.tell(self.channel.traits.one_service and is_fault(outcome), now_ms)
        self.stats.answered(latency_ms)
        match outcome:
            case Accepted():
                self.stats.accepted += 1
            case Refused():
                self.stats.refuse(outcome.code or str(outcome.status))
                if outcome.verdict == "misconfigured":
                    self.turn_off(f"{outcome.status} {outcome.code} {outcome.detail}".strip())


class Senders:
    def __init__(self, channels: Mapping[tuple[str, str], PushChannel], settings: OutboxSettings, clock_ms: Callable[[], int]) -> None:
        self._senders = {place: Sender(channel, place[1], clock_ms) for place, channel in channels.items()}
        self._settings = settings
        self._limits = settings.retry_limits
        self._breaker_limits = replace(self._limits, held_ms=settings.retry_short_ms)
        self._clock_ms = clock_ms

    async def start(self) -> None:
        await asyncio.gather(*(sender.start() for sender in self._senders.values()))
        if missing := [name for name in CHANNELS if name not in {channel for channel, _ in self._senders}]:
            logger.info("push channels that are not configured", channels=",".join(missing))

    async def watch(self) -> None:
        """Look now and then whether what is off can be on. Until cancelled."""
        while True:
            await asyncio.sleep(self._settings.channel_check_ms / 1000)
            await asyncio.gather(*(sender.check(self._settings.channel_check_ms) for sender in self._senders.values()))

    async def close(self) -> None:
        await asyncio.gather(*(sender.channel.close() for sender in self._senders.values()), return_exceptions=True)

    def now(self, tokens: Iterable[PushToken]) -> dict[tuple[str, str], ChannelNow]:
        """How the push channels of these tokens stand. One that is not configured is off: it may be tomorrow."""
        found = {(token.channel, token.app): self._of(token) for token in tokens}
        return {place: sender.now if sender is not None else NOT_CONFIGURED for place, sender in found.items()}

    async def send(self, token: PushToken, alert: Alert) -> tuple[Outcome, int] | Withheld:
        """As `Sender.send`."""
        sender = self._of(token)
        return "channel_off" if sender is None else await sender.send(token.token, alert)

    def held_ms(self, token: PushToken, reason: str) -> int:
        """After how long to look again at what could not be sent."""
        sender = self._of(token)
        if reason == "channel_off" or sender is None:
            return held_ms(random.random(), self._limits)
        return held_ms(random.random(), self._breaker_limits, max(1, sender.breaker.opens_in_ms(mono_ms())))

    def retry_ms(self, planned: Planned, tries: int, refused: Refused) -> int | None:
        """After how long to try again; None: never."""
        if refused.verdict == "remove_token" and not spared(refused, planned.token.registered_at_ms):
            return None
        return delay_ms(refused, tries, random.random(), self._limits)

    def __iter__(self) -> Iterator[Sender]:
        return iter(self._senders.values())

    def detail(self) -> dict[str, Any]:
        """For GET /live: by push channel and app."""
        now_ms = self._clock_ms()
        return {
            "/".join(filter(None, place)): {
                "on": sender.on,
                "breaker": sender.breaker.state,
                "accepted": sender.stats.accepted,
                "refused": dict(sender.stats.refused),
                "in_flight": sender.stats.in_flight,
                "queued": len(sender.stats.queued_since_ms),
                "queue_age_ms": sender.stats.queue_age_ms(now_ms),
            }
            for place, sender in self._senders.items()
        }

    def _of(self, token: PushToken) -> Sender | None:
        """As `streams.push.config.channel_for`."""
        return self._senders.get((token.channel, token.app)) or self._senders.get((token.channel, ""))
