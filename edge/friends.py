"""Friends on this node: ties, rosters, and what commands about them need looked up. Called by `edge.node` and `edge.rest.friends`."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from edge.clocks import clock_ms
from edge.completion import Completion, Send
from edge.errors import BadRequest
from edge.rosters import ROSTERS, RosterPage, Rosters
from edge.session import TENANT
from edge.ties import Ties
from edge.translate import UNAVAILABLE_RETRY_MS
from edge.versions import version_of
from log.port import Entry
from schemas.accounts import RosterNoted
from schemas.codec import encode
from schemas.errors import WarblerError
from schemas.records import TypingSignalled
from store.roster_rows import JoiningRow
from store.rosters import Note
from store.verdicts import Verdict

if TYPE_CHECKING:
    from edge.node import Node

EVENTS, COMMANDS = "conversation-events", "conversation-commands"
OPEN = frozenset({"invited", "applied"})


class Friends:
    def __init__(self, node: "Node", send: Send) -> None:
        self.node = node
        table, settings = node.tables.rosters, node.settings
        self.ties = Ties(table, node.timelines, node.recent, self._reach_conversations, lambda each: each in node.hub.heads)
        self.completion = Completion(node.privacies, self.ties, node.spawn, send)
        self.rosters = Rosters(node.hub, table, node.epoch, self._position, settings.rosters_recent_bytes_limit, settings.roster_page_limit)

    async def page(self, user: str, since: str, after: str) -> RosterPage:
        """See `Rosters.page`. A version of a node that is further counts once this one has read as far. Raises: LogUnavailable too."""
        partition, at = self._position(user)
        if since and not after and version_of(since, self.node.epoch, partition, at) is None:
            await self._in_time(self.node.feed.reach_end(ROSTERS, partition))
        return await self.rosters.page(user, since, after)

    async def note(self, user: str, other: str, note: Note) -> None:
        """Durable, and in the log for every node, when it returns. Raises: StoreUnavailable, LogError."""
        at_ms = clock_ms()
        await self.node.tables.rosters.put_note(user, other, note, at_ms)
        noted = RosterNoted(tenant=TENANT, user=user, at_ms=at_ms, other=other)
        partition, _ = self._position(user)
        await self.node.log.publish(ROSTERS, partition, [Entry(user.encode(), encode(ROSTERS, noted), at_ms)])

    async def forget(self, user: str) -> None:
        """A deleted user's own words about itself and others: its question, its notes. Raises: StoreUnavailable."""
        now_ms = clock_ms()
        await self.node.tables.privacy.forget(user, now_ms)
        await self.node.tables.rosters.forget_notes(user, now_ms)

    async def joinings(self, user: str) -> tuple[list[JoiningRow], dict[str, str]]:
        """Invitations and applications, those as joined where the user is a member by now; and the titles. Raises: StoreUnavailable."""
        rows = await self.rosters.joinings(user)
        places, heads = await self.node.timelines.places(user, {row.conversation for row in rows})
        inside = {conversation for conversation, place in places.items() if place.active}
        titles = {conversation: head.title for conversation, head in heads.items()}
        return [replace(row, state="joined") if row.state in OPEN and row.conversation in inside else row for row in rows], titles

    async def may_message(self, user: str, other: str) -> Verdict:
        """See `Ties.may_message`. Raises: StoreUnavailable, LogUnavailable, BadRequest."""
        privacy = await self.node.privacies.of_user(other)
        return await self.ties.may_message(user, other, privacy.strangers == "friends", clock_ms())

    async def signal(self, signal: TypingSignalled) -> None:
        """Tells that the user is typing, if the other may hear it; it may be lost. Raises: a bug of ours."""
        try:
            if not await self.completion.may_signal(signal):
                return
        except WarblerError:
            return
        self.node.offer("signals", signal.conversation_id, signal)

    async def follow(self) -> None:
        """The projector has come further: what it wrote need not be remembered. Raises: StoreUnavailable."""
        if self.rosters.recent.by_partition:
            self.rosters.recent.advance(await self.node.timelines.progress(ROSTERS))

    async def start(self) -> None:
        """Before the feed runs: from where on it must have been read. Raises: StoreUnavailable, LogUnavailable."""
        progress = await self.node.timelines.progress(ROSTERS)
        self.rosters.recent.advance(progress)
        self.rosters.recent.lost_before.update(await self.node.feed.back_to(ROSTERS, progress))

    def _position(self, user: str) -> tuple[int, int]:
        partition = self.node.publisher.partition(ROSTERS, user.encode())
        return partition, self.node.feed.positions.get((ROSTERS, partition), 0)

    async def _reach_conversations(self, conversations: Iterable[str]) -> None:
        partitions = {self.node.publisher.partition(COMMANDS, each.encode()) for each in conversations}  # events lie as commands do
        await self._in_time(asyncio.gather(*(self.node.feed.reach_end(EVENTS, partition) for partition in partitions)))

    async def _in_time(self, reached: Any) -> None:
        try:
            await asyncio.wait_for(reached, self.node.settings.rest_timeout_ms / 1000)
        except TimeoutError:
            raise BadRequest("behind", "this node is behind the log", UNAVAILABLE_RETRY_MS) from None
