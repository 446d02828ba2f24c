"""What is done for a notified message that is not delivered, and when. Pure.

docs/make_schedule.py prints it as the table in docs/delivery.md.
Rule 1: what is absent is reached by a push at once, what is there but silent is asked again first. Rule 2: steps come in ascending time.
"""

import enum
from dataclasses import dataclass
from typing import Literal, assert_never

from schemas.values import ConversationKind, Qos

Care = Qos | Literal["ephemeral"]
KINDS: tuple[ConversationKind, ...] = ("direct", "group", "channel")
CARES: tuple[Care, ...] = ("ephemeral", "at_least_once", "effectively_once")


class Action(enum.Enum):
    REDELIVER = "ask the edges to write it again"
    PUSH = "ask for a push"
    PUSH_AGAIN = "ask for a second push"


@dataclass(frozen=True, slots=True)
class Step:
    """`after_ms`: since the message was notified, or since the user came or went."""

    after_ms: int
    action: Action


@dataclass(frozen=True, slots=True)
class Waits:
    """`timeout_ms`: within this a live session should have acknowledged; `repeat_ms`: until a second push."""

    timeout_ms: int
    repeat_ms: int


def steps(kind: ConversationKind, care: Care, live: bool, waits: Waits) -> tuple[Step, ...]:
    """The steps until it is delivered, in ascending time; none is taken after it was."""
    match care:
        case "ephemeral":
            return ()
        case "effectively_once":
            return _reaching(kind, live, waits)
        case "at_least_once":  # rather twice than never: who asked for it said that a repeat does no harm
            reaching = _reaching(kind, live, waits)
            return (*reaching, Step(reaching[-1].after_ms + waits.repeat_ms, Action.PUSH_AGAIN))
        case _:
            assert_never(care)


def _reaching(kind: ConversationKind, live: bool, waits: Waits) -> tuple[Step, ...]:
    if not live:
        return (Step(0, Action.PUSH),)
    first, again, push = waits.timeout_ms, 3 * waits.timeout_ms, 4 * waits.timeout_ms
    if kind == "channel":  # many readers and few who wait for an answer: asked once
        return (Step(first, Action.REDELIVER), Step(push, Action.PUSH))
    return (Step(first, Action.REDELIVER), Step(again, Action.REDELIVER), Step(push, Action.PUSH))
