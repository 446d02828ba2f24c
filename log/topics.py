"""Create the topics of the data files in a cluster, and refuse a cluster whose topics do not fit."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from log.clients import admin_client
from log.errors import TopicMismatch, TopicRefused
from log.refusals import unavailable
from log.settings import LogSettings
from schemas.registry import TOPICS, Topic

# dead letters are read by operators, in the order of arrival; of the registry one order decides numbers
SINGLE_PARTITION = frozenset({"dead-letters", "registry-subjects"})
VISIBLE_TIMEOUT_S = 30.0


def partitions_of(topic: str, partitions: int) -> int:
    """How many partitions the topic gets when the conversation topics have `partitions`."""
    return 1 if topic in SINGLE_PARTITION else partitions


async def ensure_topics(kafka: LogSettings, partitions: int, replication: int = 1, min_insync: int = 1) -> set[str]:
    """The names of the topics that were created; those that were there are checked.

    Raises: TopicMismatch (another partition count), TopicRefused, LogUnavailable.
    Delivery: safe to repeat and to run twice at once; on return every topic has leaders.
    """
    admin = admin_client(kafka)
    try:
        await admin.start()
        existing = await _partition_counts(admin)
        for name, count in existing.items():
            if name in TOPICS and count != partitions_of(name, partitions):
                raise TopicMismatch(name, count, partitions_of(name, partitions))
        missing = [topic for topic in TOPICS.values() if topic.name not in existing]
        created = await _create(admin, missing, partitions, replication, min_insync) if missing else set()
        await _wait_visible(admin, partitions)
    except (KafkaError, OSError) as exc:
        raise await unavailable(kafka, "topics", exc) from exc
    finally:
        await admin.close()
    return created


async def ensure_other_topic(kafka: LogSettings, name: str, partitions: int, replication: int = 1, min_insync: int = 1) -> bool:
    """Whether a topic that is none of the data files' was created; one that is there is left as it is.

    Raises: TopicRefused, LogUnavailable. Delivery: as `ensure_topics`.
    """
    admin = admin_client(kafka)
    try:
        await admin.start()
        if name in await _partition_counts(admin):
            return False
        settings = {"min.insync.replicas": str(min_insync)}
        made = await _create_asked(admin, [NewTopic(name, partitions, replication, topic_configs=settings)])
        async with asyncio.timeout(VISIBLE_TIMEOUT_S):
            while True:
                if name in await _partition_counts(admin):
                    break
                await asyncio.sleep(0.05)
    except (KafkaError, OSError) as exc:
        raise await unavailable(kafka, f"topic {name}", exc) from exc
    finally:
        await admin.close()
    return bool(made)


async def _create(admin: Any, missing: list[Topic], partitions: int, replication: int, min_insync: int) -> set[str]:
    asked = [
        NewTopic(topic.name, partitions_of(topic.name, partitions), replication, topic_configs=topic_config(topic, min_insync))
        for topic in missing
    ]
    return await _create_asked(admin, asked)


async def _create_asked(admin: Any, asked: list[NewTopic]) -> set[str]:
    response = await admin.create_topics(asked)
    created = set()
    for name, code, *message in response.topic_errors:
        error = for_code(code)
        if code == 0:
            created.add(name)
        elif error is not TopicAlreadyExistsError:  # another process was faster: as good
            raise TopicRefused(f"{name}: {error.__name__}: {message[0] if message else ''}")
    return created


def topic_config(topic: Topic, min_insync: int) -> dict[str, str]:
    """The settings of the data file and those of the cluster's size."""
    return {**topic.config, "min.insync.replicas": str(min_insync)}


async def _partition_counts(admin: Any) -> Mapping[str, int]:
    """Topics whose partitions all have a leader."""
    found = await admin.describe_topics()
    return {
        row["topic"]: len(row["partitions"])
        for row in found
        if row["error_code"] == 0 and row["partitions"] and all(part["leader"] >= 0 for part in row["partitions"])
    }


async def _wait_visible(admin: Any, partitions: int) -> None:
    async with asyncio.timeout(VISIBLE_TIMEOUT_S):
        while True:
            counts = await _partition_counts(admin)
            for name in TOPICS:
                if name in counts and counts[name] != partitions_of(name, partitions):
                    raise TopicMismatch(name, counts[name], partitions_of(name, partitions))
            if TOPICS.keys() <= counts.keys():
                return
            await asyncio.sleep(0.05)
