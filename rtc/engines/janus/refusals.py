"""Janus' errors as ours: what is the device's doing, and what is not.

Source: the error codes of Janus' API (4xx) and of its VideoRoom plugin (42x, 43x).
"""

from rtc.engines.janus.link import JanusRefused
from rtc.engines.port import EngineRefused, EngineUnavailable
from schemas.call_signals import SignalCode

NO_SUCH_ROOM, ROOM_EXISTS, TOO_MANY, UNAUTHORISED = 426, 427, 432, 433
# of the API: not authorised, no such session, no such handle
UNAVAILABLE = frozenset({NO_SUCH_ROOM, UNAUTHORISED, 403, 458, 459})


def refusal(refused: JanusRefused) -> EngineRefused | EngineUnavailable:
    if refused.code in UNAVAILABLE:
        return EngineUnavailable(str(refused))
    code: SignalCode = "too_many" if refused.code == TOO_MANY else "invalid"
    return EngineRefused(code, refused.reason)
