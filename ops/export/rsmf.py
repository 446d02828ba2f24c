"""RSMF 2.0, Relativity's short message format: a mail that holds a zip with a manifest and the files, for each day of a conversation. Pure.

Source: Relativity's published manifest schema 2.0.0 and its documentation of the mail around it. An event type that the format has no
word for is `unknown`, with the event as a sentence.
"""

from __future__ import annotations

import json
from typing import Any

from ops.export.attachments import name_of
from ops.export.entries import (
    Entry,
    Person,
    Piece,
    Thread,
    content_of,
    edits_of,
    entered,
    gone,
    is_text,
    reactions_of,
    recall_of,
    stands_alone,
)
from ops.export.escapes import one_line
from ops.export.mail import Attached, address, id_header, mail, people_header, plain_headers
from ops.export.names import file_name
from ops.export.slices import Slice, Slicer
from ops.export.telling import spoken, told
from ops.export.times import iso, mail_date
from ops.export.zips import zipped
from schemas import events

VERSION = "2.0.0"
PARTICIPANTS_SHOWN = 100  # in the mail's header; the manifest has all
Json = dict[str, Any]


class RsmfForm:
    def __init__(self, domain: str, slicer: Slicer | None = None) -> None:
        self._domain = domain
        self._slicer = slicer or Slicer()

    def feed(self, entry: Entry, thread: Thread) -> list[Piece]:
        return self._pieces(self._slicer.add(entry, thread), thread) if stands_alone(entry) else []

    def end(self, thread: Thread) -> list[Piece]:
        return self._pieces(self._slicer.end(), thread)

    def _pieces(self, slice_: Slice | None, thread: Thread) -> list[Piece]:
        if slice_ is None:
            return []
        then = Thread(thread.conversation_id, thread.people, thread.kind, slice_.title, thread.public, dict(slice_.members))
        manifest, files = manifest_of(slice_, then)
        path = f"rsmf/{file_name(thread.conversation_id)}/{slice_.name}.rsmf"
        archive = Attached("rsmf.zip", "application/zip", zipped({"rsmf_manifest.json": json.dumps(manifest).encode()} | files))
        return [Piece(path, mail(self._headers(slice_, manifest, len(files)), _preview(manifest), [archive], path))]

    def _headers(self, slice_: Slice, manifest: Json, files_count: int) -> list[str]:
        room, shown = manifest["conversations"][0], manifest["participants"]
        first, last = slice_.entries[0].event, slice_.entries[-1].event
        names = "; ".join(one_line(person["display"]) for person in shown[:PARTICIPANTS_SHOWN])
        return [
            people_header("From", [Person(room["id"], one_line(room["display"]), address(room["id"], self._domain))]),
            id_header("To", [f"<{address(room['id'], self._domain)}>"]),
            *plain_headers([("Date", mail_date(last.at_ms)), ("Subject", f"{one_line(room['display'])}, {slice_.name}")]),
            id_header("Message-ID", [f"<{address(room['id'] + '.' + slice_.name + '.rsmf', self._domain)}>"]),
            *plain_headers(
                [
                    *(("X-RSMF-Version", VERSION), ("X-RSMF-Generator", "Warbler"), ("X-RSMF-Application", "Warbler")),
                    *(("X-RSMF-BeginDate", iso(first.at_ms)), ("X-RSMF-EndDate", iso(last.at_ms))),
                    *(("X-RSMF-EventCount", len(manifest["events"])), ("X-RSMF-AttachmentCount", files_count)),
                    *(("X-RSMF-Participants", names), ("X-RSMF-EventCollectionID", manifest["eventcollectionid"])),
                ]
            ),
        ]


