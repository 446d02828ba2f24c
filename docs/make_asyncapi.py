"""Writes docs/asyncapi.yaml from the frames and close codes of edge/ and the codes below, so that document and code cannot differ.

Run by hand after a change of the frames (`.venv/bin/python docs/make_asyncapi.py`); tests/edge/test_asyncapi.py fails until that was done.
"""

import ast
import inspect
import re
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec
import yaml

ROOT = Path(__file__).resolve().parents[1]
TARGET = Path(__file__).resolve().parent / "asyncapi.yaml"
sys.path.insert(0, str(ROOT))

from edge import call_frames, closing, frames  # noqa: E402
from edge.settings import EdgeSettings  # noqa: E402

HEADER = "# Made by docs/make_asyncapi.py from the code of edge/: change that, then run it again.\n"
ABOUT = """\
One long connection per device. The first frame is `hello`, within the time to authenticate; the edge answers `welcome`, or closes
with a code of the table `x-close-codes`. Each WebSocket message is one frame, in the codec that the subprotocol names; bytes are
base64 in JSON. Unknown fields are ignored.

A frame of the device that has an `id` is a command. It is answered by `ack` (committed in Kafka, with its seq) or by `reject`. A
command that was not answered is sent again with the same id, also on another connection: it is accepted at most once. Ids are
UUIDv7 by the server's clock (`welcome.now_ms`). The device that caused an event gets the `ack` instead of the event; every other
session of a member gets `events`. What a command becomes may depend on the conversation's state (an application, an answer to one, a
friend's request): the `ack` names its first event, and the device reads it with `sync`. An event of the kind `hidden` is another
member's own matter: it has its place in the order and is not to be shown.

Events of a conversation are dense by `seq`. A device holds the next seq it expects: a smaller one is dropped, a larger one is a
gap and answered with `sync`. Each of `hello.positions` (at most `welcome.limits.positions`, else close 4510) is answered: by pages with
the request "" that end at the head, empty where nothing is missing; or by an `error` with the request "" and the `conversation`:
`not_member`, `seq_ahead`, `invalid`, or a retryable one. Where `welcome.epoch_changed`, none is: the positions are of another log.

A device that follows says `mark{delivered}`: it holds everything up to there. A watermark below the last one is a repeat and not
answered; one up to the head is believed, wherever the device had it from; one beyond it is an `error` with the code `seq_ahead`.
Events that stay unacknowledged are written again, so a repeat is answered with the mark once more; who never acknowledges is closed
with 4009. A device that reads too slowly loses typing and presence first, then hears only the last of several receipts, and then gets
`resync` in place of events. After `move` it opens a session elsewhere at its time and closes this one. An `error` with the code `busy`
and the request "" names the time before which it must not come back.

`hello.push` registers the device's push token, as `PUT /v1/me/push/tokens/{channel}` does. A hello does not fail by it: `welcome.push` says
`taken`, or why not: `push_off`, `unknown_channel`, `bad_push_token`, `too_many`, `signed_out`, `unavailable`.

Frames that begin with `call_` are about calls. Those with an `id` are commands, answered by `call_ack` or `call_refused` (codes:
`x-call-codes`); the signals `call_description`, `call_candidate`, `call_tracks`, `call_layer`, `call_ticket_wanted` are answered only where
they are refused, by `call_signal_refused` (codes: `x-call-signal-codes`).
"""
# Frames whose class says nothing: what a reader of this document needs to know.
SUMMARIES = {
    "call_candidate_came": "A candidate of the other side; `candidate` empty: there are no more.",
    "ping": "Keeps the session alive; answered by `pong`.",
    "directory_page": "Answers `directory`; `next` is what to ask for after, null at the end.",
    "reject": "The command was refused, and nothing of it happened. Codes: `x-reject-codes`.",
    "user_typing": "May be lost.",
    "pong": "Answers `ping`; `now_ms` is the server's clock.",
}
ANSWERS = {"sync": ("page", "error"), "history": ("history_page", "error"), "directory": ("directory_page", "error"), "ping": ("pong",)}
ANSWERS |= {"receipts": ("receipts_page", "error"), "watch_presence": ("presence", "error"), "mark": ("error",)}
ANSWERS["hello"] = ("welcome", "page", "error")
SIGNAL_ANSWERS = ("call_signal_refused",)
ANSWERS |= {str(frame.__struct_config__.tag): SIGNAL_ANSWERS for frame in get_args(call_frames.CallSignalFrames)}
ANSWERS["call_ticket_wanted"] = ("call_ticket", "call_signal_refused")
PUSHED = ("events", "receipt", "receipt_counts", "presence", "roster", "resync", "move", "signalled", "user_typing")
PUSHED += ("call_ring", "call_stop", "call_changed", "call_over", "call_ticket", "call_described", "call_candidate_came")
PUSHED += ("call_tracks_changed", "call_speaking", "call_limits")
# Codes of `reject`. `by`: owner (its decision, for good) or edge (before the log saw the command).
REJECT_CODES = {
    "already_done": ("owner", "It is so already: nothing would change."),
    "already_friends": ("owner", "The two are friends already."),
    "already_member": ("owner", "The user is a member already."),
    "applications_limit": ("owner", "So many applications wait for an answer that no more are taken; later."),
    "bans_limit": ("owner", "So many users are banned that no more can be: STREAMS_BANS_LIMIT."),
    "invitations_limit": ("owner", "So many invitations wait for an answer that no more can be sent: STREAMS_INVITATIONS_LIMIT."),
    "links_limit": ("owner", "So many links are open that no more can be made: STREAMS_LINKS_LIMIT."),
    "mutes_limit": ("owner", "So many members are muted that no more can be: STREAMS_MUTES_LIMIT."),
    "banned": ("owner", "The user is banned from the conversation; `detail` says until when."),
    "blocked": ("owner", "The other user does not take this from the one who asks, or is blocked by it."),
    "clock_ahead": ("owner", "The time in the command id is ahead of the server's: make ids by welcome.now_ms."),
    "command_id_reused": ("owner", "The id was used for another request: choose a new one."),
    "conversation_exists": ("owner", "The conversation was created before; a direct one can simply be used."),
    "dissolved": ("owner", "The conversation was dissolved: it can be read, and nothing else."),
    "empty": ("edge and owner", "A text, title or reaction of 0 bytes."),
    "friends_limit": ("owner", "Too many friends or open requests."),
    "invalid": ("edge and owner", "Something contradicts itself or has the wrong form; `detail` says what."),
    "link_invalid": ("owner", "There is no such link, or it was revoked, has run out or is used up."),
    "members_limit": ("owner", "The conversation has as many members as it may have."),
    "muted": ("owner", "The user, or everybody, is muted: retry_after_ms says for how long."),
    "no_request": ("owner", "There is no open request or application to answer."),
    "not_allowed": ("owner", "The user's role does not permit it."),
    "not_invited": ("owner", "The user was not invited, and joining needs that."),
    "not_member": ("edge and owner", "The user is not a member of the conversation."),
    "owner_must_stay": ("owner", "The owner cannot leave as long as there are others: hand the ownership over first."),
    "rate_limited": ("edge", "Too many commands a second, or too many unanswered: send it again after retry_after_ms."),
    "roles_limit": ("owner", "The conversation has as many roles of its own as it may have."),
    "seq_ahead": ("owner", "A seq beyond the conversation's head."),
    "slow_mode": ("owner", "The last message is too recent: send this as a new command after retry_after_ms."),
    "stale": ("owner", "The id is older than the memory for repeats: sync, look for an own event with this id, else use a new id."),
    "stale_settings": ("owner", "The settings are of another version than the one expected: read them again."),
    "strangers_refused": ("owner", "The other user takes messages from friends only."),
    "too_late": ("owner", "The time for editing or recalling is over."),
    "too_soon": ("owner", "A request was declined: ask again, as a new command, after retry_after_ms."),
    "too_long": ("edge and owner", "A text, content, title, reaction or list is over its limit."),
    "unavailable": ("edge", "The log cannot be reached or does not keep up: send it again with the same id after retry_after_ms."),
    "unknown_conversation": ("owner", "There is no such conversation."),
    "unknown_target": ("owner", "The message or member meant is not there."),
    "vetoed": ("edge and owner", "A hook of the tenant does not let it pass; `detail` says why."),
}
# Codes of `error`.
ERROR_CODES = {
    "bad_frame": "The frame could not be understood; the connection is closed with 4500 after this.",
    "too_many": "More is watched than one session, or this node, may watch; what was watched before still is.",
    "superseded": "This session asked the same kind of question again before the first one was answered.",
    "busy": "Too many devices come at once: the connection is closed with 4010; come again after retry_after_ms, not before.",
    "behind": "The timelines are behind the log by more than this node remembers: ask again after retry_after_ms.",
    "invalid": "A number of the request is out of its range; `detail` says which.",
    "not_member": "The user is not a member of the conversation.",
    "rate_limited": "Too many requests under way: ask again when one was answered.",
    "seq_ahead": "The seq is beyond the conversation's head. Of a position: it is of another log; sync from 1. Of a mark: it is not kept.",
    "unavailable": "The store cannot be reached: ask again after retry_after_ms.",
}
# Codes of `call_refused`.
CALL_CODES = {
    "already_answered": ("owner", "Another device of the user has answered, or takes part."),
    "blocked": ("edge", "One of the two has blocked the other."),
    "call_ended": ("owner", "The call is over; `detail` says by what."),
    "call_exists": ("owner", "The conversation has a live call, which `call` names: join it."),
    "call_full": ("owner", "As many take part as may."),
    "clock_ahead": ("owner", "The time in the command id is ahead of the server's: make ids by welcome.now_ms."),
    "dissolved": ("edge", "The conversation was dissolved."),
    "foreign_tenant": ("owner", "The conversation is another tenant's."),
    "invalid": ("edge and owner", "Something contradicts itself or has the wrong form; `detail` says what."),
    "kicked": ("owner", "A moderator took this user out: one has to invite it again."),
    "muted": ("edge", "The user is muted in the conversation."),
    "not_a_participant": ("owner", "An engine named somebody that is not in the call."),
    "not_allowed": ("edge and owner", "Only a moderator, or the caller, may do this."),
    "not_in_call": ("edge and owner", "The user is not in the call."),
    "not_invited": ("owner", "The call is not for this user."),
    "not_member": ("edge and owner", "The user, or who is to be rung, is not a member of the conversation."),
    "not_now": ("edge and owner", "The call is not in a state for this; from the edge: no media engine is there."),
    "nothing_to_lose": ("owner", "Media was reported lost that had never come."),
    "rate_limited": ("edge", "Too many commands a second, or too many unanswered: send it again after retry_after_ms."),
    "stale": ("owner", "The request is so old that nobody waits for it any more."),
    "stale_epoch": ("owner", "The call is with another engine by now."),
    "strangers_refused": ("edge", "The other user takes nothing from who is no friend."),
    "too_late": ("owner", "The ring is over."),
    "too_many_invites": ("edge and owner", "So many users are not rung at once, or by one user in so short a time."),
    "unavailable": ("edge", "The log or the store cannot be reached: send it again with the same id after retry_after_ms."),
    "unknown_call": ("edge and owner", "There is no such call in this conversation."),
    "unknown_target": ("owner", "The user meant is neither in the call nor rung."),
}
# Codes of `call_signal_refused`.
SIGNAL_CODES = {
    "unknown_call": "There is no such call going on.",
    "unknown_leg": "The engine knows no such participant.",
    "not_in_call": "This device is not the one by which its user is in the call.",
    "no_media": "The SDP has no media.",
    "invalid": "The SDP or candidate cannot be read, or is out of turn.",
    "too_long": "The SDP is longer than EDGE_CALL_SDP_BYTES_LIMIT.",
    "too_many": "Too many tracks or candidates.",
    "stale_epoch": "The call is with another engine by now: a ticket for it was or will be sent.",
    "ticket_needed": "The first offer of a generation carries the ticket.",
    "ticket_expired": "Ask for another one with `call_ticket_wanted`.",
    "ticket_used": "A ticket lets in once.",
    "ticket_wrong_room": "The ticket is for another call, epoch or participant.",
    "not_supported": "The engine of this call cannot do that.",
    "engine_unavailable": "The engine does not answer, or the log does not; the call goes on.",
    "rate_limited": "More signals a second than EDGE_CALL_SIGNALS_PER_S.",
}


