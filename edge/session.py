"""One session of a device, without I/O: a frame goes in, an effect comes out.

Rule 1: a command is published or answered by `reject`; never both, never neither.
Rule 2: while a conversation is catching up, its live events are not written: the last page holds them (see `edge.merge`).
Rule 3: the timeline may be ahead of this node's feed: what a page gave is not given again live (`given`).
Rule 4: nothing here waits; the shell (`edge.node`) performs the effects.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from msgspec.structs import replace

from edge import frames
from edge.call_frames import CallCommandFrame, CallDescription, CallRefusal, CallSignalFrame, CallSignalFrames, CallSignalRefusal
from edge.closing import HELLO_EXPECTED, CloseCode
from edge.errors import BadCommand
from edge.frame_base import CommandFrame
from edge.rate import Bucket
from edge.settings import EdgeSettings
from edge.translate import FRIEND_FRAMES, command_of, conversation_of
from edge.unacked import Unacked
from schemas.commands import Command, EditMessage, MarkRead, SendMessage
from schemas.records import MessageSignalled, TypingSignalled, WatermarkRaised

TENANT = "default"
OUTSTANDING_RETRY_MS = 500
OWN_STATES = frozenset({"previewed", "unread"})  # nobody's business but the user's, whatever its privacy says


class Sink(Protocol):
    """Where a session's frames go: the socket's transport, or a list in a test."""

    def write(self, frame: frames.FromEdge) -> None:
        """Encodes for this device and sends it."""

    def write_shared(self, shared: "SharedFrame") -> None:
        """Sends a frame that other sessions get too; encoded once per codec."""

    def backlog_bytes(self) -> int:
        """What was written and has not left this process yet."""

    def read_on(self, on: bool) -> None:
        """Whether what the device sends is read from its socket."""

    def end_if_older(self, limit_ms: float, now_mono_ms: float) -> None:
        """Cuts the device off when bytes for it have been lying here for longer; it resumes by position."""

    def end(self, close: CloseCode) -> None: ...

    def room(self) -> AbstractAsyncContextManager[None]:
        """Entered for each page from before it is read until it is written: begins when the device has read most of what it was sent.

        Raises: SessionEnded when it reads nothing for EDGE_ROOM_TIMEOUT_MS.
        """


class SharedFrame:
    """A frame with its encodings, made at most once per codec."""

    __slots__ = ("encoded", "frame")

    def __init__(self, frame: frames.FromEdge) -> None:
        self.frame = frame
        self.encoded: dict[str, bytes] = {}


@dataclass(slots=True, eq=False)
class Session:
    id: str
    user: str
    device: str
    sink: Sink
    bucket: Bucket | None  # None: not limited (a bulk token)
    last_heard_mono_ms: float
    conversations: set[str] = field(default_factory=set)
    catching_up: set[str] = field(default_factory=set)
    given: dict[str, int] = field(default_factory=dict)  # conversation -> seq after a last page, until live events pass it
    outstanding: set[str] = field(default_factory=set)
    requests_running: int = 0
    follow: bool = True  # False: no live events, and nothing to acknowledge
    unacked: Unacked = field(default_factory=dict)
    away: bool = False
    hides_receipts: bool = False  # the user's privacy
    marked_unread: set[str] = field(default_factory=set)
    head_seqs: Mapping[str, int] = field(default_factory=dict)  # of the positions in its hello, until they are answered
    directory_order: tuple[str, ...] = ()  # of the pages that the device has not asked for yet; () when it has all of them
    user_bucket: Bucket | None = None  # shared by the user's sessions here; None: not limited
    publishing: int = 0  # commands that are not in the log yet
    paused: bool = False  # too many of them: its socket is not read
    sign_in: str = ""  # what its token came from; it ends with it
    token_id: str = ""
    issued_at_ms: int = 0  # of its token
    signals_bucket: Bucket | None = None  # of its calls' signals, so that trickling does not use up its commands


ReceiptQuestion = frames.Receipts | frames.WatchReceipts
Request = frames.Sync | frames.History | frames.DirectoryRequest | ReceiptQuestion | frames.WatchPresence


@dataclass(frozen=True, slots=True)
class Publish:
    command: Command


@dataclass(frozen=True, slots=True)
class Tell:
    frame: frames.FromEdge


@dataclass(frozen=True, slots=True)
class Read:
    request: Request


@dataclass(frozen=True, slots=True)
class Signal:
    record: TypingSignalled


@dataclass(frozen=True, slots=True)
class Receipt:
    record: WatermarkRaised


@dataclass(frozen=True, slots=True)
class Announce:
    """Into the topic `sessions`, for whoever tells presence."""

    away: bool
    status: str | None


@dataclass(frozen=True, slots=True)
class PublishSignal:
    """An ephemeral message: acked with seq 0 once it is in the topic, and it never reaches the owner."""

    record: MessageSignalled


@dataclass(frozen=True, slots=True)
class AskCall:
    """A command about a call: counted as unanswered, and to be filled in."""

    frame: CallCommandFrame


@dataclass(frozen=True, slots=True)
class SignalCall:
    frame: CallSignalFrames


@dataclass(frozen=True, slots=True)
class End:
    close: CloseCode


@dataclass(frozen=True, slots=True)
class Nothing:
    pass


Effect = Publish | PublishSignal | Tell | Read | Signal | Receipt | Announce | AskCall | SignalCall | End | Nothing


@dataclass(frozen=True, slots=True)
class Now:
    """The shell's clocks and the trace of this frame, taken once a frame."""

    ms: int
    mono_ms: float
    trace_id: str


