"""Acknowledgements: judges marks, writes again what stays unacknowledged, and closes a socket that acknowledges nothing.

The shell around `edge.unacked`. Called by `edge.requests` (marks), `edge.delivery` (the inbox asks) and `edge.node` (the loop).
"""

import asyncio
from typing import TYPE_CHECKING

import structlog

from edge import frames
from edge.clocks import clock_ms, mono_ms
from edge.closing import UNACKNOWLEDGED
from edge.errors import BadRequest, detail_of
from edge.metrics import REWRITTEN
from edge.session import TENANT, Session
from edge.translate import item_for
from edge.unacked import GiveUp, Policy, Rewrite, ask_again, left_of, look, put_off, settle
from schemas.errors import WarblerError
from schemas.records import RedeliveryAsked, WatermarkRaised

if TYPE_CHECKING:
    from edge.node import Node

LOGGER = structlog.get_logger()
LOOKS_PER_TIMEOUT = 8  # so a deadline is kept to an eighth of itself
SESSIONS_A_TURN = 500  # looked at before the loop has a turn again
REWRITES_AT_ONCE = 8  # reads of the store for all sessions together: catching up must not wait behind devices that are silent
BUSY_RETRY_MS = 100


class Acks:
    def __init__(self, node: "Node") -> None:
        self.node = node
        settings = node.settings
        self._policy = Policy(settings.ack_timeout_ms, settings.ack_attempts)
        self._slots = asyncio.Semaphore(REWRITES_AT_ONCE)

    # ---- marks

    def on_mark(self, session: Session, mark: WatermarkRaised) -> None:
        """Takes a watermark up to the head as this node knows it; one beyond it only after a look at the log's end."""
        if mark.up_to_seq <= self.node.hub.heads.get(mark.conversation_id, 0):
            self._take(session, mark)
            return
        if session.requests_running >= self.node.settings.requests_per_session_limit:
            session.sink.write(frames.Failure("", "rate_limited", "too many marks beyond the head under way", True, BUSY_RETRY_MS))
            return
        session.requests_running += 1
        self.node.spawn(self._judge(session, mark))

    def _take(self, session: Session, mark: WatermarkRaised) -> None:
        if mark.state == "delivered":
            settle(session.unacked, mark.conversation_id, mark.up_to_seq)
        self.node.watermarks.mark(mark)

    async def _judge(self, session: Session, mark: WatermarkRaised) -> None:
        """The device may come from a node whose feed was further than ours, or hold a page of a projector that is ahead of it."""
        try:
            head_seq = await self._head_seq(mark.conversation_id)
        except WarblerError as exc:
            code = exc.code if isinstance(exc, BadRequest) else "unavailable"
            session.sink.write(frames.Failure("", code, detail_of(exc), True, self.node.settings.receipts_interval_ms))
            return
        finally:
            session.requests_running -= 1
        if mark.up_to_seq > head_seq:
            detail = f"mark of {mark.up_to_seq} in {mark.conversation_id!r}, whose head is {head_seq}"
            session.sink.write(frames.Failure("", "seq_ahead", detail, retryable=False))
        elif mark.conversation_id in session.conversations:
            self._take(session, mark)

    async def _head_seq(self, conversation: str) -> int:
        """The newest seq after the feed has read what is in the log now. Raises: LogUnavailable, StoreUnavailable, BadRequest."""
        await self.node.reach(conversation)
        self.node.hub.know_head(conversation, await self.node.head_seq(conversation))
        return self.node.hub.heads.get(conversation, 0)

    # ---- what stays unacknowledged

    async def watch(self) -> None:
        """For ever: looks at what each session owes, writes it again, and gives up who never acknowledges."""
        while True:
            await asyncio.sleep(self._policy.timeout_ms / LOOKS_PER_TIMEOUT / 1000)
            work: list[tuple[Session, Rewrite]] = []
            sessions = [session for session in self.node.hub.sessions.values() if session.unacked]
            for number, session in enumerate(sessions):
                if number % SESSIONS_A_TURN == SESSIONS_A_TURN - 1:
                    await asyncio.sleep(0)
                work += self._look(session)
            await asyncio.gather(*(self._rewrite(session, rewrite) for session, rewrite in work))

    def _look(self, session: Session) -> list[tuple[Session, Rewrite]]:
        found = look(session.unacked, mono_ms(), self._policy, drained=session.sink.backlog_bytes() == 0)
        if isinstance(found, GiveUp):
            LOGGER.info("session acknowledges nothing", session=session.id, user=session.user, device=session.device)
            session.sink.end(UNACKNOWLEDGED)
            self.node.sessions.close(session, UNACKNOWLEDGED)
            return []
        return [(session, rewrite) for rewrite in found if rewrite.conversation not in session.catching_up]

    async def _rewrite(self, session: Session, rewrite: Rewrite) -> None:
        """One page at most: a device that holds less sees the gap behind it and syncs."""
        conversation = rewrite.conversation
        async with self._slots:
            wanted = self._still(session, rewrite)
            if wanted is None:
                return
            try:
                limit = min(wanted.to_seq - wanted.from_seq + 1, self.node.settings.sync_events_limit)
                page = await self.node.readable.events(
                    session.user, lambda: conversation in session.conversations, conversation, wanted.from_seq, limit
                )
            except WarblerError as exc:
                LOGGER.warning("cannot write again", session=session.id, conversation=conversation, error=str(exc))
                put_off(session.unacked, conversation)
                return
            wanted = self._still(session, wanted)
            if wanted is None:
                return
            items = tuple(item_for(session.user, event) for event in page.events if wanted.from_seq <= event.seq <= wanted.to_seq)
            if items:
                session.sink.write(frames.Events(conversation, items))
                REWRITTEN.inc(len(items))

    def _still(self, session: Session, rewrite: Rewrite) -> Rewrite | None:
        """What may be written again now. A conversation that is catching up gets it by its pages; who left it gets nothing."""
        conversation = rewrite.conversation
        live = session.id in self.node.hub.sessions and conversation in session.conversations
        if not live or conversation in session.catching_up:
            return None
        return left_of(session.unacked, rewrite)

    # ---- the inbox asks

    def on_redelivery(self, asked: RedeliveryAsked) -> None:
        """Each session of the user that has acknowledged it says so once more; the others get it written again."""
        conversation = asked.conversation_id
        for session in self.node.hub.of_user(asked.user):
            if not session.follow or conversation not in session.conversations or conversation in session.catching_up:
                continue
            acked_seq = self.node.watermarks.delivered(session.user, session.device, conversation)
            if acked_seq >= asked.from_seq and conversation not in session.unacked:
                self.node.watermarks.repeat(_delivered(session, conversation, acked_seq))
            else:
                rewrite = ask_again(session.unacked, conversation, asked.from_seq, self.node.hub.heads.get(conversation, 0))
                self.node.spawn(self._rewrite(session, rewrite))


def _delivered(session: Session, conversation: str, up_to_seq: int) -> WatermarkRaised:
    return WatermarkRaised(
        tenant=TENANT,
        conversation_id=conversation,
        user=session.user,
        device=session.device,
        state="delivered",
        up_to_seq=up_to_seq,
        at_ms=clock_ms(),
    )
