"""Records to bytes and back: Avro in the Confluent wire format (0x00, 4-byte schema id, body).

Called by every process that reads or writes Kafka. Decoding never raises anything but Undecodable.
"""

import io
from typing import Any, TypeVar, get_args

import fastavro
import msgspec

from schemas import (
    accounts,
    audits,
    call_commands,
    call_events,
    call_records,
    call_signals,
    commands,
    events,
    notices,
    pushes,
    records,
    retention,
    subjects,
    webhooks,
)
from schemas.errors import Undecodable, UnknownSubject
from schemas.registry import SCHEMAS, TOPICS

T = TypeVar("T")
AnyRecord = (
    events.Event
    | commands.Command
    | records.Record
    | notices.Notice
    | pushes.PushRecord
    | accounts.AccountEvent
    | accounts.AdminEvent
    | accounts.RosterEvent
    | call_commands.Command
    | call_events.Event
    | call_signals.CallSignal
    | call_records.CallsRecord
    | retention.RetentionEvent
    | subjects.SubjectRecord
    | webhooks.WebhookRecord
    | audits.AuditRecord
)

HEADER_BYTES = 5


def record_name(record_type: type[Any]) -> str:
    """The Avro record's name of one of our classes: its tag."""
    return str(record_type.__struct_config__.tag)


TYPES: dict[str, type[Any]] = {record_name(record_type): record_type for record_type in get_args(AnyRecord)}


def _writers() -> dict[tuple[str, type[Any]], tuple[bytes, Any]]:
    current = {(topic.name, record): version for topic in TOPICS.values() for record, version in topic.records.items()}
    return {
        (schema.topic, TYPES[schema.record]): (b"\0" + schema.id.to_bytes(4, "big"), schema.avro)
        for schema in SCHEMAS.values()
        if current[schema.topic, schema.record] == schema.version
    }


def _readers() -> dict[bytes, tuple[type[Any], Any, Any]]:
    """Wire header -> (our class, writer's schema, reader's schema or None where they are the same)."""
    newest = {(topic, record_type): avro for (topic, record_type), (_, avro) in _WRITERS.items()}
    readers = {}
    for schema in SCHEMAS.values():
        reader = newest[schema.topic, TYPES[schema.record]]
        header = b"\0" + schema.id.to_bytes(4, "big")
        readers[header] = (TYPES[schema.record], schema.avro, None if reader is schema.avro else reader)
    return readers


_WRITERS = _writers()
_READERS = _readers()


def encode(topic: str, record: AnyRecord) -> bytes:
    """The record's bytes for this topic, in the current version of its schema.

    Raises: UnknownSubject if the topic's data file does not list the record.
    """
    try:
        header, avro = _WRITERS[topic, type(record)]
    except KeyError:
        raise UnknownSubject(f"{topic} does not carry {type(record).__name__}") from None
    out = io.BytesIO()
    out.write(header)
    fastavro.schemaless_writer(out, avro, msgspec.to_builtins(record, builtin_types=(bytes,)))
    return out.getvalue()


def decode(value: bytes | None, expected: type[T]) -> T:
    """The record of these bytes, which must be of the expected class.

    Raises: Undecodable for no value, a wrong magic byte, an unknown schema id, a truncated or over-long body, or another kind of record.
    """
    return _decode(value, frozenset(get_args(expected) or (expected,)))  # type: ignore[no-any-return]


def decode_event(value: bytes | None) -> events.Event:
    """Raises: as `decode`, as do the others."""
    return _decode(value, _EVENTS)  # type: ignore[no-any-return]


def decode_command(value: bytes | None) -> commands.Command:
    return _decode(value, _COMMANDS)  # type: ignore[no-any-return]


def decode_reply(value: bytes | None) -> records.Reply:
    return _decode(value, _REPLIES)  # type: ignore[no-any-return]


def decode_receipt(value: bytes | None) -> records.WatermarkRaised:
    """A watermark, also of the records before `watermark_raised`."""
    receipt = _decode(value, _RECEIPTS)
    if not isinstance(receipt, records.DeliveredMarked):
        return receipt  # type: ignore[no-any-return]
    fields = {name: getattr(receipt, name) for name in receipt.__struct_fields__}
    return records.WatermarkRaised(state="delivered", **fields)


def decode_signal(value: bytes | None) -> records.SignalRecord:
    return _decode(value, _SIGNALS)  # type: ignore[no-any-return]


def decode_session_event(value: bytes | None) -> records.SessionEvent:
    return _decode(value, _SESSION_EVENTS)  # type: ignore[no-any-return]


