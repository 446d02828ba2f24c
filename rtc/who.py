"""Who speaks for whom in a call. Pure.

Rule 1: only the device by which a user takes part speaks for it; what another of its devices says late must not end the call.
Rule 2: a moderator's doing is for groups; of a group's call its caller is one too.
"""

from rtc.state import Call
from rtc.values import Refusal
from schemas.call_commands import DeviceCommand

STRANGER = Refusal("not_invited", "user", "the call is not for you")


def outside(call: Call, command: DeviceCommand) -> Refusal | None:
    """Why this device does not speak for a participant."""
    party = call.parties.get(command.user)
    if party is None or not party.in_call:
        return Refusal("not_in_call", "user", "you are not in this call", call.call_id)
    if party.device != command.device:
        return Refusal("already_answered", "nobody", "you are in this call with another device", call.call_id)
    return None


def moderates(call: Call, command: DeviceCommand) -> bool:
    return call.kind == "group" and (command.standing == "moderator" or command.user == call.caller)
