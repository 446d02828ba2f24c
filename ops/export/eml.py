"""EML, a mail for each message and each other event but read marks; what later befell a message is part of its mail too. Pure.

The mails of a day lie in one zip, each named by its seq: a file system takes ten thousand files much worse than one.
Reactions to a message of the export stand in its mail only. A reply, an edit and a recall name the message's mail in In-Reply-To.
"""

from __future__ import annotations

import json

from ops.export.attachments import name_of
from ops.export.entries import Change, Entry, Piece, Thread, content_of, edits_of, is_text, recall_of, stands_alone, target_of
from ops.export.mail import RECIPIENTS_LIMIT, Attached, address, id_header, mail, people_header, plain_headers
from ops.export.names import file_name
from ops.export.slices import Slice, Slicer
from ops.export.telling import told
from ops.export.times import iso, mail_date
from ops.export.zips import zipped
from schemas import events
from schemas.events import Event


class EmlForm:
    def __init__(self, domain: str, slicer: Slicer | None = None) -> None:
        self._domain = domain
        self._slicer = slicer or Slicer()
        self._mails: dict[str, bytes] = {}
        self._known = -1
        self._to = ""

    def feed(self, entry: Entry, thread: Thread) -> list[Piece]:
        if not stands_alone(entry):
            return []
        pieces = self._pieces(self._slicer.add(entry, thread), thread)
        event = entry.event
        self._mails[f"{event.seq:09}.eml"] = mail(self._headers(entry, thread), told(event, thread), _attached(entry), event.event_id)
        return pieces

    def end(self, thread: Thread) -> list[Piece]:
        return self._pieces(self._slicer.end(), thread)

    def _pieces(self, slice_: Slice | None, thread: Thread) -> list[Piece]:
        if slice_ is None:
            return []
        mails, self._mails = self._mails, {}
        return [Piece(f"eml/{file_name(thread.conversation_id)}/{slice_.name}.zip", zipped(mails))]

    def _headers(self, entry: Entry, thread: Thread) -> list[str]:
        event = entry.event
        return [
            people_header("From", [thread.person(event.user)]),
            self._recipients(thread),
            *plain_headers([("Date", mail_date(event.at_ms)), ("Subject", f"{_prefix(event)}{thread.title or thread.conversation_id}")]),
            id_header("Message-ID", [message_id(event.conversation_id, event.seq, self._domain)]),
            *self._references(event),
            *plain_headers(_facts(entry, thread)),
        ]

    def _recipients(self, thread: Thread) -> str:
        if self._known != thread.changes_count:
            self._known, self._to = thread.changes_count, recipients(thread, self._domain)
        return self._to

    def _references(self, event: Event) -> list[str]:
        about = event.reply_to if isinstance(event, events.MessageSent) else target_of(event)
        if about is None:
            return []
        named = message_id(event.conversation_id, about, self._domain)
        return [id_header("In-Reply-To", [named]), id_header("References", [named])]


def message_id(conversation_id: str, seq: int, domain: str) -> str:
    return f"<{address(f'{conversation_id}.{seq}', domain)}>"


def recipients(thread: Thread, domain: str) -> str:
    """The To header: the members, or the conversation's own address where there are too many, or none."""
    if 0 < len(thread.members) <= RECIPIENTS_LIMIT:
        return people_header("To", [thread.person(user) for user in thread.members])
    return id_header("To", [f"<{address(thread.conversation_id, domain)}>"])


def _prefix(event: Event) -> str:
    match event:
        case events.MessageSent():
            return ""
        case events.MessageEdited():
            return "Edited: "
        case events.MessageRecalled():
            return "Recalled: "
        case _:
            return "Event: "


def _facts(entry: Entry, thread: Thread) -> list[tuple[str, object]]:
    event, record, recall = entry.event, entry.record, recall_of(entry)
    content = content_of(event)
    return [
        ("X-Warbler-Event", type(event).__struct_config__.tag),
        ("X-Warbler-Event-Id", event.event_id),
        ("X-Warbler-Conversation", event.conversation_id),
        ("X-Warbler-Seq", event.seq),
        ("X-Warbler-Tenant", event.tenant),
        ("X-Warbler-User", event.user),
        ("X-Warbler-Device", event.device),
        ("X-Warbler-Time", iso(event.at_ms)),
        ("X-Warbler-Members", len(thread.members)),
        ("X-Warbler-Media-Type", content.media_type if content is not None else None),
        ("X-Warbler-Key", content.key_id if content is not None else None),
        ("X-Warbler-Edits", len(edits_of(entry)) or None),
        ("X-Warbler-Recalled", iso(recall.at_ms) if recall is not None else None),
        ("X-Warbler-Record", f"{record.topic} {record.partition} {record.offset}"),
    ]


def _attached(entry: Entry) -> list[Attached]:
    content = content_of(entry.event)
    attached = [] if content is None or is_text(content) else [_file(entry.event.seq, entry.event)]
    attached += [_file(edit.seq, edit) for edit in edits_of(entry) if not is_text(edit.content)]
    if entry.changes:
        history = json.dumps([change_shown(change) for change in entry.changes], ensure_ascii=False, indent=1)
        attached.append(Attached("history.json", "application/json", history.encode("utf-8", "replace")))
    return attached


def _file(seq: int, event: Event) -> Attached:
    content = content_of(event)
    assert content is not None
    return Attached(name_of(seq, content), content.media_type if content.key_id is None else "application/octet-stream", content.body)


def change_shown(change: Change) -> dict[str, object]:
    """A change of a message as JSON, for formats that show it at the message."""
    shown: dict[str, object] = {
        **{"event": str(type(change).__struct_config__.tag), "seq": change.seq, "time": iso(change.at_ms)},
        **{"user": change.user, "device": change.device, "event_id": change.event_id},
    }
    match change:
        case events.MessageEdited():
            text = change.content.body.decode() if is_text(change.content) else None
            file = None if text is not None else name_of(change.seq, change.content)
            return shown | {"media_type": change.content.media_type, "text": text, "file": file}
        case events.ReactionAdded() | events.ReactionRemoved():
            return shown | {"reaction": change.reaction}
        case events.MessageRecalled():
            return shown
