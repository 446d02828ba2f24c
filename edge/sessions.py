"""The sessions of a node: welcomed, renewed, closed. The shell around `edge.hub` and `edge.session`.

Called by `edge.connection` (hello, end) and `edge.node` (drain, loops); calls the reader, the accounts and the topic `sessions`.
"""

import asyncio
import random
import secrets
from typing import TYPE_CHECKING, Any

from edge import frames
from edge.clocks import clock_ms, mono_ms
from edge.closing import BAD_TOKEN, GOING_AWAY, HEARTBEAT_LOST, TOKEN_EXPIRED, TOO_MANY_SESSIONS, UNAVAILABLE, CloseCode
from edge.errors import BadRequest, BadToken, ExpiredToken, SessionEnded
from edge.metrics import SESSIONS
from edge.moves import LEAVING_PART, TOLD_A_TURN, leaving_ms, spread_ms
from edge.people.desk import close_of
from edge.people.signing import grant_of
from edge.positions import plan_of
from edge.rate import Bucket
from edge.session import TENANT, Session, Sink
from edge.tokens import Grant
from edge.translate import limits_of
from schemas.codec import encode
from schemas.errors import WarblerError
from schemas.records import PresenceSet, SessionClosed, SessionEvent, SessionOpened, SessionRenewed

if TYPE_CHECKING:
    from edge.node import Node

DEVICE = "device"  # one that says no name
DRAIN_LOOK_S = 0.02
CATCH_UPS_AT_ONCE = 2


