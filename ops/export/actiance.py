"""XML as archives of the Actiance (Smarsh) family take it: a file for each day of a conversation. Pure.

Who is there when the day begins enters at its start time, and who is there at its end leaves at its end time; in between everything
stands in order. Times are milliseconds since 1970. A file is told as a transfer, and lies under `attachments/`.
"""

from __future__ import annotations

from ops.export.attachments import path_of
from ops.export.entries import Entry, Piece, Thread, content_of, edits_of, entered, gone, is_text
from ops.export.escapes import xml_text
from ops.export.names import file_name
from ops.export.telling import told
from ops.export.times import day_of
from schemas import events
from schemas.events import Event

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<FileDump xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
Child = tuple[str, str | int]  # an element's name and its text, escaped


class ActianceForm:
    def __init__(self) -> None:
        self._day = ""
        self._last_ms = 0

    def feed(self, entry: Entry, thread: Thread) -> list[Piece]:
        event = entry.event
        if isinstance(event, events.ReadMarked):
            return []
        day, pieces = day_of(event.at_ms), []
        if day != self._day:
            pieces = [*self.end(thread), _piece(thread, day, _opened(event, thread))]
        self._day, self._last_ms = day, event.at_ms
        return [*pieces, _piece(thread, day, _moves(event, thread) + _said(entry, thread))]

    def end(self, thread: Thread) -> list[Piece]:
        if not self._day:
            return []
        left = "".join(_presence("ParticipantLeft", user, self._last_ms, thread) for user in thread.members)
        return [_piece(thread, self._day, f"{left}    <EndTimeUTC>{self._last_ms}</EndTimeUTC>\n  </Conversation>\n</FileDump>\n")]


def _piece(thread: Thread, day: str, text: str) -> Piece:
    return Piece(f"actiance/{file_name(thread.conversation_id)}/{day}.xml", text.encode())


def _opened(event: Event, thread: Thread) -> str:
    room = xml_text(f"{thread.kind} - {thread.title} - {thread.conversation_id}")
    head = f'{HEAD}  <Conversation Perspective="{xml_text(thread.title or thread.conversation_id)}">\n    <RoomID>{room}</RoomID>\n'
    there = "".join(_presence("ParticipantEntered", user, event.at_ms, thread) for user in thread.members)
    return f"{head}    <StartTimeUTC>{event.at_ms}</StartTimeUTC>\n{there}"


def _moves(event: Event, thread: Thread) -> str:
    came = "".join(_presence("ParticipantEntered", user, event.at_ms, thread) for user in entered(event, thread.members))
    return came + "".join(_presence("ParticipantLeft", user, event.at_ms, thread) for user in gone(event) if user in thread.members)


def _presence(element: str, user: str, at_ms: int, thread: Thread) -> str:
    address = xml_text(thread.person(user).address)
    return _element(element, [("LoginName", address), ("UserType", "user"), ("DateTimeUTC", at_ms), ("CorporateEmailID", address)])


def _said(entry: Entry, thread: Thread) -> str:
    event = entry.event
    by: list[Child] = [("LoginName", xml_text(thread.person(event.user).address)), ("UserType", "user"), ("DateTimeUTC", event.at_ms)]
    message = _element(
        "Message", [("MessageId", xml_text(_named(event))), *by, *_updated(entry), ("Content", xml_text(told(event, thread)))]
    )
    content = content_of(event)
    if content is None or is_text(content):
        return message
    path = xml_text(path_of(event))
    file: list[Child] = [*by, ("UserFileName", path.rsplit("/", 1)[-1]), ("FileName", path)]
    return message + _element("FileTransferStarted", file) + _element("FileTransferEnded", [*file, ("Status", "Completed")])


def _named(event: Event) -> str:
    """Of a recall, the message's own id, because it is the same message that is deleted."""
    return f"{event.conversation_id}:{event.target_seq}" if isinstance(event, events.MessageRecalled) else event.event_id


def _updated(entry: Entry) -> list[Child]:
    event, edits = entry.event, edits_of(entry)
    match event:
        case events.MessageSent() if edits:
            return [
                ("UpdatedType", "EditedOriginalMsg"),
                ("UpdatedDateTimeUTC", edits[0].at_ms),
                ("EditedNewMsgId", xml_text(edits[0].event_id)),
            ]
        case events.MessageEdited():
            return [("UpdatedType", "EditedNewMsg"), ("UpdatedDateTimeUTC", event.at_ms)]
        case events.MessageRecalled():
            return [("UpdatedType", "Deleted"), ("UpdatedDateTimeUTC", event.at_ms)]
        case _:
            return []


def _element(name: str, children: list[Child]) -> str:
    inner = "".join(f"      <{child}>{value}</{child}>\n" for child, value in children)
    return f"    <{name}>\n{inner}    </{name}>\n"
