"""Users by name, and their logins (families of refresh tokens). Called by the edge's REST face.

A name is taken by one lightweight transaction; so is each rotation of a refresh token, so that of two uses of one token only one succeeds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from store import cql
from store.cassandra import Row, Store

REVOKED_KEEP_S = 400 * 86_400  # longer than any token lives
EXPIRED_KEEP_S = 86_400  # an expired login's row stays a day, so that its late use is seen as expired and not as unknown


@dataclass(frozen=True, slots=True)
class Account:
    """`password_hash` is None for a user made by an administrator: no password opens it."""

    user: str
    name: str
    password_hash: str | None
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Creation:
    """`created` is False where the name was taken before; `account` is then that of the name."""

    account: Account
    created: bool


@dataclass(frozen=True, slots=True)
class Rotation:
    """`reused`: an older token of the family came back, so it was stolen or copied: the family is revoked now."""

    outcome: Literal["rotated", "reused", "revoked", "expired", "unknown"]
    user: str = ""


class Accounts:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def create_user(self, user_id: str, name: str, password_hash: str | None, now_ms: int) -> Creation:
        """The account of a new name, or that which has it already.

        Raises: StoreUnavailable. Delivery: a repeat with the same user id answers `created` again.
        """
        hash_text = password_hash or ""  # not null: a null would be a tombstone
        rows = await self._store.execute(cql.ADD_NAME, (name, user_id, hash_text, now_ms))
        applied = bool(rows[0][0])
        account = Account(user_id, name, password_hash, now_ms) if applied else await self._existing(name)
        await self._store.execute(cql.PUT_USER, (account.user, account.name))  # also after a crash between the two
        return Creation(account, applied or account.user == user_id)

    async def _existing(self, name: str) -> Account:
        account = await self.by_name(name)
        assert account is not None  # names are never given back
        return account

    async def by_name(self, name: str) -> Account | None:
        """The account of a name, exactly as it was registered. Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.NAME, (name,))
        return _account(rows[0]) if rows else None

    async def by_ids(self, user_ids: Iterable[str]) -> dict[str, str]:
        """User id -> name; unknown ids are left out. Raises: StoreUnavailable."""
        parts = await self._store.execute_each(cql.USER, [(user,) for user in dict.fromkeys(user_ids)])
        return {user: name for rows in parts for user, name in rows}

    async def open_login(self, login_id: str, user: str, token_hash: str, expires_at_ms: int, now_ms: int) -> None:
        """Start a family with its first token. Raises: StoreUnavailable. Delivery: safe to repeat with the same token."""
        await self._store.execute(cql.ADD_LOGIN, (login_id, user, token_hash, expires_at_ms, _keep_s(expires_at_ms, now_ms)))

    async def rotate(self, login_id: str, old_hash: str, new_hash: str, expires_at_ms: int, now_ms: int) -> Rotation:
        """Exchange the family's current token for a new one; anything but the current one is refused.

        Raises: StoreUnavailable. Delivery: a repeat with the same old and new token answers `rotated` again.
        """
        login = await self._login(login_id)
        if login is None:
            return Rotation("unknown")
        user, token_hash, login_expires_at_ms, revoked = login
        if revoked:
            return Rotation("revoked", user)
        if token_hash == new_hash:
            return Rotation("rotated", user)
        if token_hash != old_hash:
            await self.revoke(login_id)
            return Rotation("reused", user)
        if login_expires_at_ms <= now_ms:
            return Rotation("expired", user)
        keep_s = _keep_s(expires_at_ms, now_ms)
        rows = await self._store.execute(cql.ROTATE_LOGIN, (keep_s, user, new_hash, expires_at_ms, login_id, old_hash))
        if rows[0][0]:
            return Rotation("rotated", user)
        # Another use of the same token came between the read and the exchange.
        await self.revoke(login_id)
        return Rotation("reused", user)

    async def revoke(self, login_id: str) -> None:
        """End a family: its refresh tokens at once, its access tokens where `is_revoked` is asked. Raises: StoreUnavailable."""
        await self._store.execute(cql.REVOKE_LOGIN, (REVOKED_KEEP_S, login_id))

    async def is_revoked(self, login_id: str) -> bool:
        """Whether the family was revoked or is unknown. Raises: StoreUnavailable."""
        login = await self._login(login_id)
        return login is None or bool(login[3])

    async def _login(self, login_id: str) -> Row | None:
        rows = await self._store.execute(cql.LOGIN, (login_id,))
        if not rows or (rows[0][1] is None and not rows[0][3]):
            return None
        return rows[0]


def _keep_s(expires_at_ms: int, now_ms: int) -> int:
    return max((expires_at_ms - now_ms) // 1000, 0) + EXPIRED_KEEP_S


def _account(row: Row) -> Account:
    name, user, password_hash, created_at_ms = row
    return Account(user, name, password_hash or None, created_at_ms)
