"""Events of calls into rings for the inboxes and notes for the conversations. Shell around `rings`; called by the worker's Faust agent.

Delivery: everything a burst comes to is in the log when `handle` returns; at least once. The inbox tells repeated rings by seq, the
conversation's owner repeated notes by the record's seq.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from log.dead_letters import DEAD_LETTERS_TOPIC, dead_letter
from log.errors import LogUnavailable
from log.port import Entry, Log, Record
from schemas import codec
from schemas.call_events import Event
from schemas.errors import Undecodable
from streams.notifier.rings import COMMANDS_TOPIC, NOTIFICATIONS_TOPIC, note_entries, ring_entries

CONSUMER = "streams.notifier"
RETRY_S_MIN, RETRY_S_MAX = 0.1, 5.0

logger = structlog.get_logger("streams.notifier")


@dataclass(slots=True)
class CallStats:
    records: int = 0
    rings: int = 0  # records written
    notes: int = 0
    dead_letters: int = 0


class CallFollower:
    def __init__(self, log: Log, inboxes_count: int, conversations_count: int) -> None:
        self._log = log
        self._inboxes_count, self._conversations_count = inboxes_count, conversations_count
        self.stats = CallStats()

    async def handle(self, records: Sequence[Record]) -> None:
        """Tell of a burst; on return all of it is in the log. Raises: a bug of ours. A log that is away is waited for.

        Blocks: on the log; safe to cancel and to repeat.
        """
        events, letters = _read(records)
        rings, notes = ring_entries(events, self._inboxes_count), note_entries(events, self._conversations_count)
        wait_s = RETRY_S_MIN
        while True:
            try:
                await self._publish(rings, notes, letters)
                break
            except LogUnavailable as exc:
                logger.warning("waiting", retry_s=wait_s, reason=f"{type(exc).__name__}: {str(exc)[:300]}")
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RETRY_S_MAX)
        self.stats.records += len(records)
        self.stats.rings += sum(map(len, rings.values()))
        self.stats.notes += sum(map(len, notes.values()))
        self.stats.dead_letters += len(letters)

    async def _publish(self, rings: dict[int, list[Entry]], notes: dict[int, list[Entry]], letters: list[Entry]) -> None:
        wanted = [(NOTIFICATIONS_TOPIC, partition, entries) for partition, entries in rings.items()]
        wanted += [(COMMANDS_TOPIC, partition, entries) for partition, entries in notes.items()]
        wanted += [(DEAD_LETTERS_TOPIC, 0, letters)] if letters else []
        done = await asyncio.gather(*(self._log.publish(*each) for each in wanted), return_exceptions=True)
        for failure in done:
            if isinstance(failure, BaseException):
                raise failure


def _read(records: Sequence[Record]) -> tuple[list[Event], list[Entry]]:
    """The events, and the dead letters of what is none."""
    events: list[Event] = []
    letters: list[Entry] = []
    for record in records:
        if record.key is None:
            continue  # a control record
        try:
            events.append(codec.decode(record.value, Event))  # type: ignore[arg-type]
        except Undecodable as exc:
            logger.warning("poison record", topic=record.topic, partition=record.partition, offset=record.offset, reason=exc.reason)
            letters.append(dead_letter(record, exc.reason, CONSUMER, record.timestamp_ms))
    return events, letters
