"""What the edge's tests are made of: events, records of them, sessions over a list, and strategies for every frame."""

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from edge import frames
from edge.closing import CloseCode
from edge.rate import Bucket
from edge.session import Now, Session, SharedFrame
from edge.settings import EdgeSettings
from log.port import Record
from schemas import events
from schemas.codec import encode
from schemas.ids import uuid7
from schemas.values import Content, Member

SETTINGS = EdgeSettings()
ANA, BEN, EVE = "u-ana", "u-ben", "u-eve"
GROUP = "g-1"
NOW = Now(1_700_000_000_000, 5_000.0, "trace")


def command_id(number: int) -> str:
    return uuid7(1_700_000_000_000 + number, number)


class ListSink:
    """Keeps what a session would have sent."""

    def __init__(self) -> None:
        self.frames: list[frames.FromEdge] = []
        self.shared: list[SharedFrame] = []
        self.closed: CloseCode | None = None
        self.reading = True

    def write(self, frame: frames.FromEdge) -> None:
        self.frames.append(frame)

    def write_shared(self, shared: SharedFrame) -> None:
        self.shared.append(shared)
        self.frames.append(shared.frame)

    def backlog_bytes(self) -> int:
        return 0

    def read_on(self, on: bool) -> None:
        self.reading = on

    def end_if_older(self, limit_ms: float, now_mono_ms: float) -> None:
        pass

    def end(self, close: CloseCode) -> None:
        self.closed = close

    def room(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    def take(self) -> list[frames.FromEdge]:
        taken, self.frames = self.frames, []
        return taken


def session_of(user: str = ANA, device: str = "phone", session_id: str = "", bucket: Bucket | None = None) -> tuple[Session, ListSink]:
    sink = ListSink()
    return Session(session_id or f"s-{user}-{device}", user, device, sink, bucket, 0.0), sink


def base(seq: int, user: str = BEN, device: str = "laptop", conversation: str = GROUP, command: str | None = None) -> dict[str, Any]:
    """The fields every event has."""
    return {
        "event_id": f"{conversation}:{seq}",
        "tenant": "default",
        "conversation_id": conversation,
        "seq": seq,
        "ordinal": seq,
        "at_ms": 1_700_000_000_000 + seq,
        "user": user,
        "device": device,
        "command_id": command or command_id(seq),
        "trace_id": "t",
    }


def sent(seq: int, body: bytes = b"hi", **who: Any) -> events.MessageSent:
    return events.MessageSent(content=Content("text/plain", body), **base(seq, **who))


def created(seq: int = 1, members: tuple[str, ...] = (ANA, BEN), **who: Any) -> events.ConversationCreated:
    named = tuple(Member(user) for user in members)
    return events.ConversationCreated(conversation_kind="group", title="t", members=named, **base(seq, **who))


def record(event: events.Event, offset: int, partition: int = 0) -> Record:
    value = encode("conversation-events", event)
    return Record("conversation-events", partition, offset, event.at_ms, event.conversation_id.encode(), value)


def topic_record(topic: str, value: bytes | None, key: bytes | None = GROUP.encode()) -> Record:
    return Record(topic, 0, 0, 0, key, value)


# ---- one strategy for every struct, from its declaration

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def structs(struct: type[Any]) -> st.SearchStrategy[Any]:
    """Any value of a msgspec Struct."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    return st.builds(struct, **{field.name: _values(field.type) for field in info.fields})


def _values(info: inspect.Type) -> st.SearchStrategy[Any]:
    match info:
        case inspect.StrType():
            return TEXT if info.min_length is None else st.text("abc-", min_size=info.min_length, max_size=info.min_length + 8)
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.integers(info.ge if info.ge is not None else -(2**53), info.le if info.le is not None else 2**53)
        case inspect.FloatType():
            return st.floats(info.ge, info.le, allow_nan=False)
        case inspect.BytesType():
            return st.binary(max_size=8)
        case inspect.NoneType():
            return st.none()
        case inspect.LiteralType():
            return st.sampled_from(info.values)
        case inspect.UnionType():
            return st.one_of([_values(each) for each in info.types])
        case inspect.VarTupleType():
            return st.lists(_values(info.item_type), max_size=3).map(tuple)
        case inspect.DictType():
            return st.dictionaries(_values(info.key_type), _values(info.value_type), max_size=3)
        case inspect.StructType():
            return structs(info.cls)
        case _:
            raise NotImplementedError(info)


def plain(value: Any) -> Any:
    return msgspec.to_builtins(value, builtin_types=(bytes,))