def document() -> dict[str, Any]:
    """The whole AsyncAPI 3.0 document as plain values."""
    device, edge = get_args(frames.FromDevice), get_args(frames.FromEdge)
    settings = EdgeSettings()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Warbler edge: the WebSocket of a device",
            "version": "1",
            "description": ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"edge": {"host": f"localhost:{settings.port}", "protocol": "ws", "description": "Any edge node; all are equal."}},
        "channels": {"socket": _channel(device, edge)},
        "operations": _operations(device, edge),
        "components": {"messages": {tag(frame): _message(frame) for frame in (*device, *edge)}, "schemas": _schemas(device, edge)},
        "x-subprotocols": {
            frames.SUBPROTOCOL_JSON: "text messages, one JSON object each",
            frames.SUBPROTOCOL_MSGPACK: "binary messages, one MessagePack map each, with the same fields; bytes are bytes",
        },
        "x-close-codes": [
            {"code": close.code, "reason": close.reason, "reconnect": close.reconnect}
            for close in sorted(closing.CLOSE_CODES, key=lambda close: close.code)
        ],
        "x-reject-codes": {code: {"by": by, "description": text} for code, (by, text) in REJECT_CODES.items()},
        "x-error-codes": ERROR_CODES,
        "x-call-codes": {code: {"by": by, "description": text} for code, (by, text) in CALL_CODES.items()},
        "x-call-signal-codes": SIGNAL_CODES,
    }