def on_frame(session: Session, frame: frames.FromDevice, now: Now, settings: EdgeSettings) -> Effect:
    session.last_heard_mono_ms = now.mono_ms
    if isinstance(frame, CallCommandFrame):
        return _on_call_command(session, frame, now, settings)
    if isinstance(frame, CallSignalFrame):
        return _on_call_signal(session, frame, now, settings)
    if isinstance(frame, CommandFrame):
        return on_command(session, frame, now, settings)
    match frame:
        case frames.Ping():
            return Tell(frames.Pong(frame.nonce, now.ms))
        case frames.Sync() | frames.History() | frames.DirectoryRequest():
            return _on_request(session, frame, settings)
        case frames.Mark():
            return _on_mark(session, frame, now)
        case frames.Receipts() | frames.WatchReceipts() | frames.WatchPresence():
            return _on_question(session, frame, settings)
        case frames.SetPresence():
            if session.bucket is not None and (wait_ms := session.bucket.take(now.mono_ms)):
                return _failure("", "rate_limited", "presence is set too often", wait_ms)
            session.away = frame.away
            return Announce(frame.away, frame.status)
        case frames.Typing():
            if frame.conversation not in session.conversations:
                return Nothing()
            return Signal(
                TypingSignalled(
                    tenant=TENANT,
                    conversation_id=frame.conversation,
                    user=session.user,
                    device=session.device,
                    typing=frame.typing,
                    at_ms=now.ms,
                )
            )
        case frames.Hello():
            return End(HELLO_EXPECTED)
        case _:
            assert_never(frame)


def _on_mark(session: Session, frame: frames.Mark, now: Now) -> Effect:
    if frame.conversation not in session.conversations:
        return _failure("", "not_member", f"mark in {frame.conversation!r}")
    if frame.up_to_seq < 1 and frame.state != "unread":
        return _failure("", "invalid", "up_to_seq starts at 1")
    return Receipt(
        WatermarkRaised(
            tenant=TENANT,
            conversation_id=frame.conversation,
            user=session.user,
            device=session.device,
            state=frame.state,
            up_to_seq=frame.up_to_seq,
            hidden=session.hides_receipts or frame.state in OWN_STATES,
            at_ms=now.ms,
        )
    )


