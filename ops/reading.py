"""Records of a partition up to an end that was looked up before: for commands that fold what is there now."""

from collections.abc import AsyncIterator

from log.port import Log, Record

READ_RECORDS = 2_000


async def records_between(log: Log, topic: str, partition: int, offset: int, end: int) -> AsyncIterator[Record]:
    """The records from `offset` to before `end`; of a topic that was cut at its beginning, those that are left. Raises: LogUnavailable."""
    while offset < end:
        records = await log.read(topic, partition, offset, min(READ_RECORDS, end - offset))
        if not records:
            return
        for record in records:
            yield record
        offset = records[-1].offset + 1
