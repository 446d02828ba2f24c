"""What stands in rows about a tenant's administration: roles, who holds one, API keys, policies. Called by edge, projector and verify.

Every row follows from the topics admin-events and account-events, and carries its event's time: so it does not matter who writes it,
nor how often. A key's secret, its name and when it was used last stand here alone.
"""

from dataclasses import dataclass
from typing import assert_never

import msgspec

from schemas.accounts import (
    AdminActed,
    AdminEvent,
    ApiKeyMade,
    ApiKeyRevoked,
    PolicyChanged,
    TenantRoleDefined,
    TenantRoleDropped,
    TenantRoleGiven,
)
from store import cql_people as cql
from store.cassandra import Row, Store
from store.tenant_facts import Cell, KeyFact, TenantFacts, definition_text, key_fact


@dataclass(frozen=True, slots=True)
class Holder:
    user: str
    role: str
    given_at_ms: int


@dataclass(frozen=True, slots=True)
class StoredKey:
    """`secret_hash` empty: only its event is known, so nobody has it. `expires_at_ms` 0: without end. `revoked_at_ms` 0: it is not."""

    key_id: str
    name: str
    secret_hash: str
    scopes: frozenset[str]
    maker: str
    maker_kind: str
    made_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int
    used_at_ms: int

    def lives(self, now_ms: int) -> bool:
        return not self.revoked_at_ms and (self.expires_at_ms == 0 or now_ms < self.expires_at_ms)


class TenancyTables:
    """Everything of one tenant lies in one partition of each table: there are few."""

    def __init__(self, store: Store, tenant: str = "default") -> None:
        self._store, self._tenant = store, tenant

    async def facts(self) -> TenantFacts:
        """Roles and policies as they stand. Raises: StoreUnavailable."""
        roles = await self._store.execute(cql.TENANT_ROLES, (self._tenant,))
        policies = await self._store.execute(cql.POLICIES, (self._tenant,))
        return TenantFacts(
            definitions={role: Cell(at_ms, text) for role, text, at_ms, _ in roles},
            dropped={role: dropped_at_ms for role, _, _, dropped_at_ms in roles if dropped_at_ms},
            policies={policy: Cell(at_ms, value) for policy, value, at_ms in policies},
        )

    async def apply(self, event: AdminEvent | TenantRoleGiven) -> None:
        """Raises: StoreUnavailable. Delivery: safe to repeat, in any order."""
        match event:
            case TenantRoleDefined():
                values = (self._tenant, event.role, definition_text(event.level, event.permissions), event.at_ms)
                await self._store.execute(cql.PUT_TENANT_ROLE, values)
            case TenantRoleDropped():
                await self._store.execute(cql.DROP_TENANT_ROLE, (event.at_ms, "", event.at_ms, self._tenant, event.role))
            case TenantRoleGiven():
                await self._store.execute(cql.PUT_HOLDER, (self._tenant, event.user, event.role, event.at_ms, event.at_ms))
            case ApiKeyMade():
                await self._store.execute(cql.PUT_KEY_FACTS, (event.at_ms, *_columns(key_fact(event)), self._tenant, event.key_id))
            case ApiKeyRevoked():
                await self._store.execute(cql.REVOKE_KEY, (event.at_ms, event.at_ms, self._tenant, event.key_id))
            case PolicyChanged():
                await self._store.execute(cql.PUT_POLICY, (self._tenant, event.policy, event.value, event.at_ms))
            case AdminActed():
                pass
            case _:
                assert_never(event)

    async def add_key(self, event: ApiKeyMade, name: str, secret_hash: str) -> None:
        """The whole row of a new key. Raises: StoreUnavailable."""
        values = (self._tenant, event.key_id, name, secret_hash, *_columns(key_fact(event)), event.at_ms)
        await self._store.execute(cql.PUT_KEY, values)

    async def holder(self, user: str) -> Holder | None:
        """What the user was given last; None: never anything. Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.HOLDER, (self._tenant, user))
        return Holder(*rows[0]) if rows else None

    async def holders(self) -> list[Holder]:
        """Up to 5,000 who were ever given a role. Raises: StoreUnavailable."""
        return [Holder(*row) for row in await self._store.execute(cql.HOLDERS, (self._tenant,))]

    async def note_use(self, key_id: str, at_ms: int) -> None:
        await self._store.execute(cql.NOTE_KEY_USE, (at_ms, at_ms, self._tenant, key_id))

    async def key(self, key_id: str) -> StoredKey | None:
        """Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.KEY, (self._tenant, key_id))
        return _key(rows[0]) if rows else None

    async def keys(self) -> list[StoredKey]:
        """Up to 5,000. Raises: StoreUnavailable."""
        return [_key(row) for row in await self._store.execute(cql.KEYS, (self._tenant,))]


def _columns(fact: KeyFact) -> tuple[str, str, str, int, int]:
    return fact.scopes, fact.maker, fact.maker_kind, fact.made_at_ms, fact.expires_at_ms


def _key(row: Row) -> StoredKey:
    key_id, name, secret_hash, scopes, maker, maker_kind, made_at_ms, expires_at_ms, revoked_at_ms, used_at_ms = row
    named = frozenset(msgspec.json.decode(scopes, type=list[str])) if scopes else frozenset()
    times = (made_at_ms or 0, expires_at_ms or 0, revoked_at_ms or 0, used_at_ms or 0)
    return StoredKey(key_id, name or "", secret_hash or "", named, maker or "", maker_kind or "", *times)
