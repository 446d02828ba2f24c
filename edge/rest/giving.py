"""Commands over HTTP: given as by a device of its own, and answered when the conversation's owner has answered.

Every REST route that changes a conversation comes through here, with the frame that a device would send.
"""

import asyncio
import secrets
from contextlib import AbstractAsyncContextManager, nullcontext

from edge import frames
from edge.clocks import clock_ms, mono_ms
from edge.node import Node
from edge.rest.access import Caller
from edge.rest.errors import Problem
from edge.session import Session
from schemas.ids import uuid7

ID_RANDOM_BITS = 74
# What a refusal is in HTTP; what is not here is 422: the same command cannot succeed, whatever becomes of the conversation.
STATUS_OF = {
    "banned": 403,
    "blocked": 403,
    "muted": 403,
    "not_allowed": 403,
    "not_invited": 403,
    "not_member": 403,
    "strangers_refused": 403,
    "vetoed": 403,
    "link_invalid": 404,
    "no_request": 404,
    "unknown_conversation": 404,
    "unknown_target": 404,
    "already_done": 409,
    "already_friends": 409,
    "already_member": 409,
    "applications_limit": 409,
    "bans_limit": 409,
    "conversation_exists": 409,
    "dissolved": 409,
    "friends_limit": 409,
    "invitations_limit": 409,
    "links_limit": 409,
    "members_limit": 409,
    "mutes_limit": 409,
    "owner_must_stay": 409,
    "roles_limit": 409,
    "seq_ahead": 409,
    "stale": 409,
    "stale_settings": 409,
    "too_late": 409,
    "rate_limited": 429,
    "slow_mode": 429,
    "unavailable": 503,
}


def command_id() -> str:
    return uuid7(clock_ms(), secrets.randbits(ID_RANDOM_BITS))


def problem_of(reject: frames.Reject) -> Problem:
    return Problem(STATUS_OF.get(reject.code, 422), reject.code, reject.detail, reject.retryable, reject.retry_after_ms)


class Answer:
    """A sink for one command over HTTP: a session of no socket that waits for its ack or reject."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[frames.Ack | frames.Reject] = asyncio.get_running_loop().create_future()

    def write(self, frame: frames.FromEdge) -> None:
        if isinstance(frame, frames.Ack | frames.Reject) and not self.answer.done():
            self.answer.set_result(frame)

    def write_shared(self, shared: object) -> None:
        pass

    def backlog_bytes(self) -> int:
        return 0

    def read_on(self, on: bool) -> None:
        pass

    def end_if_older(self, limit_ms: float, now_mono_ms: float) -> None:
        pass

    def end(self, close: object) -> None:
        pass

    def room(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()


async def answer_to(node: Node, user: str, frame: frames.CommandFrames, *, limited: bool = True) -> frames.Ack | frames.Reject:
    """The owner's answer to what `user` asks. `limited` False: not counted against the user's rate.

    Raises: Problem 504 when the owner does not answer in EDGE_REST_TIMEOUT_MS; the same command id can be sent again.
    """
    sink = Answer()
    session = Session("r-" + secrets.token_hex(8), user, "rest-" + frame.id, sink, None, mono_ms(), follow=False)
    session.user_bucket = node.user_buckets.of(user, mono_ms()) if limited else None
    node.hub.open(session, ())
    try:
        node.requests.on_frame(session, frame)
        return await asyncio.wait_for(sink.answer, node.settings.rest_timeout_ms / 1000)
    except TimeoutError:
        raise Problem(504, "timeout", "no answer yet; send the same command_id again", True, 1000) from None
    finally:
        node.hub.close(session)


async def given(caller: Caller, frame: frames.CommandFrames) -> frames.Ack:
    """The ack of what the caller asks. Raises: Problem with the refusal's code."""
    answer = await answer_to(caller.node, caller.user, frame, limited=not caller.grant.bulk)
    if isinstance(answer, frames.Reject):
        raise problem_of(answer)
    return answer
