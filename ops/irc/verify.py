"""`--verify`: reads every imported conversation back in three ways and compares each with the files.

history: pages of messages over the WebSocket, backwards; events: sync pages over the WebSocket; log: conversation-events in Kafka.
Called by `ops.irc.cli`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Protocol

from warbler import Client, EventItem, MessageItem

from log.port import Log as EventLog
from ops.irc.compare import Expected, Held, Verdict, body_of, compare
from ops.irc.plan import OWNER, Say, step_bits
from ops.irc.read_back import read_events, read_messages
from ops.irc.run import Importer, Job
from ops.irc.sessions import SessionPool
from schemas.codec import decode_event
from schemas.errors import Undecodable
from schemas.events import Event, MemberAdded, MessageSent

EVENTS = "conversation-events"
READ_RECORDS = 5_000
FILES_AT_ONCE = 4


class Ticker(Protocol):
    """Told how many files (or records) more were read."""

    def __call__(self, source: str, count: int, /) -> None: ...


def expected_of(importer: Importer, job: Job) -> Expected:
    import_id, digest = importer.state.state.import_id, job.log.digest
    nicks = {nick: importer.users[importer.name_of(nick)] for nick in (*job.plan.nicks, OWNER)}
    return Expected(
        job.log.name,
        job.plan,
        [step_bits(import_id, digest, index) for index in range(len(job.plan.steps))],
        step_bits(import_id, digest, -1),
        nicks.__getitem__,
        {user: nick for nick, user in nicks.items()},
    )


async def verify_timelines(importer: Importer, jobs: Sequence[Job], tick: Ticker) -> tuple[Verdict, Verdict]:
    """(history pages, sync pages), each over all jobs; read by the groups' owner."""
    history, events = Verdict(), Verdict()
    pool = importer.new_pool()
    waiting = list(reversed(jobs))

    async def work(client: Client) -> None:
        while waiting:
            job = waiting.pop()
            expected = expected_of(importer, job)
            conversation = job.ids.conversation
            messages = await read_messages(client, conversation)
            compare(expected, map(_held_message, messages), history, only_messages=True)
            held = [_held_item(event, expected) async for event in read_events(client, conversation)]
            compare(expected, held, events)
            tick("timelines", 1)

    await _with_owner(pool, importer, work)
    return history, events


async def _with_owner(pool: SessionPool, importer: Importer, work: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
    seat = await pool.take(importer.name_of(OWNER))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(FILES_AT_ONCE):
                group.create_task(work(seat.opened.result()))
    finally:
        pool.give_back(seat, 1)
        await pool.close()


def _held_message(message: MessageItem) -> Held:
    content = message.content
    body = Say(content.media_type, content.text) if content is not None and content.text is not None else None
    return Held(message.seq, message.id, message.user, body)


def _held_item(event: EventItem, expected: Expected) -> Held:
    content = event.content
    media_type, text = (content.media_type, content.text) if content is not None else (None, None)
    return Held(event.seq, event.id, event.user, body_of(event.kind, media_type, text, event.member, expected.nick_of))


async def verify_log(importer: Importer, jobs: Sequence[Job], log: EventLog, tick: Ticker) -> Verdict:
    """Every record of conversation-events is read; those of the jobs' conversations are compared."""
    wanted = {job.ids.conversation.encode() for job in jobs}
    events: dict[str, list[Event]] = defaultdict(list)
    for partition in range(await log.partitions_count(EVENTS)):
        offset, end = await log.start_offset(EVENTS, partition), await log.end_offset(EVENTS, partition)
        while offset < end:
            records = await log.read(EVENTS, partition, offset, READ_RECORDS)
            if not records:
                break
            _gather([record.value for record in records if record.key in wanted], events)
            tick("log", len(records))
            offset = records[-1].offset + 1
    verdict = Verdict()
    for job in jobs:
        expected = expected_of(importer, job)
        compare(expected, (_held_event(event, expected) for event in events[job.ids.conversation]), verdict)
    return verdict


def _gather(values: Iterable[bytes | None], events: dict[str, list[Event]]) -> None:
    for value in values:
        try:
            event = decode_event(value)
        except Undecodable:
            continue  # it will be missed as a gap
        events[event.conversation_id].append(event)


def _held_event(event: Event, expected: Expected) -> Held:
    media_type, text, member = None, None, None
    if isinstance(event, MessageSent):
        media_type, text = event.content.media_type, event.content.body.decode()
    elif isinstance(event, MemberAdded):
        member = event.member
    kind = str(event.__struct_config__.tag)
    return Held(event.seq, event.command_id, event.user, body_of(kind, media_type, text, member, expected.nick_of))
