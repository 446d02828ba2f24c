"""The edge's tables in memory: what was put, in the order and the bounds in which Cassandra gives it."""

import json
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any, cast

from edge.tables import Tables
from schemas.accounts import ApiKeyMade
from schemas.values import WatermarkState
from store.account_rows import AccountRows
from store.cassandra import Store
from store.fact_tables import FactTables
from store.factors import Factors
from store.facts import Fact, FactKey
from store.group_rows import GroupRows
from store.presence import PresenceRow, Presences
from store.privacy import Privacy, PrivacyTable
from store.profiles import ProfileTables
from store.public_groups import PublicGroups
from store.push_tables import PushTables
from store.receipts import Places, ReceiptRow, ReceiptTables
from store.roster_rows import JoiningRow, RosterRow
from store.rosters import Note, RosterTables, TieRow
from store.sign_ins import SignIns
from store.slips import Slips
from store.tenancy import Holder, StoredKey, TenancyTables
from store.tenant_facts import TenantFacts
from store.views import Membership, ReadMark
from tests.edge.account_tables import MemoryAccountRows, MemorySignIns
from tests.edge.people.slips import MemoryFactors, MemorySlips


async def _at_once() -> None:
    return None


class MemoryTables:
    """`turn` is awaited before every answer, so that a test can let something happen in between."""

    def __init__(self) -> None:
        self.turn: Callable[[], Awaitable[None]] = _at_once
        self.presence: dict[str, PresenceRow] = {}
        self.privacy: dict[str, Privacy] = {}
        self.members: list[Membership] = []
        self.marks: dict[WatermarkState, list[ReceiptRow]] = {}
        self.reads: dict[str, ReadMark] = {}
        self.unread: dict[str, tuple[int, int]] = {}
        self.rows_read = 0
        self.rosters: dict[tuple[str, str], RosterRow] = {}
        self.notes: dict[tuple[str, str], Note] = {}
        self.joinings: dict[str, list[JoiningRow]] = {}
        self.ties: dict[str, TieRow] = {}
        self.tenant = TenantFacts()
        self.sign_ins = MemorySignIns()
        self.account_rows = MemoryAccountRows()

    def tables(self) -> Tables:
        presences, privacy = cast(Presences, _Rows(self, self.presence)), cast(PrivacyTable, _Rows(self, self.privacy))
        sign_ins = cast(SignIns, self.sign_ins)
        receipts, tenancy = cast(ReceiptTables, _Receipts(self)), cast(TenancyTables, _Tenancy(self.tenant))
        groups = (cast(FactTables, _NoFacts()), cast(GroupRows, None), cast(PublicGroups, None))
        of_users = (cast(RosterTables, _Rosters(self)), sign_ins, cast(AccountRows, self.account_rows))
        ways = (cast(Factors, MemoryFactors()), cast(Slips, MemorySlips()))
        others: dict[str, Any] = dict.fromkeys(("campaigns", "push_counts", "calls", "webhooks"))  # no test here asks for any
        others["push"] = PushTables(cast(Store, None), None)  # its sealer is what webhooks seal with
        return Tables(presences, privacy, receipts, tenancy, cast(ProfileTables, None), *groups, *of_users, *ways, **others)


class _Rows:
    def __init__(self, memory: MemoryTables, rows: dict[str, Any]) -> None:
        self._memory, self._rows = memory, rows

    async def get(self, users: Iterable[str]) -> dict[str, Any]:
        found = {user: self._rows[user] for user in users if user in self._rows}
        await self._memory.turn()
        return found

    async def put(self, user: str, row: Any) -> None:
        self._rows[user] = row


class _NoFacts:
    async def of_group(self, conversation: str) -> dict[FactKey, Fact]:
        return {}

    async def named(self, conversation: str, kind: str, keys: Collection[str]) -> dict[str, Fact]:
        return {}


