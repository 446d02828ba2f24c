"""A partition from its start to its present end: how a process takes up what a compacted topic holds before it follows it."""

from collections.abc import AsyncIterator

from log.port import Log, Record

READ_AT_ONCE = 1_000


async def whole(log: Log, topic: str, partition: int) -> AsyncIterator[list[Record]]:
    """Everything that is in the partition at the call, oldest first; what is appended meanwhile may be among it.

    Raises: UnknownTopic, LogUnavailable. Blocks: on the broker.
    """
    position, end = await log.start_offset(topic, partition), await log.end_offset(topic, partition)
    while position < end:
        records = await log.read(topic, partition, position, READ_AT_ONCE)
        if not records:  # the rest are control batches
            return
        yield records
        position = records[-1].offset + 1
