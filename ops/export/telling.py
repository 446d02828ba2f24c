"""An event in one sentence for a person, where a format has only room for text. Pure."""

from __future__ import annotations

from typing import assert_never

from ops.export.entries import Thread, text_of
from ops.export.times import iso
from schemas import events
from schemas.events import Event
from schemas.values import Content


def spoken(content: Content) -> str:
    """The content's text, or what it is instead."""
    text = text_of(content)
    if text is not None:
        return text
    sealed = f", sealed with key {content.key_id}" if content.key_id is not None else ""
    return f"[{content.media_type}, {len(content.body)} bytes{sealed}]"


def told(event: Event, thread: Thread) -> str:
    """The event as a sentence, or a message's text."""
    by = thread.person(event.user).shown
    match event:
        case events.MessageSent() | events.MessageEdited():
            return spoken(event.content)
        case events.MessageRecalled():
            return f"{by} recalled the message of seq {event.target_seq}"
        case events.ReactionAdded():
            return f"{by} reacted to the message of seq {event.target_seq}: {event.reaction}"
        case events.ReactionRemoved():
            return f"{by} took back a reaction to the message of seq {event.target_seq}: {event.reaction}"
        case events.ReadMarked():
            return f"{by} read up to seq {event.up_to_seq}"
        case events.CallNoted():
            missed = f"; missed by {_names(event.missed_by, thread)}" if event.missed_by else ""
            return f"{event.media} call of {by}, {event.outcome}, {event.duration_ms // 1000} s{missed}"
        case _:
            return _of_the_group(event, thread, by)


def _of_the_group(event: Event, thread: Thread, by: str) -> str:
    match event:
        case events.ConversationCreated():
            who = _names(tuple(member.user for member in event.members), thread)
            return f"{by} created the {event.conversation_kind} “{event.title}” with {who}" if who else f"{by} created “{event.title}”"
        case events.MemberAdded():
            how = f" ({event.via})" if event.via else ""
            return f"{by} added {_name(event.member, thread)} as {event.role}{how}"
        case events.MemberLeft():
            return f"{by} left"
        case events.MemberRemoved():
            return f"{by} removed {_name(event.member, thread)}"
        case events.MemberBanned():
            return f"{by} banned {_name(event.member, thread)}{_until(event.until_ms)}: {event.reason}"
        case events.MemberUnbanned():
            return f"{by} lifted the ban of {_name(event.member, thread)}"
        case events.MemberMuted():
            return f"{by} muted {_name(event.member, thread)}{_until(event.until_ms)}"
        case events.AllMuted():
            return f"{by} muted everybody{_until(event.until_ms)}"
        case events.RoleChanged():
            return f"{by} made {_name(event.member, thread)} {event.role}"
        case events.ConversationRenamed():
            return f"{by} renamed the conversation to “{event.title}”"
        case events.ConversationDissolved():
            return f"{by} dissolved the conversation"
        case events.SettingsChanged():
            return f"{by} changed the settings to version {event.settings_version}"
        case _:
            return _of_rules_and_friends(event, thread, by)


def _of_rules_and_friends(event: Event, thread: Thread, by: str) -> str:
    match event:
        case events.MemberInvited():
            return f"{by} invited {_name(event.member, thread)} as {event.role}"
        case events.InvitationDeclined():
            return f"{by} declined the invitation"
        case events.ApplicationMade():
            return f"{by} applied to join: {event.text}"
        case events.ApplicationDeclined():
            return f"{by} declined the application of {_name(event.member, thread)}: {event.reason}"
        case events.LinkCreated():
            return f"{by} created the link {event.link_id}"
        case events.LinkRevoked():
            return f"{by} revoked the link {event.link_id}"
        case events.RoleDefined():
            return f"{by} defined the role {event.role}: level {event.level}, {', '.join(event.permissions)}"
        case events.RoleDropped():
            return f"{by} dropped the role {event.role}"
        case events.NicknameChanged():
            return f"{by} changed the nickname of {_name(event.member, thread)}"
        case events.FriendRequested():
            return f"{by} asked {_name(event.member, thread)} to be a friend: {event.text}"
        case events.FriendAccepted():
            return f"{by} became a friend of {_name(event.member, thread)}: {event.text}"
        case events.FriendDeclined():
            return f"{by} declined to be a friend of {_name(event.member, thread)}: {event.text}"
        case events.FriendRemoved():
            return f"{by} ended the friendship with {_name(event.member, thread)}"
        case events.UserBlocked():
            return f"{by} blocked {_name(event.member, thread)}"
        case events.UserUnblocked():
            return f"{by} unblocked {_name(event.member, thread)}"
        case (
            events.MessageSent() | events.MessageEdited() | events.MessageRecalled() | events.ReactionAdded() | events.ReactionRemoved()
            | events.ReadMarked() | events.CallNoted() | events.ConversationCreated() | events.MemberAdded() | events.MemberLeft()
            | events.MemberRemoved() | events.MemberBanned() | events.MemberUnbanned() | events.MemberMuted() | events.AllMuted()
            | events.RoleChanged() | events.ConversationRenamed() | events.ConversationDissolved() | events.SettingsChanged()
        ):  # fmt: skip
            raise AssertionError(f"{type(event).__name__} is told elsewhere")
        case _:
            assert_never(event)


def _name(user: str, thread: Thread) -> str:
    return thread.person(user).shown


def _names(users: tuple[str, ...], thread: Thread) -> str:
    return ", ".join(_name(user, thread) for user in users)


def _until(until_ms: int) -> str:
    return f" until {iso(until_ms)}" if until_ms else ""