def on_command(session: Session, frame: CommandFrame, now: Now, settings: EdgeSettings) -> Effect:
    conversation = frame.conversation
    try:
        _admit(session, frame, now, settings)
        conversation = conversation_of(frame, session.user)
        base = {
            "tenant": TENANT,
            "conversation_id": conversation,
            "command_id": frame.id,
            "user": session.user,
            "device": session.device,
            "trace_id": now.trace_id,
            "received_at_ms": now.ms,
        }
        command = command_of(frame, base)
        _check_text(command, settings)
        if isinstance(command, MarkRead) and session.hides_receipts:
            command = replace(command, quiet=True)
        if isinstance(frame, frames.SendMessage) and frame.qos == "ephemeral":
            effect: Effect = _signal_of(session, command, now)
        else:
            effect = Publish(command)
    except BadCommand as bad:
        return Tell(frames.Reject(frame.id, conversation, bad.code, bad.detail, bad.retryable, bad.retry_after_ms))
    session.outstanding.add(frame.id)
    return effect


def _on_call_command(session: Session, frame: CallCommandFrame, now: Now, settings: EdgeSettings) -> Effect:
    try:
        _admit(session, frame, now, settings)
    except BadCommand as bad:
        return Tell(CallRefusal(frame.id, frame.conversation, frame.call, bad.code, "device", bad.detail, bad.retry_after_ms))
    session.outstanding.add(frame.id)
    return AskCall(frame)


def _on_call_signal(session: Session, frame: CallSignalFrames, now: Now, settings: EdgeSettings) -> Effect:
    if session.signals_bucket is not None and session.signals_bucket.take(now.mono_ms):
        return _bad_signal(frame, "rate_limited", f"more than {settings.call_signals_per_s} signals a second")
    if isinstance(frame, CallDescription):
        if (size := len(frame.sdp.encode())) > settings.call_sdp_bytes_limit:
            return _bad_signal(frame, "too_long", f"an SDP has at most {settings.call_sdp_bytes_limit} bytes, this one {size}")
        if len(frame.tracks) > settings.call_tracks_limit:
            return _bad_signal(frame, "too_many", f"at most {settings.call_tracks_limit} tracks")
    return SignalCall(frame)


def _bad_signal(frame: CallSignalFrames, code: str, detail: str) -> Tell:
    return Tell(CallSignalRefusal(frame.conversation, frame.call, frame.epoch, getattr(frame, "seq", 0), code, detail))


def _signal_of(session: Session, command: Command, now: Now) -> PublishSignal:
    """No owner judges it, so what the owner would refuse is refused here, as far as this node knows."""
    assert isinstance(command, SendMessage)
    if command.conversation_id not in session.conversations:
        raise BadCommand("not_member", f"not a member of {command.conversation_id!r}")
    if not command.content.body:
        raise BadCommand("empty", "a message of 0 bytes")
    return PublishSignal(
        MessageSignalled(
            tenant=TENANT,
            conversation_id=command.conversation_id,
            user=session.user,
            device=session.device,
            command_id=command.command_id,
            content=command.content,
            at_ms=now.ms,
        )
    )


def takes_unread_back(session: Session, command: Command, now: Now) -> WatermarkRaised | None:
    """What ends a conversation's mark as unread: its user read it or wrote in it."""
    conversation = command.conversation_id
    if not isinstance(command, MarkRead | SendMessage) or conversation not in session.marked_unread:
        return None
    session.marked_unread.discard(conversation)
    return WatermarkRaised(
        tenant=TENANT,
        conversation_id=conversation,
        user=session.user,
        device=session.device,
        state="unread",
        up_to_seq=0,
        hidden=True,
        at_ms=now.ms,
    )


def _check_text(command: Command, settings: EdgeSettings) -> None:
    """The owner has the last word (STREAMS_TEXT_BYTES_LIMIT); what is too long here never reaches it."""
    if not isinstance(command, SendMessage | EditMessage) or not command.content.media_type.startswith("text/"):
        return
    size, limit = len(command.content.body), settings.text_bytes_limit
    if size > limit:
        raise BadCommand("too_long", f"a text has at most {limit} bytes, this one {size}")


