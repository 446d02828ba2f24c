"""Content that is no text, as files of their own: the formats that cannot hold bytes name them. Pure."""

from __future__ import annotations

from ops.export.entries import Entry, Piece, Thread, content_of, is_text
from ops.export.names import ending, file_name
from schemas.events import Event
from schemas.values import Content


def name_of(seq: int, content: Content) -> str:
    """A file's name: the seq of its event, and what its media type says; sealed content is bytes and no more."""
    return f"{seq}.{'bin' if content.key_id is not None else ending(content.media_type)}"


def path_of(event: Event) -> str:
    """Where in the export the event's content is. Only of events that have one."""
    content = content_of(event)
    assert content is not None
    return f"attachments/{file_name(event.conversation_id)}/{name_of(event.seq, content)}"


class AttachmentForm:
    def feed(self, entry: Entry, thread: Thread) -> list[Piece]:
        content = content_of(entry.event)
        return [] if content is None or is_text(content) else [Piece(path_of(entry.event), content.body)]

    def end(self, thread: Thread) -> list[Piece]:
        return []
