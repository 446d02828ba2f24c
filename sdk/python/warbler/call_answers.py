"""What an edge's answer to a call command comes to. Pure; called by `warbler.core`."""

from warbler.call_frames import CallAck, CallFromEdge, CallRefusal, CallSignalFrames
from warbler.effects import Acked, CallHeard, Effect, Failed
from warbler.errors import CallRefused
from warbler.frames import Typing
from warbler.outbox import Outbox

BUSY_CODES = frozenset({"rate_limited", "unavailable"})  # refusals of the moment: the same command is sent again, with its id

Tellable = Typing | CallSignalFrames  # what may be lost


def settle(outbox: Outbox, frame: CallFromEdge, now_ms: int) -> list[Effect]:
    """The effects of a frame about calls. Shape: none for an answer that came before."""
    if not isinstance(frame, CallAck | CallRefusal):
        return [CallHeard(frame)]
    pending = outbox.answered(frame.id)
    if pending is None:
        return []
    if isinstance(frame, CallAck):
        return [Acked(pending.key, frame)]
    if frame.code in BUSY_CODES and frame.retry_after_ms > 0:
        outbox.again(pending, now_ms + frame.retry_after_ms)
        return []
    return [Failed(pending.key, CallRefused(frame))]
