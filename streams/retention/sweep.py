"""Walks through all conversations and tells the log what of them expires now. Called by the role, and by `warbler retention run`.

What it tells is only asked for: it counts if nothing was ruled meanwhile, and `streams.retention.keeper` performs it when it comes back.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from schemas.retention import ContentExpired
from store import cql, cql_retention
from store.cassandra import Store
from store.retention import FOR_EVER, Retention
from store.timelines import Timelines
from streams.retention.deciding import Subject, expired, expiring

CONVERSATIONS_PER_REQUEST = 100
REMEMBERED_LIMIT = 500_000  # conversations of which it is known where they were looked at last; of others all facts are read again

Tell = Callable[[Sequence[ContentExpired]], Awaitable[None]]


@dataclass(slots=True)
class Swept:
    """What a sweep found. `due_at_ms`: when the next content expires, of what was seen; 0: none does."""

    conversations_count: int = 0
    messages_count: int = 0
    edits_count: int = 0
    held_count: int = 0  # conversations of which something is held
    due_at_ms: int = 0

    def add(self, told: ContentExpired) -> None:
        self.messages_count += told.messages_count
        self.edits_count += len(told.edit_seqs)

    def due(self, at_ms: int) -> None:
        self.due_at_ms = min(self.due_at_ms, at_ms) if self.due_at_ms else at_ms


@dataclass(slots=True)
class Sweep:
    """`page_events`: read of a conversation at a time, and so at most the content of one event that is told."""

    store: Store
    tenant: str
    page_events: int
    clock_ms: Callable[[], int]
    _looked: dict[str, tuple[int, int]] = field(default_factory=dict)  # conversation -> next seq, and when its content is due
    _version: int = -1

    async def run(self, retention: Retention, tell: Tell, holds_still: Callable[[], bool] = lambda: True) -> Swept:
        """One walk. Shape: ends early when `holds_still` says that something else was ruled meanwhile.

        Raises: StoreUnavailable, and what `tell` raises. Delivery: safe to repeat.
        """
        if retention.version != self._version:
            self._looked.clear()  # what was held or kept may be due now
            self._version = retention.version
        swept = Swept()
        if all(keep_ms == FOR_EVER for keep_ms in retention.kept.values()):
            return swept
        async for conversation, kind, head_seq in self._conversations():
            if not holds_still():
                break
            if retention.keep_ms(conversation, kind) != FOR_EVER:
                swept.conversations_count += 1
                await self._look(conversation, kind, head_seq, retention, tell, swept)
        return swept

    async def _conversations(self) -> AsyncIterator[tuple[str, str, int]]:
        prepared = await self.store.prepare(cql_retention.KINDS)
        async for rows in self.store.scan(cql.MEMBER_PARTITIONS):
            names = [row[0] for row in rows]
            groups = [names[at : at + CONVERSATIONS_PER_REQUEST] for at in range(0, len(names), CONVERSATIONS_PER_REQUEST)]
            for found in await self.store.execute_all([(prepared, (group,)) for group in groups]):
                for conversation, kind, head_seq in found:
                    yield conversation, kind or "group", head_seq or 0

    async def _look(self, conversation: str, kind: str, head_seq: int, retention: Retention, tell: Tell, swept: Swept) -> None:
        now_ms = self.clock_ms()
        seq, due_at_ms = self._looked.get(conversation, (1, 0))
        if due_at_ms > now_ms or seq > head_seq:
            swept.due(due_at_ms) if due_at_ms > now_ms else None
            return
        subject = Subject(self.tenant, conversation, kind, retention.holding(conversation, await self._people(conversation, retention)))
        swept.held_count += bool(subject.holding)
        timelines = Timelines(self.store)
        over = False
        while not over:
            happened = await timelines.read_events(conversation, seq, self.page_events, head_seq)
            spans, seq, over = expiring(happened, seq, subject, retention, now_ms)
            told = [expired(span, subject, retention, now_ms) for span in spans]
            for each in told:
                swept.add(each)
            if told:
                await tell(told)
            if over and happened:
                due_at_ms = next(event.at_ms for event in happened if event.seq == seq) + retention.keep_ms(conversation, kind)
                swept.due(due_at_ms)
        if len(self._looked) < REMEMBERED_LIMIT or conversation in self._looked:
            self._looked[conversation] = (seq, due_at_ms)

    async def _people(self, conversation: str, retention: Retention) -> frozenset[str]:
        """Who of those whose conversations are held is or was in this one."""
        held = sorted(retention.held_users)
        places = await self.store.execute_each(cql.MEMBER, [(conversation, user) for user in held])
        return frozenset(user for user, rows in zip(held, places, strict=True) if rows)
