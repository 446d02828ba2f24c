"""What the owner of calls owns: its topics, and how the state of a partition begins. Pure."""

from collections.abc import Callable

from rtc.rules import Rules
from streams.calls.lines import STATE_TOPIC
from streams.calls.partition import COMMANDS_TOPIC, EVENTS_TOPIC, REPLIES_TOPIC, Partition
from streams.owning.port import Owned

CALLS = Owned(
    group="warbler-calls",
    consumer="streams.calls",
    commands=COMMANDS_TOPIC,
    events=EVENTS_TOPIC,
    state=STATE_TOPIC,
    replies=REPLIES_TOPIC,
)


def fresh_calls(rules: Rules, snapshot_interval_ms: int) -> Callable[[int, int], Partition]:
    def fresh(number: int, partitions_count: int) -> Partition:
        return Partition(number, partitions_count, rules, snapshot_interval_ms=snapshot_interval_ms)

    return fresh
