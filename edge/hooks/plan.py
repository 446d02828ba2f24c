"""Which hook is asked about which command, what it is told, what its answer means, and what becomes of the command. Pure.

Rule 1: a hook sees what the one before it made of the command; the first veto ends it.
Rule 2: the command keeps its id, and of a message what its device asked for keeps counting (`asked`): a repeat gets the same answer.
Rule 3: an answer that cannot be used is a failure of the hook, and never guessed at.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from edge import frames
from edge.errors import BadCommand
from edge.translate import content_of, device_content
from schemas.commands import Command, EditMessage, SendMessage
from schemas.fingerprint import fingerprint
from schemas.records import MessageSignalled
from schemas.values import Content

REASON_CHARS_LIMIT = 300
MESSAGES = ("send_message", "edit_message")
DIRECT = "d-"
Asked = Command | MessageSignalled


class Hook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One hook of the file EDGE_HOOKS_FILE.

    `commands`: what it is asked about, `*` for all. `conversations`: `all`, `direct`, `groups` (channels too), or ids.
    `failure`: whether a command passes when the hook gives no usable answer in time.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    url: str
    secret_file: str = ""
    secret_env: str = ""
    commands: tuple[str, ...] = MESSAGES
    conversations: tuple[str, ...] = ("all",)
    deadline_ms: Annotated[int, Meta(ge=10, le=10_000)] = 1_000
    failure: Literal["open", "closed"] = "open"
    clear_text: bool = False
    breaker_failures: Annotated[int, Meta(ge=1, le=1_000)] = 10  # one after the other
    breaker_open_ms: Annotated[int, Meta(ge=10, le=600_000)] = 5_000


@dataclass(frozen=True, slots=True)
class Allow:
    pass


@dataclass(frozen=True, slots=True)
class Replace:
    content: Content


@dataclass(frozen=True, slots=True)
class Veto:
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """No usable answer."""

    why: str


Verdict = Allow | Replace | Veto
Outcome = Verdict | Failed


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answered by the edge, and never in the log."""

    code: str
    detail: str
    retry_after_ms: int = 0


def kind_of(record: Asked) -> str:
    """A message that is not kept is asked about as one that is."""
    return "send_message" if isinstance(record, MessageSignalled) else str(record.__struct_config__.tag)


def concerns(hook: Hook, record: Asked) -> bool:
    if kind_of(record) not in hook.commands and "*" not in hook.commands:
        return False
    place = "direct" if record.conversation_id.startswith(DIRECT) else "groups"
    return any(each in ("all", place, record.conversation_id) for each in hook.conversations)


def question_id(hook: Hook, record: Asked) -> str:
    """The same whenever and from whichever node the command comes."""
    return f"hook_{hook.id}_{record.command_id}"


def question(hook: Hook, record: Asked, at_ms: int) -> bytes:
    """What the hook is told, as JSON. A content is written as devices write it."""
    told = msgspec.to_builtins(record)
    asked = {name: value for name, value in told.items() if name not in ("kind", "trace_id", "asked", "veto")}
    if isinstance(record, SendMessage | EditMessage | MessageSignalled):
        asked["content"] = msgspec.to_builtins(device_content(record.content))
    data = {"hook": hook.id, "ephemeral": isinstance(record, MessageSignalled), **asked}
    return msgspec.json.encode({"type": f"command.{kind_of(record)}", "timestamp_ms": at_ms, "data": data})


class _Answer(Struct, frozen=True):
    action: Literal["allow", "veto", "replace"]
    reason: str = ""
    content: frames.DeviceContent | None = None


def verdict_of(status: int, body: bytes, record: Asked, content_bytes_limit: int) -> Outcome:
    """What the answer says; 204 allows. Anything unexpected is a failure."""
    if status == 204:
        return Allow()
    if status != 200:
        return Failed(f"status {status}")
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as bad:  # RecursionError: brackets nested without end
        return Failed(f"answer: {bad}")
    match answer.action:
        case "allow":
            return Allow()
        case "veto":
            return Veto(answer.reason[:REASON_CHARS_LIMIT] or "not allowed here")
        case "replace":
            return _replacement(answer.content, record, content_bytes_limit)


def _replacement(content: frames.DeviceContent | None, record: Asked, content_bytes_limit: int) -> Outcome:
    if content is None or not isinstance(record, SendMessage | EditMessage | MessageSignalled):
        return Failed("replace: only a message's content can be, and it must be named")
    try:
        made = content_of(content)
    except (BadCommand, UnicodeError) as bad:
        return Failed(f"replace: {bad}")
    if not 0 < len(made.body) <= content_bytes_limit:
        return Failed(f"replace: 1 to {content_bytes_limit} bytes")
    return Replace(made)


def applied(record: Asked, verdict: Verdict) -> Asked | Refuse:
    """The command as it goes on. A message's veto goes on too: only the conversation's owner knows whether it was accepted before."""
    match verdict:
        case Allow():
            return record
        case Veto(reason=reason):
            if isinstance(record, SendMessage | EditMessage):
                return replace(record, content=Content(record.content.media_type, b""), asked=asked_of(record), veto=reason)
            return Refuse("vetoed", reason)
        case Replace(content=content):
            assert isinstance(record, SendMessage | EditMessage | MessageSignalled)
            if isinstance(record, MessageSignalled):
                return replace(record, content=content)
            return replace(record, content=content, asked=asked_of(record))


def ends(outcome: Asked | Refuse) -> bool:
    """Whether no further hook is asked."""
    return isinstance(outcome, Refuse) or (isinstance(outcome, SendMessage | EditMessage) and outcome.veto != "")


def asked_of(record: SendMessage | EditMessage) -> bytes:
    """Of what the device sent, also when a hook before has changed it."""
    return fingerprint(record)


def without_answer(hook: Hook, failed: Failed) -> Verdict | Refuse:
    """What a command comes to when its hook fails."""
    if hook.failure == "open":
        return Allow()
    return Refuse("unavailable", f"the hook {hook.id} does not answer; send the command again with the same id", hook.breaker_open_ms)
