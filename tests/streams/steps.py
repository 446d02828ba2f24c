"""Random histories for the laws of the core: small numbers that mean something in whatever state they meet."""

import dataclasses
import random
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from schemas import commands
from schemas.values import ConversationKind, Role
from streams.conversations.decide import Accepted, Decision
from streams.conversations.rules import Rules
from tests.streams.talking import Talk, opened, text

USERS = ("ana", "ben", "ada", "bob", "zoe")
KINDS = (  # more of what the others refer to, and few that empty the conversation
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
)
ROLES: tuple[Role, ...] = ("member", "admin", "owner")

# Limits so low that a short history meets all of them.
TIGHT = Rules(members_limit=4, remembered_commands=4, command_horizon_ms=60_000, edit_window_ms=20_000, recall_window_ms=20_000)


@dataclass(frozen=True)
class Step:
    kind: int
    user: int
    other: int
    role: int
    back: int  # how far below the head the target is; -1: beyond it
    passed_ms: int
    skew_ms: int
    again: int  # 0: a new command; n: the nth last accepted one, sent again


def _step(rng: random.Random) -> Step:
    return Step(
        kind=rng.randrange(len(KINDS)),
        user=rng.choice((0, 0, 0, 1, 1, 2, 2, 3, 4)),
        other=rng.randrange(len(USERS)),
        role=rng.choice((0, 0, 0, 1, 2)),
        back=rng.choice((0, 0, 0, 1, 1, 2, 3, 6, 9, -1)),
        passed_ms=rng.choice((0, 0, 1, 1_000, 1_000, 15_000, 45_000)),
        skew_ms=rng.choice((0,) * 12 + (-5_000, 5_000, 59_000, -61_000, 61_000)),
        again=rng.choice((0,) * 7 + (1, 2, 9)),
    )


def _history(kind: ConversationKind, seed: int, length: int) -> tuple[ConversationKind, list[Step]]:
    rng = random.Random(seed)
    return kind, [_step(rng) for _ in range(length)]


# A seed instead of a drawn list of steps: a hundred times as many histories in the same time, and the length still shrinks.
HISTORIES = st.builds(_history, st.sampled_from(("group", "channel", "direct")), st.integers(0, 2**32), st.integers(0, 60))


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
        kind = KINDS[step.kind]
        return talk.command(kind, USERS[step.user], command_id=command_id, **self._fields(kind, step))

    def _fields(self, kind: type[commands.Command], step: Step) -> dict[str, Any]:
        target = self.talk.head.head_seq - step.back
        other = {"member": USERS[step.other]}
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
        return fields[kind]

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
