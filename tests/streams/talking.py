"""Commands and conversations for the tests of the owner's core: short to write, the same at every run."""

import itertools
from dataclasses import dataclass, field
from typing import Any, TypeVar

from schemas import commands, events
from schemas.fingerprint import fingerprint
from schemas.ids import direct_conversation_id, uuid7
from schemas.values import Content, ConversationKind, Member, Role
from streams.conversations.decide import Accepted, Decision, decide
from streams.conversations.evolve import evolve
from streams.conversations.rules import Rules
from streams.conversations.state import Conversation

T0_MS = 1_700_000_000_000
GROUP_ID = "g-" + "0" * 32
DIRECT_ID = direct_conversation_id("ana", "ben")

C = TypeVar("C", bound=commands.Command)


def text(body: str | bytes) -> Content:
    return Content("text/plain", body if isinstance(body, bytes) else body.encode())


@dataclass
class Talk:
    """One conversation that is decided and evolved as the owner would, with a clock that the test moves."""

    rules: Rules = field(default_factory=Rules)
    conversation_id: str = GROUP_ID
    now_ms: int = T0_MS
    state: Conversation | None = None
    log: list[tuple[events.Event, bytes]] = field(default_factory=list)
    _ids: "itertools.count[int]" = field(default_factory=itertools.count)

    def fresh_id(self, ms: int | None = None) -> str:
        return uuid7(self.now_ms if ms is None else ms, next(self._ids) << 40)

    def command(self, command_type: type[C], user: str, *, command_id: str | None = None, device: str = "phone", **fields: Any) -> C:
        base: dict[str, Any] = {
            "tenant": "default",
            "conversation_id": self.conversation_id,
            "command_id": command_id or self.fresh_id(),
            "user": user,
            "device": device,
            "trace_id": "trace",
            "received_at_ms": self.now_ms,
        }
        return command_type(**{**base, **fields})

    def decide(self, command: commands.Command) -> Decision:
        return decide(self.state, command, self.now_ms, self.rules)

    def do(self, command: commands.Command) -> Decision:
        """Decide and, if accepted, evolve."""
        decision = self.decide(command)
        if isinstance(decision, Accepted):
            for event in decision.events:
                self.log.append((event, fingerprint(command)))
                self.state = evolve(self.state, event, fingerprint(command), self.rules)
        return decision

    def must(self, command: commands.Command) -> int:
        """The seq of the command's first event; it has to be accepted."""
        decision = self.do(command)
        assert isinstance(decision, Accepted), decision
        return decision.events[0].seq

    def send(self, user: str, body: str = "hello", **fields: Any) -> int:
        return self.must(self.command(commands.SendMessage, user, content=text(body), **fields))

    @property
    def head(self) -> Conversation:
        assert self.state is not None
        return self.state


def code_of(decision: Decision) -> str:
    """`accepted`, `repeated`, or the code of the refusal."""
    return getattr(decision, "code", type(decision).__name__.lower())


def opened(kind: ConversationKind = "group", members: dict[str, Role] | None = None, rules: Rules | None = None) -> Talk:
    """A conversation that ana created; direct with ben, else with these members."""
    talk = Talk(rules or Rules(), DIRECT_ID if kind == "direct" else GROUP_ID)
    others: dict[str, Role] = {"ben": "member"} if kind == "direct" or members is None else members
    invited = tuple(Member(user, role) for user, role in others.items())
    title = "" if kind == "direct" else "Birds"
    talk.must(talk.command(commands.CreateConversation, "ana", conversation_kind=kind, title=title, members=invited))
    return talk
