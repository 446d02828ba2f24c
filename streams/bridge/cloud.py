"""A record of ours as a CloudEvent, and how far a partition of them says that the bridge had come.

Source: CloudEvents 1.0.2, its Kafka protocol binding 3.2 (binary content mode), its extensions `partitionkey` and `sequence`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from log.port import Entry, Header, Record
from schemas.shown import shown
from streams.bridge.settings import AVRO, BridgeSettings

POSITIONS_HEADER = "warbler-positions"
RESUMED = "bridge_resumed"
# Topics whose event ids are one event's alone; an administrator's act is told twice with one id, as it begins and as it ends.
IDENTIFIED = frozenset({"conversation-events", "call-events"})
Positions = Mapping[str, int]  # topic -> the offset of the next record to bridge


def cloud_event(record: Record, settings: BridgeSettings) -> Entry | None:
    """The record as a CloudEvent without its positions; None for what is no event: records without a key, and what cannot be read.

    Shape: the same record gives the same bytes. `ce_source` and `ce_id` together name one event for ever.
    """
    if record.key is None or record.value is None:
        return None
    row = shown(record)
    if row["type"] is None:
        return None
    fields: dict[str, Any] = row["value"]
    key = record.key.decode("utf-8", "backslashreplace")
    attributes = {
        "specversion": "1.0",
        "id": event_id(record, fields),
        "source": f"/warbler/{quote(str(fields.get('tenant') or 'default'), safe='')}/{record.topic}",
        "type": settings.type_prefix + row["type"],
        "subject": key,
        "time": moment(fields.get("at_ms") or record.timestamp_ms),
        "partitionkey": key,
    }
    if "seq" in fields:
        attributes["sequence"] = str(fields["seq"])
    if settings.data == AVRO:
        attributes["dataschema"] = f"urn:warbler:schema-id:{row['schema_id']}"
        return Entry(record.key, record.value, record.timestamp_ms, headers_of(attributes, "application/avro"))
    return Entry(record.key, msgspec.json.encode(fields), record.timestamp_ms, headers_of(attributes, "application/json"))


def event_id(record: Record, fields: Mapping[str, Any]) -> str:
    """The event's own id where it is unique; else its place, and its time, because a restored log gives places anew."""
    own = fields.get("event_id")
    return own if own and record.topic in IDENTIFIED else f"{record.partition}-{record.offset}-{record.timestamp_ms}"


def moment(at_ms: int) -> str:
    """RFC 3339, to the millisecond."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def headers_of(attributes: Mapping[str, str], content_type: str = "") -> tuple[Header, ...]:
    headers = tuple((f"ce_{name}", value.encode()) for name, value in attributes.items())
    return (*headers, ("content-type", content_type.encode())) if content_type else headers


def resumed(partition: int, positions: Positions, at_ms: int, settings: BridgeSettings) -> Entry:
    """What a bridge appends when it takes a partition over: from there on the broker refuses its predecessor.

    An event of its own, without a key or data, so that whoever reads CloudEvents can read it and skip it by its type.
    """
    attributes = {
        "specversion": "1.0",
        "id": f"{partition}-{at_ms}",
        "source": "/warbler/bridge",
        "type": settings.type_prefix + RESUMED,
        "time": moment(at_ms),
    }
    return Entry(None, b"", at_ms, (*headers_of(attributes), positions_header(positions)))


def positions_header(positions: Positions) -> Header:
    return POSITIONS_HEADER, ",".join(f"{topic}={offset}" for topic, offset in sorted(positions.items())).encode()


def positions_of(headers: Sequence[Header]) -> dict[str, int]:
    """How far the bridge had come with this record; empty for one that no bridge wrote."""
    for name, value in headers:
        if name == POSITIONS_HEADER:
            pairs = (pair.partition("=") for pair in value.decode("utf-8", "replace").split(",") if pair)
            return {topic: int(offset) for topic, _, offset in pairs if offset.isdecimal()}
    return {}


def bridged(records: Sequence[Record], positions: dict[str, int], settings: BridgeSettings) -> list[Entry]:
    """CloudEvents of the records that the positions have not passed, oldest first; the positions move on with them.

    Each event carries the positions after it, so that the last one of a partition says it all.
    """
    entries = []
    for record in records:
        if record.offset < positions.get(record.topic, 0):
            continue
        positions[record.topic] = record.offset + 1
        if (event := cloud_event(record, settings)) is not None:
            entries.append(event._replace(headers=(*event.headers, positions_header(positions))))
    return entries
