"""Sets the projector's consumer group back to the log's beginning, so that it makes every row anew. Called by `ops.provision`.

Source: docs/decisions/0013-a-restored-log.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from log.settings import LogSettings
from ops.errors import StillConsuming
from ops.probes import partitions_count

REWIND_TRIES = 60  # a member that was killed counts for STREAMS_SESSION_TIMEOUT_MS, and so do those that a restored Kafka remembers
RETRY_S = 1.0


async def rewind_projector(kafka: LogSettings, say: Callable[[str], None]) -> None:
    """The group's offsets are the beginnings of its topics.

    Raises: StillConsuming when the group has members at each of REWIND_TRIES: Kafka takes offsets from outside only without.
    """
    from aiokafka.errors import KafkaError
    from aiokafka.structs import TopicPartition

    from log.clients import plain_consumer
    from streams.roles import PROJECTED, PROJECTOR_GROUP

    say(f"setting the group {PROJECTOR_GROUP} back to the beginning of {', '.join(PROJECTED)}")
    places = [TopicPartition(topic, number) for topic in PROJECTED for number in range(await partitions_count(kafka, topic))]
    consumer = plain_consumer(kafka, group_id=PROJECTOR_GROUP, enable_auto_commit=False)
    await consumer.start()
    try:
        for _ in range(REWIND_TRIES):
            if await _rewound(consumer, places):
                return
            await asyncio.sleep(RETRY_S)
        raise StillConsuming(f"the group {PROJECTOR_GROUP} still has members after {REWIND_TRIES} tries: stop all workers first")
    except KafkaError as exc:
        raise StillConsuming(f"the group {PROJECTOR_GROUP} cannot be set back: {type(exc).__name__}: {exc}") from exc
    finally:
        await consumer.stop()


async def _rewound(consumer: Any, places: Sequence[Any]) -> bool:
    """One try; False while the group has members."""
    from aiokafka.errors import CommitFailedError, IllegalGenerationError, KafkaConnectionError, UnknownMemberIdError
    from aiokafka.structs import OffsetAndMetadata

    consumer.assign(places)
    begins = await consumer.beginning_offsets(places)
    try:
        await consumer.commit({place: OffsetAndMetadata(begins[place], "") for place in places})
    except (CommitFailedError, IllegalGenerationError, UnknownMemberIdError, KafkaConnectionError):
        return False
    return True
