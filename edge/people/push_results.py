"""What became of pushes lately, from the end of push-results. Called by `edge.rest`.

Shape: at most RESULTS_BACK records of each partition are looked through, whatever is asked for.
"""

import asyncio
from collections.abc import Callable, Iterable

from log.port import Log
from schemas.codec import decode
from schemas.errors import Undecodable
from schemas.partition import partition_of
from schemas.pushes import PushResult

RESULTS = "push-results"
RESULTS_BACK = 2_000


async def newest(log: Log, user: str, wanted: Callable[[PushResult], bool], limit: int) -> list[PushResult]:
    """At most `limit` results that are wanted, the newest first; of one user, or ("") of all. Raises: LogUnavailable, UnknownTopic."""
    count = await log.partitions_count(RESULTS)
    numbers: Iterable[int] = [partition_of(user.encode(), count)] if user else range(count)
    found = await asyncio.gather(*(_end_of(log, number) for number in numbers))
    chosen = [each for part in found for each in part if wanted(each) and user in ("", each.user)]
    return sorted(chosen, key=lambda each: each.at_ms, reverse=True)[:limit]


async def _end_of(log: Log, number: int) -> list[PushResult]:
    start, end = await log.start_offset(RESULTS, number), await log.end_offset(RESULTS, number)
    at, found = max(start, end - RESULTS_BACK), list[PushResult]()
    while at < end:
        records = await log.read(RESULTS, number, at, end - at)
        if not records:
            break
        found += [result for record in records if (result := _result(record.value)) is not None]
        at = records[-1].offset + 1
    return found


def _result(value: bytes | None) -> PushResult | None:
    try:
        return decode(value, PushResult)
    except Undecodable:
        return None  # its dead letter is written by who counts it
