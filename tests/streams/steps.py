"""Random histories for the laws of the core: small numbers that mean something in whatever state they meet."""

import dataclasses
import random
from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import strategies as st
from msgspec.structs import replace

from schemas import commands
from schemas.values import ConversationKind, GroupSettings, Permission, Role
from streams.conversations.decide import Accepted, Decision
from streams.conversations.rules import Rules
from tests.streams.talking import Talk, opened, text

USERS = ("ana", "ben", "ada", "bob", "zoe")
KINDS = (  # more of what the others refer to, and few that empty the conversation
    commands.SendMessage,
    commands.SendMessage,
    commands.SendMessage,
    commands.SendMessage,
    commands.SendMessage,
    commands.SendMessage,
    commands.MarkRead,
    commands.MarkRead,
    commands.EditMessage,
    commands.RecallMessage,
    commands.AddMember,
    commands.AddMember,
    commands.EditMessage,
    commands.RecallMessage,
    commands.AddReaction,
    commands.RemoveReaction,
    commands.AddMember,
    commands.RemoveMember,
    commands.LeaveConversation,
    commands.ChangeRole,
    commands.RenameConversation,
    commands.ChangeSettings,
    commands.ChangeSettings,
    commands.InviteMember,
    commands.InviteMember,
    commands.AnswerInvitation,
    commands.AnswerInvitation,
    commands.ApplyToJoin,
    commands.ApplyToJoin,
    commands.ApplyToJoin,
    commands.AnswerApplication,
    commands.AnswerApplication,
    commands.CreateLink,
    commands.CreateLink,
    commands.RevokeLink,
    commands.JoinByLink,
    commands.JoinByLink,
    commands.BanMember,
    commands.UnbanMember,
    commands.MuteMember,
    commands.MuteMember,
    commands.MuteAll,
    commands.DefineRole,
    commands.DefineRole,
    commands.DropRole,
    commands.ChangeNickname,
    commands.NoteCall,
    commands.NoteCall,
)
RARE = commands.DissolveConversation  # once in so many steps, or most histories would end early
ROLES: tuple[Role, ...] = ("member", "admin", "owner", "guide")
PERMITS: tuple[tuple[Permission, ...], ...] = ((), ("send",), ("send", "ban", "roles"), ("send", "add", "mute", "appoint"))
JOININGS = ("open", "apply", "apply", "invited")
LINKS = tuple(f"k-{number:032x}" for number in range(4))
HASHES = ("a" * 64, "b" * 64)

# Limits so low that a short history meets all of them.
TIGHT = Rules(
    members_limit=4,
    remembered_commands=4,
    command_horizon_ms=60_000,
    edit_window_ms=20_000,
    recall_window_ms=20_000,
    roles_limit=1,
    role_members_limit=1,
    links_limit=1,
    invitations_limit=1,
    applications_limit=1,
    bans_limit=1,
    mutes_limit=1,
)


@dataclass(frozen=True)
class Step:
    kind: int
    user: int
    other: int
    role: int
    back: int  # how far below the head the target is; -1: beyond it
    passed_ms: int
    skew_ms: int
    dice: int  # 0 to 39, for what a command needs besides
    wild: bool  # by and about anybody, whether that makes sense or not
    again: int  # 0: a new command; n: the nth last accepted one, sent again


def _step(rng: random.Random) -> Step:
    return Step(
        kind=rng.randrange(len(KINDS)),
        user=rng.choice((0, 0, 0, 1, 1, 2, 2, 3, 4)),
        other=rng.randrange(len(USERS)),
        role=rng.choice((0, 0, 0, 1, 2, 3)),
        back=rng.choice((0, 0, 0, 1, 1, 2, 3, 6, 9, -1)),
        passed_ms=rng.choice((0, 0, 1, 1_000, 1_000, 15_000, 45_000)),
        skew_ms=rng.choice((0,) * 12 + (-5_000, 5_000, 59_000, -61_000, 61_000)),
        dice=rng.randrange(40),
        wild=rng.random() < 0.2,
        again=rng.choice((0,) * 7 + (1, 2, 9)),
    )


def _history(kind: ConversationKind, seed: int, length: int) -> tuple[ConversationKind, list[Step]]:
    rng = random.Random(seed)
    return kind, [_step(rng) for _ in range(length)]


# A seed instead of a drawn list of steps: a hundred times as many histories in the same time, and the length still shrinks.
HISTORIES = st.builds(_history, st.sampled_from(("group", "channel", "direct")), st.integers(0, 2**32), st.integers(0, 80))


@dataclass
class Accept:
    """A command that was accepted, with the answer it got."""

    command: commands.Command
    seq: int
    ordinal: int
    at_ms: int