class _Receipts:
    def __init__(self, memory: MemoryTables) -> None:
        self._memory = memory

    async def places(self, conversation: str, after: str, limit: int) -> Places:
        rows = sorted((row for row in self._memory.members if row.user > after), key=lambda row: row.user)[:limit]
        self._memory.rows_read += len(rows)
        await self._memory.turn()
        return Places(rows, rows[-1].user if len(rows) == limit else None)

    async def devices(
        self, conversation: str, state: WatermarkState, after: str, last: str | None, limit: int
    ) -> tuple[list[ReceiptRow], str | None]:
        rows = [row for row in self._memory.marks.get(state, []) if row.user > after and (last is None or row.user <= last)]
        await self._memory.turn()
        return sorted(rows, key=lambda row: (row.user, row.device)), last

    async def own_reads(self, user: str) -> dict[str, ReadMark]:
        return self._memory.reads

    async def unread_marks(self, user: str) -> dict[str, tuple[int, int]]:
        return self._memory.unread


class _Tenancy:
    def __init__(self, facts: TenantFacts) -> None:
        self._facts = facts
        self.secrets: dict[str, tuple[str, str]] = {}
        self.uses: list[tuple[str, int]] = []

    async def facts(self) -> TenantFacts:
        return self._facts

    async def apply(self, event: Any) -> None:
        self._facts.apply(event)

    async def holder(self, user: str) -> Holder | None:
        given = self._facts.holders.get(user)
        return None if given is None else Holder(user, given.text, given.at_ms)

    async def add_key(self, event: ApiKeyMade, name: str, secret_hash: str) -> None:
        self._facts.apply(event)
        self.secrets[event.key_id] = (name, secret_hash)

    async def key(self, key_id: str) -> StoredKey | None:
        fact = self._facts.keys.get(key_id)
        if fact is None:
            return None
        name, secret = self.secrets.get(key_id, ("", ""))
        scopes, revoked = frozenset(json.loads(fact.scopes)), self._facts.revoked.get(key_id, 0)
        return StoredKey(key_id, name, secret, scopes, fact.maker, fact.maker_kind, fact.made_at_ms, fact.expires_at_ms, revoked, 0)

    async def note_use(self, key_id: str, at_ms: int) -> None:
        self.uses.append((key_id, at_ms))

    async def holders(self) -> list[Holder]:
        return [Holder(user, given.text, given.at_ms) for user, given in self._facts.holders.items()]


class _Rosters:
    def __init__(self, memory: MemoryTables) -> None:
        self._memory = memory

    async def rows(self, user: str, after: str, since: int, limit: int) -> tuple[list[RosterRow], str | None]:
        rows = [row for (who, other), row in sorted(self._memory.rosters.items()) if who == user and other > after and row.version > since]
        await self._memory.turn()
        return rows[:limit], rows[limit - 1].other if len(rows) >= limit else None

    async def some(self, user: str, others: Iterable[str]) -> dict[str, RosterRow]:
        found = {other: self._memory.rosters[user, other] for other in others if (user, other) in self._memory.rosters}
        await self._memory.turn()
        return found

    async def notes_between(self, user: str, after: str, last: str | None, limit: int) -> dict[str, Note]:
        notes = [each for each in sorted(self._memory.notes.items()) if each[0][0] == user and each[0][1] > after]
        return {other: note for (_, other), note in notes[:limit] if last is None or other <= last}

    async def notes(self, user: str, others: Iterable[str]) -> dict[str, Note]:
        return {other: self._memory.notes[user, other] for other in others if (user, other) in self._memory.notes}

    async def put_note(self, user: str, other: str, note: Note, at_ms: int) -> None:
        self._memory.notes[user, other] = note

    async def joinings_of(self, user: str) -> list[JoiningRow]:
        return self._memory.joinings.get(user, [])

    async def ties(self, conversations: Iterable[str]) -> dict[str, TieRow]:
        found = {each: self._memory.ties[each] for each in conversations if each in self._memory.ties}
        await self._memory.turn()
        return found


def no_tables() -> Tables:
    return MemoryTables().tables()
