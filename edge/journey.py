"""A message's journey: what the log and the tables say of it, put in order. Pure: records in, steps out; fetched by `edge.journeys`.

Rule 1: a step whose time is not known says so, and why; nothing is guessed.
Rule 2: what a user does not want seen is told to administrators only: to members it is as if nothing had been said.
Rule 3: who joined after the message has no steps: what was there before counts as read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct

from schemas import events
from schemas.notices import PushRequested
from schemas.pushes import PushResult, PushState
from schemas.records import LogPassed, WatermarkRaised
from store.push_counts import key_of
from store.receipts import ReceiptRow
from store.views import Membership

StepName = Literal["received", "accepted", "committed", "projected", "fanned_out", "pushed", "delivered", "read", "played"]
ReceiptStep = Literal["delivered", "read", "played"]
RECEIPT_STEPS: tuple[ReceiptStep, ...] = ("delivered", "read", "played")
NO_COMMAND = "its command is no longer in the log: commands are kept for 7 days"
NO_RECORD = "its record was not found among those that were looked through"
NO_PASSAGE = "no passage was found: either it is not there yet, or it was longer ago than passages are kept"
NO_PUSH = "no push was asked for"
NO_RECEIPT = "nothing was said so far"
READ_SOMETIME = "it is read; when is not known"


class Step(Struct, frozen=True):
    """`at_ms` None: not known or not yet, and `why`. `by_then`: it had happened at `at_ms`, perhaps earlier.

    `outcome`: what became of the push, and `why`; `channel`: through which push channel. Without: it was asked for.
    """

    step: StepName
    at_ms: int | None = None
    by_then: bool = False
    node: str | None = None
    user: str | None = None
    device: str | None = None
    why: str | None = None
    channel: str | None = None
    outcome: PushState | None = None


class Journey(Struct, frozen=True, kw_only=True):
    """`members`: how many were looked at; `notes`: what was not looked through."""

    conversation: str
    seq: int
    now_ms: int
    kind: str
    ordinal: int
    user: str
    device: str
    command_id: str
    members: int
    members_more: bool
    steps: tuple[Step, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """Of the command's record. `received_at_ms`: by the edge's clock; `accepted_at_ms`: the broker's."""

    received_at_ms: int
    accepted_at_ms: int


@dataclass(slots=True)
class Found:
    """All that was found of a message. `offset` and `committed_at_ms` None: its record was not found. Lists are in the log's order."""

    event: events.MessageSent
    offset: int | None = None
    partition: int = 0
    committed_at_ms: int | None = None
    accepted: Accepted | None = None
    passages: list[LogPassed] = field(default_factory=list)
    later: list[events.Event] = field(default_factory=list)  # events of the conversation after the message
    marks: list[WatermarkRaised] = field(default_factory=list)  # of the conversation, from the message's time on
    rows: dict[ReceiptStep, list[ReceiptRow]] = field(default_factory=dict)  # the tables' last mark of every device
    members: list[Membership] = field(default_factory=list)
    members_more: bool = False
    pushes: list[PushRequested] = field(default_factory=list)
    push_results: list[PushResult] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def journey_of(found: Found, now_ms: int, see_hidden: bool, viewer: str = "") -> Journey:
    """`viewer`: the member who asks. What became of pushes to others tells whom they muted, so it is hidden."""
    event = found.event
    steps = [*_log_steps(found), *_passage_steps(found, "projected"), *_passage_steps(found, "fanned_out")]
    steps += _pushes(found, lambda user: see_hidden or user == viewer)
    for name in RECEIPT_STEPS:
        steps += _receipts(found, name, see_hidden)
    return Journey(
        conversation=event.conversation_id,
        seq=event.seq,
        now_ms=now_ms,
        kind=str(event.__struct_config__.tag),
        ordinal=event.ordinal,
        user=event.user,
        device=event.device,
        command_id=event.command_id,
        members=len(found.members),
        members_more=found.members_more,
        steps=tuple(steps),
        notes=tuple(found.notes),
    )


def _log_steps(found: Found) -> Iterator[Step]:
    no_command = NO_RECORD if found.offset is None else NO_COMMAND
    if found.accepted is None:
        yield Step("received", why=no_command)
        yield Step("accepted", why=no_command)
    else:
        yield Step("received", found.accepted.received_at_ms)
        yield Step("accepted", found.accepted.accepted_at_ms)
    yield Step("committed", found.committed_at_ms, why=NO_RECORD if found.committed_at_ms is None else None)


