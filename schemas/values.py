"""Small values that commands, events and snapshots share."""

from typing import Literal

from msgspec import Struct

ConversationKind = Literal["direct", "group", "channel"]
Role = Literal["owner", "admin", "member"]

# How much care a message gets; an ephemeral one is never an event.
Qos = Literal["at_least_once", "effectively_once"]
# What a device says of how far its user got. `previewed`: shown by a push, not opened; `unread`: marked so by the user, 0 takes it back.
WatermarkState = Literal["delivered", "read", "played", "previewed", "unread"]
PresenceState = Literal["online", "away", "offline"]
# Who sees a user's presence; contacts share a direct conversation with it.
Visibility = Literal["everyone", "contacts", "nobody"]

TEXT = "text/plain"


class Content(Struct, frozen=True):
    """What a message carries: any media type as bytes.

    Shape: text is `text/plain` (parameters allowed) and UTF-8. `key_id` names the key when `body` is sealed, else None.
    """

    media_type: str
    body: bytes
    key_id: str | None = None


class Member(Struct, frozen=True):
    user: str
    role: Role = "member"
