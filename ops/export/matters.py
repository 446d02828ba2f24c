"""The matters that exports are made for, from the topic retention-events."""

from __future__ import annotations

from log.places import End, Start
from log.port import Log
from log.spans import read_spans, spans_of
from ops.export.choice import RETENTION
from ops.export.errors import NothingChosen
from schemas.codec import decode
from schemas.errors import Undecodable
from schemas.retention import RetentionEvent
from store.retention import Matter, Retention


async def matter_of(log: Log, name: str) -> Matter:
    """As it stands now, open or closed. Raises: NothingChosen, LogError."""
    happened: list[RetentionEvent] = []
    async for records in read_spans(log, await spans_of(log, [RETENTION], Start(), End())):
        for record in records:
            try:
                happened.append(decode(record.value, RetentionEvent))  # type: ignore[arg-type]  # a union, as the other decoders take it
            except Undecodable:
                continue  # control records, and what is in the dead letters
    matters = Retention.of(happened).matters
    if name not in matters:
        known = ", ".join(sorted(matters)) or "none"
        raise NothingChosen(f"there is no matter {name}; known are: {known}")
    return matters[name]