def tag(frame: type[Any]) -> str:
    return str(frame.__struct_config__.tag)


def _channel(device: tuple[type[Any], ...], edge: tuple[type[Any], ...]) -> dict[str, Any]:
    return {
        "address": "/v1/socket",
        "description": "Offer one of `x-subprotocols`; compression is not agreed, and a compressed frame is closed with 1002.",
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
        "messages": {tag(frame): {"$ref": f"#/components/messages/{tag(frame)}"} for frame in (*device, *edge)},
    }


def _operations(device: tuple[type[Any], ...], edge: tuple[type[Any], ...]) -> dict[str, Any]:
    channel = {"$ref": "#/channels/socket"}
    operations: dict[str, Any] = {}
    for frame in device:
        operation: dict[str, Any] = {"action": "receive", "channel": channel, "messages": [_on_channel(tag(frame))]}
        answers = _answers(frame)
        if answers:
            operation["reply"] = {"channel": channel, "messages": [_on_channel(answer) for answer in answers]}
        operations[f"receive_{tag(frame)}"] = operation
    pushed = [frame for frame in edge if tag(frame) in PUSHED]
    operations["send_live"] = {"action": "send", "channel": channel, "messages": [_on_channel(tag(frame)) for frame in pushed]}
    return operations


def _answers(frame: type[Any]) -> tuple[str, ...]:
    if issubclass(frame, call_frames.CallCommandFrame):
        return "call_ack", "call_refused"
    return ("ack", "reject") if issubclass(frame, frames.CommandFrame) else ANSWERS.get(tag(frame), ())