CONVERSATION_BYTES_LIMIT = USER_BYTES_LIMIT = 128
ID_CHARACTERS = 36  # a UUID's text; whether it is a good one is decided by the owner


def _admit(session: Session, frame: CommandFrame, now: Now, settings: EdgeSettings) -> None:
    if len(frame.id) != ID_CHARACTERS:
        raise BadCommand("invalid", "id must be a UUIDv7 in its text form of 36 characters")
    if len(frame.conversation) > CONVERSATION_BYTES_LIMIT:
        raise BadCommand("invalid", f"conversation ids have at most {CONVERSATION_BYTES_LIMIT} characters")
    if not frame.conversation and not isinstance(frame, (frames.CreateConversation, *FRIEND_FRAMES)):
        raise BadCommand("invalid", "conversation is missing")
    _admit_by_rate(session, now, settings)
    if len(session.outstanding) >= settings.outstanding_commands_limit and frame.id not in session.outstanding:
        raise BadCommand("rate_limited", f"{settings.outstanding_commands_limit} commands are unanswered", OUTSTANDING_RETRY_MS)


def _admit_by_rate(session: Session, now: Now, settings: EdgeSettings) -> None:
    if session.bucket is not None and (wait_ms := session.bucket.take(now.mono_ms)):
        raise BadCommand("rate_limited", f"more than {settings.commands_per_s} commands a second", wait_ms)
    if session.user_bucket is not None and (wait_ms := session.user_bucket.take(now.mono_ms)):
        if session.bucket is not None:
            session.bucket.give_back()
        detail = f"more than {settings.user_commands_per_s} commands a second of all the user's sessions"
        raise BadCommand("rate_limited", detail, wait_ms)


def _on_request(session: Session, frame: frames.Sync | frames.History | frames.DirectoryRequest, settings: EdgeSettings) -> Effect:
    if session.requests_running >= settings.requests_per_session_limit:
        return _failure(frame.request, "rate_limited", f"{settings.requests_per_session_limit} requests are under way", 100)
    if isinstance(frame, frames.DirectoryRequest):
        return Read(frame)
    if frame.conversation not in session.conversations:
        return _failure(frame.request, "not_member", f"not a member of {frame.conversation!r}")
    if frame.limit < 1:
        return _failure(frame.request, "invalid", "limit must be at least 1")
    if isinstance(frame, frames.Sync):
        if frame.from_seq < 1:
            return _failure(frame.request, "invalid", "from_seq starts at 1")
        session.catching_up.add(frame.conversation)
    elif frame.before_seq is not None and frame.before_seq < 1:
        return _failure(frame.request, "invalid", "before_seq starts at 1")
    return Read(frame)


def _on_question(session: Session, frame: ReceiptQuestion | frames.WatchPresence, settings: EdgeSettings) -> Effect:
    request = "" if isinstance(frame, frames.WatchReceipts) else frame.request
    conversations = frame.conversations if isinstance(frame, frames.WatchPresence) else (frame.conversation,)
    if session.requests_running >= settings.requests_per_session_limit:
        return _failure(request, "rate_limited", f"{settings.requests_per_session_limit} requests are under way", 100)
    for conversation in conversations:
        if conversation not in session.conversations:
            return _failure(request, "not_member", f"not a member of {conversation!r}")
    if isinstance(frame, frames.WatchPresence):
        if max(len(set(frame.users)), len(conversations)) > settings.presence_watched_limit:
            return _failure(request, "too_many", f"at most {settings.presence_watched_limit} users can be watched")
        if any(not 0 < len(user) <= USER_BYTES_LIMIT for user in frame.users):
            return _failure(request, "invalid", f"a user id has 1 to {USER_BYTES_LIMIT} characters")
    elif isinstance(frame, frames.Receipts) and (frame.seq < 1 or frame.limit < 1):
        return _failure(request, "invalid", "seq and limit start at 1")
    return Read(frame)


def _failure(request: str, code: str, detail: str, retry_after_ms: int = 0) -> Tell:
    return Tell(frames.Failure(request, code, detail, retry_after_ms > 0, retry_after_ms))
