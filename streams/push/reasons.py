"""Why a push was not sent, or not accepted: the closed list of words that stand in `PushResult.reason`. Pure.

Used by `decide` (what it suppresses) and by the outbox (what became of a send). docs/push.md lists them; a test compares.
"""

from collections.abc import Mapping
from typing import Literal, get_args

from schemas.pushes import PushState

# Before anything is sent: said by `decide`.
Withheld = Literal[
    "no_device",
    "not_member",
    "user_inactive",
    "delivered",
    "recalled",
    "own_message",
    "content_unknown",
    "campaign_cancelled",
    "muted",
    "not_mentioned",
    "quiet_hours",
    "other_device",
    "second_channel",
    "ring_only",
    "repeated",
    "expired",
    "channel_off",
    "breaker_open",
    "token_gone",
    "holder_moved",
    "cannot_withdraw",
]
# After a vendor was asked; what it answered stands in `vendor_status` and `vendor_code`.
Failed = Literal["status_NNN", "timeout", "connection", "vendor", "dead_token", "misconfigured"]
Reason = Withheld | Failed

# Each as a sentence, for the documents.
SAYS: Mapping[str, str] = {
    "no_device": "no device of the user has registered a token",
    "not_member": "the user is no member of the conversation",
    "user_inactive": "the user is frozen, deactivated or deleted",
    "delivered": "a device of the user has it by now, the user read it, or the call rings no more",
    "recalled": "every message it was about was recalled or is gone",
    "own_message": "every message it was about is the user's own",
    "content_unknown": "what it is about is not known, and the user wants only some of it",
    "campaign_cancelled": "the campaign was cancelled",
    "muted": "the user's push mode here is none",
    "not_mentioned": "the user's push mode here is mentions, and nobody mentioned it",
    "quiet_hours": "it is quiet hours where the user is",
    "other_device": "the user wants alerts only on the device it used last, which is another one",
    "second_channel": "the device gets this alert through another of its push channels",
    "ring_only": "the token takes calls only",
    "repeated": "the device was alerted of it already",
    "expired": "its deadline has passed",
    "channel_off": "the push channel is not configured, or its credentials do not work",
    "breaker_open": "the push channel fails too often at the moment and is left alone for a while",
    "token_gone": "the device has no token of this push channel any more",
    "holder_moved": "the token belongs to another user's device by now",
    "cannot_withdraw": "the device's push channels cannot take back what they showed",
    "status_NNN": "the vendor answered with this HTTP status",
    "timeout": "the vendor did not answer in time",
    "connection": "the vendor could not be reached, or ended the connection",
    "vendor": "the vendor refused it; its word stands beside",
    "dead_token": "the vendor says that the token is dead; it was removed",
    "misconfigured": "the vendor refused our credentials or settings; the push channel is off",
}

WITHHELD: frozenset[str] = frozenset(get_args(Withheld))


def state_of(reason: Withheld) -> PushState:
    """The state of the result of what was not sent for this reason."""
    match reason:
        case "delivered":
            return "withdrawn"
        case "expired":
            return "expired"
        case _:
            return "suppressed"
