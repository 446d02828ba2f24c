"""What became of one message."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path

from edge.errors import UnknownMessage
from edge.rest import models
from edge.rest.access import CallerOrAdmin, member_of
from edge.rest.errors import Problem

router = APIRouter(prefix="/v1/messages")


@router.get("/{conversation}/{seq}/journey")
async def journey(
    conversation: models.ConversationPath, seq: Annotated[int, Path(ge=1, le=2**53 - 1)], who: CallerOrAdmin
) -> dict[str, Any]:
    """When the message was received, accepted, committed, projected, fanned out, pushed, delivered, read and played; and what is not known.

    For members of the conversation; with the administrator's key for everybody's, hidden receipts included. What became of a push, device
    by device, is told to its user and to administrators.
    """
    node, caller = who
    if caller is not None:
        await member_of(caller, conversation)
        if seq < await node.readable.floor_seq(caller.user, conversation):
            raise Problem(404, "unknown_message", "there is no such message for you: it was before you joined")
    try:
        found = await node.journeys.journey(conversation, seq, see_hidden=caller is None, viewer=caller.user if caller is not None else "")
    except UnknownMessage as unknown:
        raise Problem(404, "unknown_message", str(unknown)) from None
    except TimeoutError:
        raise Problem(504, "timeout", "the log could not be looked through in time; try again", True, 1000) from None
    answer: dict[str, Any] = msgspec.to_builtins(found)
    return answer
