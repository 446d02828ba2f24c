"""What the conversation owner owns: its topics, and how the state of a partition begins. Pure."""

from collections.abc import Callable

from streams.conversations.partition import COMMANDS_TOPIC, EVENTS_TOPIC, RECEIPTS_TOPIC, REPLIES_TOPIC, Partition
from streams.conversations.rules import Rules
from streams.conversations.shelf import STATE_TOPIC
from streams.owning.port import Owned

CONVERSATIONS = Owned(
    group="warbler-conversations",
    consumer="streams.conversations",
    commands=COMMANDS_TOPIC,
    events=EVENTS_TOPIC,
    state=STATE_TOPIC,
    replies=REPLIES_TOPIC,
    receipts=RECEIPTS_TOPIC,
)


def fresh_conversations(rules: Rules, unpacked_limit: int, snapshot_interval_ms: int) -> Callable[[int, int], Partition]:
    def fresh(number: int, partitions_count: int) -> Partition:
        return Partition(number, partitions_count, rules, unpacked_limit=unpacked_limit, snapshot_interval_ms=snapshot_interval_ms)

    return fresh
