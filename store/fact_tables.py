"""Reads of a group's facts, a page at a time: what `store.facts` says, as the projector wrote it. Called by the edge."""

from collections.abc import Collection

import msgspec
import structlog

from store import cql
from store.cassandra import Row, Store
from store.facts import Fact, FactKey, FactKind, value_of

GROUP_FACTS_LIMIT = 1_000  # roles that were ever defined in one conversation, and three more

_log = structlog.get_logger("store.facts")


class FactTables:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, conversation: str, kind: FactKind, after: str, limit: int) -> list[Fact]:
        """At most `limit` facts of a kind after the key `after`, those that ended among them, by key. Raises: StoreUnavailable."""
        return _facts(await self._store.execute(cql.FACTS_AFTER, (conversation, kind, after, limit)))

    async def page_before(self, conversation: str, kind: FactKind, before: str, limit: int) -> list[Fact]:
        """At most `limit` facts of a kind with keys below `before`, the largest first. Raises: StoreUnavailable."""
        return _facts(await self._store.execute(cql.FACTS_BEFORE, (conversation, kind, before, limit)))

    async def named(self, conversation: str, kind: FactKind, keys: Collection[str]) -> dict[str, Fact]:
        """Those of the named facts that there are, by key; a few hundred at most. Raises: StoreUnavailable."""
        if not keys:
            return {}
        found = _facts(await self._store.execute(cql.FACTS_NAMED, (conversation, kind, list(keys))))
        return {fact.key: fact for fact in found}

    async def of_group(self, conversation: str) -> dict[FactKey, Fact]:
        """What is said about the group as a whole: settings, roles, all muted, dissolved. Raises: StoreUnavailable."""
        found = _facts(await self._store.execute(cql.GROUP_FACTS, (conversation, GROUP_FACTS_LIMIT)))
        return {fact.place: fact for fact in found}

    async def places_changed(self, conversation: str, users: Collection[str]) -> dict[str, int]:
        """User -> the seq that last changed its place, also of users that were never members (a ban). Raises: StoreUnavailable."""
        if not users:
            return {}
        return {user: seq or 0 for user, seq in await self._store.execute(cql.PLACES_CHANGED, (conversation, list(users)))}


def _facts(rows: list[Row]) -> list[Fact]:
    return [fact for fact in map(fact_of, rows) if fact is not None]


def fact_of(row: Row) -> Fact | None:
    """A row of `conversation_facts`; None where somebody else wrote what cannot be read."""
    kind, key, active, value, changed_seq, ended_seq = row
    try:
        found = None if value is None else value_of(value)
    except msgspec.MsgspecError as exc:
        _log.error("store.row_undecodable", table="conversation_facts", kind=kind, key=key, reason=str(exc))
        return None
    return Fact(kind=kind, key=key, active=bool(active), value=found, changed_seq=changed_seq or 0, ended_seq=ended_seq or 0)
