"""CSV: a row for every event, read marks among them. RFC 4180: commas, quotes where needed, CRLF; UTF-8. Pure.

No cell can be taken for a formula (`ops.export.escapes.cell`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from ops.export.attachments import path_of
from ops.export.entries import Entry, Piece, Thread, content_of, edits_of, is_text, recall_of, target_of
from ops.export.escapes import cell
from ops.export.names import file_name
from ops.export.telling import told
from ops.export.times import iso
from schemas import events

COLUMNS = (
    *("tenant", "conversation", "conversation_kind", "title", "seq", "ordinal", "time", "at_ms", "event", "user", "name", "device"),
    *("text", "media_type", "key_id", "attachment", "reply_to", "mentions", "target_seq", "edited", "recalled_by_seq", "members_count"),
    *("event_id", "command_id", "topic", "partition", "offset"),
)


class CsvForm:
    def __init__(self) -> None:
        self._begun = False

    def feed(self, entry: Entry, thread: Thread) -> list[Piece]:
        path, head = f"csv/{file_name(thread.conversation_id)}.csv", b"" if self._begun else csv_line(COLUMNS)
        self._begun = True
        return [Piece(path, head + csv_line(row(entry, thread)))]

    def end(self, thread: Thread) -> list[Piece]:
        return []


def csv_line(values: Iterable[str | int | None]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow([cell(value) if isinstance(value, str) else value for value in values])
    return out.getvalue().encode("utf-8", "replace")


def row(entry: Entry, thread: Thread) -> list[str | int | None]:
    event, record, content = entry.event, entry.record, content_of(entry.event)
    sent = event if isinstance(event, events.MessageSent) else None
    recall = recall_of(entry)
    return [
        *(event.tenant, event.conversation_id, thread.kind, thread.title, event.seq, event.ordinal, iso(event.at_ms), event.at_ms),
        *(str(type(event).__struct_config__.tag), event.user, thread.person(event.user).name, event.device, told(event, thread)),
        *((content.media_type, content.key_id or "") if content is not None else ("", "")),
        path_of(event) if content is not None and not is_text(content) else "",
        sent.reply_to if sent is not None else None,
        " ".join(event.mentions) if isinstance(event, events.MessageSent | events.MessageEdited) else "",
        *(target_of(event), len(edits_of(entry)), recall.seq if recall is not None else None, len(thread.members)),
        *(event.event_id, event.command_id, record.topic, record.partition, record.offset),
    ]
