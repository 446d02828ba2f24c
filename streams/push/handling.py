"""One record of the outbox, from how things stand to what is written down: decide, send, follow. Called by the lanes.

A request is decided anew when a token of it turned out to be dead, because its device may have another push channel.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from schemas.notices import PushCancelled, PushRequested
from schemas.pushes import PushRetrying
from store.push_tickets import Ticket, make_ticket
from store.pushing import AlertRow
from store.sealing import Sealer
from streams.push.channels.port import Outcome, Refused
from streams.push.decide import Decision, Planned, Suppressed, decide
from streams.push.follow import About, Classes, Outputs, about_withdrawal, answered, held, suppressed
from streams.push.remembered import Remembered
from streams.push.senders import Senders
from streams.push.settings import OutboxSettings
from streams.push.situation import Only, Situation, over_mark, request_of
from streams.push.withdraw import Cancellation, withdraw
from streams.push.writing import Writing, patiently

ROUNDS = 4  # a device has few push channels, and each may turn out to be dead
CANCELLED_LIMIT = 100_000  # what a worker remembers; the marks in Cassandra say the same a little later
TICKET_AFTER_DEADLINE_MS = 3_600_000


class NotProjected(Exception):
    """The messages are not in Cassandra yet: look again."""


class Looks(Protocol):
    """`streams.push.context.Contexts`: how things stand."""

    async def situation(self, request: PushRequested, only: Only | None, token_id: str, last_look: bool) -> Situation: ...

    async def cancellation(self, cancelled: PushCancelled, subject: str) -> Cancellation | None: ...


class Handling:
    def __init__(
        self,
        contexts: Looks,
        senders: Senders,
        writing: Writing,
        settings: OutboxSettings,
        sealer: Sealer | None,
        clock_ms: Callable[[], int],
    ) -> None:
        self._contexts = contexts
        self._senders = senders
        self._writing = writing
        self._settings = settings
        self._sealer = sealer
        self._clock_ms = clock_ms
        self._classes = Classes(settings.retry_short_ms, settings.retry_middle_ms)
        self._cancelled: Remembered[int] = Remembered(CANCELLED_LIMIT, settings.ttl_ms)
        self.projection_look_ms = settings.projection_look_ms

    async def request(self, request: PushRequested, since_ms: int) -> None:
        """Settled on return. Raises: NotProjected."""
        await self._decided(About.of(request), None, "", since_ms)

    async def retry(self, retry: PushRetrying, since_ms: int) -> None:
        """As `request`, for the one send."""
        about = About.of(request_of(retry), retry.tries)
        await self._decided(about, Only(retry.device, retry.channel), retry.token_id, since_ms)

    async def cancel(self, cancelled: PushCancelled) -> None:
        """What waits is not sent any more, and what was shown is taken back where the push channel can."""
        if cancelled.ref:
            await self._cancel_ring(cancelled)
        else:
            subject = cancelled.conversation_id
            key = _key(cancelled.user, subject)
            self._cancelled.put(key, max(cancelled.up_to_seq, self._cancelled.get(key, self._clock_ms()) or 0), self._clock_ms())
            await self._take_back(cancelled, subject)

    async def _cancel_ring(self, cancelled: PushCancelled) -> None:
        """The mark first: whatever dies then, a ring that waits in a retry topic finds it."""
        mark = AlertRow(cancelled.user, cancelled.ref, over_mark(cancelled.attempt, self._clock_ms()))
        await self._writing.write(Outputs(rows=[mark]))
        if not cancelled.replaced:
            await self._take_back(cancelled, cancelled.ref)

    async def _take_back(self, cancelled: PushCancelled, subject: str) -> None:
        cancellation = await patiently(lambda: self._contexts.cancellation(cancelled, subject), "what was alerted")
        if cancellation is None:
            return
        about = about_withdrawal(cancelled, subject)
        decision = withdraw(cancellation, self._clock_ms())
        outputs = self._not_sent(about, decision.suppressed)
        for each in await self._sent(about, decision.sends):
            outputs.add(each)
        await self._writing.write(outputs)

    async def _decided(self, about: About, only: Only | None, token_id: str, since_ms: int) -> None:
        devices: frozenset[str] | None = None  # None: all
        for _ in range(ROUNDS):
            decision = await self._decision(about, only, token_id, since_ms)
            outputs = self._not_sent(about, decision.suppressed) if devices is None else Outputs()
            sends = [one for one in decision.sends if devices is None or one.token.device in devices]
            for waits in decision.held:
                if devices is None or waits.planned.token.device in devices:
                    outputs.add(self._held(about, waits.planned, waits.reason))
            for each in await self._sent(about, sends):
                outputs.add(each)
            await self._writing.write(outputs)
            devices = frozenset(dead.token.device for dead in outputs.dead)
            if not devices:
                return
            only = None

    async def _decision(self, about: About, only: Only | None, token_id: str, since_ms: int) -> Decision:
        request, now_ms = about.request, self._clock_ms()
        needless_seq = self._cancelled.get(_key(request.user, request.conversation_id), now_ms) or 0
        if request.purpose == "message" and needless_seq >= request.to_seq:
            where = (only.device, only.channel, token_id) if only is not None else ()
            return Decision(suppressed=(Suppressed("delivered", *where),))
        situation = await self._situation(request, only, token_id, since_ms)
        return decide(situation, self._clock_ms())

    async def _situation(self, request: PushRequested, only: Only | None, token_id: str, since_ms: int) -> Situation:
        last_look = bool(since_ms) and self._clock_ms() - since_ms >= self._settings.projection_wait_ms
        last_look = last_look or not self._settings.projection_wait_ms
        return await patiently(lambda: self._contexts.situation(request, only, token_id, last_look), "how things stand")

    def _not_sent(self, about: About, all_of_them: Iterable[Suppressed]) -> Outputs:
        now_ms = self._clock_ms()
        return Outputs(results=[suppressed(about, one, now_ms) for one in all_of_them])

    def _held(self, about: About, planned: Planned, reason: str) -> Outputs:
        delay_ms = self._senders.held_ms(planned.token, reason)
        return held(about, planned, reason, delay_ms, self._clock_ms(), self._classes)

    async def _sent(self, about: About, sends: Iterable[Planned]) -> list[Outputs]:
        return await asyncio.gather(*(self._send(about, planned) for planned in sends))

    async def _send(self, about: About, planned: Planned) -> Outputs:
        alert = replace(planned.alert, ticket=self._ticket(about, planned))
        answer = await self._senders.send(planned.token, alert)
        if isinstance(answer, str):
            return self._held(about, planned, answer)
        outcome, latency_ms = answer
        delay_ms = self._delay_ms(about, planned, outcome)
        return answered(about, planned, outcome, latency_ms, delay_ms, self._clock_ms(), self._classes)

    def _delay_ms(self, about: About, planned: Planned, outcome: Outcome) -> int | None:
        return self._senders.retry_ms(planned, about.tries + 1, outcome) if isinstance(outcome, Refused) else None

    def _ticket(self, about: About, planned: Planned) -> str:
        if self._sealer is None or planned.alert.kind == "withdraw":
            return ""
        request, token = about.request, planned.token
        ticket = Ticket(
            send_key=planned.alert.send_key,
            user=request.user,
            device=token.device,
            channel=token.channel,
            push_id=request.push_id,
            purpose=request.purpose,
            ref=request.ref,
            conversation=request.conversation_id,
            to_seq=request.to_seq,
            until_ms=planned.alert.deadline_ms + TICKET_AFTER_DEADLINE_MS,
        )
        return make_ticket(ticket, self._sealer)


def _key(user: str, conversation: str) -> str:
    return f"{user} {conversation}"
