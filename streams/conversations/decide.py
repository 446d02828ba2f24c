"""What a command comes to: facts, a refusal, or the answer it had before. Pure: state, command, time and rules are all it sees.

Called by the owner for every command, in the order of the commands partition. The details of each command are in `decide_members` and
`decide_messages`.
Rule 1: a repeat is found before anything else is asked, so that who left gets the same answer when it repeats its leaving.
Rule 2: to who is no member, nothing but that is told.
Rule 3: an id that was accepted and is forgotten is always refused as stale, never accepted twice. Read marks are the exception: repeating
one changes nothing, so a forgotten one may be marked again; and messages sent at least once, which rather come twice than not at all.
Source: docs/decisions/0001-what-the-owner-remembers.md
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from schemas import commands
from schemas.events import Event
from schemas.fingerprint import fingerprint
from schemas.ids import ms_of, uuid7_bytes
from store.verdicts import NOT_MEMBER, Action, may
from streams.conversations import decide_calls as calls
from streams.conversations import decide_friends as friends
from streams.conversations import decide_groups as groups
from streams.conversations import decide_joining as joining
from streams.conversations import decide_members as members
from streams.conversations import decide_messages as messages
from streams.conversations import decide_roles as roles
from streams.conversations.answers import Accepted, Decision, Noted, Refused, Repeated, refusal
from streams.conversations.rules import Rules
from streams.conversations.state import Conversation

__all__ = ["Accepted", "Decision", "Noted", "Refused", "Repeated", "decide"]

Handler = Callable[[Conversation, Any, int, Rules], tuple[Event, ...] | Refused | Noted]

# What a command asks for, and who sees to its details. An announcement asks for "announce"; None: by who is no member yet.
HANDLERS: Mapping[type[commands.Command], tuple[Action | None, Handler]] = {
    commands.SendMessage: ("send", messages.send_message),
    commands.EditMessage: ("edit", messages.edit_message),
    commands.RecallMessage: ("retract", messages.recall_message),
    commands.AddReaction: ("react", messages.add_reaction),
    commands.RemoveReaction: ("retract", messages.remove_reaction),
    commands.MarkRead: ("read", messages.mark_read),
    commands.AddMember: ("add", members.add_member),
    commands.RemoveMember: ("remove", members.remove_member),
    commands.LeaveConversation: ("leave", members.leave_conversation),
    commands.RenameConversation: ("rename", members.rename_conversation),
    commands.ChangeRole: ("appoint", roles.change_role),
    commands.DefineRole: ("roles", roles.define_role),
    commands.DropRole: ("roles", roles.drop_role),
    commands.InviteMember: ("invite", joining.invite_member),
    commands.AnswerInvitation: (None, joining.answer_invitation),
    commands.ApplyToJoin: (None, joining.apply_to_join),
    commands.AnswerApplication: ("review", joining.answer_application),
    commands.CreateLink: ("links", joining.create_link),
    commands.RevokeLink: ("links", joining.revoke_link),
    commands.JoinByLink: (None, joining.join_by_link),
    commands.ChangeSettings: ("settings", groups.change_settings),
    commands.BanMember: ("ban", groups.ban_member),
    commands.UnbanMember: ("ban", groups.unban_member),
    commands.MuteMember: ("mute", groups.mute_member),
    commands.MuteAll: ("mute", groups.mute_all),
    commands.ChangeNickname: ("nickname", groups.change_nickname),
    commands.DissolveConversation: ("dissolve", groups.dissolve_conversation),
    commands.RequestFriend: ("relate", friends.request_friend),
    commands.AnswerFriendRequest: ("relate", friends.answer_friend_request),
    commands.RemoveFriend: ("relate", friends.remove_friend),
    commands.BlockUser: ("relate", friends.block_user),
    commands.UnblockUser: ("relate", friends.unblock_user),
    commands.NoteCall: (None, calls.note_call),
}
# What no device asks for: neither its age nor what its user may do is asked.
OURS: frozenset[type[commands.Command]] = frozenset({commands.NoteCall})
# Commands that make the conversation where there is none.
OPENERS: Mapping[type[commands.Command], Callable[[Any, int, Rules], tuple[Event, ...] | Refused]] = {
    commands.CreateConversation: members.create_conversation,
    commands.RequestFriend: partial(friends.request_friend, None),
    commands.BlockUser: partial(friends.block_user, None),
}


def decide(state: Conversation | None, command: commands.Command, at_ms: int, rules: Rules) -> Decision:
    """The decision on a command at the time `at_ms` of its record; the state is not touched.

    Shape: an accepted command's events continue the state's seq and ordinal, and their time is never before the head's.
    """
    try:
        command_id = uuid7_bytes(command.command_id)
    except ValueError as exc:
        return Refused("invalid", f"command id: {exc}")
    if state is None or state.tenant != command.tenant:
        return _without_state(state, command, command_id, at_ms, rules)
    at_ms = max(at_ms, state.head_at_ms)
    known = state.remembered(command_id)
    if known is not None and known.author == command.user:
        if known.fingerprint == fingerprint(command):
            return Repeated(known.seq, known.ordinal, known.at_ms)
        return Refused("command_id_reused", "the command id was used before for another request; choose a new one")
    if isinstance(command, commands.CreateConversation):
        return Refused("conversation_exists", "the conversation was created before")
    action, handler = HANDLERS[type(command)]
    if action is not None and command.user not in state.members:
        return refusal(NOT_MEMBER, at_ms)
    if known is not None:
        return Refused("command_id_reused", "the command id was used before by somebody else; choose a new one")
    if type(command) in OURS:
        return _accepted(handler(state, command, at_ms, rules))
    refused = _untimely(command_id, at_ms, rules) or _forgotten(state, command, command_id)
    if refused is not None and (refused.code != "stale" or not _may_come_twice(state, command, rules)):
        return refused
    if action is not None:
        if isinstance(command, commands.SendMessage) and command.announcement:
            action = "announce"
        verdict = may(state.standing, command.user, action, at_ms)
        if not verdict.allowed:
            return refusal(verdict, at_ms)
    if isinstance(command, commands.SendMessage | commands.EditMessage) and command.veto:
        return Refused("vetoed", command.veto)
    return _accepted(handler(state, command, at_ms, rules))


def _without_state(state: Conversation | None, command: commands.Command, command_id: bytes, at_ms: int, rules: Rules) -> Decision:
    """No conversation, or another tenant's: to this tenant it does not exist, but its id is taken."""
    opener = OPENERS.get(type(command))
    if opener is None:
        return Refused("unknown_conversation", "there is no such conversation")
    if state is not None:
        return Refused("conversation_exists", "the conversation was created before")
    return _untimely(command_id, at_ms, rules) or _accepted(opener(command, at_ms, rules))


def _accepted(outcome: tuple[Event, ...] | Refused | Noted) -> Decision:
    return Accepted(outcome) if isinstance(outcome, tuple) else outcome


def _untimely(command_id: bytes, at_ms: int, rules: Rules) -> Refused | None:
    id_ms = ms_of(command_id)
    if id_ms > at_ms + rules.clock_ahead_ms:
        return Refused(
            "clock_ahead", f"the command id is {id_ms - at_ms} ms ahead of the server's clock; the limit is {rules.clock_ahead_ms}"
        )
    if id_ms < at_ms - rules.command_horizon_ms:
        return Refused("stale", f"the command id is {at_ms - id_ms} ms old; ids are remembered for {rules.command_horizon_ms} ms")
    return None


def _may_come_twice(state: Conversation, command: commands.Command, rules: Rules) -> bool:
    return isinstance(command, commands.SendMessage) and (command.qos or rules.qos(state.kind)) == "at_least_once"


def _forgotten(state: Conversation, command: commands.Command, command_id: bytes) -> Refused | None:
    floor = state.floors.get(command.user)
    if floor is None or command_id > floor or isinstance(command, commands.MarkRead):
        return None
    return Refused("stale", "newer commands of yours are already forgotten here, so this one may have been accepted before")
