"""What an account of a consumer is: a name, the topics that it may read, the groups that it may join. Pure.

Called by the command line; `ops.consumers.accounts` keeps it in Kafka as a SCRAM credential and ACLs.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ops.errors import OpsError
from schemas.registry import STABLE, Topic

# Kafka takes more, but a name stands in principals, file names and group ids alike.
NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
OUR_GROUPS = "warbler-"  # the prefix of our own workers' groups
ANY_SUFFIX = "*"


class BadConsumer(OpsError):
    """What was asked for cannot be given; the message says why."""


class Kind(enum.IntEnum):
    """`resource_type` of Kafka's protocol."""

    TOPIC = 2
    GROUP = 3


class Pattern(enum.IntEnum):
    """`pattern_type` of Kafka's protocol."""

    LITERAL = 3
    PREFIXED = 4


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One ACL that lets a consumer read; in Kafka reading implies describing."""

    kind: Kind
    name: str
    pattern: Pattern

    def __str__(self) -> str:
        return self.name + (ANY_SUFFIX if self.pattern is Pattern.PREFIXED else "")


@dataclass(frozen=True, slots=True)
class Consumer:
    """`has_password`: whether anybody can come in under this name."""

    name: str
    topics: tuple[str, ...]
    groups: tuple[str, ...]
    has_password: bool


def wanted(name: str, topics: Sequence[str], groups: Sequence[str], known: Mapping[str, Topic], *, internal: bool) -> list[Grant]:
    """The grants of a new account; without groups it gets its own name and all that begin with it and a dot.

    Raises: BadConsumer for a name or topic that there cannot be, for a topic without a promise unless `internal`, for a group of ours.
    """
    if NAME.fullmatch(name) is None:
        raise BadConsumer(f"{name!r}: a name is 1 to 64 of a-z, 0-9, dot, dash and underscore, with a letter or digit at both ends")
    if not topics:
        raise BadConsumer("no topic was named: an account that may read nothing is of no use")
    for topic in topics:
        _check_topic(topic, known, internal=internal)
    asked = [grant(Kind.GROUP, group) for group in groups] or [grant(Kind.GROUP, name), grant(Kind.GROUP, f"{name}.{ANY_SUFFIX}")]
    for group in asked:
        _check_group(group)
    return sorted({*(grant(Kind.TOPIC, topic) for topic in topics), *asked})


def _check_topic(topic: str, known: Mapping[str, Topic], *, internal: bool) -> None:
    if topic not in known:
        raise BadConsumer(f"there is no topic {topic!r}; `warbler topics` lists them")
    if known[topic].contract != STABLE and not internal:
        raise BadConsumer(
            f"{topic} is internal: what it means may change with any release. Add --internal if it shall be read all the same"
        )


def _check_group(group: Grant) -> None:
    """A consumer in one of our groups would take partitions away from our workers, or their position."""
    prefix = group.pattern is Pattern.PREFIXED
    if group.name.startswith(OUR_GROUPS) or (prefix and OUR_GROUPS.startswith(group.name)):
        raise BadConsumer(f"groups that begin with {OUR_GROUPS!r} are our own workers': {group}")
    if not group.name or ANY_SUFFIX in group.name:
        raise BadConsumer(f"{str(group)!r}: a group's id, or the beginning of one with a * after it")


def grant(kind: Kind, text: str) -> Grant:
    """`text` as a person writes it: a * at its end means everything that begins so; topics are named whole."""
    if kind is Kind.GROUP and text.endswith(ANY_SUFFIX):
        return Grant(kind, text[:-1], Pattern.PREFIXED)
    return Grant(kind, text, Pattern.LITERAL)


def consumers(grants: Mapping[str, Iterable[Grant]], credentials: Collection[str]) -> list[Consumer]:
    """Every account that has a password or grants, by name."""
    found = []
    for name in sorted({*grants, *credentials}):
        own = sorted(grants.get(name, ()))
        topics = tuple(str(each) for each in own if each.kind is Kind.TOPIC)
        groups = tuple(str(each) for each in own if each.kind is Kind.GROUP)
        found.append(Consumer(name, topics, groups, name in credentials))
    return found
