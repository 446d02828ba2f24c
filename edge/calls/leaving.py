"""What ends a user's part in a call that it does not end itself: it was signed out, or is no member any more. Pure.

Called by `edge.calls.desk`. Every node that hears of it says so with the same command id, or one per session: the owner takes the first.
"""

import hashlib

from rtc.state import Call
from schemas.call_commands import HangUp


def signed_out(tenant: str, conversation: str, call: Call, user: str, device: str, session_id: str, at_ms: int) -> HangUp | None:
    """The device is the one by which the user takes part, and its session was ended for good."""
    party = call.parties.get(user)
    if party is None or not party.in_call or party.device != device:
        return None
    return _hang_up(tenant, conversation, call, user, device, f"out-{session_id}", at_ms)


def sent_away(tenant: str, conversation: str, call: Call, user: str, event_id: str, at_ms: int) -> HangUp | None:
    """The user left the conversation, or was removed: out of its call, and its ring is over."""
    party = call.parties.get(user)
    if party is None or not (party.in_call or party.open):
        return None
    command_id = "away-" + hashlib.sha256(event_id.encode()).hexdigest()[:40]
    return _hang_up(tenant, conversation, call, user, party.device, command_id, at_ms)


def _hang_up(tenant: str, conversation: str, call: Call, user: str, device: str, command_id: str, at_ms: int) -> HangUp:
    return HangUp(
        tenant=tenant,
        conversation_id=conversation,
        call_id=call.call_id,
        command_id=command_id,
        received_at_ms=at_ms,
        user=user,
        device=device,
    )