class Sessions:
    def __init__(self, node: "Node") -> None:
        self.node = node

    async def welcome(self, hello: frames.Hello, sink: Sink) -> tuple[Session, frames.Welcome]:
        """An open session and its first frame.

        Raises: SessionEnded with the close code that says why not.
        """
        if self.node.draining:
            raise SessionEnded(GOING_AWAY)
        try:
            grant = await self._grant(hello.token)
            now_ms = clock_ms()
            if self.node.registry.live(grant.user, now_ms) >= self.node.settings.sessions_per_user_limit:
                raise SessionEnded(TOO_MANY_SESSIONS)
            privacy = await self.node.privacies.of_user(grant.user)
            own = await self.node.receipts.own_rows(grant.user)
            directory = await self.node.directories.first(grant.user, hello.positions)
            offer, device = hello.push, hello.device or DEVICE
            push = await self.node.push.offered(grant, device, offer) if offer is not None else ""
        except BadRequest as behind:
            raise SessionEnded(UNAVAILABLE) from behind
        except WarblerError as exc:
            if exc.retryable:
                raise SessionEnded(UNAVAILABLE) from exc
            raise
        if self.node.draining:  # it began meanwhile: this device would hear of it by the close only
            raise SessionEnded(GOING_AWAY)
        if (why := self.node.people.revocations.why(grant)) is not None:  # it was revoked while the rows were read
            raise SessionEnded(close_of(why))
        # from here to the return nothing is awaited: the hub gets the session together with what the directory says
        session = self._session(grant, hello, sink)
        session.hides_receipts = not self.node.privacies.newest(grant.user, privacy).receipts
        session.marked_unread = self.node.receipts.unread_of(grant.user, own)
        self.node.hub.open(session, directory.order)
        SESSIONS.set(len(self.node.hub.sessions))
        self.publish(session, SessionOpened(lease_ms=self.node.settings.session_lease_ms, **self._session_base(session)))
        session.directory_order, session.head_seqs = directory.rest, directory.head_seqs
        for entry in directory.page.entries:
            self.node.hub.know_head(entry.conversation, entry.head_seq)
        for conversation, head_seq in directory.head_seqs.items():
            self.node.hub.know_head(conversation, head_seq)
        return session, frames.Welcome(
            session=session.id,
            node=self.node.name,
            user=session.user,
            epoch=self.node.epoch,
            epoch_changed=hello.epoch is not None and hello.epoch != self.node.epoch,
            now_ms=now_ms,
            heartbeat_ms=self.node.settings.heartbeat_ms,
            limits=limits_of(self.node.settings),
            directory=self.node.receipts.laid_over(grant.user, own, directory.page.entries),
            next=directory.page.next,
            push=push,
        )

    def catch_up(self, session: Session, hello: frames.Hello, welcome: frames.Welcome) -> None:
        """Answers each position of the hello: at once where nothing is missing, else by reading, a few conversations at a time."""
        head_seqs, session.head_seqs = session.head_seqs, {}
        if welcome.epoch_changed:
            return
        plan = plan_of(hello.positions, session.conversations, head_seqs)
        for refused in plan.refused:
            session.sink.write(refused)
        for conversation, next_seq in plan.current.items():
            session.given[conversation] = next_seq
            session.sink.write(frames.Page("", conversation, (), next_seq, more=False))
        session.catching_up.update(plan.behind)
        if plan.behind:
            wanted = [frames.Sync("", *each, self.node.settings.sync_events_limit) for each in plan.behind.items()]
            self.node.spawn(self._catch_up(session, wanted))

    async def _catch_up(self, session: Session, wanted: list[frames.Sync]) -> None:
        left = iter(wanted)

        async def work() -> None:
            for sync in left:
                if session.id in self.node.hub.sessions:
                    await self.node.requests.answer(session, sync)

        await asyncio.gather(*(work() for _ in range(CATCH_UPS_AT_ONCE)))

    def close(self, session: Session, close: CloseCode | None = None) -> None:
        """Safe to repeat."""
        if session.id not in self.node.hub.sessions:
            return
        self.node.hub.close(session)
        SESSIONS.set(len(self.node.hub.sessions))
        self.node.watermarks.forget(session.user, session.device)
        self.node.receipts.forget(session)
        self.node.presence.forget(session)
        self.node.calls.forget(session)
        self.publish(session, SessionClosed(close_code=1000 if close is None else close.code, **self._session_base(session)))

    async def _grant(self, token: str) -> Grant:
        """Raises: SessionEnded for a token that is not good, StoreUnavailable."""
        try:
            grant = await grant_of(self.node, token)
        except ExpiredToken:
            raise SessionEnded(TOKEN_EXPIRED) from None
        except BadToken:
            raise SessionEnded(BAD_TOKEN) from None
        if self.node.people.is_blind:
            raise SessionEnded(UNAVAILABLE)  # what was revoked meanwhile cannot be known here
        if (why := await self.node.people.refusal(grant)) is not None:
            raise SessionEnded(close_of(why))
        return grant

    def _session(self, grant: Grant, hello: frames.Hello, sink: Sink) -> Session:
        now = mono_ms()
        rate, burst = self.node.settings.commands_per_s, self.node.settings.commands_burst
        bucket = None if grant.bulk else Bucket(rate, burst, burst, now)
        user_bucket = None if grant.bulk else self.node.user_buckets.of(grant.user, now)
        session_id, device = "s-" + secrets.token_hex(8), hello.device or DEVICE
        session = Session(session_id, grant.user, device, sink, bucket, now, follow=hello.follow, user_bucket=user_bucket)
        per_s, at_once = self.node.settings.call_signals_per_s, self.node.settings.call_signals_burst
        session.signals_bucket = None if grant.bulk else Bucket(per_s, at_once, at_once, now)
        session.sign_in, session.token_id, session.issued_at_ms = grant.sign_in, grant.token_id, grant.issued_at_ms
        return session

    def _session_base(self, session: Session) -> dict[str, Any]:
        base = {"tenant": TENANT, "user": session.user, "device": session.device, "session_id": session.id}
        return {**base, "node": self.node.name, "at_ms": clock_ms()}

    def publish(self, session: Session, event: SessionEvent) -> None:
        self.node.publisher.offer("sessions", session.user.encode(), encode("sessions", event))

    def announce(self, session: Session, away: bool, status: str | None) -> None:
        self.publish(session, PresenceSet(away=away, status=status, **self._session_base(session)))

    async def renew_leases(self) -> None:
        while True:
            await asyncio.sleep(self.node.settings.session_lease_ms / 3000)
            self.node.registry.sweep(clock_ms())
            lease_ms = self.node.settings.session_lease_ms
            for session in list(self.node.hub.sessions.values()):
                self.publish(session, SessionRenewed(lease_ms=lease_ms, away=session.away, **self._session_base(session)))

    async def move_away(self) -> None:
        """Tells every device when to leave, serves until they did, and closes what is left a while later, after EDGE_DRAIN_MS at most."""
        sessions = list(self.node.hub.sessions.values())
        random.shuffle(sessions)  # or the users who came first would always be the first to go
        drain_ms = self.node.settings.drain_ms
        spread = spread_ms(len(sessions), drain_ms, self.node.settings.drain_per_s)
        over_mono_ms = mono_ms() + spread + drain_ms * (1 - LEAVING_PART)
        for number, (session, after_ms) in enumerate(zip(sessions, leaving_ms(len(sessions), spread, random.random), strict=True)):
            if number % TOLD_A_TURN == TOLD_A_TURN - 1:
                await asyncio.sleep(0)
            session.sink.write(frames.Move(after_ms))
        while self.node.hub.sessions and mono_ms() < over_mono_ms:  # noqa: ASYNC110  a wait at the end only
            await asyncio.sleep(DRAIN_LOOK_S)
        for session in list(self.node.hub.sessions.values()):
            session.sink.end(GOING_AWAY)
            self.close(session, GOING_AWAY)

    async def watch_outboxes(self) -> None:
        limit_ms = self.node.settings.outbox_age_limit_ms
        while True:
            await asyncio.sleep(limit_ms / 8000)
            for session in list(self.node.hub.sessions.values()):
                session.sink.end_if_older(limit_ms, mono_ms())

    async def watch_heartbeats(self) -> None:
        while True:
            await asyncio.sleep(self.node.settings.heartbeat_ms / 4000)
            # two intervals: a ping may be in flight while the radio wakes up
            oldest = mono_ms() - 2 * self.node.settings.heartbeat_ms
            for session in [s for s in self.node.hub.sessions.values() if s.last_heard_mono_ms < oldest]:
                session.sink.end(HEARTBEAT_LOST)
                self.close(session, HEARTBEAT_LOST)
