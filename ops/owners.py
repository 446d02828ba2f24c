"""Which process has which partition, as Kafka's group coordinators say: asked from outside, so a hung worker is not believed.

Called by `ops.status`. Touches aiokafka below its public surface: the coordinator's assignment is decoded here; held by
tests/real/test_owners.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import GroupCoordinatorNotAvailableError

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Group:
    """`state`: Stable, PreparingRebalance, CompletingRebalance, Empty or Dead; `owners`: who reads each topic and partition."""

    state: str
    owners: Mapping[Place, str]


NOBODY = Group("Dead", {})


async def groups_of(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, Group]:
    """Raises: KafkaError."""
    return {name: await _group(admin, name) for name in names}


async def _group(admin: AIOKafkaAdminClient, name: str) -> Group:
    try:
        (response,) = await admin.describe_consumer_groups([name])
    except GroupCoordinatorNotAvailableError:
        return NOBODY  # a new cluster makes the topic of the groups' offsets when it is first asked for
    return read_group(response.groups[0])


def read_group(described: tuple[Any, ...]) -> Group:
    """A group of DescribeGroupsResponse: (error, name, state, protocol type, protocol, members, ...)."""
    owners: dict[Place, str] = {}
    for _, client_id, _, _, assigned in described[5]:
        if assigned:
            for topic, partitions in ConsumerProtocolMemberAssignment.decode(assigned).assignment:
                owners.update({(topic, partition): client_id for partition in partitions})
    return Group(described[2], owners)
