"""The rows of push tokens, one step each: who has a token, and what stands sealed at a device. Called by `store.push_claims`.

Every write is a lightweight transaction on what was seen, so a row never goes back to something older. A row counts only while the
holder's row names its user and device.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from store import cql_push as cql
from store.cassandra import Row, Store
from store.contended import settled

FREED_KEEP_S = 86_400  # longer than the clocks of two nodes differ


class TokenRow(Struct, frozen=True):
    """Where a device is reached through a push channel, as it stands: `sealed` is the token."""

    user: str
    device: str
    channel: str
    token_id: str
    sealed: bytes
    app: str
    locale: str
    sign_in: str
    registered_at_ms: int


class Holder(Struct, frozen=True):
    """Who has a token. `at_ms`: since when; of one token only ever larger, so it is kept for a while when nobody (user "") has it."""

    user: str
    device: str
    at_ms: int


class TokenRows(Protocol):
    """Raises: StoreUnavailable, in every method; whether it was written is then not known, and it may be asked again."""

    async def of_user(self, user: str) -> list[TokenRow]: ...

    async def row(self, user: str, device: str, channel: str) -> TokenRow | None: ...

    async def holder(self, channel: str, token_id: str) -> Holder | None: ...

    async def swap_holder(self, channel: str, token_id: str, seen: Holder | None, new: Holder) -> bool:
        """False: it is not as it was seen."""
        ...

    async def free_holder(self, channel: str, token_id: str, user: str, device: str, up_to_ms: int) -> None:
        """Nobody has it, if this device had it, and not since a time after `up_to_ms`, which is what is kept."""
        ...

    async def swap_row(self, seen: TokenRow | None, new: TokenRow) -> bool:
        """False: the device's row is not as it was seen."""
        ...

    async def drop_row(self, user: str, device: str, channel: str, token_id: str, up_to_ms: int) -> None:
        """The row is gone, if it is of this token and was not registered after `up_to_ms`."""
        ...


class CassandraTokenRows:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def of_user(self, user: str) -> list[TokenRow]:
        return [token_row(row) for row in await self._store.execute(cql.TOKENS, (user,)) if row[3] is not None]

    async def row(self, user: str, device: str, channel: str) -> TokenRow | None:
        rows = await self._store.execute(cql.TOKEN, (user, device, channel))
        return token_row(rows[0]) if rows and rows[0][3] is not None else None

    async def holder(self, channel: str, token_id: str) -> Holder | None:
        return (await self.holders([(channel, token_id)]))[0]

    async def holders(self, tokens: Sequence[tuple[str, str]]) -> list[Holder | None]:
        """Of each (channel, token_id). Raises: StoreUnavailable."""
        found = await self._store.execute_each(cql.HOLDER, tokens)
        return [Holder(*rows[0]) if rows and rows[0][0] is not None else None for rows in found]

    async def swap_holder(self, channel: str, token_id: str, seen: Holder | None, new: Holder) -> bool:
        was: tuple[Any, ...] = (None, None, None) if seen is None else (seen.user, seen.device, seen.at_ms)
        applied, *now = await settled(self._store, cql.SWAP_HOLDER, (new.user, new.device, new.at_ms, channel, token_id, *was))
        return bool(applied) or set(now) == {new.user, new.device, new.at_ms}  # a repeat of our own that was not answered

    async def free_holder(self, channel: str, token_id: str, user: str, device: str, up_to_ms: int) -> None:
        await settled(self._store, cql.FREE_HOLDER, (FREED_KEEP_S, up_to_ms, channel, token_id, user, device, up_to_ms))

    async def swap_row(self, seen: TokenRow | None, new: TokenRow) -> bool:
        was: tuple[Any, ...] = (None, None) if seen is None else (seen.token_id, seen.registered_at_ms)
        cells = (new.token_id, new.sealed, new.app, new.locale, new.sign_in, new.registered_at_ms)
        applied, *now = await settled(self._store, cql.SWAP_TOKEN, (*cells, new.user, new.device, new.channel, *was))
        return bool(applied) or set(now) == {new.token_id, new.registered_at_ms}

    async def drop_row(self, user: str, device: str, channel: str, token_id: str, up_to_ms: int) -> None:
        await settled(self._store, cql.DROP_TOKEN, (user, device, channel, token_id, up_to_ms))


def token_row(row: Row) -> TokenRow:
    user, device, channel, token_id, sealed, app, locale, sign_in, registered_at_ms = row
    return TokenRow(user, device, channel, token_id, bytes(sealed), app or "", locale or "", sign_in or "", registered_at_ms)
