"""Random but valid histories of conversations, as events and as records of conversation-events."""

import dataclasses
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from log.port import Record
from schemas import events
from schemas.codec import encode
from schemas.partition import partition_of
from schemas.values import Content, ConversationKind, GroupSettings, Member, Role

TOPIC = "conversation-events"
START_MS = 1_700_000_000_000
USERS = ("u-ana", "u-ben", "u-cleo", "u-dan")
REACTIONS = ("+1", "heart", "with space")


@dataclass
class Story:
    """One conversation growing event by event."""

    rng: random.Random
    conversation: str
    kind: ConversationKind = "group"
    history: list[events.Event] = dataclasses.field(default_factory=list)
    members: dict[str, Role] = dataclasses.field(default_factory=dict)
    messages: list[int] = dataclasses.field(default_factory=list)
    recalled: set[int] = dataclasses.field(default_factory=set)
    ordinal: int = 0

    def base(self, user: str) -> dict[str, Any]:
        seq = len(self.history) + 1
        return {
            "event_id": f"{self.conversation}:{seq}",
            "tenant": "default",
            "conversation_id": self.conversation,
            "seq": seq,
            "ordinal": self.ordinal,
            "at_ms": START_MS + seq // 3,  # several events share a time
            "user": user,
            "device": f"{user}-phone",
            "command_id": f"c-{self.conversation}-{seq}",
            "trace_id": "",
        }

    def create(self) -> None:
        users = USERS[:2] if self.kind == "direct" else USERS[:3]
        self.members = {user: "owner" if user == USERS[0] and self.kind != "direct" else "member" for user in users}
        named = tuple(Member(user, role) for user, role in self.members.items())
        self.add(events.ConversationCreated(**self.base(USERS[0]), conversation_kind=self.kind, title="first", members=named))

    def add(self, event: events.Event) -> None:
        self.history.append(event)

    def send(self, user: str, text: str) -> None:
        self.ordinal += 1
        event = events.MessageSent(**self.base(user), content=Content("text/plain", text.encode()))
        self.messages.append(event.seq)
        self.add(event)

    def read(self, user: str, up_to: events.Event) -> None:
        self.add(events.ReadMarked(**self.base(user), up_to_seq=up_to.seq, up_to_ordinal=up_to.ordinal))

    def step(self) -> None:
        """One more event of any kind that is possible now."""
        if not self.history:
            return self.create()
        user = self.rng.choice(sorted(self.members))
        roll = self.rng.random()
        standing = [seq for seq in self.messages if seq not in self.recalled]
        if roll < 0.4 or not standing:
            return self.send(user, f"text {len(self.history)}")
        target = self.rng.choice(standing[-4:])
        if roll < 0.5:
            return self.add(
                events.MessageEdited(**self.base(user), target_seq=target, content=Content("text/plain", b"edited"), mentions=(user,))
            )
        if roll < 0.55:
            self.recalled.add(target)
            return self.add(events.MessageRecalled(**self.base(user), target_seq=target))
        if roll < 0.75:
            kind = self.rng.choice((events.ReactionAdded, events.ReactionRemoved))
            return self.add(kind(**self.base(user), target_seq=target, reaction=self.rng.choice(REACTIONS)))
        if roll < 0.88:
            return self.read(user, self.rng.choice(self.history))  # also marks below an earlier one
        return self._place(user)

    def _place(self, user: str) -> None:
        if self.kind == "direct":
            return self.send(user, "hello")
        other = self.rng.choice(USERS)
        if self.rng.random() < 0.5:
            return self.add(self._fact(user, other))
        if other not in self.members:
            self.members[other] = "member"
            via = self.rng.choice(("", "open", "invitation", "application", "link-1"))
            return self.add(events.MemberAdded(**self.base(user), member=other, role="member", via=via))
        if len(self.members) > 1 and self.rng.random() < 0.5:
            del self.members[other]
            if other == user:
                return self.add(events.MemberLeft(**self.base(user)))
            return self.add(events.MemberRemoved(**self.base(user), member=other))
        if self.rng.random() < 0.5:
            self.members[other] = "admin"
            return self.add(events.RoleChanged(**self.base(user), member=other, role="admin"))
        return self.add(events.ConversationRenamed(**self.base(user), title=f"title {len(self.history)}"))

    def _fact(self, user: str, other: str) -> events.Event:
        """Any fact of a group; who is banned is no member any more, unless it is the last one."""
        base, roll = self.base(user), self.rng.randrange(15)
        until_ms = self.rng.choice((0, START_MS + 50))
        if roll == 0 and self.members.keys() - {other}:
            self.members.pop(other, None)
            return events.MemberBanned(**base, member=other, until_ms=until_ms, reason="spam")
        asked = {**base, "user": other}
        made: dict[int, Callable[[], events.Event]] = {
            1: lambda: events.MemberUnbanned(**base, member=other),
            2: lambda: events.MemberMuted(**base, member=other, until_ms=until_ms),
            3: lambda: events.AllMuted(**base, until_ms=until_ms),
            4: lambda: events.RoleDefined(**base, role="mod", level=50, permissions=("mute", "ban")),
            5: lambda: events.RoleDropped(**base, role="mod"),
            6: lambda: events.MemberInvited(**base, member=other, role="member"),
            7: lambda: events.InvitationDeclined(**asked),
            8: lambda: events.ApplicationMade(**asked, text="let me in", link_id=""),
            9: lambda: events.ApplicationDeclined(**base, member=other, reason="full"),
            10: lambda: events.LinkRevoked(**base, link_id="link-1"),
            11: lambda: events.NicknameChanged(**base, member=other, nickname_id=self.rng.choice(("", "n-1"))),
            12: lambda: events.ConversationDissolved(**base),
            13: lambda: self._announcement(user),
            14: lambda: events.SettingsChanged(**base, settings=GroupSettings(visibility="public"), settings_version=base["seq"]),
        }
        link: dict[str, Any] = {"link_id": "link-1", "secret_hash": "5ec7e7", "expires_at_ms": until_ms, "uses_limit": 3, "approval": True}
        return made.get(roll, lambda: events.LinkCreated(**base, **link))()

    def _announcement(self, user: str) -> events.Event:
        self.ordinal += 1
        event = events.MessageSent(**self.base(user), content=Content("text/plain", b"hear, hear"), announcement=True)
        self.messages.append(event.seq)
        return event


