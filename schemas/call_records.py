"""What the owner of calls answers and keeps, and what engines say of themselves. Pure.

Topics `call-replies` and `call-state` (key conversation), `call-engines` (key engine).
"""

from msgspec import Struct

from schemas.call_signals import EngineKind
from schemas.call_values import Fault, RefusalCode


class ReplyBase(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """An answer to a command that left no event. `user`, `device` empty: an engine's."""

    tenant: str
    conversation_id: str
    call_id: str
    command_id: str
    user: str
    device: str
    at_ms: int


class CallRefused(ReplyBase, frozen=True, kw_only=True, tag="call_refused"):
    """`call_id`: the call it is about, which of `call_exists` is another than the one asked for. `retry_after_ms` 0: not by waiting."""

    code: RefusalCode
    fault: Fault
    detail: str
    retry_after_ms: int


class CallRepeated(ReplyBase, frozen=True, kw_only=True, tag="call_repeated"):
    """Accepted before, or so already. `head_seq`: of the conversation's calls."""

    head_seq: int


class CallLineSaved(Struct, frozen=True, kw_only=True, tag_field="kind", tag="call_line_saved"):
    """The state of one conversation's calls after the event `head_seq`.

    Shape: `line` and `record` (of the live call; else empty) as MessagePack.
    `live`: whether a call is going on, so that who looks for those needs not unpack the others.
    """

    tenant: str
    conversation_id: str
    head_seq: int
    live: bool
    line: bytes
    record: bytes


class CallsCheckpoint(Struct, frozen=True, kw_only=True, tag_field="kind", tag="calls_checkpoint"):
    """Lines that are not saved with a later head are whole as of `events_next`; commands before `commands_next` are decided."""

    partition: int
    commands_next: int
    events_next: int
    at_ms: int


class EngineAnnounced(Struct, frozen=True, kw_only=True, tag_field="kind", tag="engine_announced"):
    """A media engine that can be used until `until_ms`, said again well before that. `draining`: no new calls.

    `capabilities`: of video, screen, recording, layers, bitrate. `rooms`, `participants`: how much it carries now.
    """

    engine: str
    engine_kind: EngineKind
    capabilities: tuple[str, ...]
    rooms: int
    participants: int
    participants_limit: int
    draining: bool
    at_ms: int
    until_ms: int


CallReply = CallRefused | CallRepeated
CallState = CallLineSaved | CallsCheckpoint
CallsRecord = CallReply | CallState | EngineAnnounced
