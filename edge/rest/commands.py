"""Any command over HTTP: the frame a device would send, without a socket. For backends, bots and scripts."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, Field, WithJsonSchema

from edge import frames
from edge.rest import models
from edge.rest.access import SignedInCaller
from edge.rest.command_schema import COMMAND_SCHEMA, FRIEND_SCHEMA
from edge.rest.errors import Problem
from edge.rest.giving import command_id, given
from edge.translate import FRIEND_FRAMES

router = APIRouter(prefix="/v1")

COMMAND = "A command as a device would send it; its `id`, a UUIDv7, makes a retry harmless"
PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": models.Problem, "description": "No token, or one that is over."},
    403: {"model": models.Problem, "description": "The user may not: its role, a mute, a ban, a block, or it is no member."},
    404: {"model": models.Problem, "description": "There is no such conversation, message, member, link or request."},
    409: {"model": models.Problem, "description": "The conversation is not in the state for it."},
    422: {"model": models.Problem, "description": "The command contradicts itself, or can never be accepted."},
    429: {"model": models.Problem, "description": "Too often: again after Retry-After."},
    503: {"model": models.Problem, "description": "The log cannot be reached: again with the same id."},
    504: {"model": models.Problem, "description": "No answer in time: again with the same id."},
}


class ConversationCommand(BaseModel):
    command: Annotated[dict[str, Any], WithJsonSchema(COMMAND_SCHEMA)] = Field(description=COMMAND)


class FriendCommand(BaseModel):
    command: Annotated[dict[str, Any], WithJsonSchema(FRIEND_SCHEMA)] = Field(description=COMMAND)


@router.post("/conversations/{conversation}/commands", responses=PROBLEMS)
async def command(conversation: models.ConversationPath, body: ConversationCommand, caller: SignedInCaller) -> models.Committed:
    """Waits for the owner's answer. The `id` of a command makes a retry harmless: send the same one again."""
    return committed(await given(caller, frame_of(body.command, conversation=conversation)))


@router.post("/users/{user}/commands", responses=PROBLEMS)
async def friend_command(user: models.UserPath, body: FriendCommand, caller: SignedInCaller) -> models.Committed:
    """What two users have with each other, in their direct conversation, which is made where there is none."""
    frame = frame_of(body.command, conversation="", member=user)
    if not isinstance(frame, FRIEND_FRAMES):
        raise Problem(422, "invalid", "command.type: not a command about friends")
    return committed(await given(caller, frame))


def frame_of(command: dict[str, Any], **fixed: str) -> frames.CommandFrames:
    """The command's frame; what the path says stands, and must not be contradicted. Raises: Problem 422."""
    for name, value in fixed.items():
        if command.get(name, value) != value:
            raise Problem(422, "invalid", f"command.{name}: the path says another")
    try:
        frame: frames.CommandFrames = msgspec.convert({"id": command_id(), **command, **fixed}, frames.CommandFrames)
    except (msgspec.ValidationError, UnicodeEncodeError) as exc:
        raise Problem(422, "invalid", f"command: {exc}") from None
    return frame


def committed(ack: frames.Ack) -> models.Committed:
    return models.Committed(conversation=ack.conversation, seq=ack.seq, at_ms=ack.at_ms)
