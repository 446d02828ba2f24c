"""What a user wants others to see: receipts, presence. Written and read by the edge; changes are told in the topic account-events."""

from collections.abc import Iterable

from msgspec import Struct

from schemas.values import RequestsTaken, StrangersTaken, Visibility
from store import cql
from store.cassandra import Row, Store


class Privacy(Struct, frozen=True):
    """`receipts` False: others do not hear of delivered, read and played. `presence`: who sees it; contacts share a direct one with it.

    `strangers`: from whom it takes messages; `friend_requests`: from whom requests, `question` being what they have to answer.
    `searchable`: whether a search by others finds it.
    """

    receipts: bool
    presence: Visibility
    at_ms: int = 0  # when the user chose it; 0: the default
    strangers: StrangersTaken = "everyone"
    friend_requests: RequestsTaken = "everyone"
    friend_question: str = ""  # the user's own words: in the row only, not in the log
    searchable: bool = True


class PrivacyTable:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, users: Iterable[str]) -> dict[str, Privacy]:
        """What they chose; users who never did are left out. Raises: StoreUnavailable."""
        wanted = list(dict.fromkeys(users))
        parts = await self._store.execute_each(cql.PRIVACY, [(user,) for user in wanted])
        return {user: privacy_of(rows[0]) for user, rows in zip(wanted, parts, strict=True) if rows}

    async def put(self, user: str, privacy: Privacy) -> None:
        """Raises: StoreUnavailable. Delivery: safe to repeat; the one with the largest `at_ms` stays."""
        cells = (privacy.receipts, privacy.presence, privacy.at_ms, privacy.strangers, privacy.friend_requests, privacy.friend_question)
        await self._store.execute(cql.PUT_PRIVACY, (user, *cells, privacy.searchable, privacy.at_ms))

    async def forget(self, user: str, at_ms: int) -> None:
        """What it chose up to then, its question among it, is gone. Raises: StoreUnavailable. Delivery: safe to repeat."""
        await self._store.execute(cql.DELETE_PRIVACY, (at_ms, user))


def privacy_of(row: Row) -> Privacy:
    """A row, also one of before there were friends."""
    receipts, presence, at_ms, strangers, friend_requests, question, searchable = row
    return Privacy(
        receipts, presence, at_ms, strangers or "everyone", friend_requests or "everyone", question or "", searchable is not False
    )
