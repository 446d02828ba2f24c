"""Events that are not projected yet, as every read of `edge.reader` and `edge.directory` lays them over rows. Pure.

Decoding is remembered: when a busy group's members come all at once, each of them needs the same few hundred events.
"""

import functools
from collections.abc import Callable, Sequence

from edge.errors import BadRequest
from edge.recent import Recent
from schemas import events
from schemas.codec import decode_event
from schemas.errors import Undecodable

BEHIND_RETRY_MS = 1_000
DECODED_EVENTS_MAX = 2_048  # with events of the largest size some 64 MB


def check_complete(recent: Recent, ticket: int) -> None:
    """Raises: BadRequest("behind") when the reader's rows and what is remembered do not make a whole."""
    if not recent.sees_everything(ticket):
        raise BadRequest("behind", "the timelines are behind the log by more than this node remembers", BEHIND_RETRY_MS)


def decoded(values: Sequence[bytes]) -> list[events.Event]:
    return [event for event in map(_decoded_once, values) if event is not None]


def decoded_newest(values: Sequence[bytes], wanted: Callable[[events.Event], bool] = lambda _: True) -> events.Event | None:
    """The last one of a conversation's that is wanted; no older one is decoded."""
    for value in reversed(values):
        event = _decoded_once(value)
        if event is not None and wanted(event):
            return event
    return None


@functools.lru_cache(maxsize=DECODED_EVENTS_MAX)
def _decoded_once(value: bytes) -> events.Event | None:
    try:
        return decode_event(value)
    except Undecodable:  # counted and logged where it came in
        return None
