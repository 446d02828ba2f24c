"""API keys: `wk-<id>.<secret>`, shown once, kept as a hash. Called by `edge.rest.admin`.

A key's row is read whenever the key is used, so one that was revoked is dead everywhere once the call that revoked it is answered.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import structlog

from edge.people.admin_log import AdminLog, Who
from schemas.accounts import ApiKeyMade, ApiKeyRevoked
from store.errors import StoreUnavailable
from store.tenancy import StoredKey, TenancyTables

LOG = structlog.get_logger()
PREFIX = "wk-"
SECRET_BYTES = 32
KEY_CHARS_LIMIT = 128
USE_NOTED_MS = 60_000  # a key's last use is known to the minute


@dataclass(frozen=True, slots=True)
class NewKey:
    """`text` is shown now and never again."""

    key_id: str
    text: str
    expires_at_ms: int


class ApiKeys:
    def __init__(self, tables: TenancyTables, admin_log: AdminLog) -> None:
        self._tables, self._admin_log = tables, admin_log
        self._used: dict[str, int] = {}

    async def make(self, who: Who, name: str, scopes: frozenset[str], expires_at_ms: int) -> NewKey:
        """Raises: LogUnavailable, StoreUnavailable: then nobody has the key, and it can only be revoked."""
        key_id, secret = PREFIX + secrets.token_hex(8), secrets.token_urlsafe(SECRET_BYTES)
        event = ApiKeyMade(**who.base(), key_id=key_id, scopes=tuple(sorted(scopes)), expires_at_ms=expires_at_ms)
        await self._admin_log.tell(event)
        await self._tables.add_key(event, name, secret_hash(secret))
        return NewKey(key_id, f"{key_id}.{secret}", expires_at_ms)

    async def revoke(self, who: Who, key_id: str) -> None:
        """Raises: LogUnavailable, StoreUnavailable. Delivery: safe to repeat."""
        event = ApiKeyRevoked(**who.base(), key_id=key_id)
        await self._admin_log.tell(event)
        await self._tables.apply(event)

    async def get(self, key_id: str) -> StoredKey | None:
        return await self._tables.key(key_id)

    async def all(self) -> list[StoredKey]:
        """The newest first. Raises: StoreUnavailable."""
        return sorted(await self._tables.keys(), key=lambda key: -key.made_at_ms)

    async def check(self, text: str, now_ms: int) -> StoredKey | None:
        """The key that this is, if it lives. Raises: StoreUnavailable."""
        key_id, _, secret = text.partition(".")
        if len(text) > KEY_CHARS_LIMIT or not text.isascii():
            return None
        key = await self._tables.key(key_id)
        # compared also where there is no such key, so that the answer does not tell which ids there are
        same = hmac.compare_digest(secret_hash(secret), (key.secret_hash if key is not None else "") or "nothing")
        if key is None or not same or not key.lives(now_ms):
            return None
        await self._note_use(key_id, now_ms)
        return key

    async def _note_use(self, key_id: str, now_ms: int) -> None:
        if now_ms - self._used.get(key_id, 0) < USE_NOTED_MS:
            return
        self._used[key_id] = now_ms
        try:
            await self._tables.note_use(key_id, now_ms)
        except StoreUnavailable as exc:  # a note for the list of keys; the call itself goes on
            LOG.warning("the use of a key could not be noted", key=key_id, error=str(exc))


def is_key(text: str) -> bool:
    return text.startswith(PREFIX)


def secret_hash(secret: str) -> str:
    """How a secret is stored: it holds 256 random bits, so a plain hash cannot be searched."""
    return hashlib.sha256(secret.encode()).hexdigest()
