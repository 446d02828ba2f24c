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
from typing import Any

from schemas import commands
from schemas.events import Event
from schemas.ids import ms_of, uuid7_bytes
from streams.conversations import decide_members as members
from streams.conversations import decide_messages as messages
from streams.conversations.access import RIGHTS
from streams.conversations.answers import Accepted, Decision, Noted, Refused, Repeated
from streams.conversations.fingerprint import fingerprint
from streams.conversations.rules import Rules
from streams.conversations.state import Conversation

__all__ = ["Accepted", "Decision", "Noted", "Refused", "Repeated", "decide"]

Handler = Callable[[Conversation, Any, int, Rules], tuple[Event, ...] | Refused | Noted]

HANDLERS: Mapping[type[commands.Command], Handler] = {
    commands.SendMessage: messages.send_message,
    commands.EditMessage: messages.edit_message,
    commands.RecallMessage: messages.recall_message,
    commands.AddReaction: messages.add_reaction,
    commands.RemoveReaction: messages.remove_reaction,
    commands.MarkRead: messages.mark_read,
    commands.AddMember: members.add_member,
    commands.RemoveMember: members.remove_member,
    commands.LeaveConversation: members.leave_conversation,
    commands.ChangeRole: members.change_role,
    commands.RenameConversation: members.rename_conversation,
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
    member = state.members.get(command.user)
    if member is None:
        return Refused("not_member", "only members may do this")
    if known is not None:
        return Refused("command_id_reused", "the command id was used before by somebody else; choose a new one")
    refused = _untimely(command_id, at_ms, rules) or _forgotten(state, command, command_id)
    if refused is not None and (refused.code != "stale" or not _may_come_twice(state, command, rules)):
        return refused
    if type(command) not in RIGHTS.get((state.kind, member.role), ()):
        return Refused("not_allowed", f"a {member.role} of a {state.kind} conversation may not do this")
    return _accepted(HANDLERS[type(command)](state, command, at_ms, rules))


def _without_state(state: Conversation | None, command: commands.Command, command_id: bytes, at_ms: int, rules: Rules) -> Decision:
    """No conversation, or another tenant's: to this tenant it does not exist, but its id is taken."""
    if not isinstance(command, commands.CreateConversation):
        return Refused("unknown_conversation", "there is no such conversation")
    if state is not None:
        return Refused("conversation_exists", "the conversation was created before")
    return _untimely(command_id, at_ms, rules) or _accepted(members.create_conversation(command, at_ms, rules))


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
