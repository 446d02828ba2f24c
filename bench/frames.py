"""What the load generator reads of the edge's frames: only the fields it counts with, so that decoding stays cheap. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from msgspec import Struct

from bench.websocket import BINARY, TEXT
from edge.frames import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK


class Ack(Struct, frozen=True, gc=False, tag_field="type", tag="ack"):
    id: str
    conversation: str
    seq: int
    at_ms: int


class Reject(Struct, frozen=True, gc=False, tag_field="type", tag="reject"):
    id: str
    code: str
    detail: str
    retryable: bool
    retry_after_ms: int = 0


class Item(Struct, frozen=True, gc=False):
    seq: int
    id: str


class Events(Struct, frozen=True, tag_field="type", tag="events"):
    conversation: str
    events: list[Item]


class Page(Struct, frozen=True, tag_field="type", tag="page"):
    request: str
    conversation: str
    events: list[Item]
    next_seq: int
    more: bool


class Limits(Struct, frozen=True):
    sync_events: int


class Welcome(Struct, frozen=True, tag_field="type", tag="welcome"):
    user: str
    heartbeat_ms: int
    limits: Limits


class Failure(Struct, frozen=True, tag_field="type", tag="error"):
    code: str
    detail: str
    request: str = ""
    retryable: bool = False
    retry_after_ms: int = 0


class Pong(Struct, frozen=True, tag_field="type", tag="pong"):
    pass


class Receipt(Struct, frozen=True, tag_field="type", tag="receipt"):
    pass


class PresenceEntry(Struct, frozen=True):
    user: str
    state: str


class Presence(Struct, frozen=True, tag_field="type", tag="presence"):
    users: list[PresenceEntry]


class ReceiptCounts(Struct, frozen=True, tag_field="type", tag="receipt_counts"):
    conversation: str
    seq: int
    delivered: int
    read: int


class ReceiptEntry(Struct, frozen=True):
    user: str


class ReceiptsPage(Struct, frozen=True, tag_field="type", tag="receipts_page"):
    request: str
    entries: list[ReceiptEntry]
    next: str | None = None


class Roster(Struct, frozen=True, tag_field="type", tag="roster"):
    version: str


class Resync(Struct, frozen=True, tag_field="type", tag="resync"):
    conversation: str
    from_seq: int


class Move(Struct, frozen=True, tag_field="type", tag="move"):
    after_ms: int


class UserTyping(Struct, frozen=True, tag_field="type", tag="user_typing"):
    pass


class DirectoryPage(Struct, frozen=True, tag_field="type", tag="directory_page"):
    pass


class HistoryPage(Struct, frozen=True, tag_field="type", tag="history_page"):
    pass


class CallAck(Struct, frozen=True, gc=False, tag_field="type", tag="call_ack"):
    id: str
    call: str


class CallRefused(Struct, frozen=True, gc=False, tag_field="type", tag="call_refused"):
    id: str
    call: str
    code: str
    detail: str


class CallRing(Struct, frozen=True, gc=False, tag_field="type", tag="call_ring"):
    conversation: str
    call: str


class CallChanged(Struct, frozen=True, gc=False, tag_field="type", tag="call_changed"):
    what: str
    call: "CallShown"


class CallShown(Struct, frozen=True, gc=False):
    call: str


class CallOver(Struct, frozen=True, gc=False, tag_field="type", tag="call_over"):
    call: str


class CallStop(Struct, frozen=True, gc=False, tag_field="type", tag="call_stop"):
    call: str


class CallTicket(Struct, frozen=True, gc=False, tag_field="type", tag="call_ticket"):
    call: str


FromEdge = (
    Ack
    | Reject
    | Events
    | Page
    | Welcome
    | Failure
    | Pong
    | Receipt
    | Presence
    | ReceiptCounts
    | ReceiptsPage
    | Roster
    | Resync
    | Move
    | UserTyping
    | DirectoryPage
    | HistoryPage
    | CallAck
    | CallRefused
    | CallRing
    | CallChanged
    | CallOver
    | CallStop
    | CallTicket
)


@dataclass(frozen=True, slots=True)
class Codec:
    subprotocol: str
    opcode: int
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], FromEdge]


CODECS: dict[Literal["json", "msgpack"], Codec] = {
    "json": Codec(SUBPROTOCOL_JSON, TEXT, msgspec.json.Encoder().encode, msgspec.json.Decoder(FromEdge).decode),
    "msgpack": Codec(SUBPROTOCOL_MSGPACK, BINARY, msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(FromEdge).decode),
}
