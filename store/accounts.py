"""Users: what they are reserved by (identifiers), what they are called, their password, their state. Called by the edge.

A name, an address, a number or an external subject belongs to one user at most: one lightweight transaction decides. All of it is
personal and stands in rows that can be deleted; the log knows opaque ids. The state is what the topic `account-events` came to.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.accounts import IdentifierKind, UserKind, UserState
from store import cql
from store.cassandra import Row, Store
from store.contended import Turns, settled

HOLD_S = 120  # a registration that does not end in this time leaves nothing behind; of a thousand at once each waits for its hash


@dataclass(frozen=True, slots=True)
class Identifier:
    """`key`: normalised, what must be unique; `shown`: as the user wrote it. `verified_at_ms` 0: nobody checked that it is the user's."""

    kind: IdentifierKind
    key: str
    shown: str
    identifier_id: str
    verified_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """`name`: as shown. `password_hash` is None for a user without one."""

    user: str
    name: str
    password_hash: str | None
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class AccountState:
    """`at_ms`: of the change that made it so."""

    user_kind: UserKind
    state: UserState
    reason: str
    changed_by: str
    at_ms: int


class Accounts:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._turns = Turns()

    # ---- identifiers

    async def hold(self, identifier: Identifier, user: str, hold_s: int = HOLD_S) -> str | None:
        """Reserves it for `hold_s`; None when it is the user's now, else who has it ("": it is kept back for a while).

        Raises: StoreUnavailable. Delivery: a repeat for the same user answers None again.
        """
        held = (identifier.shown, identifier.identifier_id, identifier.verified_at_ms, identifier.kind, identifier.key)
        async with self._turns.of(f"{identifier.kind} {identifier.key}"):
            # a plain read first: of a thousand who want one name, a handful come to the transaction
            rows = await self._store.execute(cql.IDENTIFIER, (identifier.kind, identifier.key))
            if rows and rows[0][0] not in (None, user):
                return str(rows[0][0])
            applied, *holder = await settled(self._store, cql.HOLD_IDENTIFIER, (hold_s, user, *held))
        return None if applied or holder[0] == user else str(holder[0])

    async def keep(self, identifier: Identifier, user: str) -> bool:
        """What was held is the user's for good. False: it was not held any more. Raises: StoreUnavailable. Delivery: safe to repeat."""
        held = (identifier.shown, identifier.identifier_id, identifier.verified_at_ms, identifier.kind, identifier.key)
        if not (await settled(self._store, cql.KEEP_IDENTIFIER, (user, *held, user)))[0]:
            return False
        row = (user, identifier.identifier_id, identifier.kind, identifier.key, identifier.shown, identifier.verified_at_ms)
        await self._store.execute(cql.PUT_USER_IDENTIFIER, row)
        return True

    async def release(self, identifier: Identifier, user: str, kept_back_s: int = 0) -> None:
        """It is nobody's; for `kept_back_s` nobody can take it. Raises: StoreUnavailable. Delivery: safe to repeat."""
        if kept_back_s:
            retired = (kept_back_s, "", "", "", 0, identifier.kind, identifier.key, user)
            await settled(self._store, cql.RETIRE_IDENTIFIER, retired)
        else:
            await settled(self._store, cql.FREE_IDENTIFIER, (identifier.kind, identifier.key, user))
        await self._store.execute(cql.DROP_USER_IDENTIFIER, (user, identifier.identifier_id))

    async def user_of(self, kind: IdentifierKind, key: str) -> str | None:
        """Whose it is. Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.IDENTIFIER, (kind, key))
        return (rows[0][0] or None) if rows else None

    async def identifiers_of(self, user: str) -> list[Identifier]:
        """Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.USER_IDENTIFIERS, (user,))
        return [Identifier(kind, key, shown, identifier_id, verified or 0) for identifier_id, kind, key, shown, verified in rows]

    # ---- users

    async def put_user(self, account: Account) -> None:
        """Raises: StoreUnavailable. Delivery: safe to repeat."""
        hash_text = account.password_hash or ""  # not null: a null would be a tombstone
        await self._store.execute(cql.PUT_USER, (account.user, account.name, hash_text, account.created_at_ms))

    async def put_password(self, user: str, password_hash: str) -> None:
        """Raises: StoreUnavailable."""
        await self._store.execute(cql.PUT_PASSWORD, (password_hash, user))

    async def put_name(self, user: str, name: str) -> None:
        """Raises: StoreUnavailable."""
        await self._store.execute(cql.PUT_NAME, (name, user))

    async def erase(self, user: str) -> None:
        """The personal rows of a user are gone; its identifiers are released before. Raises: StoreUnavailable."""
        await self._store.execute(cql.DROP_USER_IDENTIFIERS, (user,))
        await self._store.execute(cql.DROP_USER, (user,))

    async def by_id(self, user: str) -> Account | None:
        """Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.USER, (user,))
        return _account(rows[0]) if rows else None

    async def by_identifier(self, kind: IdentifierKind, key: str) -> Account | None:
        """The user whose it is; `key` is normalised. Raises: StoreUnavailable. Takes as long for one that is nobody's."""
        user = await self.user_of(kind, key)
        return await self.by_id(user or "u-nobody")

    async def by_ids(self, user_ids: Iterable[str]) -> dict[str, str]:
        """User id -> name; unknown ids are left out. Raises: StoreUnavailable."""
        parts = await self._store.execute_each(cql.USER_NAME, [(user,) for user in dict.fromkeys(user_ids)])
        return {user: name for rows in parts for user, name in rows if name is not None}

    async def state_of(self, user: str) -> AccountState | None:
        """None: no such user is known. Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.ACCOUNT_STATE, (user,))
        return account_state(rows[0]) if rows else None

    async def states_of(self, users: Iterable[str]) -> dict[str, AccountState]:
        """Of those that are known. Raises: StoreUnavailable."""
        wanted = list(dict.fromkeys(users))
        parts = await self._store.execute_each(cql.ACCOUNT_STATE, [(user,) for user in wanted])
        return {user: account_state(rows[0]) for user, rows in zip(wanted, parts, strict=True) if rows}

    async def page(self, after: str, limit: int) -> dict[str, str]:
        """Users and their names, those after that one (empty: from the first on), in the order of their rows. Raises: StoreUnavailable."""
        if after:
            rows = await self._store.execute(cql.USERS_AFTER, (after, limit))
        else:
            rows = await self._store.execute(cql.USERS_FIRST, (limit,))
        return {user: name or "" for user, name in rows}


def account_state(row: Sequence[Any]) -> AccountState:
    user_kind, state, reason, changed_by, at_ms = row
    return AccountState(user_kind or "person", state or "active", reason or "", changed_by or "", at_ms or 0)


def _account(row: Row) -> Account:
    user, name, password_hash, created_at_ms = row
    return Account(user, name or "", password_hash or None, created_at_ms or 0)
