"""What pushes were asked for lately, what of it became needless, and what became of the rest: a line of `warbler status`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace

from log.port import Log, Record
from ops.push_stats import RESULTS_TOPIC, STATES, counted, result_of
from ops.reading import records_between
from schemas import codec
from schemas.errors import Undecodable
from schemas.notices import PushCancelled, PushRequested

PUSH_REQUESTS_TOPIC = "push-requests"
RECENT_RECORDS = 1_000


@dataclass(frozen=True, slots=True)
class Pushes:
    """Of the newest records of every partition. `standing`: asked for and not cancelled, by what they are about. `states`: of results."""

    asked: int
    cancelled: int
    standing: int
    states: Mapping[str, int] = field(default_factory=dict)


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
            of_call = found.purpose == "call"
            standing[found.user, found.ref if of_call else found.conversation_id] = found.attempt if of_call else found.to_seq
        elif isinstance(found, PushCancelled):
            cancelled += 1
            about, up_to = (found.ref, found.attempt) if found.ref else (found.conversation_id, found.up_to_seq)
            if standing.get((found.user, about), 0) <= up_to:
                standing.pop((found.user, about), None)
    return Pushes(asked, cancelled, len(standing))


async def recent(log: Log) -> Pushes:
    """Raises: LogUnavailable."""
    requests = count([record async for record in newest(log, PUSH_REQUESTS_TOPIC)])
    results = counted([result async for record in newest(log, RESULTS_TOPIC) if (result := result_of(record)) is not None])
    sums = {state: sum(channel.of(state) for channel in results.values()) for state in STATES}
    return replace(requests, states={state: number for state, number in sums.items() if number})


async def newest(log: Log, topic: str) -> AsyncIterator[Record]:
    """The last RECENT_RECORDS of each partition. Raises: LogUnavailable."""
    for partition in range(await log.partitions_count(topic)):
        start, end = await log.start_offset(topic, partition), await log.end_offset(topic, partition)
        async for record in records_between(log, topic, partition, max(start, end - RECENT_RECORDS), end):
            yield record


def line(pushes: Pushes) -> str:
    became = ", ".join(f"{number} {state}" for state, number in pushes.states.items()) or "nothing yet"
    return f"Push requests lately: {pushes.asked}, of which {pushes.standing} stand; {pushes.cancelled} cancellations; results: {became}"
