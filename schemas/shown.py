"""A record of any topic as JSON, in the one form that `warbler replay`, exports and webhooks share; and whom it concerns. Pure.

The same record gives the same bytes, whoever asks: fields stand in the order of their schema, in its current version.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from schemas.codec import fields_of
from schemas.errors import Undecodable
from schemas.values import Content


class StoredRecord(Protocol):
    """What is read of a record by most: of log.port.Record, and of aiokafka's ConsumerRecord after `log.kafka`."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp_ms(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class RecordLike(StoredRecord, Protocol):
    """A record as it stands in the log, with its headers; `log.port.Record` is one."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


Shown = dict[str, Any]
_ENCODER = msgspec.json.Encoder()


def shown(record: RecordLike) -> Shown:
    """The record as builtins that JSON can hold: where it stands, its schema's id, its name as `type`, and its fields as `value`.

    Shape: bytes are `{"base64": "..."}`; a content's body is `text` where its media type is text, else `base64`. What cannot be
    decoded has `type` null, and `bytes` in base64; a tombstone has `bytes` null.
    """
    row: Shown = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
        "key": None if record.key is None else _plain(record.key),
        "headers": [{"name": name, **_text_or_base64(value)} for name, value in record.headers],
    }
    try:
        schema_id, name, fields = fields_of(record.value)
    except Undecodable:
        return {**row, "schema_id": None, "type": None, "bytes": None if record.value is None else _base64(record.value)}
    row["schema_id"], row["type"], row["value"] = schema_id, name, _readable(fields)
    return row


def packed(row: Shown) -> bytes:
    """One line of NDJSON, with its line feed."""
    return _ENCODER.encode(row) + b"\n"


def line(record: RecordLike) -> bytes:
    """The record as one line of NDJSON."""
    return packed(shown(record))


def is_text(media_type: str) -> bool:
    """Whether a content of this media type is shown as text: text/*, JSON, and what is built on JSON."""
    bare = media_type.partition(";")[0].strip().lower()
    return bare.startswith("text/") or bare == "application/json" or bare.endswith("+json")


def content_shown(content: Content) -> Shown:
    """A content in the form it has in `shown`."""
    return _content({"media_type": content.media_type, "key_id": content.key_id, "body": content.body})


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _text_or_base64(value: bytes) -> dict[str, str]:
    try:
        return {"text": value.decode()}
    except UnicodeDecodeError:
        return {"base64": _base64(value)}


def _plain(value: bytes) -> str | dict[str, str]:
    """A key: text as it is, and bytes that are none under their name."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": _base64(value)}


def _readable(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with every bytes in them made readable, in place."""
    for name, value in fields.items():
        if type(value) not in _SIMPLE:
            fields[name] = _readable_value(value)
    return fields


_SIMPLE = frozenset({str, int, bool, float, type(None)})


def _readable_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": _base64(value)}
    if isinstance(value, dict):
        return _content(value) if "body" in value and "media_type" in value else _readable(value)
    if isinstance(value, list):
        return [item if type(item) in _SIMPLE else _readable_value(item) for item in value]
    return value


def _content(content: dict[str, Any]) -> dict[str, Any]:
    body = content.pop("body")
    sealed = content.get("key_id") is not None
    content |= _text_or_base64(body) if is_text(content["media_type"]) and not sealed else {"base64": _base64(body)}
    return content


# ---- whom a record concerns


class Subject(NamedTuple):
    """`conversation` empty: none. `users`: who acted, who was acted upon, and who is named."""

    tenant: str
    conversation: str
    users: frozenset[str]


# Fields of all records that hold a user's id; a test walks the examples of every record and finds one that is missing here.
ONE_USER = frozenset({"user", "member", "other", "participant", "party", "by", "actor", "caller", "sender", "replaces", "publisher"})
MANY_USERS = frozenset(
    {
        "members",
        "mentions",
        "refuse_strangers",
        "callees",
        "busy",
        "waiting",
        "missed_by",
        "parties",
        "holders",
        "users",
        "speakers",
        "marks",
    }
)


def subject_of(record: msgspec.Struct | Mapping[str, Any]) -> Subject:
    """Whom a record of ours concerns: one of our classes, or the `value` of what `shown` gives."""
    fields = record.items() if isinstance(record, Mapping) else ((name, getattr(record, name)) for name in record.__struct_fields__)
    tenant = conversation = target_kind = target = ""
    users: set[str] = set()
    for name, value in fields:
        if name in ONE_USER:
            users.add(value)
        elif name in MANY_USERS and isinstance(value, list | tuple):  # elsewhere a number has such a name
            users.update(map(_user_of, value))
        elif name == "conversation_id":
            conversation = value or ""
        elif name == "tenant":
            tenant = value
        elif name == "target":
            target = value
        elif name == "target_kind":
            target_kind = value
    if target_kind == "conversation":
        conversation = target
    elif target_kind in ("user", "") and target:  # commands of calls name a user without saying so
        users.add(target)
    users.discard("")
    return Subject(tenant, conversation, frozenset(users))


def _user_of(item: Any) -> str:
    """Of a user's id, or a value that has one: a member, a call's party, a lease's holder."""
    if isinstance(item, str):
        return item
    return str(item.get("user", "") if isinstance(item, Mapping) else getattr(item, "user", ""))
