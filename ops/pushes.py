"""What the inbox asked pushes for lately, and what of it became needless: a line of `warbler status`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from log.port import Log, Record
from schemas import codec
from schemas.errors import Undecodable
from schemas.notices import PushCancelled, PushRequested

PUSH_REQUESTS_TOPIC = "push-requests"
RECENT_RECORDS = 1_000


@dataclass(frozen=True, slots=True)
class Pushes:
    """Of the newest records of every partition. `standing`: asked for and not cancelled, by (user, conversation)."""

    asked: int
    cancelled: int
    standing: int


def count(records: Iterable[Record]) -> Pushes:
    """Shape: of one user and conversation oldest first; what is no request and no cancellation is passed over."""
    asked, cancelled = 0, 0
    standing: dict[tuple[str, str], int] = {}
    for record in records:
        try:
            found = codec.decode(record.value, PushRequested | PushCancelled)  # type: ignore[arg-type]
        except Undecodable:
            continue
        if isinstance(found, PushRequested):
            asked += 1
            standing[found.user, found.conversation_id] = found.to_seq
        elif isinstance(found, PushCancelled):
            cancelled += 1
            if standing.get((found.user, found.conversation_id), 0) <= found.up_to_seq:
                standing.pop((found.user, found.conversation_id), None)
    return Pushes(asked, cancelled, len(standing))


async def recent(log: Log) -> Pushes:
    """Raises: LogUnavailable."""
    records: list[Record] = []
    for partition in range(await log.partitions_count(PUSH_REQUESTS_TOPIC)):
        start, end = await log.start_offset(PUSH_REQUESTS_TOPIC, partition), await log.end_offset(PUSH_REQUESTS_TOPIC, partition)
        at = max(start, end - RECENT_RECORDS)
        while at < end and (some := await log.read(PUSH_REQUESTS_TOPIC, partition, at, RECENT_RECORDS)):
            records += some
            at = some[-1].offset + 1
    return count(records)


def line(pushes: Pushes) -> str:
    return f"Push requests lately: {pushes.asked}, of which {pushes.standing} stand; {pushes.cancelled} cancellations"
