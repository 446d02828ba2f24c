"""Rules of retention, matters and holds: what holds now, and their changes. Called by `edge.rest.admin.retention`.

Nothing is remembered here: every call reads the topic up to its end, so an answer is never older than the question.
"""

from collections.abc import Callable, Sequence
from typing import Any

import structlog

from edge.clocks import clock_ms
from edge.people.admin_log import Who, new_event_id
from edge.session import TENANT
from log.port import Entry, Log
from schemas.codec import decode_retention_event, encode
from schemas.errors import Undecodable
from schemas.retention import (
    HoldLifted,
    HoldPlaced,
    MatterClosed,
    MatterOpened,
    MatterScoped,
    RetentionDropped,
    RetentionSet,
    RuleScope,
    Ruling,
)
from store.retention import MatterScope, Retention

LOG = structlog.get_logger()
RETENTION_EVENTS = "retention-events"
READ_RECORDS = 5_000
KEY = TENANT.encode()


class RetentionDesk:
    """`partition(topic, key)`: where a key's records lie."""

    def __init__(self, log: Log, partition: Callable[[str, bytes], int]) -> None:
        self._log, self._partition = log, partition

    async def now(self) -> Retention:
        """What holds at the end of the topic. Raises: LogUnavailable."""
        place = self._partition(RETENTION_EVENTS, KEY)
        state, offset = Retention(), await self._log.start_offset(RETENTION_EVENTS, place)
        end = await self._log.end_offset(RETENTION_EVENTS, place)
        while offset < end:
            records = await self._log.read(RETENTION_EVENTS, place, offset, READ_RECORDS)
            if not records:
                break
            for record in records:
                state = _after(state, record.value, record.offset)
            offset = records[-1].offset + 1
        return state

    # ---- changes: whether they are allowed was decided before. Each raises LogUnavailable (outcome unknown), and may be repeated.

    async def set_rule(self, who: Who, scope: RuleScope, target: str, keep_ms: int) -> None:
        await self._tell(RetentionSet(**_base(who), scope=scope, target=target, keep_ms=keep_ms))

    async def drop_rule(self, who: Who, scope: RuleScope, target: str) -> None:
        await self._tell(RetentionDropped(**_base(who), scope=scope, target=target))

    async def open_matter(self, who: Who, matter: str, name: str, scope: MatterScope) -> None:
        await self._tell(MatterOpened(**_base(who), matter=matter, name=name, **_about(scope)))

    async def scope_matter(self, who: Who, matter: str, scope: MatterScope) -> None:
        await self._tell(MatterScoped(**_base(who), matter=matter, **_about(scope)))

    async def close_matter(self, who: Who, matter: str) -> None:
        await self._tell(MatterClosed(**_base(who), matter=matter))

    async def place_hold(self, who: Who, matter: str, reason: str) -> None:
        await self._tell(HoldPlaced(**_base(who), matter=matter, reason=reason))

    async def lift_hold(self, who: Who, matter: str, reason: str) -> None:
        await self._tell(HoldLifted(**_base(who), matter=matter, reason=reason))

    async def _tell(self, event: Ruling) -> None:
        entries: Sequence[Entry] = [Entry(KEY, encode(RETENTION_EVENTS, event))]
        await self._log.publish(RETENTION_EVENTS, self._partition(RETENTION_EVENTS, KEY), entries)


def _base(who: Who) -> dict[str, Any]:
    now_ms = clock_ms()
    return {"event_id": new_event_id(now_ms), "tenant": TENANT, "actor": who.actor.id, "at_ms": now_ms}


def _about(scope: MatterScope) -> dict[str, Any]:
    return {"conversations": scope.conversations, "users": scope.users, "from_ms": scope.from_ms, "until_ms": scope.until_ms}


def _after(state: Retention, value: bytes | None, offset: int) -> Retention:
    try:
        return state.after(decode_retention_event(value))
    except Undecodable as exc:  # whoever counts the same events passes it over in the same way
        LOG.error("a record of retention-events could not be read", offset=offset, reason=exc.reason)
        return state
