"""The topic admin-events backwards: pages of what administrators did, the newest first. Called by `edge.rest.admin`.

Shape: a page is found by reading at most `limit` records from the end of each partition; its `next` says where each of them stands.
"""

from collections.abc import Mapping

from edge.people.admin_log import ADMIN_EVENTS
from log.port import Log
from schemas.accounts import AdminEvent
from schemas.codec import decode_admin_event
from schemas.errors import Undecodable, WarblerError

Places = Mapping[int, int]  # partition -> the offset that the page ends before
PARTITIONS_LIMIT = 1_000


class BadPlace(WarblerError):
    """Not what a page gave as `next`."""


def read_places(text: str) -> Places:
    """Raises: BadPlace."""
    if not text:
        return {}
    try:
        pairs = [part.split(":") for part in text.split("-")]
        places = {int(partition): int(offset) for partition, offset in pairs}
    except ValueError:
        raise BadPlace("after: not what a page gave as next") from None
    if len(places) > PARTITIONS_LIMIT or any(not (0 <= p < PARTITIONS_LIMIT and 0 <= offset < 2**63) for p, offset in places.items()):
        raise BadPlace("after: not what a page gave as next")
    return places


def places_text(places: Places) -> str:
    return "-".join(f"{partition}:{offset}" for partition, offset in sorted(places.items()))


async def page_of(log: Log, before: Places, limit: int) -> tuple[list[AdminEvent], str | None]:
    """At most `limit` events, the newest first, and what comes after them (None: nothing). Raises: LogError."""
    ends = {
        partition: min(before.get(partition, 2**63), await log.end_offset(ADMIN_EVENTS, partition))
        for partition in range(await log.partitions_count(ADMIN_EVENTS))
    }
    found: list[tuple[int, int, int, AdminEvent | None]] = []
    for partition, end in ends.items():
        start = max(end - limit, await log.start_offset(ADMIN_EVENTS, partition))
        records = await log.read(ADMIN_EVENTS, partition, start, limit) if start < end else []
        found += [(each.timestamp_ms, partition, each.offset, _decoded(each.value)) for each in records if each.offset < end]
    newest = sorted(found, key=lambda each: each[:3], reverse=True)[:limit]
    left = dict(ends)
    for _, partition, offset, _ in newest:
        left[partition] = min(left[partition], offset)
    return [event for *_, event in newest if event is not None], places_text(left) if len(newest) == limit else None


def _decoded(value: bytes | None) -> AdminEvent | None:
    try:
        return decode_admin_event(value)
    except Undecodable:
        return None  # its dead letter was written by the node that read it in its feed
