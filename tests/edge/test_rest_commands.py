"""Commands over HTTP: what becomes a frame, what is refused before it is one, and what the OpenAPI document says of it."""

import uuid
from typing import Any, get_args

import pytest

from edge import frames
from edge.rest.command_schema import COMMAND_SCHEMA, FRIEND_SCHEMA
from edge.rest.commands import PROBLEMS, frame_of
from edge.rest.errors import Problem
from edge.rest.giving import STATUS_OF, problem_of
from edge.translate import FRIEND_FRAMES
from schemas.records import RefusalCode
from tests.edge.builders import GROUP, command_id


def test_a_command_becomes_the_frame_a_device_would_send_and_gets_an_id() -> None:
    frame = frame_of({"type": "mute_member", "member": "u-1", "until_ms": 5}, conversation=GROUP)
    assert uuid.UUID(frame.id).version == 7
    assert frame == frames.MuteMember(id=frame.id, conversation=GROUP, member="u-1", until_ms=5)
    again = frame_of({"type": "leave_conversation", "id": command_id(1), "conversation": GROUP}, conversation=GROUP)
    assert again == frames.LeaveConversation(id=command_id(1), conversation=GROUP)
    friend = frame_of({"type": "request_friend", "text": "hi"}, conversation="", member="u-2")
    assert friend == frames.RequestFriend(id=friend.id, conversation="", member="u-2", text="hi")


@pytest.mark.parametrize(
    "command",
    [
        {},
        {"type": "fly"},
        {"type": "hello", "token": "t", "device": "d"},
        {"type": "mute_member", "member": "u-1"},
        {"type": "mute_member", "member": "u-1", "until_ms": -1},
        {"type": "mute_member", "member": "u-1", "until_ms": "soon"},
        {"type": "leave_conversation", "conversation": "g-other"},
        {"type": "leave_conversation", "id": 5},
        {"type": "create_link", "secret": "short"},
    ],
)
def test_what_is_no_command_or_contradicts_the_path_is_invalid(command: dict[str, Any]) -> None:
    with pytest.raises(Problem) as refused:
        frame_of(command, conversation=GROUP)
    assert (refused.value.status, refused.value.code, refused.value.retryable) == (422, "invalid", False)


def test_every_refusal_has_a_status_that_the_document_names() -> None:
    edge_codes = {"rate_limited", "unavailable"}
    assert set(STATUS_OF) <= set(get_args(RefusalCode)) | edge_codes
    for code in get_args(RefusalCode):
        assert problem_of(frames.Reject("i", GROUP, code, "", False)).status in PROBLEMS


def test_the_document_has_every_command_and_of_friends_those_alone() -> None:
    def names(schema: dict[str, Any]) -> set[str]:
        return {choice["properties"]["type"]["enum"][0] for choice in schema["oneOf"]}

    assert names(COMMAND_SCHEMA) == {str(frame.__struct_config__.tag) for frame in frames.COMMAND_TYPES}
    assert names(FRIEND_SCHEMA) == {str(frame.__struct_config__.tag) for frame in FRIEND_FRAMES}
    assert all("id" not in choice["required"] for choice in COMMAND_SCHEMA["oneOf"])
    assert "$ref" not in str(COMMAND_SCHEMA)
