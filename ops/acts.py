"""What operators do by the command line, told to the log as `admin_acted` on `admin-events`: who, what, with what outcome.

Called by every command that shows, copies, rebuilds or changes what users wrote. As with an administrator's call
(`edge/rest/admin/acting.py`) an act is told twice with one event id: `begun` before anything is done, and its outcome when it is over.
A `begun` that nothing follows is a command that was killed.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import re
import secrets
import socket
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from log.port import Entry, Log
from schemas.accounts import AdminActed
from schemas.codec import encode
from schemas.errors import WarblerError
from schemas.ids import UUID7_RANDOM_BITS, uuid7
from schemas.partition import partition_of

ADMIN_EVENTS = "admin-events"
TENANT = "default"
BEGUN, DONE, INTERRUPTED, FAILED = "begun", "done", "interrupted", "failed"
TARGET_CHARS_LIMIT = 256

Detail = Mapping[str, Any]


def operator() -> str:
    """Who runs this command: `operator:<os user>@<host name>`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "unknown"
    return f"operator:{user}@{socket.gethostname()}"


def code_of(failed: BaseException) -> str:
    """The outcome's name of what went wrong: that of the error's class, `RangeGone` as range_gone."""
    if not isinstance(failed, Exception):
        return INTERRUPTED  # Ctrl-C, or the task was cancelled
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(failed).__name__).lower() if isinstance(failed, WarblerError) else FAILED


async def told(
    log: Log, action: str, target_kind: str = "", target: str = "", outcome: str = DONE, detail: Detail | None = None, event_id: str = ""
) -> str:
    """The event's id; the act is in the log (acks=all) when this returns.

    `detail`: nothing personal; it becomes JSON. `event_id`: that of the act's beginning, when this is its end.
    Raises: LogError (outcome unknown): whoever may not act untold does not act then.
    """
    now_ms = time.time_ns() // 1_000_000
    event = AdminActed(
        event_id=event_id or uuid7(now_ms, secrets.randbits(UUID7_RANDOM_BITS)),
        tenant=TENANT,
        actor=operator(),
        actor_kind="operator",
        from_address="",
        at_ms=now_ms,
        action=action,
        target_kind=target_kind,
        target=target[:TARGET_CHARS_LIMIT],
        outcome=outcome,
        detail=json.dumps(dict(detail or {}), sort_keys=True, separators=(",", ":")),
    )
    key = event.actor.encode()
    partition = partition_of(key, await log.partitions_count(ADMIN_EVENTS))
    await log.publish(ADMIN_EVENTS, partition, [Entry(key, encode(ADMIN_EVENTS, event))])
    return event.event_id


@contextlib.asynccontextmanager
async def acting(
    log: Log, action: str, target_kind: str = "", target: str = "", detail: Detail | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Tells that the act begins, and how it ended; what the body puts into the yielded dict joins the detail of the end.

    Raises: LogError before the body ran, if its beginning cannot be told; what the body raises, once that is told.
    """
    event_id = await told(log, action, target_kind, target, BEGUN, detail)
    found: dict[str, Any] = {}
    try:
        yield found
    except BaseException as failed:
        with contextlib.suppress(WarblerError):  # the body's own failure is what the operator has to see
            await told(log, action, target_kind, target, code_of(failed), {**(detail or {}), **found}, event_id)
        raise
    await told(log, action, target_kind, target, DONE, {**(detail or {}), **found}, event_id)