def stories(seed: int, conversations_count: int, events_count: int) -> list[Story]:
    """Conversations with interleaved growth; the global order of their events is the order of `interleaved`."""
    rng = random.Random(seed)
    kinds: tuple[ConversationKind, ...] = ("group", "direct", "channel")
    made = [Story(rng, f"g-{seed}-{index}", kinds[index % 3]) for index in range(conversations_count)]
    for _ in range(events_count):
        rng.choice(made).step()
    return made


def interleaved(seed: int, made: Iterable[Story]) -> Iterator[events.Event]:
    """The events of all, mixed, each conversation in its own order."""
    rng = random.Random(seed)
    rest = [list(reversed(story.history)) for story in made if story.history]
    while rest:
        source = rng.choice(rest)
        yield source.pop()
        rest = [each for each in rest if each]


def records(all_events: Iterable[events.Event], partitions_count: int = 1) -> list[Record]:
    """The events as the owner's records, with dense offsets per partition."""
    ends: dict[int, int] = {}
    made = []
    for event in all_events:
        partition = partition_of(event.conversation_id.encode(), partitions_count)
        offset = ends.get(partition, 0)
        ends[partition] = offset + 1
        made.append(Record(TOPIC, partition, offset, event.at_ms, event.conversation_id.encode(), encode(TOPIC, event)))
    return made
