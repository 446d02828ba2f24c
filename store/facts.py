"""Facts of a group besides its head and members (settings, roles, bans, mutes, links...): the rows, and the folds that make them.

Pure: the one definition of what the table `conversation_facts` says. Used by the projector, by `warbler verify timelines`, and by the edge
to lay events that are not projected yet over rows.
Rule 1: an event sets a fact whole, or ends it; a fact that ended keeps its last value, and says by which event it ended.
Rule 2: nothing here is secret: a link's hash stays in the log.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from schemas.events import (
    AllMuted,
    ApplicationDeclined,
    ApplicationMade,
    ConversationCreated,
    ConversationDissolved,
    Event,
    InvitationDeclined,
    LinkCreated,
    LinkRevoked,
    MemberAdded,
    MemberBanned,
    MemberInvited,
    MemberMuted,
    MemberUnbanned,
    MessageSent,
    NicknameChanged,
    RoleDefined,
    RoleDropped,
    SettingsChanged,
)
from schemas.values import GroupSettings, Permission, Role

FactKind = Literal[
    "all_muted",
    "announcement",
    "application",
    "ban",
    "dissolved",
    "invitation",
    "link",
    "mute",
    "nickname",
    "role",
    "settings",
]
ALWAYS = frozenset({"owner", "admin", "member"})  # roles that there are without being defined; dropped ones are as they were
ONLY = ""  # the key of a fact of which a conversation has one
SEQ_DIGITS = 16  # of an announcement's key, so that keys are ordered as seqs are


class Stated(Struct, frozen=True, kw_only=True):
    """What every value says: who made it so, and when."""

    by: str
    at_ms: int


class SettingsValue(Stated, frozen=True, kw_only=True, tag="settings"):
    """`version` counts the changes; 0: as the conversation was created."""

    settings: GroupSettings
    version: int


class RoleValue(Stated, frozen=True, kw_only=True, tag="role"):
    level: int
    permissions: tuple[Permission, ...]


class UntilValue(Stated, frozen=True, kw_only=True, tag="until"):
    """Of a mute, of one or all, or a ban. `until_ms` 0: for ever."""

    until_ms: int
    reason: str = ""


class LinkValue(Stated, frozen=True, kw_only=True, tag="link"):
    """`expires_at_ms`, `uses_limit` 0: without end."""

    expires_at_ms: int
    uses_limit: int
    approval: bool


class ApplicationValue(Stated, frozen=True, kw_only=True, tag="application"):
    text: str
    link_id: str


class InvitationValue(Stated, frozen=True, kw_only=True, tag="invitation"):
    role: Role


class NicknameValue(Stated, frozen=True, kw_only=True, tag="nickname"):
    nickname_id: str


class PlainValue(Stated, frozen=True, kw_only=True, tag="plain"):
    """Of an announcement, whose text is the message with its seq; and of the end of a conversation."""


FactValue = SettingsValue | RoleValue | UntilValue | LinkValue | ApplicationValue | InvitationValue | NicknameValue | PlainValue
_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[FactValue] = msgspec.msgpack.Decoder(FactValue)


class FactKey(NamedTuple):
    kind: FactKind
    key: str


class Fact(Struct, frozen=True, kw_only=True):
    """A row. `value` None: ended without ever having been set; `changed_seq`: of its last event; `ended_seq`: of its last end, 0: never."""

    kind: FactKind
    key: str
    active: bool
    value: FactValue | None
    changed_seq: int
    ended_seq: int = 0

    @property
    def place(self) -> FactKey:
        return FactKey(self.kind, self.key)


class FactChange(NamedTuple):
    """One fact after an event; `value` None: it ended."""

    fact: FactKey
    value: FactValue | None


def value_bytes(value: FactValue) -> bytes:
    return _encode(value)


def value_of(stored: bytes) -> FactValue:
    """Raises: msgspec.DecodeError where somebody else wrote the row."""
    return _decoder.decode(stored)


def announcement_key(seq: int) -> str:
    return f"{seq:0{SEQ_DIGITS}}"


def changes_of(event: Event) -> tuple[FactChange, ...]:
    """Which facts the event changes."""
    by, at_ms = event.user, event.at_ms
    match event:
        case ConversationCreated(settings=None):
            return ()
        case ConversationCreated(settings=settings):
            return _set("settings", ONLY, SettingsValue(by=by, at_ms=at_ms, settings=settings or GroupSettings(), version=0))
        case SettingsChanged():
            return _set("settings", ONLY, SettingsValue(by=by, at_ms=at_ms, settings=event.settings, version=event.settings_version))
        case RoleDefined():
            return _set("role", event.role, RoleValue(by=by, at_ms=at_ms, level=event.level, permissions=event.permissions))
        case RoleDropped():
            return _end("role", event.role)
        case MemberBanned():
            return _set("ban", event.member, UntilValue(by=by, at_ms=at_ms, until_ms=event.until_ms, reason=event.reason))
        case MemberUnbanned():
            return _end("ban", event.member)
        case MemberMuted(until_ms=0):
            return _end("mute", event.member)
        case MemberMuted():
            return _set("mute", event.member, UntilValue(by=by, at_ms=at_ms, until_ms=event.until_ms))
        case AllMuted(until_ms=0):
            return _end("all_muted", ONLY)
        case AllMuted():
            return _set("all_muted", ONLY, UntilValue(by=by, at_ms=at_ms, until_ms=event.until_ms))
        case LinkCreated():
            limits = (event.expires_at_ms, event.uses_limit, event.approval)
            return _set(
                "link", event.link_id, LinkValue(by=by, at_ms=at_ms, expires_at_ms=limits[0], uses_limit=limits[1], approval=limits[2])
            )
        case LinkRevoked():
            return _end("link", event.link_id)
        case ApplicationMade():
            return _set("application", by, ApplicationValue(by=by, at_ms=at_ms, text=event.text, link_id=event.link_id))
        case ApplicationDeclined():
            return _end("application", event.member)
        case MemberInvited():
            return _set("invitation", event.member, InvitationValue(by=by, at_ms=at_ms, role=event.role))
        case InvitationDeclined():
            return _end("invitation", by)
        # Who joined in another way had perhaps been asked too. That is seen when it is read (`is_over`), or every joining would write here.
        case MemberAdded(via="application"):
            return _end("application", event.member)
        case MemberAdded(via="invitation"):
            return _end("invitation", event.member)
        case NicknameChanged(nickname_id=""):
            return _end("nickname", event.member)
        case NicknameChanged():
            return _set("nickname", event.member, NicknameValue(by=by, at_ms=at_ms, nickname_id=event.nickname_id))
        case MessageSent(announcement=True):
            return _set("announcement", announcement_key(event.seq), PlainValue(by=by, at_ms=at_ms))
        case ConversationDissolved():
            return _set("dissolved", ONLY, PlainValue(by=by, at_ms=at_ms))
        case _:
            return ()


def _set(kind: FactKind, key: str, value: FactValue) -> tuple[FactChange, ...]:
    return (FactChange(FactKey(kind, key), value),)


def _end(kind: FactKind, key: str) -> tuple[FactChange, ...]:
    return (FactChange(FactKey(kind, key), None),)


def fold_fact(fact: Fact | None, change: FactChange, seq: int) -> Fact:
    """The fact after the event `seq`; an event that was folded before changes nothing."""
    kind, key = change.fact
    fact = fact or Fact(kind=kind, key=key, active=False, value=None, changed_seq=0)
    if seq <= fact.changed_seq:
        return fact
    if change.value is None:
        return msgspec.structs.replace(fact, active=False, changed_seq=seq, ended_seq=seq)
    return msgspec.structs.replace(fact, active=True, value=change.value, changed_seq=seq)


def fold_facts(facts: Mapping[FactKey, Fact], happened: Iterable[Event]) -> dict[FactKey, Fact]:
    """The facts after these events, which come in order."""
    folded = dict(facts)
    for event in happened:
        for change in changes_of(event):
            folded[change.fact] = fold_fact(folded.get(change.fact), change, event.seq)
    return folded


# ---- what facts mean


def settings_of(fact: Fact | None) -> tuple[GroupSettings, int]:
    """The settings and their version; without a fact those that every conversation begins with."""
    if fact is None or not isinstance(fact.value, SettingsValue):
        return GroupSettings(), 0
    return fact.value.settings, fact.value.version


def is_public(settings: Fact | None) -> bool:
    return settings_of(settings)[0].visibility == "public"


def until_ms_of(fact: Fact | None, now_ms: int) -> int | None:
    """Until when a mute or a ban holds, 0: for ever; None where it does not hold (any more)."""
    if fact is None or not fact.active or not isinstance(fact.value, UntilValue):
        return None
    return fact.value.until_ms if fact.value.until_ms == 0 or fact.value.until_ms > now_ms else None


def is_over(asked: Fact, place_changed_seq: int) -> bool:
    """Whether an invitation or application was overtaken: whose place changed since has joined in another way, or was banned."""
    return not asked.active or place_changed_seq > asked.changed_seq


def role_now(role: Role, given_seq: int, defined: Fact | None) -> Role:
    """The role that a place of the event `given_seq` says, or `member` where it was the conversation's own and was dropped since."""
    return "member" if defined is not None and role not in ALWAYS and defined.ended_seq > given_seq else role
