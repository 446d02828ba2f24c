"""`warbler verify accounts`: the topics account-events and admin-events, folded, against the rows. Called by `ops/verify.py`.

Compared once the projector is at the end of what was folded; what changes meanwhile is folded further and compared again, so that a sign-in
that comes just then is never taken for a difference.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from log.port import Log, Record
from ops.reading import records_between
from schemas.accounts import AdminEventBase
from store.account_facts import COLUMNS, AccountFacts, Key, Row
from store.cassandra import Store
from store.push_facts import TokenFacts
from store.tenancy import TenancyTables
from store.tenant_facts import TenantFacts, scopes_text
from store.timelines import Timelines
from streams.accounts.projector import ACCOUNT_EVENTS_TOPIC, ADMIN_EVENTS_TOPIC, read_event

ROUNDS_LIMIT = 10
DIFFERENCES_LIMIT = 20
PROGRESS_POLL_S = 0.1
KEYS: dict[str, tuple[str, ...]] = {
    "account_states": ("user",),
    "sign_ins": ("user", "sign_in"),
    "revoked_tokens": ("token_id",),
    "factors": ("user", "factor"),
    "push_modes": ("user", "conversation"),
    "push_settings": ("user",),
}
TOKENS = "push_tokens"
Rows = dict[Key, Row]


@dataclass(slots=True)
class AccountsReport:
    """`counts`: table -> rows by the log, rows in Cassandra. `differences`: the first ones as lines."""

    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    differences_count: int = 0
    unsure: list[str] = field(default_factory=list)
    records_count: int = 0
    damaged_count: int = 0


class AccountsVerifier:
    def __init__(self, log: Log, store: Store, wait_s: float, clock_ms: Callable[[], int]) -> None:
        self._log, self._store, self._wait_s, self._clock_ms = log, store, wait_s, clock_ms
        self._accounts, self._tenant, self._tokens = AccountFacts(), TenantFacts(), TokenFacts()
        self._at: dict[tuple[str, int], int] = {}
        self.report = AccountsReport()

    async def run(self) -> AccountsReport:
        """Compare everything. Raises: LogError, StoreUnavailable. Blocks: as long as it takes; reads only."""
        differing: set[Key] = set()
        for number in range(ROUNDS_LIMIT):
            before = dict(self._at)
            await self._fold()
            if number and self._at == before:
                break  # nothing came since: what differs, differs
            if not await self._projected():
                return self.report
            found = await self._found()
            expected = self._expected() | self._expected_tokens(found)
            differing = {key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)}
            if not differing:
                break
        self._tell(expected, found, differing)
        return self.report

    async def _fold(self) -> None:
        """Everything that is in the two topics now."""
        for topic in (ACCOUNT_EVENTS_TOPIC, ADMIN_EVENTS_TOPIC):
            for partition in range(await self._log.partitions_count(topic)):
                at = self._at.get((topic, partition))
                offset = await self._log.start_offset(topic, partition) if at is None else at
                end = await self._log.end_offset(topic, partition)
                async for record in records_between(self._log, topic, partition, offset, end):
                    self._take(record)
                self._at[topic, partition] = max(offset, end)

    def _take(self, record: Record) -> None:
        self.report.records_count += 1
        event = read_event(record)
        if isinstance(event, str):
            self.report.damaged_count += 1
            return
        self._tenant.apply(event)
        if not isinstance(event, AdminEventBase):
            self._accounts.apply(event)
            self._tokens.apply(event)

    async def _projected(self) -> bool:
        """Whether the projector came to what was folded in time; if not, the report says how far it is."""
        deadline, timelines = time.monotonic() + self._wait_s, Timelines(self._store)
        for topic in (ACCOUNT_EVENTS_TOPIC, ADMIN_EVENTS_TOPIC):
            while behind := {
                partition: end
                for (name, partition), end in self._at.items()
                if name == topic and end > (await timelines.progress(topic)).get(partition, 0)
            }:
                if time.monotonic() > deadline:
                    self.report.unsure.append(f"the projector has not come to the end of {topic}: partitions {sorted(behind)}")
                    return False
                await asyncio.sleep(PROGRESS_POLL_S)
        return True

    def _expected(self) -> Rows:
        rows = dict(self._accounts.rows(self._clock_ms()))
        for role, cell in self._tenant.definitions.items():
            rows["tenant_roles", role] = (cell.text, self._tenant.dropped.get(role, 0))
        rows |= {("policies", policy): (cell.text,) for policy, cell in self._tenant.policies.items()}
        rows |= {("role_holders", user): (cell.text, cell.at_ms) for user, cell in self._tenant.holders.items()}
        rows |= {("api_keys", key): (*fact, self._tenant.revoked.get(key, 0)) for key, fact in self._tenant.keys.items()}
        return rows

    def _expected_tokens(self, found: Rows) -> Rows:
        """Of the rows that are there, those that may be."""
        places = [key for key in found if key[0] == TOKENS]
        known = {key: self._tokens.token_of((key[1], key[2], key[3])) for key in places}
        return {key: (token_id,) for key, token_id in known.items() if token_id is not None}

    async def _found(self) -> Rows:
        rows: Rows = {}
        for table, columns in COLUMNS.items():
            async for page in self._store.scan(f"SELECT {', '.join((*KEYS[table], *columns))} FROM {table}"):
                for row in page:
                    key, values = (table, *row[: len(KEYS[table])]), tuple(map(_plain, row[len(KEYS[table]) :]))
                    if any(value is not None for value in values) and self._accounts.is_kept(key, values, self._clock_ms()):
                        rows[key] = values
        async for page in self._store.scan(f"SELECT user, device, channel, token_id FROM {TOKENS}"):
            rows |= {(TOKENS, user, device, channel): (token_id,) for user, device, channel, token_id in page if token_id is not None}
        tenancy = TenancyTables(self._store)
        tenant = await tenancy.facts()
        for role, cell in tenant.definitions.items():
            rows["tenant_roles", role] = (cell.text, tenant.dropped.get(role, 0))
        rows |= {("policies", policy): (cell.text,) for policy, cell in tenant.policies.items()}
        rows |= {("role_holders", holder.user): (holder.role, holder.given_at_ms) for holder in await tenancy.holders()}
        for stored in await tenancy.keys():
            facts = (stored.made_at_ms, scopes_text(stored.scopes), stored.maker, stored.maker_kind, stored.expires_at_ms)
            rows["api_keys", stored.key_id] = (*facts, stored.revoked_at_ms)
        return rows

    def _tell(self, expected: Rows, found: Rows, differing: set[Key]) -> None:
        for table in (*COLUMNS, TOKENS, "tenant_roles", "role_holders", "api_keys", "policies"):
            self.report.counts[table] = (_count(expected, table), _count(found, table))
        self.report.differences_count = len(differing)
        for key in sorted(differing)[:DIFFERENCES_LIMIT]:
            self.report.differences.append(f"{' '.join(key)}: by the log {expected.get(key)}, in Cassandra {found.get(key)}")


def _count(rows: Rows, table: str) -> int:
    return sum(key[0] == table for key in rows)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
