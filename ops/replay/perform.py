"""A replay from what was asked to its counts: looks the range up, opens the target, tells the log of the act, runs."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_never
from urllib.parse import urlsplit

from log.errors import UnknownTopic
from log.places import AtSeq, BadRange, Place, text_of
from log.port import Log
from log.spans import spans_of
from ops.acts import acting
from ops.replay import state as states
from ops.replay.asked import IntoFile, IntoLines, IntoTopic, IntoWebhook, Speed
from ops.replay.asked import Target as Into
from ops.replay.matching import Filter, Matcher, check_types, places_left
from ops.replay.run import Order, Replay
from ops.replay.state import Counts, Part, State
from ops.replay.targets import File, Lines, Target
from ops.replay.to_topic import Topic
from ops.replay.to_webhook import Webhook
from schemas.registry import TOPICS


@dataclass(frozen=True, slots=True)
class Asked:
    begin: Place
    until: Place
    topics: tuple[str, ...]
    choices: Filter
    into: Into
    speed: Speed
    order: Order

    def as_json(self) -> dict[str, Any]:
        """What makes two replays the same one; the speed does not."""
        lists = {name: sorted(getattr(self.choices, name)) for name in ("conversations", "users", "types", "tenants")}
        ends = {"from": text_of(self.begin), "to": text_of(self.until)}
        return {**ends, "topics": list(self.topics), **lists, "order": self.order}


@dataclass(frozen=True, slots=True)
class Means:
    """`make_topic(name, partitions)`: makes a topic that is not there. `private`: whether a webhook may be of our own network."""

    make_topic: Callable[[str, int], Awaitable[None]]
    private: bool = False


def narrowed(asked: Asked) -> Asked:
    """A range of seqs is one of its conversation. Raises: BadRange where another one was asked for; UnknownTopic; UnknownRecord."""
    for topic in asked.topics:
        if topic not in TOPICS:
            raise UnknownTopic(topic)
    check_types(asked.choices.types, asked.topics)
    named = {place.conversation for place in (asked.begin, asked.until) if isinstance(place, AtSeq)}
    chosen = asked.choices.conversations
    if named and chosen and not named <= chosen:
        raise BadRange("a seq is of a conversation that was not asked for")
    return dataclasses.replace(asked, choices=dataclasses.replace(asked.choices, conversations=frozenset(named or chosen)))


async def performed(log: Log, asked: Asked, means: Means, resume: Path | None, progress: Callable[[State], None]) -> Counts:
    """The counts, once all is written. Raises: BadResume, BadRange, RangeGone, UnknownPosition, UnknownRecord, TargetGone, LogError."""
    asked = narrowed(asked)
    state = states.load(resume, whole(asked)) if resume is not None else None
    if state is None:
        state = await begun(log, asked)
    if state.done:
        return state.counts
    async with acting(log, "replay", *target_told(asked.into), {"run": state.run, **asked.as_json()}) as told:
        target = await opened(log, asked, state, means)
        try:
            note = (lambda now: states.save(resume, now)) if resume is not None else _unkept
            await Replay(log, state, Matcher(asked.choices), target, asked.speed, asked.order, note, progress).run()
        finally:
            await target.close()
        told |= as_json(state.counts)
    return state.counts


def _unkept(state: State) -> None:
    """Nobody goes on from it."""


async def begun(log: Log, asked: Asked) -> State:
    """The state of a replay that has read nothing. Raises: as `spans_of`."""
    spans = await spans_of(log, asked.topics, asked.begin, asked.until)
    counts = {topic: await log.partitions_count(topic) for topic in asked.topics}
    left = places_left(spans, asked.choices.conversations, counts)
    return State(run=f"r-{secrets.token_hex(8)}", asked=whole(asked), parts=[Part(*span) for span in left], counts=Counts())


async def opened(log: Log, asked: Asked, state: State, means: Means) -> Target:
    match asked.into:
        case IntoLines():
            return Lines.of_standard_output()
        case IntoFile(path):
            return File(Path(path), state.target)
        case IntoTopic(name):
            if not state.target:
                await means.make_topic(name, await log.partitions_count(asked.topics[0]))
            return await Topic.open(log, name, state.run, state.target)
        case IntoWebhook(url):
            return Webhook.to(url, state.run, private=means.private)
        case _:
            assert_never(asked.into)


def whole(asked: Asked) -> dict[str, Any]:
    """What must be the same for a replay to go on: also the target, which the log is not told of in full."""
    return {**asked.as_json(), "into": str(asked.into)}


def target_told(into: Into) -> tuple[str, str]:
    """Kind and name of the target as the log hears of it; of an address only its host, because the rest may be a secret."""
    match into:
        case IntoLines():
            return "standard output", ""
        case IntoFile(path):
            return "file", path
        case IntoTopic(name):
            return "topic", name
        case IntoWebhook(url):
            return "webhook", urlsplit(url).hostname or ""
        case _:
            assert_never(into)


def as_json(counts: Counts) -> dict[str, Any]:
    named = ("read", "matched", "written", "damaged")
    return {**{name: getattr(counts, name) for name in named}, "types": dict(sorted(counts.types.items()))}
