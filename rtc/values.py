"""The words of a call's state, and the refusal; what crosses a process boundary is in `schemas.call_values`. Pure."""

from typing import Literal

from msgspec import Struct

from schemas.call_values import Fault, RefusalCode

CallState = Literal["requested", "ringing", "accepted", "connected", "reconnecting", "held", "ended"]
Flow = Literal["waiting", "flowing", "lost", "moving"]  # of one participant's media; moving: not yet seen on the engine switched to


class Refusal(Struct, frozen=True):
    """Nothing was changed, and why. `call_id`: the call that it is about, where the command could not know it.

    `retry_after_ms`: when the same may be accepted; 0: not by waiting alone.
    """

    code: RefusalCode
    fault: Fault
    detail: str
    call_id: str = ""
    retry_after_ms: int = 0
