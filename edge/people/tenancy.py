"""The tenant's roles and policies on this node: what holds now, and their changes. Called by sign-in, `edge.rest.admin` and the feed.

A change is an event first, then a row, then what this node remembers; other nodes hear of it by their feeds. Roles and policies are
remembered, and read anew now and then; who holds a role is read whenever it is asked for.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from edge.metrics import POISON
from edge.people import policies as named
from edge.people.admin_log import AdminLog, Who, new_event_id
from edge.people.permits import BUILT_IN, NOBODY, RoleRow, TenantRole, held, role_of
from edge.session import TENANT
from log.port import Record
from schemas.accounts import PolicyChanged, TenantRoleDefined, TenantRoleDropped, TenantRoleGiven
from schemas.codec import decode_admin_event
from schemas.errors import Undecodable
from store.errors import StoreUnavailable
from store.tenancy import Holder, TenancyTables
from store.tenant_facts import NEVER, Cell, TenantFacts, definition_of

LOG = structlog.get_logger()
RELOAD_S = 30.0  # heals what neither the feed nor the rows of the start told, such as a row that an operator wrote


class Tenancy:
    """`policies`: what holds now. `bury(record, reason)` writes a dead letter."""

    def __init__(self, tables: TenancyTables, admin_log: AdminLog, bury: Callable[[Record, str], None]) -> None:
        self._tables, self._admin_log, self._bury = tables, admin_log, bury
        self._facts = TenantFacts()
        self._rows: dict[str, RoleRow] = {}
        self.policies = named.Policies()

    # ---- what holds now

    async def load(self) -> None:
        """Raises: StoreUnavailable."""
        self._facts.merge(await self._tables.facts())
        self._refresh()

    async def follow(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(RELOAD_S)
            try:
                await self.load()
            except StoreUnavailable as exc:
                LOG.warning("roles and policies could not be read anew", error=str(exc))

    def on_admin_events(self, records: Sequence[Record]) -> None:
        for record in records:
            try:
                self._facts.apply(decode_admin_event(record.value))
            except Undecodable as exc:
                POISON.labels(record.topic).inc()
                self._bury(record, exc.reason)
        self._refresh()

    def _refresh(self) -> None:
        self._rows = {role: self._row(role) for role in self._facts.definitions}
        policies = named.Policies()
        for name, cell in self._facts.policies.items():
            policies = named.changed(policies, name, cell.text)
        self.policies = policies

    def _row(self, role: str) -> RoleRow:
        found = definition_of(self._facts.definitions[role].text)
        defined = None if found is None else TenantRole(role, found.level, frozenset(found.permissions))
        return RoleRow(role, defined, self._facts.dropped.get(role, 0))

    def role(self, role: str) -> TenantRole | None:
        return role_of(self._rows, role)

    def roles(self) -> list[TenantRole]:
        """All that there are, the highest first."""
        found = [role for role in map(self.role, {*self._rows, *BUILT_IN}) if role is not None]
        return sorted(found, key=lambda role: (-role.level, role.role))

    async def role_of_user(self, user: str) -> TenantRole:
        """What the user holds. Raises: StoreUnavailable."""
        holder = await self._tables.holder(user)
        return NOBODY if holder is None else self.held(holder)

    def held(self, holder: Holder) -> TenantRole:
        return held(self._rows, holder.role, holder.given_at_ms)

    async def holders(self) -> list[tuple[str, TenantRole]]:
        """Users with a role other than everybody's. Raises: StoreUnavailable."""
        found = [(holder.user, self.held(holder)) for holder in await self._tables.holders()]
        return [(user, role) for user, role in found if role != NOBODY]

    # ---- changes: whether they are allowed was decided before. Each raises LogUnavailable, StoreUnavailable, and may be repeated.

    async def define(self, who: Who, role: TenantRole) -> None:
        base = _after(who, self._facts.definitions.get(role.role, NEVER))
        await self._change(TenantRoleDefined(**base, role=role.role, level=role.level, permissions=tuple(sorted(role.permissions))))

    async def drop(self, who: Who, role: str) -> None:
        await self._change(TenantRoleDropped(**_after(who, self._facts.definitions.get(role, NEVER)), role=role))

    async def change_policy(self, who: Who, name: str, value: str) -> None:
        await self._change(PolicyChanged(**_after(who, self._facts.policies.get(name, NEVER)), policy=name, value=value))

    async def _change(self, event: TenantRoleDefined | TenantRoleDropped | PolicyChanged) -> None:
        await self._admin_log.tell(event)
        await self._tables.apply(event)
        self._facts.apply(event)
        self._refresh()

    async def give(self, who: Who, user: str, role: str, now_ms: int) -> None:
        given = TenantRoleGiven(event_id=new_event_id(now_ms), tenant=TENANT, user=user, at_ms=now_ms, role=role, by=who.actor.id)
        await self._admin_log.tell_of_user(given)
        await self._tables.apply(given)


def _after(who: Who, known: Cell) -> dict[str, Any]:
    """What the event of a change carries: it follows what is known, also within one millisecond, where the larger text would stay."""
    base = who.base()
    return base | {"at_ms": max(base["at_ms"], known.at_ms + 1)}