@dataclass
class History:
    talk: Talk
    accepted: list[Accept] = dataclasses.field(default_factory=list)

    def command(self, step: Step) -> commands.Command:
        if step.again and step.again <= len(self.accepted):
            return replace(self.accepted[-step.again].command, trace_id="again")
        talk = self.talk
        command_id = talk.fresh_id(talk.now_ms + step.skew_ms)
        kind = RARE if step.kind == step.dice == 0 else KINDS[step.kind]
        return talk.command(kind, self._actor(kind, step), command_id=command_id, **self._fields(kind, step))

    def _actor(self, kind: type[commands.Command], step: Step) -> str:
        """Mostly one who may: a member, or for what outsiders ask one of those. A quarter of the time anybody."""
        standing = self.talk.head.standing
        pending: dict[type[commands.Command], Any] = {commands.AnswerInvitation: standing.invitations}
        outside = kind in (commands.AnswerInvitation, commands.ApplyToJoin, commands.JoinByLink)
        able = [user for user in USERS if (user in pending.get(kind, USERS) and user not in standing.members) == outside]
        return able[step.user % len(able)] if able and not step.wild else USERS[step.user]

    def _other(self, kind: type[commands.Command], step: Step) -> str:
        standing = self.talk.head.standing
        named: dict[type[commands.Command], Any] = {
            commands.AnswerApplication: standing.applications,
            commands.UnbanMember: standing.bans,
            commands.InviteMember: set(USERS) - set(standing.members),
            commands.AddMember: set(USERS) - set(standing.members),
        }
        able = [user for user in USERS if user in named.get(kind, standing.members)]
        return able[step.other % len(able)] if able and not step.wild else USERS[step.other]

    def _fields(self, kind: type[commands.Command], step: Step) -> dict[str, Any]:
        target = self.talk.head.head_seq - step.back
        other = {"member": self._other(kind, step)}
        fields: dict[type[commands.Command], dict[str, Any]] = {
            commands.SendMessage: {"content": text("hi")},
            commands.MarkRead: {"up_to_seq": target, "up_to_ordinal": self.ordinal_at(target)},
            commands.EditMessage: {"target_seq": target, "content": text("ho")},
            commands.RecallMessage: {"target_seq": target},
            commands.AddReaction: {"target_seq": target, "reaction": "+1"},
            commands.RemoveReaction: {"target_seq": target, "reaction": "+1"},
            commands.AddMember: {**other, "role": ROLES[step.role]},
            commands.RemoveMember: other,
            commands.LeaveConversation: {},
            commands.ChangeRole: {**other, "role": ROLES[step.role]},
            commands.RenameConversation: {"title": f"title {step.role}"},
        }
        return fields[kind] if kind in fields else self._group_fields(kind, step)

    def _group_fields(self, kind: type[commands.Command], step: Step) -> dict[str, Any]:
        other, until_ms = {"member": self._other(kind, step)}, self.talk.now_ms + 1_000 * step.dice
        link = {"link_id": LINKS[step.dice % 4], "secret_hash": HASHES[step.dice % 10 == 0]}
        permits = PERMITS[step.dice % 4]
        fields: dict[type[commands.Command], dict[str, Any]] = {
            commands.ChangeSettings: {"settings": self._settings(step), "expected_version": step.dice % 5 == 0},
            commands.InviteMember: {**other, "role": ROLES[step.role]},
            commands.AnswerInvitation: {"accept": step.dice % 3 > 0},
            commands.ApplyToJoin: {"text": "let me in"[: step.dice % 3]},
            commands.AnswerApplication: {**other, "accept": step.dice % 3 > 0},
            commands.CreateLink: {**link, "expires_at_ms": until_ms, "uses_limit": step.dice % 2, "approval": step.dice % 5 == 0},
            commands.RevokeLink: {"link_id": LINKS[step.dice % 4]},
            commands.JoinByLink: link,
            commands.BanMember: {**other, "until_ms": until_ms if step.dice % 4 else 0},
            commands.UnbanMember: other,
            commands.MuteMember: {**other, "until_ms": until_ms if step.dice % 4 else 0},
            commands.MuteAll: {"until_ms": until_ms if step.dice % 4 else 0},
            commands.DefineRole: {"role": ROLES[step.role], "level": (0, 50, 40, 30)[step.role], "permissions": permits},
            commands.DropRole: {"role": ROLES[step.role]},
            commands.ChangeNickname: {**other, "nickname_id": "n" * (step.dice % 2)},
            commands.DissolveConversation: {},
            commands.NoteCall: self._call(step),
        }
        return fields[kind]

    def _call(self, step: Step) -> dict[str, Any]:
        """One that was noted before, once in a while; missed by somebody, half of the time."""
        call_seq = self.talk.head.call_seq + step.dice % 4
        missed_by = (USERS[step.other],) * (step.dice % 2)
        about = {"call_id": f"call-{call_seq}", "call_kind": "group", "media": "audio"}
        return {**about, "call_seq": call_seq, "outcome": "ended", "duration_ms": 1_000 * step.dice, "missed_by": missed_by}

    def _settings(self, step: Step) -> GroupSettings:
        visibility: Literal["private", "public"] = "public" if step.dice % 4 else "private"
        return GroupSettings(visibility, JOININGS[step.dice % 4], "why?"[: step.dice % 2], slow_mode_ms=10_000 * (step.dice % 3 > 0))  # type: ignore[arg-type]

    def ordinal_at(self, seq: int) -> int:
        """The truth, from the whole log."""
        return next((event.ordinal for event, _ in reversed(self.talk.log) if event.seq <= seq), 0)

    def take(self, command: commands.Command) -> Decision:
        decision = self.talk.do(command)
        if isinstance(decision, Accepted):
            first = decision.events[0]
            self.accepted.append(Accept(command, first.seq, first.ordinal, first.at_ms))
        return decision


def begun(kind: ConversationKind, rules: Rules = TIGHT) -> History:
    return History(opened(kind, {"ben": "member", "ada": "admin"}, rules))


def played(kind: ConversationKind, steps: list[Step], rules: Rules = TIGHT) -> History:
    history = begun(kind, rules)
    for step in steps:
        history.talk.now_ms += step.passed_ms
        history.take(history.command(step))
    return history