def decode_notification(value: bytes | None) -> notices.Notification:
    return _decode(value, _NOTIFICATIONS)  # type: ignore[no-any-return]


def decode_account_event(value: bytes | None) -> accounts.AccountEvent:
    return _decode(value, _ACCOUNT_EVENTS)  # type: ignore[no-any-return]


def decode_admin_event(value: bytes | None) -> accounts.AdminEvent:
    return _decode(value, _ADMIN_EVENTS)  # type: ignore[no-any-return]


def decode_campaign_event(value: bytes | None) -> pushes.CampaignEvent:
    return _decode(value, _CAMPAIGN_EVENTS)  # type: ignore[no-any-return]


def decode_registry_record(value: bytes | None) -> subjects.RegistryRecord:
    return _decode(value, _REGISTRY_RECORDS)  # type: ignore[no-any-return]


def decode_roster_event(value: bytes | None) -> accounts.RosterEvent:
    return _decode(value, _ROSTER_EVENTS)  # type: ignore[no-any-return]


def decode_retention_event(value: bytes | None) -> retention.RetentionEvent:
    return _decode(value, _RETENTION_EVENTS)  # type: ignore[no-any-return]


def decode_webhook_event(value: bytes | None) -> webhooks.WebhookEvent:
    return _decode(value, _WEBHOOK_EVENTS)  # type: ignore[no-any-return]


_EVENTS = frozenset(get_args(events.Event))
_COMMANDS = frozenset(get_args(commands.Command))
_REPLIES = frozenset(get_args(records.Reply))
_RECEIPTS = frozenset({records.WatermarkRaised, records.DeliveredMarked})
_SIGNALS = frozenset(get_args(records.SignalRecord))
_SESSION_EVENTS = frozenset(get_args(records.SessionEvent))
_NOTIFICATIONS = frozenset(get_args(notices.Notification))
_ACCOUNT_EVENTS = frozenset(get_args(accounts.AccountEvent))
_ADMIN_EVENTS = frozenset(get_args(accounts.AdminEvent))
_REGISTRY_RECORDS = frozenset(get_args(subjects.RegistryRecord))
_ROSTER_EVENTS = frozenset(get_args(accounts.RosterEvent))
_RETENTION_EVENTS = frozenset(get_args(retention.RetentionEvent))
_CAMPAIGN_EVENTS = frozenset(get_args(pushes.CampaignEvent))
_WEBHOOK_EVENTS = frozenset(get_args(webhooks.WebhookEvent))


def _decode(value: bytes | None, allowed: frozenset[type[Any]]) -> Any:
    if value is None or len(value) < HEADER_BYTES:
        raise Undecodable("shorter than the wire format's header")
    reader = _READERS.get(value[:HEADER_BYTES])
    if reader is None:
        raise Undecodable("not the wire format" if value[0] else f"unknown schema id {int.from_bytes(value[1:HEADER_BYTES], 'big')}")
    record_type, writer_avro, reader_avro = reader
    if record_type not in allowed:
        raise Undecodable(f"a {record_name(record_type)} does not belong here")
    try:
        return msgspec.convert(_fields(value, record_name(record_type), writer_avro, reader_avro), record_type)
    except msgspec.ValidationError as exc:
        raise Undecodable(f"body of {record_name(record_type)}: {type(exc).__name__}: {exc}") from exc


def fields_of(value: bytes | None) -> tuple[int, str, dict[str, Any]]:
    """Schema id, record's name and its fields as its current version has them, for who needs no class of ours.

    Raises: as `decode`, but a value outside its class's literals is no error: it is shown as it stands.
    """
    reader = _READERS.get((value or b"")[:HEADER_BYTES])
    if value is None or reader is None:
        _decode(value, frozenset())  # raises what is wrong
        raise AssertionError("bytes without a reader were read")
    record_type, writer_avro, reader_avro = reader
    name = record_name(record_type)
    return int.from_bytes(value[1:HEADER_BYTES], "big"), name, _fields(value, name, writer_avro, reader_avro)


def _fields(value: bytes, name: str, writer_avro: Any, reader_avro: Any) -> dict[str, Any]:
    body = io.BytesIO(value)
    body.seek(HEADER_BYTES)
    try:
        fields: dict[str, Any] = fastavro.schemaless_reader(body, writer_avro, reader_avro)
    except Exception as exc:  # fastavro raises many kinds on hostile bytes; every one means the same here
        raise Undecodable(f"body of {name}: {type(exc).__name__}: {exc}") from exc
    if body.tell() != len(value):
        raise Undecodable(f"body of {name}: {len(value) - body.tell()} bytes left over")
    return fields
