"""Taking a partition over: fence every predecessor, then rebuild the state from the log. Shell; the partition decides.

Blocks: on the broker, for as long as the log since the last checkpoint takes. Safe to repeat and to cancel at any await.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from log.dead_letters import DEAD_LETTERS_TOPIC, dead_letter
from log.errors import PositionGone
from log.port import Entry, FencedWriter, Log, Record
from schemas import codec
from schemas.records import WriterChanged
from streams.owning.port import WRITER_KEY, Owned, Partition, with_due

POISON_LOGGED = 5

logger = structlog.get_logger("streams.owner")


@dataclass(frozen=True, slots=True)
class Taken:
    """A partition that is ours: its state, and the only writer that may append to it. `state_next`: where its next state record lands."""

    partition: Partition
    writer: FencedWriter
    opened_ms: int
    state_next: int


async def announce(writer: FencedWriter, owned: Owned, partition: int, node: str, at_ms: int) -> tuple[int, int]:
    """Append the control records; from here on every predecessor is fenced. Returns their offsets in events and state."""
    changed = WriterChanged(partition=partition, writer=f"{writer.writer_id}@{node}", at_ms=at_ms)
    in_events = await writer.append(owned.events, partition, [Entry(None, codec.encode(owned.events, changed), at_ms)])
    in_state = await writer.append(owned.state, partition, [Entry(WRITER_KEY, codec.encode(owned.state, changed), at_ms)])
    return in_events, in_state


async def take_over(
    log: Log,
    owned: Owned,
    fresh: Callable[[], Partition],
    writer_id: str,
    node: str,
    clock_ms: Callable[[], int],
    *,
    trust_snapshots: bool = True,
) -> Taken:
    """The partition's state as the log has it, and its writer.

    Raises: LogUnavailable; Fenced if a successor was faster.
    """
    begun_s, opened_ms = time.monotonic(), clock_ms()
    state = fresh()
    writer = await log.open_writer(writer_id)
    try:
        events_fence, state_fence = await announce(writer, owned, state.number, node, opened_ms)
        poison: list[tuple[Record, str]] = []

        def load(record: Record) -> None:
            if (reason := state.load(record)) is not None:
                poison.append((record, reason))

        def fold(record: Record) -> None:
            if (reason := state.fold(record, opened_ms)) is not None:
                poison.append((record, reason))

        loaded = await _each(log, owned.state, state.number, 0, state_fence, load)
        poison = [
            (record, reason) for record, reason in poison if record.key is None or record.key not in state
        ]  # else a good snapshot came later
        if state.misplaced:
            logger.error("the state topic has records of another log: folding the whole log", group=owned.group, partition=state.number)
        start = state.fold_start(trust_snapshots=trust_snapshots)
        folded = await _each(log, owned.events, state.number, start, events_fence, fold)
        if state.commands_next > await log.end_offset(owned.commands, state.number):
            # restored apart from the events: what is sent now would be taken for used, and never answered
            raise PositionGone(owned.commands, state.number, state.commands_next)
        await _bury(log, owned.consumer, poison, opened_ms)
        tombstones = with_due(state.tombstones(), state_fence + 1)
        if tombstones:
            await writer.append(owned.state, state.number, tombstones)
    except BaseException:
        await writer.close()
        raise
    logger.info(
        "partition taken over",
        group=owned.group,
        partition=state.number,
        state_records=loaded,
        events_folded=folded,
        events_from=start,
        conversations=len(state),
        commands_next=state.commands_next,
        seconds=round(time.monotonic() - begun_s, 3),
    )
    return Taken(state, writer, opened_ms, state_fence + 1 + len(tombstones))


async def _bury(log: Log, consumer: str, poison: list[tuple[Record, str]], at_ms: int) -> None:
    for record, reason in poison[:POISON_LOGGED]:
        logger.warning("poison record", topic=record.topic, partition=record.partition, offset=record.offset, reason=reason)
    if poison:
        logger.warning("poison records found at take-over", count=len(poison))
        await log.publish(DEAD_LETTERS_TOPIC, 0, [dead_letter(record, reason, consumer, at_ms) for record, reason in poison])


async def _each(log: Log, topic: str, partition: int, start: int, last: int, take: Callable[[Record], None]) -> int:
    """Hand over every record from `start` to `last`; how many there were. The record at `last` is our own, so it is there."""
    count = 0
    start = max(start, await log.start_offset(topic, partition))
    if start > last:
        raise PositionGone(topic, partition, start)  # the checkpoint is ahead of the log: the log was lost or replaced
    tail = log.tail({(topic, partition): start})
    async with contextlib.aclosing(tail):  # type: ignore[type-var]
        async for records in tail:
            for record in records:
                take(record)
                count += 1
                if record.offset >= last:
                    return count
            await asyncio.sleep(0)  # a long fold must not starve heartbeats and the other partitions
    return count