def _passage_steps(found: Found, stage: Literal["projected", "fanned_out"]) -> list[Step]:
    """For every process, the first time that it said it was past the message."""
    if found.offset is None:
        return [Step(stage, why=NO_RECORD)]
    first: dict[str, int] = {}
    for passage in found.passages:
        if passage.stage == stage and passage.partition == found.partition and passage.next_offset > found.offset:
            first.setdefault(passage.process, passage.at_ms)
    if not first:
        return [Step(stage, why=NO_PASSAGE)]
    return [Step(stage, at_ms, by_then=True, node=node) for node, at_ms in sorted(first.items(), key=lambda each: (each[1], each[0]))]


def _pushes(found: Found, tells: Callable[[str], bool]) -> list[Step]:
    """By user: when a push was asked for first, and what became of it on each device, as far as it may be told."""
    first: dict[str, int] = {}
    for push in found.pushes:
        if _is_about(found.event, push):
            first.setdefault(push.user, push.at_ms)
    if not first:
        return [Step("pushed", why=NO_PUSH)]
    outcomes: dict[str, dict[str, Step]] = {}
    for result in found.push_results:
        if _is_about(found.event, result) and tells(result.user):
            outcomes.setdefault(result.user, {}).setdefault(key_of(result), _outcome(result))
    return [step for user, at_ms in sorted(first.items()) for step in (Step("pushed", at_ms, user=user), *outcomes.get(user, {}).values())]


def _is_about(event: events.MessageSent, push: PushRequested | PushResult) -> bool:
    return push.conversation_id == event.conversation_id and push.from_seq <= event.seq <= push.to_seq


def _outcome(result: PushResult) -> Step:
    device, channel = result.device or None, result.channel or None
    return Step("pushed", result.at_ms, user=result.user, device=device, why=result.reason or None, channel=channel, outcome=result.state)


def _receipts(found: Found, name: ReceiptStep, see_hidden: bool) -> Iterator[Step]:
    times = _times(found, name, see_hidden)
    for member in found.members:
        devices = times.get(member.user, {})
        for device, (at_ms, by_then) in sorted(devices.items(), key=lambda each: each[1]):
            yield Step(name, at_ms, by_then=by_then, user=member.user, device=device)
        waited_for = name != "played" and member.user != found.event.user and member.joined_seq < found.event.seq
        if not devices and waited_for:
            read = name == "read" and member.read_seq >= found.event.seq
            yield Step(name, user=member.user, why=READ_SOMETIME if read else NO_RECEIPT)


def _times(found: Found, name: ReceiptStep, see_hidden: bool) -> Mapping[str, dict[str, tuple[int, bool]]]:
    """User -> device -> (when it first said so, whether it may have been earlier)."""
    times: dict[str, dict[str, tuple[int, bool]]] = {}
    own = (found.event.user, found.event.device)
    for user, device, at_ms, by_then in (*_said(found, name, see_hidden), *_last(found, name, see_hidden)):
        if (user, device) != own:
            times.setdefault(user, {}).setdefault(device, (at_ms, by_then))
    return times


def _said(found: Found, name: ReceiptStep, see_hidden: bool) -> Iterator[tuple[str, str, int, bool]]:
    """What the log holds: exact times, oldest first."""
    for mark in found.marks:
        if mark.state == name and mark.up_to_seq >= found.event.seq and (see_hidden or not mark.hidden):
            yield mark.user, mark.device, mark.at_ms, False
    if name == "read":
        yield from ((user, device, at_ms, False) for user, device, at_ms in _read_by_events(found))


def _read_by_events(found: Found) -> Iterable[tuple[str, str, int]]:
    seq = found.event.seq
    for event in found.later:
        if isinstance(event, events.MessageSent) or (isinstance(event, events.ReadMarked) and event.up_to_seq >= seq):
            yield event.user, event.device, event.at_ms


def _last(found: Found, name: ReceiptStep, see_hidden: bool) -> Iterator[tuple[str, str, int, bool]]:
    """What the tables hold: a device's last mark, which may be of a later message."""
    for row in found.rows.get(name, ()):
        if row.up_to_seq >= found.event.seq and (see_hidden or not row.hidden):
            yield row.user, row.device, row.at_ms, True