def manifest_of(slice_: Slice, thread: Thread) -> tuple[Json, dict[str, bytes]]:
    """The manifest and the files it names. `thread`: before the slice; it is folded."""
    room, start = thread.conversation_id, list(thread.members)
    here = {entry.event.seq for entry in slice_.entries}
    seen, shown = dict.fromkeys(start), list[Json]()
    files: dict[str, bytes] = {}
    for entry in slice_.entries:
        items = _events(entry, thread, here)
        seen |= dict.fromkeys(user for item in items for user in _users_of(item))
        shown += items
        files |= _files_of(entry)
        thread.fold(entry.event)
    conversation = {"id": room, "display": slice_.title or room, "platform": "warbler", "participants": start or list(seen)}
    kind = {"type": "direct" if thread.kind == "direct" else "channel"}
    people = [_participant(thread.person(user)) for user in seen]
    manifest = {
        "version": VERSION,
        "eventcollectionid": room,
        "participants": people,
        "conversations": [conversation | kind],
        "events": shown,
    }
    return manifest, files


def _participant(person: Person) -> Json:
    return {"id": person.user, "display": person.shown, "email": person.address, "account_id": person.user}


def _users_of(item: Json) -> list[str]:
    reactions = [user for reaction in item.get("reactions", ()) for user in reaction["participants"]]
    return [item["participant"], *reactions, *(edit["participant"] for edit in item.get("edits", ()))]


def _events(entry: Entry, thread: Thread, here: set[int]) -> list[Json]:
    event = entry.event
    base: Json = {"id": str(event.seq), "conversation": event.conversation_id, "participant": event.user, "timestamp": iso(event.at_ms)}
    match event:
        case events.MessageSent():
            return [base | _message(entry, event, here)]
        case events.MessageEdited():
            body = f"edited the message of seq {event.target_seq}: {spoken(event.content)}"
            return [base | {"type": "unknown", "body": body, "custom": _custom(entry)} | _attachments(entry)]
        case _:
            base |= {"body": told(event, thread), "custom": _custom(entry)}
            moves = [("join", user) for user in entered(event, thread.members)] + [("leave", user) for user in gone(event)]
            places: list[Json] = [{"id": f"{event.seq}.{n}", "type": kind, "participant": user} for n, (kind, user) in enumerate(moves)]
            return [base | place for place in places or [{"type": "unknown"}]]


def _message(entry: Entry, event: events.MessageSent, here: set[int]) -> Json:
    edits = edits_of(entry)
    versions = [spoken(event.content), *(spoken(edit.content) for edit in edits)]
    item: Json = {"type": "message", "body": versions[-1], "custom": _custom(entry)} | _attachments(entry)
    if event.reply_to in here:
        item["parent"] = str(event.reply_to)
    if edits:
        item["edits"] = [
            {"participant": edit.user, "timestamp": iso(edit.at_ms), "previous": before, "new": after}
            for edit, before, after in zip(edits, versions, versions[1:], strict=False)
        ]
    if recall_of(entry) is not None:
        item["deleted"] = True
    held = reactions_of(entry)
    if held:
        item["reactions"] = [{"value": reaction or "?", "count": len(users), "participants": users} for reaction, users in held.items()]
    return item


def _custom(entry: Entry) -> list[Json]:
    event, record, recall, content = entry.event, entry.record, recall_of(entry), content_of(entry.event)
    values = {
        **{"event": type(event).__struct_config__.tag, "event id": event.event_id, "seq": event.seq, "device": event.device},
        **{"media type": content.media_type if content is not None else "", "key": content.key_id if content is not None else ""},
        **{"reply to": event.reply_to if isinstance(event, events.MessageSent) else None},
        **{"recalled": iso(recall.at_ms) if recall is not None else "", "record": f"{record.topic} {record.partition} {record.offset}"},
    }
    return [{"name": name, "value": str(value)} for name, value in values.items() if value not in (None, "")]


def _attachments(entry: Entry) -> Json:
    content = content_of(entry.event)
    if content is None or is_text(content):
        return {}
    name = name_of(entry.event.seq, content)
    return {"attachments": [{"id": name, "display": name, "size": len(content.body)}]}


def _files_of(entry: Entry) -> dict[str, bytes]:
    content = content_of(entry.event)
    return {} if content is None or is_text(content) else {name_of(entry.event.seq, content): content.body}


def _preview(manifest: Json) -> str:
    """The mail's own text: what a search over mails finds."""
    display = {person["id"]: one_line(person["display"]) for person in manifest["participants"]}
    return "".join(f"{item['timestamp']} {display[item['participant']]}: {item['body']}\n" for item in manifest["events"])
