"""EML, one mail for each day of a conversation: a transcript, with what is no text attached. Pure."""

from __future__ import annotations

from ops.export.attachments import name_of
from ops.export.eml import recipients
from ops.export.entries import Entry, Person, Piece, Thread, content_of, edits_of, is_text, reactions_of, recall_of, stands_alone
from ops.export.escapes import one_line
from ops.export.mail import Attached, address, id_header, mail, people_header, plain_headers
from ops.export.names import file_name
from ops.export.slices import Slice, Slicer
from ops.export.telling import spoken, told
from ops.export.times import iso, mail_date
from schemas import events


class EmlDailyForm:
    def __init__(self, domain: str, slicer: Slicer | None = None) -> None:
        self._domain = domain
        self._slicer = slicer or Slicer()

    def feed(self, entry: Entry, thread: Thread) -> list[Piece]:
        if not stands_alone(entry):
            return []
        return self._pieces(self._slicer.add(entry, thread), thread)

    def end(self, thread: Thread) -> list[Piece]:
        return self._pieces(self._slicer.end(), thread)

    def _pieces(self, slice_: Slice | None, thread: Thread) -> list[Piece]:
        if slice_ is None:
            return []
        path = f"eml-daily/{file_name(thread.conversation_id)}/{slice_.name}.eml"
        then = Thread(thread.conversation_id, thread.people, thread.kind, slice_.title, thread.public, dict(slice_.members))
        headers = self._headers(slice_, then)
        text = "".join(line for entry in slice_.entries for line in _lines(entry, then))
        return [Piece(path, mail(headers, text, _attached(slice_), path))]

    def _headers(self, slice_: Slice, thread: Thread) -> list[str]:
        first, last = slice_.entries[0].event, slice_.entries[-1].event
        name, part = one_line(thread.title) or thread.conversation_id, f", part {slice_.part}" if slice_.part > 1 else ""
        return [
            people_header("From", [Person(thread.conversation_id, name, address(thread.conversation_id, self._domain))]),
            recipients(thread, self._domain),
            *plain_headers([("Date", mail_date(last.at_ms)), ("Subject", f"{name}, {slice_.day}{part}")]),
            id_header("Message-ID", [f"<{address(f'{thread.conversation_id}.{slice_.name}', self._domain)}>"]),
            *plain_headers(
                [
                    *(("X-Warbler-Conversation", thread.conversation_id), ("X-Warbler-Tenant", first.tenant)),
                    *(("X-Warbler-First-Seq", first.seq), ("X-Warbler-Last-Seq", last.seq)),
                    *(("X-Warbler-Events", len(slice_.entries)), ("X-Warbler-Members", len(thread.members))),
                ]
            ),
        ]


def _lines(entry: Entry, thread: Thread) -> list[str]:
    """The entry in the transcript. Shape: every line of a text but its first is indented, so that none can pass for another entry."""
    event, content = entry.event, content_of(entry.event)
    author = one_line(thread.person(event.user).shown)
    said = f"edited #{event.target_seq}: {told(event, thread)}" if isinstance(event, events.MessageEdited) else told(event, thread)
    if content is not None:
        said = f"{author}: {said}" if is_text(content) else f"{author}: {said} {name_of(event.seq, content)}"
    lines = [f"[{iso(event.at_ms)}] #{event.seq} {_indented(said)}\n"]
    lines += [f"    edited {iso(edit.at_ms)} by #{edit.seq}: {_indented(spoken(edit.content))}\n" for edit in edits_of(entry)]
    recall = recall_of(entry)
    if recall is not None:
        lines.append(f"    recalled {iso(recall.at_ms)} by #{recall.seq}\n")
    for reaction, users in reactions_of(entry).items():
        lines.append(f"    {one_line(reaction)}: {', '.join(one_line(thread.person(user).shown) for user in users)}\n")
    thread.fold(event)
    return lines


def _indented(text: str) -> str:
    return "\n        ".join(one_line(line) for line in text.splitlines()) if text else ""


def _attached(slice_: Slice) -> list[Attached]:
    attached = []
    for entry in slice_.entries:
        content = content_of(entry.event)
        if content is not None and not is_text(content):
            media_type = content.media_type if content.key_id is None else "application/octet-stream"
            attached.append(Attached(name_of(entry.event.seq, content), media_type, content.body))
    return attached
