"""The current state as values, and the folds that make it of events: the one definition of what the tables say.

Pure. Used by the projector's tests, by `warbler verify timelines`, and by the edge to lay events that are not projected yet over rows.
Rule 1: folding events again that were folded before changes nothing, as long as they come in order and up to the newest one.
Rule 2: watermarks only rise. Rule 3: who sends a message has read up to it, and who joins has read what was there before.
"""

from msgspec import Struct
from msgspec.structs import replace

from schemas.events import (
    ConversationCreated,
    ConversationRenamed,
    Event,
    MemberAdded,
    MemberBanned,
    MemberLeft,
    MemberRemoved,
    MessageEdited,
    MessageRecalled,
    MessageSent,
    ReactionAdded,
    ReactionRemoved,
    ReadMarked,
    RoleChanged,
    UserBlocked,
    UserUnblocked,
)
from schemas.values import Content, ConversationKind, GroupSettings, Member, Role

ChangeEvent = MessageEdited | MessageRecalled | ReactionAdded | ReactionRemoved
Reactions = dict[str, tuple[str, ...]]


class MessageView(Struct, frozen=True, kw_only=True):
    """A message as it stands now. `content` is None once recalled; `reactions`: reaction -> users, both sorted."""

    seq: int
    ordinal: int
    at_ms: int
    user: str
    device: str
    command_id: str
    content: Content | None
    reply_to: int | None = None
    mentions: tuple[str, ...] = ()
    announcement: bool = False
    edited_at_ms: int | None = None
    recalled: bool = False
    reactions: Reactions = {}


class MessageChanges(Struct, frozen=True, kw_only=True):
    """What happened to a message after it was sent: the row of `message_changes`. `reactions`: (reaction, user) -> still there."""

    edit: MessageEdited | None = None
    recalled: bool = False
    reactions: dict[tuple[str, str], bool] = {}


class Membership(Struct, frozen=True, kw_only=True):
    """A user's place in a conversation, kept with `active` False after leaving; `changed_seq`: of the event that made it so."""

    user: str
    conversation_id: str
    conversation_kind: ConversationKind
    title: str
    role: Role
    joined_seq: int
    active: bool
    changed_seq: int
    read_seq: int
    read_ordinal: int


class Head(Struct, frozen=True, kw_only=True):
    """Where a conversation stands. `at_ms`: of its last activity (a read mark or a reaction is none); `pair`: the two of a direct one."""

    conversation_id: str
    conversation_kind: ConversationKind = "group"
    title: str = ""
    pair: tuple[str, ...] = ()
    head_seq: int = 0
    head_ordinal: int = 0
    at_ms: int = 0
    last: MessageView | None = None


class ReadMark(Struct, frozen=True):
    """Ordered by seq, then ordinal; the larger wins."""

    seq: int
    ordinal: int


# ---- messages


def message_of(event: MessageSent) -> MessageView:
    return MessageView(
        seq=event.seq,
        ordinal=event.ordinal,
        at_ms=event.at_ms,
        user=event.user,
        device=event.device,
        command_id=event.command_id,
        content=event.content,
        reply_to=event.reply_to,
        mentions=event.mentions,
        announcement=event.announcement,
    )


def fold_message(view: MessageView | None, event: Event) -> MessageView:
    """The message after the event; unchanged by events about others. Raises: ValueError for a change without its message."""
    if isinstance(event, MessageSent) and (view is None or event.seq == view.seq):
        return view or message_of(event)
    if view is None:
        raise ValueError(f"event {event.event_id} is about a message that was not given")
    if view.recalled or not isinstance(event, ChangeEvent) or event.target_seq != view.seq:
        return view
    match event:
        case MessageEdited():
            return replace(view, content=event.content, mentions=event.mentions, edited_at_ms=event.at_ms)
        case MessageRecalled():
            return replace(view, content=None, mentions=(), recalled=True, reactions={})
        case ReactionAdded():
            return replace(view, reactions=_with(view.reactions, event.reaction, event.user))
        case ReactionRemoved():
            return replace(view, reactions=_without(view.reactions, event.reaction, event.user))


def _with(reactions: Reactions, reaction: str, user: str) -> Reactions:
    users = tuple(sorted({*reactions.get(reaction, ()), user}))
    return dict(sorted({**reactions, reaction: users}.items()))


def _without(reactions: Reactions, reaction: str, user: str) -> Reactions:
    users = tuple(other for other in reactions.get(reaction, ()) if other != user)
    rest = {name: by for name, by in reactions.items() if name != reaction}
    return dict(sorted({**rest, reaction: users}.items())) if users else rest


def fold_changes(changes: MessageChanges | None, event: ChangeEvent) -> MessageChanges:
    """The row of a message's changes after one more."""
    changes = changes or MessageChanges()
    match event:
        case MessageEdited():
            return replace(changes, edit=event)
        case MessageRecalled():
            return replace(changes, recalled=True)
        case ReactionAdded() | ReactionRemoved():
            there = isinstance(event, ReactionAdded)
            return replace(changes, reactions={**changes.reactions, (event.reaction, event.user): there})


