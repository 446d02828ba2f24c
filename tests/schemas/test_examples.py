"""The golden examples: every published version has one, it decodes, round-trips, and every version reads every other's."""

import io
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec
from schemas.errors import Undecodable
from schemas.golden import FOLDER, Example, load_examples, wire_bytes
from schemas.records import ConversationSnapshot
from schemas.registry import SCHEMAS, TOPICS, Schema
from streams.conversations.snapshots import restore

EXAMPLES = list(load_examples())
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.schema.subject}-{example.schema.version}")


def wire_of(example: Example) -> bytes:
    assert example.wire is not None, f"{example.path}: run python -m schemas.golden"
    return example.wire


def is_current(schema: Schema) -> bool:
    return TOPICS[schema.topic].records[schema.record] == schema.version


def builtins_of(record: Any) -> dict[str, Any]:
    fields: dict[str, Any] = _with_lists(msgspec.to_builtins(record, builtin_types=(bytes,)))
    del fields["kind"]
    return fields


def _with_lists(value: Any) -> Any:
    """Tuples as lists, as they are in files and in what fastavro reads."""
    if isinstance(value, dict):
        return {name: _with_lists(item) for name, item in value.items()}
    return [_with_lists(item) for item in value] if isinstance(value, tuple | list) else value


def test_every_published_version_has_an_example_and_nothing_else_lies_there() -> None:
    assert {example.schema.id for example in EXAMPLES} == set(SCHEMAS)
    assert {path for path in FOLDER.rglob("*") if path.is_file()} == {example.path for example in EXAMPLES}


@each_example
def test_the_bytes_are_those_of_the_value(example: Example) -> None:
    assert wire_of(example).hex() == wire_bytes(example.schema, example.value).hex()


@each_example
def test_an_example_decodes_to_its_value_and_encodes_to_the_same_bytes(example: Example) -> None:
    wire = wire_of(example)
    record_type = codec.TYPES[example.schema.record]
    record = codec.decode(wire, record_type)
    fields = builtins_of(record)
    assert {name: fields[name] for name in example.value if name in fields} == {
        name: example.value[name] for name in example.value if name in fields
    }
    if is_current(example.schema):
        assert set(fields) == set(example.value)
        assert codec.encode(example.schema.topic, record) == wire
    else:  # what that version lacks holds its default
        again = codec.decode(codec.encode(example.schema.topic, record), record_type)
        assert again == record


@each_example
def test_every_version_reads_it_by_real_decoding(example: Example) -> None:
    """Older and newer readers alike: FULL_TRANSITIVE."""
    wire = wire_of(example)
    for reader in SCHEMAS.values():
        if reader.subject == example.schema.subject:
            fields: Any = fastavro.schemaless_reader(io.BytesIO(wire[5:]), example.schema.avro, reader.avro)
            shared = {field["name"] for field in reader.source["fields"]} & set(example.value)
            assert {name: fields[name] for name in shared} == {name: example.value[name] for name in shared}
            assert set(fields) == {field["name"] for field in reader.source["fields"]}


def test_a_snapshot_of_version_2_is_restored_as_the_same_one_of_version_3() -> None:
    second, third = (
        codec.decode(wire_of(example), ConversationSnapshot)
        for example in EXAMPLES
        if example.schema.subject == "conversation-state-warbler.conversation_snapshot" and example.schema.version in (2, 3)
    )
    assert second.recent
    assert third.remembered
    assert restore(second) == restore(third)


def test_a_snapshot_of_version_1_is_read_as_one_without_floors() -> None:
    old = next(
        example
        for example in EXAMPLES
        if example.schema.subject == "conversation-state-warbler.conversation_snapshot" and example.schema.version == 1
    )
    assert codec.decode(wire_of(old), ConversationSnapshot).floors == ()


@each_example
def test_cut_short_anywhere_it_is_undecodable(example: Example) -> None:
    wire, record_type = wire_of(example), codec.TYPES[example.schema.record]
    for length in range(len(wire)):
        with pytest.raises(Undecodable):
            codec.decode(wire[:length], record_type)


@each_example
def test_with_bytes_left_over_it_is_undecodable(example: Example) -> None:
    with pytest.raises(Undecodable, match="left over"):
        codec.decode(wire_of(example) + b"\0", codec.TYPES[example.schema.record])


@each_example
def test_it_is_not_taken_for_another_record(example: Example) -> None:
    for record_type in set(codec.TYPES.values()) - {codec.TYPES[example.schema.record]}:
        with pytest.raises(Undecodable, match="does not belong here"):
            codec.decode(wire_of(example), record_type)


DECODERS = (codec.decode_event, codec.decode_command, codec.decode_reply, codec.decode_session_event)


def read_or_undecodable(value: bytes | None) -> None:
    for decoder in DECODERS:
        try:
            decoder(value)
        except Undecodable:
            pass
    for record_type in codec.TYPES.values():
        try:
            codec.decode(value, record_type)
        except Undecodable:
            pass


@given(st.none() | st.binary(max_size=200))
def test_random_bytes_are_undecodable_and_nothing_else(value: bytes | None) -> None:
    read_or_undecodable(value)


@given(st.sampled_from(sorted(SCHEMAS)), st.binary(max_size=300))
def test_random_bodies_under_real_ids_are_undecodable_or_a_record(schema_id: int, body: bytes) -> None:
    read_or_undecodable(b"\0" + schema_id.to_bytes(4, "big") + body)


@given(st.sampled_from(EXAMPLES), st.data())
def test_damaged_examples_are_undecodable_or_a_record(example: Example, data: st.DataObject) -> None:
    damaged = bytearray(wire_of(example))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    read_or_undecodable(bytes(damaged))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "shorter than"),
        (b"", "shorter than"),
        (b"\0\0\0\0", "shorter than"),
        (b'{"kind": "message_sent"}', "not the wire format"),
        (b"\0\xff\xff\xff\xff", "unknown schema id 4294967295"),
    ],
)
def test_what_is_wrong_is_said(value: bytes | None, reason: str) -> None:
    with pytest.raises(Undecodable, match=reason):
        codec.decode_event(value)
