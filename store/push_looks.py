"""What a push worker looks at for hundreds of users at once: each kind of row in requests for many. For `streams.push.context`.

Only reads. The same rows as `store.push_tables`, `store.push_alerts`, `store.timelines` and `store.receipts` read one by one.
"""

import asyncio
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from schemas.accounts import PushMode, UserState
from schemas.codec import decode_event
from schemas.errors import Undecodable
from schemas.events import MessageSent
from store import cql, cql_looks
from store.buckets import bucket_of
from store.cassandra import Row, Store
from store.group_rows import Pushing
from store.push_rows import Holder, TokenRow, token_row
from store.push_tables import EVERYWHERE, PushTables, settings_of
from store.pushing import Alerted, PushSettings, PushToken
from store.timelines import MEMBER_CELLS, changes_of, membership_of
from store.together import Together
from store.views import Membership, MessageView, ReadMark, lay_changes, message_of

PAGE_ROWS = 5_000  # the driver's page
KEYS_PER_REQUEST = 20  # as `store.timelines` measured it

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Stretch(NamedTuple):
    """Messages `first`..`last` of a conversation, the newest `limit`."""

    conversation: str
    first: int
    last: int
    limit: int


class Everything(NamedTuple):
    """Of a user: its conversations, own marks, what it marked unread, and modes as (mode, until_ms), "" for the one everywhere."""

    conversations: tuple[str, ...] = ()
    reads: Mapping[str, ReadMark] = {}
    marked: frozenset[str] = frozenset()
    modes: Mapping[str, tuple[PushMode, int]] = {}


class Place(NamedTuple):
    """A user's place in a conversation, and where that stands. `row`: of PLACES_AND_HEADS, None before the projector wrote it."""

    row: Row | None = None
    membership: Membership | None = None
    title: str = ""
    head_seq: int = 0

    @property
    def active(self) -> bool:
        return self.membership is not None and self.membership.active


