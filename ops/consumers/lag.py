"""How far behind each group of consumers is, topic by topic, as Kafka itself says. Called by `warbler status`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError
from rich import box
from rich.table import Table

from log.clients import admin_client, plain_consumer
from log.settings import LogSettings
from ops.owners import Group, groups_of

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class GroupLine:
    """`lag`: records of the topic that the group has not committed, over the partitions that it has a position in."""

    group: str
    state: str
    members: int
    topic: str
    partitions: int
    lag: int


def lines_of(group: str, state: str, members: int, committed: Mapping[Place, int], ends: Mapping[Place, int]) -> list[GroupLine]:
    """One line a topic; a partition that is gone counts nothing, and no lag is negative (a group may commit between the two reads)."""
    found = []
    for topic in sorted({topic for topic, _ in committed}):
        own = {place: offset for place, offset in committed.items() if place[0] == topic and place in ends}
        lag = sum(max(0, ends[place] - offset) for place, offset in own.items())
        found.append(GroupLine(group, state, members, topic, len(own), lag))
    return found


async def group_lines(kafka: LogSettings, without: Collection[str]) -> list[GroupLine]:
    """Of every group but those, by name; not of groups that are hidden from our account in a Kafka that others use too.

    Raises: KafkaError, OSError.
    """
    admin = admin_client(kafka)
    consumer = plain_consumer(kafka)
    try:
        await admin.start()
        await consumer.start()
        names = sorted({str(name) for name, *_ in await admin.list_consumer_groups()} - {*without})
        groups: dict[str, Group] = {}
        for name in names:
            with suppress(GroupAuthorizationFailedError):
                groups |= await groups_of(admin, [name])
        positions = {name: await _committed(admin, name) for name in groups}
        known = await admin.list_topics()
        places = {TopicPartition(*place) for offsets in positions.values() for place in offsets if place[0] in known}
        ends = {(place.topic, place.partition): end for place, end in (await consumer.end_offsets(places)).items()} if places else {}
    finally:
        await consumer.stop()
        await admin.close()
    found = []
    for name, offsets in positions.items():
        found += lines_of(name, groups[name].state, len({*groups[name].owners.values()}), offsets, ends)
    return found


async def _committed(admin: AIOKafkaAdminClient, group: str) -> dict[Place, int]:
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    except GroupCoordinatorNotAvailableError:
        return {}
    return {(place.topic, place.partition): meta.offset for place, meta in offsets.items() if meta.offset >= 0}


def table_of(lines: list[GroupLine]) -> Table:
    table = Table("group", "state", "processes", "topic", "partitions", "lag", box=box.SIMPLE, title="Other groups", title_justify="left")
    for line in lines:
        table.add_row(line.group, line.state, str(line.members), line.topic, str(line.partitions), str(line.lag))
    return table
