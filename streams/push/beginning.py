"""Where the group begins: a rebuild, a new group, a lost offset must never push anything old. Called by the worker's role before it joins.

A group without offsets begins at the end of push-requests, and at the beginning of the retry topics, which hold only what this group wrote.
The offsets are committed before anybody joins: had they no offset until the first commit, a crash before it would skip what came meanwhile.
"""

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from log.clients import plain_consumer
from log.settings import LogSettings
from schemas.errors import WarblerError

TRIES = 60  # while other members form the group, which is refused for some seconds
RETRY_S = 1.0

logger = structlog.get_logger("streams.push")


class NoBeginning(WarblerError):
    """The group's offsets could neither be read nor set."""


async def begin_at_the_end(kafka: LogSettings, group: str, topic: str, partitions_count: int) -> None:
    """Every partition of the topic has an offset of the group, its end where there was none. Raises: NoBeginning. Safe to repeat."""
    places = [TopicPartition(topic, number) for number in range(partitions_count)]
    failed = ""
    for _ in range(TRIES):
        consumer = plain_consumer(kafka, group_id=group, enable_auto_commit=False)
        try:
            await consumer.start()
            if await _begun(consumer, places):
                return
        except KafkaError as exc:  # also: the group has members, one of which has done this by now
            failed = f"{type(exc).__name__}: {exc}"
        finally:
            await consumer.stop()
        await asyncio.sleep(RETRY_S)
    raise NoBeginning(f"{group}: {failed}")


async def _begun(consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> bool:
    consumer.assign(places)
    missing = [place for place in places if await consumer.committed(place) is None]
    if not missing:
        return True
    ends = await consumer.end_offsets(missing)
    await consumer.commit({place: OffsetAndMetadata(ends[place], "") for place in missing})
    logger.info("the group begins at the end", topic=places[0].topic, partitions=sorted(place.partition for place in missing))
    return True
