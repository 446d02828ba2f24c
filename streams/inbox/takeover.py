"""Taking a partition of users over: fence every predecessor, then load what the log holds of them. Shell; `users` decides.

Blocks: on the broker, for as long as the partition's sessions, presences and saved users take. Safe to repeat and to cancel at any await.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from log.dead_letters import DEAD_LETTERS_TOPIC, dead_letter
from log.port import Entry, FencedWriter, Log, Record
from schemas import codec
from schemas.errors import Undecodable
from schemas.notices import InboxSaved
from schemas.records import PresenceChanged, SessionEvent, WriterChanged
from streams.inbox.users import Users

SESSIONS_TOPIC = "sessions"
NOTIFICATIONS_TOPIC = "notifications"
PRESENCE_TOPIC = "presence"
PUSH_REQUESTS_TOPIC = "push-requests"
STATE_TOPIC = "inbox-state"
SIGNALS_TOPIC = "signals"
FENCED_TOPICS = (STATE_TOPIC, PRESENCE_TOPIC, PUSH_REQUESTS_TOPIC)
WRITER_KEY = b"#writer"
CONSUMER = "streams.inbox"
READ_RECORDS_MAX = 2_000

logger = structlog.get_logger("streams.inbox")


@dataclass(frozen=True, slots=True)
class Taken:
    """A partition that is ours. Sessions before `sessions_next` are folded; notifications before `notifications_end` were there already."""

    users: Users
    writer: FencedWriter
    opened_ms: int
    sessions_next: int
    notifications_end: int


def control_entry(writer_id: str, partition: int, node: str, topic: str, at_ms: int) -> Entry:
    """The control record: once it is in a topic, the broker refuses every predecessor there."""
    changed = WriterChanged(partition=partition, writer=f"{writer_id}@{node}", at_ms=at_ms)
    return Entry(WRITER_KEY, codec.encode(topic, changed), at_ms)


def read_session(record: Record) -> SessionEvent | None:
    """None for what does not count: the edges write the dead letters of this topic."""
    try:
        event = codec.decode_session_event(record.value)
    except Undecodable:
        return None
    return event if event.user.encode() == record.key else None


async def take_over(log: Log, users: Users, number: int, writer_id: str, node: str, clock_ms: Callable[[], int]) -> Taken:
    """The partition's users as the log has them, and the only writer that may speak for them.

    Raises: LogUnavailable; Fenced if a successor was faster.
    """
    begun_s, opened_ms = time.monotonic(), clock_ms()
    writer = await log.open_writer(writer_id)
    try:
        for topic in FENCED_TOPICS:
            await writer.append(topic, number, [control_entry(writer_id, number, node, topic, opened_ms)])
        poison: list[tuple[Record, str]] = []

        def load(record: Record) -> None:
            if (reason := _load(users, record)) is not None:
                poison.append((record, reason))

        presences = await _each(log, PRESENCE_TOPIC, number, load)
        saved = await _each(log, STATE_TOPIC, number, load)
        sessions_next = await _each(log, SESSIONS_TOPIC, number, load)
        notifications_end = await log.end_offset(NOTIFICATIONS_TOPIC, number)
        if poison:
            logger.warning("poison records found at take-over", count=len(poison), first=poison[0][1])
            letters = [dead_letter(record, reason, CONSUMER, opened_ms) for record, reason in poison]
            await log.publish(DEAD_LETTERS_TOPIC, 0, letters)
        users.begin(clock_ms())
    except BaseException:
        await writer.close()
        raise
    logger.info(
        "users taken over",
        partition=number,
        presences_to=presences,
        saved_to=saved,
        sessions_to=sessions_next,
        users=len(users),
        seconds=round(time.monotonic() - begun_s, 3),
    )
    return Taken(users, writer, opened_ms, sessions_next, notifications_end)


def _load(users: Users, record: Record) -> str | None:
    """Load one record; why it cannot be understood, else None."""
    if record.key is None or record.key == WRITER_KEY:
        return None
    try:
        if record.topic == SESSIONS_TOPIC:
            if (event := read_session(record)) is not None:
                users.load_session(event)
        elif record.topic == STATE_TOPIC:
            saved = codec.decode(record.value, InboxSaved) if record.value is not None else None
            users.load_saved(record.key.decode(), saved)
        elif record.value is not None:
            users.load_presence(codec.decode(record.value, PresenceChanged))
    except (Undecodable, UnicodeDecodeError) as exc:
        return str(exc)
    return None


async def _each(log: Log, topic: str, partition: int, take: Callable[[Record], None]) -> int:
    """Hand over every record that is there now; the offset after the last one."""
    at, end = await log.start_offset(topic, partition), await log.end_offset(topic, partition)
    while at < end:
        records = await log.read(topic, partition, at, READ_RECORDS_MAX)
        if not records:
            break  # compaction left nothing up to the end
        for record in records:
            take(record)
        at = records[-1].offset + 1
        await asyncio.sleep(0)  # a long fold must not starve heartbeats and the other partitions
    return max(at, end)