class PushLooks:
    """Every `get` raises StoreUnavailable. Pairs are (user, conversation); `subject`: of alerts, the conversation, call or campaign."""

    def __init__(self, store: Store, tables: PushTables) -> None:
        self._store, self._tables = store, tables
        self.tokens: Together[str, tuple[PushToken, ...]] = Together(self._tokens, KEYS_PER_REQUEST, ())
        self.settings: Together[str, PushSettings] = Together(self._settings, KEYS_PER_REQUEST, PushSettings())
        self.states: Together[str, UserState] = Together(self._states, KEYS_PER_REQUEST, "active")
        self.modes: Together[tuple[str, str], Pushing] = Together(self._modes, KEYS_PER_REQUEST, Pushing())
        self.alerted: Together[tuple[str, str], tuple[Alerted, ...]] = Together(self._alerted, KEYS_PER_REQUEST, ())
        self.places: Together[tuple[str, str], Place] = Together(self._places, KEYS_PER_REQUEST, Place())
        self.held_seqs: Together[tuple[str, str], int] = Together(self._held_seqs, KEYS_PER_REQUEST, 0)
        self.own_reads: Together[tuple[str, str], ReadMark | None] = Together(self._own_reads, KEYS_PER_REQUEST, None)
        self.everything: Together[str, Everything] = Together(self._everything, KEYS_PER_REQUEST, Everything())
        self.messages: Together[Stretch, tuple[MessageView, ...]] = Together(self._messages, KEYS_PER_REQUEST, ())

    # ---- by user

    async def _tokens(self, users: list[str]) -> Mapping[str, tuple[PushToken, ...]]:
        """Those that the devices hold; a token that moved to another user is not among them."""
        rows = [token_row(row) for row in await self._store.execute(cql_looks.TOKENS_OF, (users,)) if row[3] is not None]
        holders = await self._holders(rows)
        held = [row for row in rows if holders.get((row.channel, row.token_id)) == Holder(row.user, row.device, row.registered_at_ms)]
        opened = [token for row in held if (token := self._tables.opened(row)) is not None]
        return _gathered((token.user, token) for token in opened)

    async def _holders(self, rows: Sequence[TokenRow]) -> dict[tuple[str, str], Holder]:
        by_channel = _gathered((row.channel, row.token_id) for row in rows)
        found = await self._store.execute_each(cql_looks.HOLDERS_OF, [(channel, list(ids)) for channel, ids in by_channel.items()])
        return {(row[0], row[1]): Holder(*row[2:]) for part in found for row in part if row[2] is not None}

    async def _settings(self, users: list[str]) -> Mapping[str, PushSettings]:
        return {row[0]: settings_of(row[1:]) for row in await self._store.execute(cql_looks.SETTINGS_OF, (users,))}

    async def _states(self, users: list[str]) -> Mapping[str, UserState]:
        rows = await self._store.execute(cql_looks.STATES_OF, (users,))
        return {user: state for user, state in rows if state is not None}

    async def _everything(self, users: list[str]) -> Mapping[str, Everything]:
        listed, reads, marked, chosen = await asyncio.gather(
            self._whole(cql_looks.LISTED_OF, users),
            self._whole(cql_looks.READS_OF, users),
            self._whole(cql_looks.MARKED_OF, users),
            self._whole(cql_looks.CHOSEN_OF, users),
        )
        return {
            user: Everything(
                tuple(row[1] for row in listed.get(user, ()) if row[2]),
                {row[1]: ReadMark(row[2], row[3] or 0) for row in reads.get(user, ()) if row[2] is not None},
                frozenset(row[1] for row in marked.get(user, ()) if row[2]),
                {row[1]: (row[2], row[3] or 0) for row in chosen.get(user, ()) if row[2] is not None},
            )
            for user in users
        }

    async def _whole(self, statement: str, users: list[str]) -> dict[str, tuple[Row, ...]]:
        """Every row of these users. Most have few; of those for whom one page is not enough, each is read by itself."""
        rows = await self._store.execute(statement, (users, ""))
        if len(rows) < PAGE_ROWS:
            return _gathered((row[0], row) for row in rows)
        parts = await asyncio.gather(*(self._paged(statement, user) for user in users))
        return dict(zip(users, parts, strict=True))

    async def _paged(self, statement: str, user: str) -> tuple[Row, ...]:
        found: list[Row] = []
        while True:
            rows = await self._store.execute(statement, ([user], found[-1][1] if found else ""))
            found += rows[1:] if found and rows and rows[0] == found[-1] else rows  # modes begin with the last one
            if len(rows) < PAGE_ROWS:
                return tuple(found)

    # ---- by user and conversation

    async def _modes(self, pairs: list[tuple[str, str]]) -> Mapping[tuple[str, str], Pushing]:
        users, conversations = _sides(pairs)
        rows = await self._store.execute(cql_looks.MODES_OF_MANY, (users, conversations))
        return {(row[0], row[1]): Pushing(*row[2:]) for row in rows if row[2] is not None}

    async def modes_of(self, user: str, conversation: str) -> tuple[Pushing, Pushing]:
        """The conversation's and the one everywhere."""
        everywhere = await self.modes.get((user, EVERYWHERE))
        return await self.modes.get((user, conversation)) if conversation else Pushing(), everywhere

    async def _alerted(self, pairs: list[tuple[str, str]]) -> Mapping[tuple[str, str], tuple[Alerted, ...]]:
        users, subjects = _sides(pairs)
        rows = await self._store.execute(cql_looks.ALERTED_OF, (users, subjects))
        return _gathered(((row[0], row[1]), Alerted(*row[2:])) for row in rows)

    async def _places(self, pairs: list[tuple[str, str]]) -> Mapping[tuple[str, str], Place]:
        rows = await self._by_conversation(cql_looks.PLACES_OF, pairs)
        places = {}
        for row in rows:
            head = row[MEMBER_CELLS:]
            places[row[1], row[0]] = Place(row, membership_of(row[:MEMBER_CELLS]), head[1] or "", head[3] or 0)
        heads = {conversation: place for (_, conversation), place in places.items()}
        # who has no row of its own in a conversation that is there is no member; that is known, and not a matter of waiting
        missing = [pair for pair in pairs if pair not in places and pair[1] in heads]
        return {**places, **{pair: Place(None, None, heads[pair[1]].title, heads[pair[1]].head_seq) for pair in missing}}

    async def _held_seqs(self, pairs: list[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = defaultdict(int)
        for conversation, user, up_to_seq in await self._by_conversation(cql_looks.HOLDS_OF, pairs):
            found[user, conversation] = max(found[user, conversation], up_to_seq or 0)
        return found

    async def _own_reads(self, pairs: list[tuple[str, str]]) -> Mapping[tuple[str, str], ReadMark | None]:
        users, conversations = _sides(pairs)
        rows = await self._store.execute(cql_looks.OWN_READS_OF, (users, conversations))
        return {(user, conversation): ReadMark(seq, ordinal or 0) for user, conversation, seq, ordinal in rows if seq is not None}

    async def _by_conversation(self, statement: str, pairs: Iterable[tuple[str, str]]) -> list[Row]:
        by_conversation = _gathered((conversation, user) for user, conversation in pairs)
        values: list[tuple[Any, ...]] = [(conversation, list(users)) for conversation, users in by_conversation.items()]
        return [row for part in await self._store.execute_each(statement, values) for row in part]

    # ---- messages

    async def _messages(self, stretches: list[Stretch]) -> Mapping[Stretch, tuple[MessageView, ...]]:
        """As they stand now, ascending. A stretch of more than two buckets begins in the last two."""
        slices = [(at, bucket) for at in stretches for bucket in _buckets(at)]
        before = [(at.conversation, bucket, at.last + 1, at.limit) for at, bucket in slices]
        between = [(at.conversation, bucket, at.first, at.last) for at, bucket in slices]
        prepared = (await self._store.prepare(cql.MESSAGES_BEFORE), await self._store.prepare(cql.CHANGES_BETWEEN))
        requests = [(prepared[0], values) for values in before] + [(prepared[1], values) for values in between]
        rows = await self._store.execute_all(requests)
        views: dict[Stretch, list[MessageView]] = defaultdict(list)
        for (at, _), sent, changed in zip(slices, rows[: len(slices)], rows[len(slices) :], strict=True):
            changes = {row[0]: changes_of(at.conversation, row) for row in changed}
            found = [message for seq, value in sent if seq >= at.first and (message := _message(value)) is not None]
            views[at] += [lay_changes(view, changes.get(view.seq)) for view in found]
        return {at: tuple(sorted(found, key=lambda view: view.seq)[-at.limit :]) for at, found in views.items()}


def _buckets(at: Stretch) -> range:
    return range(max(bucket_of(at.first), bucket_of(at.last) - 1), bucket_of(at.last) + 1)


def _message(value: bytes) -> MessageView | None:
    try:
        event = decode_event(value)
    except Undecodable:  # said by the projector, which wrote only what it could decode: the row was tampered with
        return None
    return message_of(event) if isinstance(event, MessageSent) else None


def _sides(pairs: Iterable[tuple[K, V]]) -> tuple[list[K], list[V]]:
    """Each side's values once. Asked for by IN, they give some pairs more than were wanted."""
    lefts, rights = zip(*pairs, strict=True)
    return list(dict.fromkeys(lefts)), list(dict.fromkeys(rights))


def _gathered(pairs: Iterable[tuple[K, V]]) -> dict[K, tuple[V, ...]]:
    found: dict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return {key: tuple(values) for key, values in found.items()}
