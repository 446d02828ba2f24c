"""`warbler show conversation`: reads the conversation's partition of the log up to a moment, and shows what it finds there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from log.places import ms_of
from log.port import Log, Span
from log.spans import EVENTS_TOPIC, UnknownPosition, read_span
from ops.acts import acting
from ops.show.fold import Conversation
from ops.show.words import as_json, lines_of
from ops.with_log import run_with_log
from schemas.codec import decode_event
from schemas.errors import Undecodable, WarblerError
from schemas.partition import partition_of

AT_HELP = "As it was at this time, in milliseconds or as ISO 8601 (without an offset: UTC). Default: now."
SEQ_HELP = "As it was after this event."
HISTORY_HELP = "Also what was edited or recalled by then, as it was written."
DATA_HELP = "Data folder of the `warbler up` to read; not needed with WARBLER_KAFKA."

app = typer.Typer(help="Show a conversation as it was at any time.", no_args_is_help=True)


class NothingYet(WarblerError):
    """The conversation has no event in the log up to the moment that was asked for."""


@app.callback()
def show() -> None:
    """Show a conversation as it was at any time."""


@app.command("conversation")
def show_conversation(
    conversation: Annotated[str, typer.Argument(help="The conversation's id.")],
    at: Annotated[str | None, typer.Option(help=AT_HELP)] = None,
    seq: Annotated[int | None, typer.Option(min=1, help=SEQ_HELP)] = None,
    history: Annotated[bool, typer.Option("--history", help=HISTORY_HELP)] = False,
    as_object: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
    data: Annotated[Path, typer.Option(help=DATA_HELP)] = Path(".warbler"),
) -> None:
    """Show CONVERSATION as its members saw it at a time, with members, edits, recalls, reactions and whatever else had happened."""

    async def body(log: Log) -> None:
        until_ms = None if at is None else ms_of(at)
        async with acting(log, "show_conversation", "conversation", conversation, {"at_ms": until_ms, "seq": seq, "history": history}):
            found = await folded(log, conversation, until_ms, seq)
        if as_object:
            typer.echo(json.dumps(as_json(found, history), ensure_ascii=False, indent=2))
        else:
            typer.echo("\n".join(lines_of(found, history)))

    run_with_log(data, body)


async def folded(log: Log, conversation: str, until_ms: int | None, seq: int | None) -> Conversation:
    """The conversation after its last event that is neither later than `until_ms` nor above `seq`.

    Raises: NothingYet; UnknownPosition for a seq it has not reached; LogError. Blocks: as long as its partition takes to read.
    """
    key = conversation.encode()
    partition = partition_of(key, await log.partitions_count(EVENTS_TOPIC))
    span = Span(EVENTS_TOPIC, partition, await log.start_offset(EVENTS_TOPIC, partition), await log.end_offset(EVENTS_TOPIC, partition))
    state = Conversation(conversation)
    async for records in read_span(log, span):
        for record in records:
            if record.key != key:
                continue
            try:
                event = decode_event(record.value)
            except Undecodable:
                continue  # it is a dead letter, and was never shown to anybody
            if (until_ms is not None and event.at_ms > until_ms) or (seq is not None and event.seq > seq):
                return _known(state, seq if until_ms is None else None)
            state.take(event)
    return _known(state, seq if until_ms is None else None)


def _known(state: Conversation, seq: int | None) -> Conversation:
    if not state.seq:
        raise NothingYet(f"{state.conversation}: nothing of it is in the log up to then")
    if seq is not None and state.seq < seq:
        raise UnknownPosition(f"{state.conversation} seq {seq}: its head is {state.seq}")
    return state
