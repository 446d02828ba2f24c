"""The number on the app's icon: how many messages a user has not read, by formula. Pure.

The outbox reads the rows; nothing is counted up or down, so it cannot drift. Rule 1: a conversation without push (mode none) has no part
in it. Rule 2: one that its user marked unread counts at least 1, whatever was read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from store.views import ReadMark
from streams.push.relevant import mode_of
from streams.push.situation import Mode

BADGE_LIMIT = 9_999  # phones show fewer digits; a count beyond it says nothing


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a user is in one conversation. `head_ordinal`: how many messages it has. `active`: the user is a member.

    `read`: of the membership; `own_read`: by marks that are no events; `marked`: the user marked it unread and did not take it back.
    """

    conversation: str
    active: bool
    head_ordinal: int
    read: ReadMark
    own_read: ReadMark | None = None
    marked: bool = False


def unread_of(standing: Standing) -> int:
    """How many messages of the conversation its user has not read; at least 1 where it is marked unread."""
    marks = [standing.read, standing.own_read or standing.read]
    read_ordinal = max((mark.seq, mark.ordinal) for mark in marks)[1]
    return max(standing.head_ordinal - read_ordinal, 1 if standing.marked else 0)


def badge(standings: Iterable[Standing], modes: Mapping[str, Mode], everywhere: Mode | None, now_ms: int) -> int:
    """The sum over the conversations that the user is in and wants pushes of; at most `BADGE_LIMIT`."""
    total = 0
    for one in standings:
        if one.active and mode_of(modes.get(one.conversation), everywhere, now_ms)[0] != "none":
            total += unread_of(one)
    return min(total, BADGE_LIMIT)
