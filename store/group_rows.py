"""Rows about groups that the log does not hold: nicknames, which are personal, and what each user wants to be pushed. For the edge."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from schemas.accounts import PushMode
from store import cql
from store.cassandra import Store


class Pushing(Struct, frozen=True):
    """`until_ms` 0: for good; afterwards it is `all` again. `at_ms`: when the user chose it."""

    mode: PushMode = "all"
    until_ms: int = 0
    at_ms: int = 0


class GroupRows:
    def __init__(self, store: Store) -> None:
        self._store = store

    # ---- nicknames

    async def add_nickname(self, conversation: str, user: str, nickname_id: str, nickname: str, ttl_s: int) -> bool:
        """Write the row that an event may come to name; it expires unless it is kept.

        Shape: False where the id has another nickname already. Raises: StoreUnavailable. Delivery: safe to repeat.
        """
        rows = await self._store.execute(cql.ADD_NICKNAME, (conversation, user, nickname_id, nickname, ttl_s))
        return bool(rows[0][0]) or nickname in rows[0][1:]

    async def keep_nickname(self, conversation: str, user: str, nickname_id: str, nickname: str) -> None:
        """The event is there. Raises: StoreUnavailable. Delivery: safe to repeat."""
        await self._store.execute(cql.KEEP_NICKNAME, (nickname, conversation, user, nickname_id))

    async def drop_nickname(self, conversation: str, user: str, nickname_id: str) -> None:
        """Raises: StoreUnavailable. Delivery: safe to repeat."""
        await self._store.execute(cql.DROP_NICKNAME, (conversation, user, nickname_id))

    async def drop_nicknames(self, user: str, conversations: Iterable[str]) -> None:
        """All that the user ever had there. Raises: StoreUnavailable. Delivery: safe to repeat."""
        await self._store.execute_each(cql.DROP_NICKNAMES, [(conversation, user) for conversation in conversations])

    async def nicknames(self, conversation: str, ids: Mapping[str, str]) -> dict[str, str]:
        """User -> nickname, of the users and ids asked for; a few hundred at most. Raises: StoreUnavailable."""
        if not ids:
            return {}
        rows = await self._store.execute(cql.NICKNAMES, (conversation, list(ids.items())))
        return {user: nickname for user, nickname in rows if nickname is not None}

    # ---- push modes

    async def push_mode(self, user: str, conversation: str, now_ms: int) -> Pushing:
        """What holds now. Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.PUSH_MODE, (user, conversation))
        chosen = Pushing(*rows[0]) if rows else Pushing()
        return chosen if chosen.until_ms == 0 or chosen.until_ms > now_ms else Pushing()
