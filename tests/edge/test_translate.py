"""Frames to commands and events to frames: nothing is lost on the way, and the names are the same on both sides."""

import hashlib
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import frames
from edge.errors import BadCommand
from edge.translate import ack_of, command_of, content_of, conversation_of, device_content, item_of
from schemas import commands, events
from schemas.codec import decode_command, decode_event, encode
from schemas.ids import direct_conversation_id
from schemas.values import Content, GroupSettings
from tests.edge.builders import GROUP, base, command_id, plain, structs

BASE: dict[str, Any] = {
    "tenant": "default",
    "conversation_id": GROUP,
    "command_id": command_id(1),
    "user": "u",
    "device": "d",
    "trace_id": "t",
    "received_at_ms": 1,
}
CONTENTS = st.builds(frames.DeviceContent, media_type=st.just("text/plain"), text=st.text(max_size=8)) | st.builds(
    frames.DeviceContent, media_type=st.just("image/png"), body=st.binary(max_size=8), key_id=st.none() | st.text(max_size=4)
)
# how much care it got, what the other takes from strangers, and a link's secret are no matter of a device's
NOT_SHOWN = {"call_seq", "content", "qos", "refuse_strangers", "refuses_strangers", "secret_hash"}
ABSENT = {"via": ""}  # what is not written when it is empty


def said(value: Any) -> Any:
    """A value of a frame or a record, with its defaults: frames leave those out on the wire."""
    return msgspec.structs.asdict(value) if isinstance(value, frames.FrameSettings | GroupSettings) else plain(value)


def tag(struct: type[Any]) -> str:
    return str(struct.__struct_config__.tag)


def test_the_names_are_equal_in_frames_commands_events_and_items() -> None:
    # `note_call` is the notifier's: were there a frame for it, a device could make up a call
    assert {tag(frame) for frame in frames.COMMAND_TYPES} == {tag(command) for command in get_args(commands.Command)} - {"note_call"}
    # `hidden` is no event: the edge shows it in place of one that is another member's own matter
    assert {tag(event) for event in get_args(events.Event)} == set(get_args(frames.EventKind)) - {"hidden"}


@given(st.one_of([structs(frame) for frame in frames.COMMAND_TYPES]), CONTENTS)
def test_every_command_frame_becomes_the_command_of_its_name(frame: Any, content: frames.DeviceContent) -> None:
    if hasattr(frame, "content"):
        frame = type(frame)(**{name: getattr(frame, name) for name in frame.__struct_fields__ if name != "content"}, content=content)
    command = command_of(frame, BASE)
    assert tag(type(command)) == tag(type(frame))
    assert decode_command(encode("conversation-commands", command)) == command
    if isinstance(frame, frames.SendMessage):
        assert isinstance(command, commands.SendMessage)
        assert command.qos == (None if frame.qos == "ephemeral" else frame.qos)  # an ephemeral one never gets that far
    for name in set(frame.__struct_fields__) - {"id", "conversation", "content", "qos", "secret"}:
        assert said(getattr(command, name)) == said(getattr(frame, name))
    if isinstance(command, commands.CreateLink | commands.JoinByLink):
        assert command.secret_hash == hashlib.sha256(frame.secret.encode()).hexdigest()
    if isinstance(command, commands.CreateLink):
        assert command.link_id == "k-" + frame.id.replace("-", "")
    if isinstance(command, commands.SendMessage | commands.EditMessage):
        assert command.content == content_of(content)


@given(st.one_of([structs(event) for event in get_args(events.Event)]))
def test_every_event_becomes_an_item_with_all_it_says(event: Any) -> None:
    item = item_of(event)
    assert item.kind == tag(type(event))
    assert (item.seq, item.ordinal, item.at_ms) == (event.seq, event.ordinal, event.at_ms)
    assert (item.user, item.device, item.id) == (event.user, event.device, event.command_id)
    own = set(event.__struct_fields__) - set(base(1))
    for name in own - NOT_SHOWN:
        assert said(getattr(item, name) or ABSENT.get(name, getattr(item, name))) == said(getattr(event, name))
    if "content" in own:
        assert item.content == device_content(event.content)
    shown = set(plain(item)) - {"kind", "seq", "ordinal", "at_ms", "user", "device", "id"}
    assert shown <= own, "a field of another kind"
    ack = ack_of(event)
    assert (ack.id, ack.conversation, ack.seq, ack.ordinal, ack.at_ms) == (
        event.command_id,
        event.conversation_id,
        event.seq,
        event.ordinal,
        event.at_ms,
    )


@given(st.one_of([structs(event) for event in get_args(events.Event)]))
def test_an_item_is_the_same_after_the_log(event: Any) -> None:
    in_range = {name: abs(value) % 2**53 for name, value in plain(event).items() if isinstance(value, int) and not isinstance(value, bool)}
    event = type(event)(**{name: in_range.get(name, getattr(event, name)) for name in event.__struct_fields__})
    assert item_of(decode_event(encode("conversation-events", event))) == item_of(event)


@given(CONTENTS)
def test_content_comes_back_as_it_was_sent(content: frames.DeviceContent) -> None:
    assert device_content(content_of(content)) == content


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (Content("text/markdown", "é".encode()), frames.DeviceContent("text/markdown", text="é")),
        (Content("text/plain", b"\xff"), frames.DeviceContent("text/plain", text="\ufffd")),
        (Content("text/plain", b"sealed", "k1"), frames.DeviceContent("text/plain", body=b"sealed", key_id="k1")),
        (Content("image/png", b"\x89"), frames.DeviceContent("image/png", body=b"\x89")),
        (Content("text/plain", b""), frames.DeviceContent("text/plain", text="")),
    ],
)
def test_text_is_shown_as_text_and_everything_else_as_bytes(content: Content, shown: frames.DeviceContent) -> None:
    assert device_content(content) == shown


@pytest.mark.parametrize(
    "content",
    [
        frames.DeviceContent(),
        frames.DeviceContent(text="", body=b""),
        frames.DeviceContent("", text="a"),
        frames.DeviceContent("text", text="a"),
        frames.DeviceContent("a/" + "b" * 254, text="a"),
    ],
)
def test_content_that_contradicts_itself_is_invalid(content: frames.DeviceContent) -> None:
    with pytest.raises(BadCommand) as refused:
        content_of(content)
    assert (refused.value.code, refused.value.retryable) == ("invalid", False)


def test_a_friends_command_is_of_the_direct_conversation_whether_it_names_it_or_not() -> None:
    direct = direct_conversation_id("u-ana", "u-ben")
    for named in ("", direct):
        assert conversation_of(frames.BlockUser(id=command_id(1), conversation=named, member="u-ben"), "u-ana") == direct
    for wrong in ("g-1", direct_conversation_id("u-ana", "u-eve")):
        with pytest.raises(BadCommand):
            conversation_of(frames.RequestFriend(id=command_id(1), conversation=wrong, member="u-ben"), "u-ana")
