"""What a file says against what a timeline holds, line by line. Pure; called by `ops.irc.verify`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from warbler.ids import random_bits_of

from ops.irc.plan import Add, Body, Depart, Plan, Say

DETAILS_LIMIT = 5


@dataclass(frozen=True, slots=True)
class Held:
    """One event (or message) as it was read back, in its order. `body` None: of a kind that no plan makes."""

    seq: int
    command_id: str
    user: str
    body: Body | None


@dataclass(slots=True)
class Verdict:
    """Counts over any number of files. Shape: all but `lines`, `extra` are 0 when everything is right."""

    lines: int = 0
    extra: int = 0  # events that no line asked for but the plan does
    lost: int = 0
    duplicated: int = 0
    out_of_order: int = 0
    differing: int = 0
    foreign: int = 0  # events of other commands
    gaps: int = 0  # places where seq does not go up by one
    details: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.lost or self.duplicated or self.out_of_order or self.differing or self.foreign or self.gaps)

    def note(self, detail: str) -> None:
        if len(self.details) < DETAILS_LIMIT:
            self.details.append(detail)


@dataclass(frozen=True, slots=True)
class Expected:
    """A plan with its names resolved: `bits` of each step's command, `user` of each nick."""

    name: str
    plan: Plan
    bits: Sequence[int]
    create_bits: int
    user_of: Callable[[str], str]
    nick_of: Mapping[str, str]  # user -> nick


def compare(expected: Expected, held: Iterable[Held], verdict: Verdict, *, only_messages: bool = False) -> None:
    """Adds one file to the verdict. `only_messages`: `held` are messages of history pages, which say nothing of members."""
    index_of = {bits: index for index, bits in enumerate(expected.bits)}
    seen: dict[int, int] = {}
    newest, last_seq = -1, 0
    for item in held:
        bits = random_bits_of(item.command_id)
        if item.seq != last_seq + 1 and not (only_messages and item.seq > last_seq):
            verdict.gaps += 1
            verdict.note(f"{expected.name}: seq {item.seq} follows {last_seq}")
        last_seq = item.seq
        if bits == expected.create_bits:
            continue
        index = index_of.get(bits)
        if index is None:
            verdict.foreign += 1
            verdict.note(f"{expected.name}: seq {item.seq} is of a command that is not this import's")
            continue
        seen[index] = seen.get(index, 0) + 1
        _place(expected, index, newest, seen[index], item, verdict)
        newest = max(newest, index)
    _count_lost(expected, seen, verdict, only_messages)


def _place(expected: Expected, index: int, newest: int, times: int, item: Held, verdict: Verdict) -> None:
    step = expected.plan.steps[index]
    where = f"{expected.name}:{step.line_number} (seq {item.seq})"
    if times > 1:
        verdict.duplicated += 1
        verdict.note(f"{where}: a second time")
    elif index < newest:
        verdict.out_of_order += 1
        verdict.note(f"{where}: behind a later line")
    if item.user != expected.user_of(step.actor) or item.body != step.body:
        verdict.differing += 1
        verdict.note(f"{where}: differs from the file")


def _count_lost(expected: Expected, seen: Mapping[int, int], verdict: Verdict, only_messages: bool) -> None:
    for index, step in enumerate(expected.plan.steps):
        if only_messages and not isinstance(step.body, Say):
            continue
        if step.line_number:
            verdict.lines += 1
        else:
            verdict.extra += 1
        if index not in seen:
            verdict.lost += 1
            verdict.note(f"{expected.name}:{step.line_number}: is not there")


def body_of(kind: str, media_type: str | None, text: str | None, member: str | None, nick_of: Mapping[str, str]) -> Body | None:
    """The body of a plan that would have made this event; None when none could."""
    if kind == "message_sent" and media_type is not None and text is not None:
        return Say(media_type, text)
    if kind == "member_added" and member is not None:
        return Add(nick_of.get(member, f"?{member}"))
    return Depart() if kind == "member_left" else None