def lay_changes(view: MessageView, changes: MessageChanges | None) -> MessageView:
    """The message with its row of changes: the same as folding the events one by one."""
    if changes is None:
        return view
    if changes.edit is not None:
        view = replace(view, content=changes.edit.content, mentions=changes.edit.mentions, edited_at_ms=changes.edit.at_ms)
    if changes.recalled:
        return replace(view, content=None, mentions=(), recalled=True)
    reactions: Reactions = {}
    for reaction, user in sorted(key for key, there in changes.reactions.items() if there):
        reactions[reaction] = (*reactions.get(reaction, ()), user)
    return replace(view, reactions=reactions)


# ---- heads


def is_activity(event: Event) -> bool:
    """Whether the conversation moves up in its members' directories. A block does not: who is blocked would see it."""
    return not isinstance(event, ReadMarked | ReactionAdded | ReactionRemoved | UserBlocked | UserUnblocked)


def fold_head(head: Head | None, event: Event) -> Head:
    """The head after the event. Without a head (nothing read), kind, title and pair are known only from the creation."""
    head = head or Head(conversation_id=event.conversation_id)
    if event.seq > head.head_seq:
        at_ms = event.at_ms if is_activity(event) else head.at_ms
        head = replace(head, head_seq=event.seq, head_ordinal=event.ordinal, at_ms=at_ms)
    match event:
        case ConversationCreated():
            return replace(head, conversation_kind=event.conversation_kind, title=event.title, pair=pair_of(event))
        case ConversationRenamed():
            return replace(head, title=event.title)
        case MessageSent() if head.last is None or event.seq > head.last.seq:
            return replace(head, last=message_of(event))
        case MessageEdited() | MessageRecalled() | ReactionAdded() | ReactionRemoved() if head.last is not None:
            return replace(head, last=fold_message(head.last, event))
        case _:
            return head


def pair_of(event: ConversationCreated) -> tuple[str, ...]:
    return tuple(sorted({member.user for member in members_of(event)})) if event.conversation_kind == "direct" else ()


# ---- memberships


def members_of(event: ConversationCreated) -> tuple[Member, ...]:
    """Everybody in the new conversation: the members named, and the actor if it is not among them."""
    if any(member.user == event.user for member in event.members):
        return event.members
    role: Role = "member" if event.conversation_kind == "direct" else "owner"
    return (Member(event.user, role), *event.members)


def placed(event: Event) -> tuple[tuple[str, Role | None, bool], ...]:
    """Whose place the event changes: (user, new role or None if it stays, active)."""
    match event:
        case ConversationCreated():
            return tuple((member.user, member.role, True) for member in members_of(event))
        case MemberAdded() | RoleChanged():
            return ((event.member, event.role, True),)
        case MemberRemoved() | MemberBanned():
            return ((event.member, None, False),)
        case MemberLeft():
            return ((event.user, None, False),)
        case _:
            return ()


def read_marks(event: Event) -> tuple[tuple[str, ReadMark], ...]:
    """Whose read mark the event raises, and to what."""
    match event:
        case ReadMarked():
            return ((event.user, ReadMark(event.up_to_seq, event.up_to_ordinal)),)
        case MessageSent():
            return ((event.user, ReadMark(event.seq, event.ordinal)),)
        case ConversationCreated():
            return tuple((member.user, ReadMark(event.seq, event.ordinal)) for member in members_of(event))
        case MemberAdded():
            return ((event.member, ReadMark(event.seq, event.ordinal)),)
        case _:
            return ()


def fold_membership(membership: Membership | None, event: Event, user: str, head: Head | None = None) -> Membership | None:
    """The user's place after the event; None as long as there is none.

    Shape: kind and title of a new place are those of the event if it is the creation, else of `head`, the conversation's.
    """
    for who, role, active in placed(event):
        if who == user:
            membership = _moved(membership, event, user, role, active, head)
    if membership is None:
        return None
    if isinstance(event, ConversationRenamed):
        membership = replace(membership, title=event.title)
    for who, mark in read_marks(event):
        if who == user:
            seq, ordinal = max((membership.read_seq, membership.read_ordinal), (mark.seq, mark.ordinal))
            membership = replace(membership, read_seq=seq, read_ordinal=ordinal)
    return membership


def floor_of(place: Membership | None, settings: GroupSettings) -> int:
    """The first seq that the user may read: where newcomers do not read what was before them, its last joining."""
    return place.joined_seq if place is not None and settings.history == "joined" else 1


def _moved(membership: Membership | None, event: Event, user: str, role: Role | None, active: bool, head: Head | None) -> Membership | None:
    if membership is not None and event.seq <= membership.changed_seq:
        return membership
    if membership is None:
        if role is None:
            return None  # leaving a place that is not known here
        kind, title = _kind_and_title(event, head)
        membership = Membership(
            user=user,
            conversation_id=event.conversation_id,
            conversation_kind=kind,
            title=title,
            role=role,
            joined_seq=event.seq,
            active=active,
            changed_seq=event.seq,
            read_seq=0,
            read_ordinal=0,
        )
    joined_seq = event.seq if isinstance(event, MemberAdded | ConversationCreated) else membership.joined_seq
    return replace(membership, role=role or membership.role, joined_seq=joined_seq, active=active, changed_seq=event.seq)


def _kind_and_title(event: Event, head: Head | None) -> tuple[ConversationKind, str]:
    if isinstance(event, ConversationCreated):
        return event.conversation_kind, event.title
    return (head.conversation_kind, head.title) if head is not None else ("group", "")
