"""Says how far this node has handed the events to its sessions, for a message's journey. Called by `edge.node`.

A record a second and partition at most, and none where nothing moved: it costs the same at any rate of messages.
"""

import asyncio
from typing import TYPE_CHECKING

from edge.clocks import clock_ms
from log.port import TopicPartition
from schemas.codec import encode
from schemas.records import LogPassed

if TYPE_CHECKING:
    from edge.node import Node

PASSED_S = 1.0
PASSAGES = "passages"


class Passages:
    def __init__(self, node: "Node", topic: str) -> None:
        self.node, self._topic = node, topic
        self._told: dict[TopicPartition, int] = {}

    async def run(self) -> None:
        """For ever."""
        while True:
            self.tell()
            await asyncio.sleep(PASSED_S)

    def tell(self) -> None:
        """Publishes what moved since the last time. Delivery: may be lost; the next one says more."""
        for place, next_offset in self.node.feed.positions.items():
            topic, partition = place
            if topic != self._topic or self._told.get(place) == next_offset:
                continue
            self._told[place] = next_offset
            passed = LogPassed(
                process=self.node.name, stage="fanned_out", topic=topic, partition=partition, next_offset=next_offset, at_ms=clock_ms()
            )
            self.node.publisher.offer(PASSAGES, f"{topic}-{partition}".encode(), encode(PASSAGES, passed))
