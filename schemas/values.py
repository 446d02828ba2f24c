"""Small values that commands, events and snapshots share."""

from typing import Literal

from msgspec import Struct

ConversationKind = Literal["direct", "group", "channel"]
Role = str  # owner, admin, member, or one that the conversation defined itself
Permission = Literal[
    "send",  # messages
    "announce",  # messages that are announcements
    "add",  # members without asking them
    "invite",
    "review",  # applications
    "remove",
    "ban",
    "mute",
    "speak_muted",  # when all are muted, and without the wait of slow mode
    "settings",
    "rename",
    "links",
    "recall",  # other members' messages
    "nicknames",  # other members'
    "appoint",  # give a role below one's own
    "roles",  # define roles below one's own
    "dissolve",
]
Relation = Literal["none", "requested", "asked", "friends"]  # as one of the two sees it: requested by me, asked by the other

# How much care a message gets; an ephemeral one is never an event.
Qos = Literal["at_least_once", "effectively_once"]
# What a device says of how far its user got. `previewed`: shown by a push, not opened; `unread`: marked so by the user, 0 takes it back.
WatermarkState = Literal["delivered", "read", "played", "previewed", "unread"]
PresenceState = Literal["online", "away", "offline"]
# Who sees a user's presence; contacts share a direct conversation with it.
Visibility = Literal["everyone", "contacts", "friends", "nobody"]
StrangersTaken = Literal["everyone", "friends"]  # from whom a user takes messages
RequestsTaken = Literal["everyone", "question", "nobody"]  # from whom it takes friend requests; question: with an answer to its question

TEXT = "text/plain"


class Content(Struct, frozen=True):
    """What a message carries: any media type as bytes.

    Shape: text is `text/plain` (parameters allowed) and UTF-8. `key_id` names the key when `body` is sealed, else None.
    """

    media_type: str
    body: bytes
    key_id: str | None = None


class GroupSettings(Struct, frozen=True):
    """What a group's managers chose. `joining`: by invitation only, after an application was accepted, or by everybody.

    `question`: asked of who applies. `history`: whether newcomers may read what was before they came. `slow_mode_ms`: least time
    between two messages of a member. `avatar`: a reference to a media object.
    """

    visibility: Literal["private", "public"] = "private"
    joining: Literal["invited", "apply", "open"] = "invited"
    question: str = ""
    history: Literal["all", "joined"] = "all"
    slow_mode_ms: int = 0
    description: str = ""
    avatar: str = ""


class Member(Struct, frozen=True):
    user: str
    role: Role = "member"
