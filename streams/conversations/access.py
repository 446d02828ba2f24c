"""Who may ask for what: one table over kind and role. Pure; read by `decide` before it looks at the details."""

from collections.abc import Mapping

from schemas.commands import (
    AddMember,
    AddReaction,
    ChangeRole,
    Command,
    EditMessage,
    LeaveConversation,
    MarkRead,
    RecallMessage,
    RemoveMember,
    RemoveReaction,
    RenameConversation,
    SendMessage,
)
from schemas.values import ConversationKind, Role

Rights = frozenset[type[Command]]

READ: Rights = frozenset({MarkRead, AddReaction, RemoveReaction})
SPEAK: Rights = frozenset({SendMessage, EditMessage, RecallMessage})
LEAVE: Rights = frozenset({LeaveConversation})
MANAGE: Rights = frozenset({AddMember, RemoveMember, RenameConversation})
APPOINT: Rights = frozenset({ChangeRole})

# A pair that is not here cannot occur: a direct conversation has neither owner nor admin.
RIGHTS: Mapping[tuple[ConversationKind, Role], Rights] = {
    ("direct", "member"): READ | SPEAK,
    ("group", "member"): READ | SPEAK | LEAVE,
    ("group", "admin"): READ | SPEAK | LEAVE | MANAGE,
    ("group", "owner"): READ | SPEAK | LEAVE | MANAGE | APPOINT,
    ("channel", "member"): READ | LEAVE,
    ("channel", "admin"): READ | SPEAK | LEAVE | MANAGE,
    ("channel", "owner"): READ | SPEAK | LEAVE | MANAGE | APPOINT,
}

RANKS: Mapping[Role, int] = {"member": 0, "admin": 1, "owner": 2}


def outranks(actor: Role, other: Role) -> bool:
    return RANKS[actor] > RANKS[other]


def may_recall_others(role: Role) -> bool:
    return RANKS[role] >= RANKS["admin"]
