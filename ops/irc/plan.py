"""What is to be done for a log, in file order, and by whom. Pure; called by `ops.irc.run` and `ops.irc.verify`.

Rule 1: every line becomes exactly one step, so one event; steps that no line asks for have `line_number` 0.
Rule 2: who acts without having been seen to join was there before the log began: a first member of the group.
Rule 3: the same log gives the same plan, so a step's index names it for ever.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from ops.irc.files import Numbered
from ops.irc.parse import Action, ChannelNotice, Join, Leave, Line, Message, Mode, NickChange, Other, Topic

OWNER = ""  # the importer's own user
FIRST_MEMBERS_LIMIT = 400  # in one creating command; the others are added by steps of their own
EMPTY = "(empty)"
NAME = re.compile(r"[A-Za-z0-9._\-|\[\]{}^`\\]+")
NAME_BYTES_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Say:
    media_type: str
    text: str


@dataclass(frozen=True, slots=True)
class Add:
    nick: str


@dataclass(frozen=True, slots=True)
class Depart:
    pass


Body = Say | Add | Depart


@dataclass(frozen=True, slots=True)
class Step:
    """`actor` is a nick without blanks, or OWNER."""

    line_number: int
    actor: str
    body: Body
    at: str | None  # HH:MM where the line says it


@dataclass(frozen=True, slots=True)
class Plan:
    first_members: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def nicks(self) -> set[str]:
        added = {step.body.nick for step in self.steps if isinstance(step.body, Add)}
        return {step.actor for step in self.steps if step.actor != OWNER} | added | set(self.first_members)


def plain(nick: str) -> str:
    """Who it is: on IRC, as in our names, `Ana` and `ana` are the same."""
    return nick.replace(" ", "").casefold()


def user_name(namespace: str, nick: str) -> str:
    """The Warbler name of a nick. Shape: within the rules for names; different for different nicks."""
    name = f"{namespace}.{nick}"
    if NAME.fullmatch(name) and len(name) <= NAME_BYTES_LIMIT:
        return name
    return f"{namespace}.x-{hashlib.sha256(nick.encode()).hexdigest()[:24]}"


def plan_of(lines: Sequence[Numbered]) -> Plan:
    seen_before = _first_members(lines)
    first, late = seen_before[:FIRST_MEMBERS_LIMIT], seen_before[FIRST_MEMBERS_LIMIT:]
    steps = [Step(0, OWNER, Add(nick), None) for nick in late]
    members = set(seen_before)
    for numbered in lines:
        steps += _steps(numbered.number, numbered.line, members)
    return Plan(tuple(first), tuple(steps))


def _first_members(lines: Sequence[Numbered]) -> list[str]:
    joined: set[str] = set()
    before: dict[str, None] = {}
    for numbered in lines:
        line = numbered.line
        if isinstance(line, Join):
            if plain(line.nick) not in before:
                joined.add(plain(line.nick))
        elif not isinstance(line, Other) and plain(line.nick) not in joined:
            before[plain(line.nick)] = None
    return list(before)


def _steps(number: int, line: Line, members: set[str]) -> list[Step]:
    """The line's step, behind one that lets its actor in where that is needed."""
    match line:
        case Join(nick) if plain(nick) not in members:
            members.add(plain(nick))
            return [Step(number, OWNER, Add(plain(nick)), None)]
        case Other(at, text):
            return [Step(number, OWNER, Say(media_type("other", at), text), at)]
        case _:
            pass
    actor = plain(line.nick)
    before = [] if actor in members else [Step(0, OWNER, Add(actor), None)]
    members.add(actor)
    if isinstance(line, Leave):
        members.discard(actor)
        return [*before, Step(number, actor, Depart(), None)]
    return [*before, _said(number, line, actor)]


def _said(number: int, line: Message | Action | ChannelNotice | Join | NickChange | Mode | Topic, actor: str) -> Step:
    match line:
        case Message(at, _, text) if not text:
            return Step(number, actor, Say(media_type("empty", at), EMPTY), at)
        case Message(at, _, text):
            assert text is not None
            return Step(number, actor, Say(media_type(None, at), text), at)
        case Action(at, _, text):
            return Step(number, actor, Say(media_type("action", at), text or EMPTY), at)
        case ChannelNotice(at, _, _, text):
            return Step(number, actor, Say(media_type("notice", at), text or EMPTY), at)
        case Join(_, channel):  # a member already: the log had not shown that it went
            return Step(number, actor, Say(media_type("join", None), channel), None)
        case NickChange(_, other):
            return Step(number, actor, Say(media_type("nick", None), other.replace(" ", "")), None)
        case Mode(_, text):
            return Step(number, actor, Say(media_type("mode", None), text), None)
        case Topic(_, _, text):
            return Step(number, actor, Say(media_type("topic", None), text or EMPTY), None)
        case _:
            assert_never(line)


def media_type(kind: str | None, at: str | None) -> str:
    """`text/plain; at=10:01; irc=action`: the time of the line and what kind of line it was stand in the parameters."""
    return "text/plain" + (f"; at={at}" if at else "") + (f"; irc={kind}" if kind else "")


def step_bits(import_id: str, digest: str, index: int) -> int:
    """The 74 bits by which the command of a step is known again, whenever it was sent. Shape: `index` -1 is the creation."""
    return int.from_bytes(hashlib.blake2b(f"{import_id}/{digest}/{index}".encode(), digest_size=10).digest(), "big") >> 6
