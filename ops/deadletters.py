"""`warbler dead-letters`: list, show and replay records that no consumer of ours could understand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from log.port import Entry, Log, Record
from ops.acts import acting
from ops.tables import put_table
from ops.with_log import run_with_log
from schemas import codec
from schemas.errors import Undecodable, WarblerError
from schemas.records import DeadLetter

TOPIC = "dead-letters"
READ_RECORDS = 500
# Written by their owner alone, under its fence: bytes put there by anybody else would be poison again.
OWNERS_TOPICS = frozenset(
    {
        *("conversation-events", "conversation-state", "call-events", "call-state"),
        *("inbox-state", "presence", "push-requests", "registry-subjects", "audit-checkpoints", "cloudevents"),
    }
)

DataOption = Annotated[Path, typer.Option("--data", help="Data folder of the `warbler up` to look at; not needed with WARBLER_KAFKA.")]
LETTER_HELP = "The dead letter's own offset, as `list` shows it."

app = typer.Typer(help="List, show and replay records that could not be understood.", no_args_is_help=True)


class NoSuchLetter(WarblerError):
    """There is no dead letter at this offset: never was, or older than the topic keeps."""


class NotReplayable(WarblerError):
    """The origin is a topic that only its owner may write: that of the conversations, or the inbox."""


@app.command("list")
def list_letters(
    data: DataOption = Path(".warbler"),
    topic: Annotated[str, typer.Option(help="Only those that came from this topic.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
) -> None:
    """The dead letters, oldest first."""

    async def body(log: Log) -> None:
        letters = [(offset, letter) async for offset, letter in read_letters(log) if topic in ("", letter.topic)]
        table = Table("letter", "origin", "offset", "key", "bytes", "consumer", "reason")
        for offset, letter in letters[-limit:]:
            key = (letter.key or b"").decode("utf-8", "backslashreplace")
            origin = f"{letter.topic}-{letter.partition}"
            size = str(len(letter.value or b""))
            table.add_row(str(offset), origin, str(letter.offset), escape(key), size, letter.consumer, escape(letter.reason))
        put_table(Console(soft_wrap=True), table)
        typer.echo(f"{len(letters)} dead letters")

    run_with_log(data, body)


@app.command()
def show(letter: Annotated[int, typer.Argument(help=LETTER_HELP)], data: DataOption = Path(".warbler")) -> None:
    """One dead letter with its bytes, sixteen a line."""

    async def body(log: Log) -> None:
        found = await letter_at(log, letter)
        for name in ("topic", "partition", "offset", "key", "consumer", "reason", "at_ms"):
            typer.echo(f"{name:10} {getattr(found, name)!r}")
        for line in hexdump(found.value or b""):
            typer.echo(line)

    run_with_log(data, body)


@app.command()
def replay(
    letters: Annotated[list[int], typer.Argument(help=LETTER_HELP + " Several are replayed in this order.")],
    data: DataOption = Path(".warbler"),
) -> None:
    """Publish the original bytes to their origin again, after the consumer was mended. The letter itself stays."""

    async def body(log: Log) -> None:
        for offset in letters:
            found, place = await replay_told(log, offset)
            typer.echo(f"letter {offset}: again in {found.topic}-{found.partition} at offset {place}")

    run_with_log(data, body)


async def read_letters(log: Log) -> AsyncIterator[tuple[int, DeadLetter]]:
    """Every dead letter with its own offset, oldest first; one that is itself damaged is shown as such."""
    offset, end = await log.start_offset(TOPIC, 0), await log.end_offset(TOPIC, 0)
    while offset < end:
        records = await log.read(TOPIC, 0, offset, READ_RECORDS)
        if not records:
            return
        for record in records:
            yield record.offset, decoded(record)
        offset = records[-1].offset + 1


def decoded(record: Record) -> DeadLetter:
    try:
        return codec.decode(record.value, DeadLetter)
    except Undecodable as exc:
        reason = f"this dead letter is damaged itself: {exc.reason}"
        return DeadLetter(
            topic=TOPIC,
            partition=0,
            offset=record.offset,
            key=record.key,
            value=record.value,
            reason=reason,
            consumer="ops.deadletters",
            at_ms=record.timestamp_ms,
        )


async def letter_at(log: Log, offset: int) -> DeadLetter:
    """Raises: NoSuchLetter."""
    if await log.start_offset(TOPIC, 0) <= offset < await log.end_offset(TOPIC, 0):
        for record in await log.read(TOPIC, 0, offset, 1):
            if record.offset == offset:
                return decoded(record)
    raise NoSuchLetter(f"there is no dead letter {offset}")


async def replay_told(log: Log, offset: int) -> tuple[DeadLetter, int]:
    """The letter, and the offset at which its bytes stand again; the act is on admin-events.

    Raises: NoSuchLetter, NotReplayable, LogError.
    """
    async with acting(log, "dead_letters.replay", "dead_letter", str(offset)) as told:
        letter = await letter_at(log, offset)
        told |= {"topic": letter.topic, "partition": letter.partition}
        told["offset"] = await replay_letter(log, letter)
    return letter, told["offset"]


async def replay_letter(log: Log, letter: DeadLetter) -> int:
    """The offset at which the original bytes stand again. Raises: NotReplayable, LogError."""
    if letter.topic in OWNERS_TOPICS or letter.topic == TOPIC:
        raise NotReplayable(f"{letter.topic} is written by its owner alone; what belongs there is made again by replaying the command")
    return await log.publish(letter.topic, letter.partition, [Entry(letter.key, letter.value)])


def hexdump(value: bytes) -> list[str]:
    """Shape: one line for sixteen bytes: position, hexadecimal, printable characters."""
    lines = []
    for start in range(0, len(value), 16):
        part = value[start : start + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{start:08x}  {part.hex(' '):47}  {text}")
    return lines
