"""`warbler could`: whether a user could do something in a conversation at a time, and which event made it so. Folds the timeline.

Called by the administrator; judged by `store.verdicts`, as the conversation's owner judged then.
"""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ops.errors import OpsError
from ops.reach import store_at
from ops.settings import ClusterSettings
from ops.topics import located
from schemas.errors import WarblerError
from store.cassandra import Store
from store.explaining import explain
from store.timelines import Timelines
from store.verdicts import ACTIONS, Action, Explained

EXIT_NO, EXIT_UNSURE = 1, 2
CONNECT_WAIT_MS = 30_000

AT_HELP = "The time, in milliseconds or as ISO 8601 (without an offset: UTC). Default: now."
ACTION_HELP = f"One of {', '.join(sorted(ACTIONS))}."
DATA_HELP = "Data folder of the `warbler up` to look at; not needed with WARBLER_KAFKA and WARBLER_CASSANDRA."


def could(
    user: Annotated[str, typer.Argument(help="The user's id.")],
    action: Annotated[str, typer.Argument(help=ACTION_HELP)],
    conversation: Annotated[str, typer.Argument(help="The conversation's id.")],
    at: Annotated[str | None, typer.Option(help=AT_HELP)] = None,
    data: Annotated[Path, typer.Option(help=DATA_HELP)] = Path(".warbler"),
) -> None:
    """Tell whether USER could do ACTION in CONVERSATION at a time, and by which event. Exit code 1: it could not; 2: could not tell."""
    console = Console(soft_wrap=True)
    try:
        if action not in ACTIONS:
            raise OpsError(f"{action} is no action. {ACTION_HELP}")
        at_ms = int(time.time() * 1000) if at is None else ms_of(at)
        explained = asyncio.run(asked(located(data, os.environ), conversation, user, action, at_ms))
    except WarblerError as exc:
        console.print(f"[red]{exc}[/red]")
        raise typer.Exit(EXIT_UNSURE) from exc
    for line in lines_of(explained, user, action):
        console.print(line, highlight=False, markup=False)
    if not explained.verdict.allowed:
        raise typer.Exit(EXIT_NO)


def ms_of(at: str) -> int:
    """The time in milliseconds. Raises: OpsError."""
    if at.isdecimal():
        return int(at)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise OpsError(f"{at} is neither milliseconds nor a time like 2026-11-26T12:00:00+01:00") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


async def asked(clusters: ClusterSettings, conversation: str, user: str, action: Action, at_ms: int) -> Explained:
    """The answer of the timeline in this cluster. Raises: as `explain`, StoreUnavailable."""
    store = await Store.connect(store_at(clusters, CONNECT_WAIT_MS))
    try:
        return await explain(Timelines(store), conversation, user, action, at_ms)
    finally:
        await store.close()


def lines_of(explained: Explained, user: str, action: str) -> list[str]:
    """The answer in words."""
    verdict = explained.verdict
    answer = "yes" if verdict.allowed else f"no, {verdict.code}: {verdict.detail}"
    if not explained.by_seq:
        return [f"{action} by {user}: {answer}"]
    moment = datetime.fromtimestamp(explained.since_ms / 1000, UTC).isoformat(timespec="milliseconds")
    why = f"what event {explained.by_seq} had set was over" if explained.by_time else f"event {explained.by_seq}"
    return [f"{action} by {user}: {answer}", f"since {moment}, by {why}; the conversation's head was {explained.at_seq}"]