def _on_channel(name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/socket/messages/{name}"}


def _message(frame: type[Any]) -> dict[str, Any]:
    text = _doc(frame) or SUMMARIES.get(tag(frame), "")
    if issubclass(frame, frames.CommandFrame) and not text:
        ack, reject = _answers(frame)
        text = f"Command {tag(frame)}: answered by `{ack}` or `{reject}` with the same id."
    return {"name": tag(frame), "summary": text, "payload": {"$ref": f"#/components/schemas/{frame.__name__}"}}


def _doc(frame: type[Any]) -> str:
    return inspect.cleandoc(frame.__doc__).replace("\n", " ") if frame.__doc__ else ""


def _schemas(device: tuple[type[Any], ...], edge: tuple[type[Any], ...]) -> dict[str, Any]:
    """The messages' schemas from their classes; comments on fields become descriptions, `Shape:` notes stay as they are."""
    _, schemas = msgspec.json.schema_components((*device, *edge), ref_template="#/components/schemas/{name}")
    notes = field_notes()
    for name, schema in schemas.items():
        for field, note in notes.get(name, {}).items():
            if field in schema["properties"]:
                inner = schema["properties"][field]
                schema["properties"][field] = {"allOf": [inner], "description": note} if "$ref" in inner else {**inner, "description": note}
    plain: dict[str, Any] = _plain(schemas)
    return plain


def field_notes() -> dict[str, dict[str, str]]:
    """Class -> field -> the comment behind it in its file."""
    return _notes_in(frames.__file__) | _notes_in(call_frames.__file__)


def _notes_in(file: str) -> dict[str, dict[str, str]]:
    source = Path(file).read_text()
    lines = source.splitlines()
    notes: dict[str, dict[str, str]] = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.end_lineno is not None:
                found = re.search(r"\s# (.*)$", lines[item.end_lineno - 1])
                if found:
                    notes.setdefault(node.name, {})[item.target.id] = found.group(1)
    return notes


def _plain(value: Any) -> Any:
    """Lists and dicts only, so that YAML writes nothing but YAML."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def written() -> str:
    return HEADER + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, width=140, allow_unicode=True)


if __name__ == "__main__":
    TARGET.write_text(written())
