"""Decisions about a group as a whole, and about keeping order in it. Pure; `decide` has checked membership and rights before.

Rule 1: who keeps order acts on members below its own level only; a ban may also meet somebody who is no member.
Rule 2: what would change nothing is refused as `already_done`, so that every event of these says something new.
"""

from schemas import commands, events
from store.verdicts import may, outranks
from streams.conversations.answers import Refused, refusal
from streams.conversations.checks import NOT_A_MEMBER, Outcome, implausible, length_problem, plausible, settings_problem, term_problem
from streams.conversations.common import common
from streams.conversations.rules import Rules
from streams.conversations.state import Conversation

NICKNAME_ID_BYTES_LIMIT = 64
NOT_BELOW = Refused("not_allowed", "the member's level must be below your own")


def change_settings(state: Conversation, command: commands.ChangeSettings, at_ms: int, rules: Rules) -> Outcome:
    version = state.standing.settings_version
    if command.expected_version not in (0, version):
        return Refused("stale_settings", f"the settings are at version {version}, not {command.expected_version}; read them again")
    if problem := settings_problem(command.settings, rules):
        return problem
    if command.settings == state.standing.settings:
        return Refused("already_done", "the settings are these already")
    return (events.SettingsChanged(**common(state, command, at_ms), settings=command.settings, settings_version=version + 1),)


def ban_member(state: Conversation, command: commands.BanMember, at_ms: int, rules: Rules) -> Outcome:
    member, bans = command.member, state.standing.bans
    if not plausible(member):
        return implausible()
    if member in state.members and not outranks(state.standing, command.user, state.members[member].role):
        return NOT_BELOW
    if command.until_ms and (problem := term_problem(command.until_ms, at_ms, rules)):
        return problem
    if problem := length_problem("reason", command.reason, rules.reason_bytes_limit):
        return problem
    if bans.get(member) == command.until_ms:
        return Refused("already_done", "the user is banned like this already")
    if member not in bans and len(bans) >= rules.bans_limit:
        return Refused("bans_limit", f"{len(bans)} users are banned; the limit is {rules.bans_limit}")
    return (events.MemberBanned(**common(state, command, at_ms), member=member, until_ms=command.until_ms, reason=command.reason),)


def unban_member(state: Conversation, command: commands.UnbanMember, at_ms: int, rules: Rules) -> Outcome:
    if not state.standing.banned(command.member, at_ms):
        return Refused("unknown_target", "the user is not banned")
    return (events.MemberUnbanned(**common(state, command, at_ms), member=command.member),)


def mute_member(state: Conversation, command: commands.MuteMember, at_ms: int, rules: Rules) -> Outcome:
    target, mutes = state.members.get(command.member), state.standing.mutes
    if target is None:
        return NOT_A_MEMBER
    if not outranks(state.standing, command.user, target.role):
        return NOT_BELOW
    if command.until_ms and (problem := term_problem(command.until_ms, at_ms, rules)):
        return problem
    now_until_ms = until_ms if (until_ms := mutes.get(command.member, 0)) > at_ms else 0
    if now_until_ms == command.until_ms:
        return Refused("already_done", "that is so already")
    if command.until_ms and command.member not in mutes and len(mutes) >= rules.mutes_limit:
        return Refused("mutes_limit", f"{len(mutes)} members are muted; the limit is {rules.mutes_limit}")
    return (events.MemberMuted(**common(state, command, at_ms), member=command.member, until_ms=command.until_ms),)


def mute_all(state: Conversation, command: commands.MuteAll, at_ms: int, rules: Rules) -> Outcome:
    if command.until_ms and (problem := term_problem(command.until_ms, at_ms, rules)):
        return problem
    now_until_ms = until_ms if (until_ms := state.standing.all_muted_until_ms) > at_ms else 0
    if now_until_ms == command.until_ms:
        return Refused("already_done", "that is so already")
    return (events.AllMuted(**common(state, command, at_ms), until_ms=command.until_ms),)


def change_nickname(state: Conversation, command: commands.ChangeNickname, at_ms: int, rules: Rules) -> Outcome:
    target = state.members.get(command.member)
    if target is None:
        return NOT_A_MEMBER
    if command.member != command.user:
        verdict = may(state.standing, command.user, "nicknames", at_ms)
        if not verdict.allowed:
            return refusal(verdict, at_ms)
        if not outranks(state.standing, command.user, target.role):
            return NOT_BELOW
    if problem := length_problem("nickname's id", command.nickname_id, NICKNAME_ID_BYTES_LIMIT):
        return problem
    return (events.NicknameChanged(**common(state, command, at_ms), member=command.member, nickname_id=command.nickname_id),)


def dissolve_conversation(state: Conversation, command: commands.DissolveConversation, at_ms: int, rules: Rules) -> Outcome:
    return (events.ConversationDissolved(**common(state, command, at_ms)),)
