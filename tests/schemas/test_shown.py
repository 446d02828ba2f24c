"""A record as JSON: every example can be shown, the same one always in the same bytes, and its users are found."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec
from schemas.events import MessageSent
from schemas.golden import Example, load_examples
from schemas.shown import is_text, line, packed, shown, subject_of
from schemas.values import Content

EXAMPLES = list(load_examples())
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.schema.subject}-{example.schema.version}")
SNAPSHOTS = ("conversation-state", "inbox-state")  # of whole owners; nobody asks for those of one user
USER = re.compile(r"u-[a-z0-9]+")


class Row(NamedTuple):
    topic: str = "conversation-events"
    partition: int = 2
    offset: int = 41
    timestamp_ms: int = 1_760_000_000_000
    key: bytes | None = b"g-1"
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


BASE: dict[str, Any] = {
    **{"event_id": "g-1:7", "tenant": "default", "conversation_id": "g-1", "seq": 7, "ordinal": 3, "at_ms": 5, "user": "u-ana"},
    **{"device": "d-1", "command_id": "c-1", "trace_id": ""},
}


def message(content: Content, **more: Any) -> Row:
    return Row(value=codec.encode("conversation-events", MessageSent(content=content, **BASE, **more)))


def test_a_message_is_shown_with_its_place_its_schema_and_its_text() -> None:
    row = message(Content("text/plain", "Grüße\n".encode()))._replace(headers=(("command", b"\0\xff"), ("note", b"ok")))
    assert json.loads(line(row)) == {
        **{"topic": "conversation-events", "partition": 2, "offset": 41, "timestamp_ms": 1_760_000_000_000, "key": "g-1"},
        "headers": [{"name": "command", "base64": "AP8="}, {"name": "note", "text": "ok"}],
        **{"schema_id": codec.fields_of(row.value)[0], "type": "message_sent"},
        "value": {
            **BASE,
            "content": {"media_type": "text/plain", "key_id": None, "text": "Grüße\n"},
            **{"reply_to": None, "mentions": [], "qos": "effectively_once", "announcement": False},
        },
    }
    assert line(row).count(b"\n") == 1


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (Content("text/plain; charset=utf-8", b"a"), "text"),
        (Content("application/vnd.card+json", b"{}"), "text"),
        (Content("text/plain", b"\xff"), "base64"),
        (Content("image/png", b"abc"), "base64"),
        (Content("text/plain", b"abc", key_id="k-1"), "base64"),
    ],
    ids=["text", "json", "not utf-8", "image", "sealed"],
)
def test_a_body_is_text_only_where_it_is_one_and_is_not_sealed(content: Content, named: str) -> None:
    body = shown(message(content))["value"]["content"]
    assert body.keys() == {"media_type", "key_id", named}
    assert (body["text"].encode() if named == "text" else base64.b64decode(body["base64"])) == content.body


@pytest.mark.parametrize("value", [b"", b"\0\0\0\0", b"\1abcdefg", b"\0\x7f\xff\xff\xffabc"], ids=["empty", "short", "magic", "unknown"])
def test_what_cannot_be_decoded_is_shown_with_its_bytes(value: bytes) -> None:
    row = shown(Row(value=value))
    assert (row["type"], row["schema_id"], base64.b64decode(row["bytes"])) == (None, None, value)
    assert "value" not in row
    truncated = message(Content("text/plain", b"abc")).value
    assert truncated is not None
    assert shown(Row(value=truncated[:-1]))["type"] is None


def test_a_tombstone_has_no_bytes_and_a_key_that_is_no_text_is_named_so() -> None:
    row = shown(Row(key=b"\xff\0", value=None))
    assert (row["bytes"], row["type"], row["key"]) == (None, None, {"base64": "/wA="})


@given(st.binary(max_size=80))
def test_any_bytes_can_be_shown_as_one_line(value: bytes) -> None:
    row = Row(key=value, value=value, headers=(("h", value),))
    assert line(row) == packed(json.loads(line(row)))
    assert line(row).count(b"\n") == 1


@each_example
def test_every_example_is_shown_under_its_name_in_the_same_bytes_each_time(example: Example) -> None:
    row = Row(topic=example.schema.topic, value=example.wire)
    parsed = json.loads(line(row))
    assert (parsed["type"], parsed["schema_id"]) == (example.schema.record, example.schema.id)
    assert packed(parsed) == line(row)
    newest = codec.TYPES[example.schema.record]
    assert set(parsed["value"]) == set(newest.__struct_fields__)


def named_users(value: Any) -> Iterator[str]:
    """Every text in the value that is a user's id, wherever it stands."""
    if isinstance(value, str):
        yield from [value] if USER.fullmatch(value) else []
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from named_users(item)


@each_example
def test_the_users_of_every_example_are_found_by_class_and_by_fields(example: Example) -> None:
    row = shown(Row(topic=example.schema.topic, value=example.wire))
    subject = subject_of(row["value"])
    record: Any = codec.decode(example.wire, codec.TYPES[example.schema.record])
    assert subject_of(record) == subject
    assert subject.conversation == row["value"].get("conversation_id", subject.conversation)
    assert subject.tenant == row["value"].get("tenant", "")
    missing = set() if example.schema.topic in SNAPSHOTS else set(named_users(row["value"])) - subject.users
    assert missing == set()


def test_media_types_of_text() -> None:
    assert [is_text(media) for media in ("TEXT/Plain ; a=b", "application/json", "a/b+json", "textual/plain", "", "application/pdf")] == [
        *(True, True, True),
        *(False, False, False),
    ]
