"""Schema resolution on a table; tests/real/test_registry_java.py asks Avro's own library about the same table."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.avro import canonical, parse
from registry.compatibility import flaws
from registry.errors import BadSchema
from tests.registry.face import record
from tests.registry.pairs import drawn, parts

A = record("A", ("x", "int"))
LIST = record("node", ("next", ["null", "node"]), ("v", "int"))
ABC = {"type": "enum", "name": "E", "symbols": ["a", "b", "c"]}
AB = {"type": "enum", "name": "E", "symbols": ["a", "b"]}
FIXED = {"type": "fixed", "name": "F", "size": 4}
# what: (reader, writer, the flaws' kinds and places)
TABLE: dict[str, tuple[Any, Any, list[str]]] = {
    "the same": (A, A, []),
    "int as long": ("long", "int", []),
    "int as float": ("float", "int", []),
    "int as double": ("double", "int", []),
    "long as float": ("float", "long", []),
    "float as double": ("double", "float", []),
    "string as bytes": ("bytes", "string", []),
    "bytes as string": ("string", "bytes", []),
    "long as int": ("int", "long", ["TYPE_MISMATCH@/"]),
    "double as float": ("float", "double", ["TYPE_MISMATCH@/"]),
    "int as string": ("string", "int", ["TYPE_MISMATCH@/"]),
    "array of other items": ({"type": "array", "items": "int"}, {"type": "array", "items": "string"}, ["TYPE_MISMATCH@/items"]),
    "map of other values": ({"type": "map", "values": "int"}, {"type": "map", "values": "long"}, ["TYPE_MISMATCH@/values"]),
    "array as map": ({"type": "map", "values": "int"}, {"type": "array", "items": "int"}, ["TYPE_MISMATCH@/"]),
    "a value as a union that has it": (["null", "int"], "int", []),
    "a value as a union that can take it": (["null", "double"], "int", []),
    "a value as a union without it": (["null", "int"], "string", ["MISSING_UNION_BRANCH@/"]),
    "a union of one as a value": ("int", ["int"], []),
    "a union as a value": ("int", ["null", "int"], ["TYPE_MISMATCH@/"]),
    "a union as a wider one": (["null", "long", "string"], ["int", "null"], []),
    "a union as a narrower one": (["null"], ["null", "int"], ["MISSING_UNION_BRANCH@/"]),
    "an enum with more symbols": (ABC, AB, []),
    "an enum with fewer symbols": (AB, ABC, ["MISSING_ENUM_SYMBOLS@/symbols"]),
    "an enum with fewer symbols and a default": (AB | {"default": "a"}, ABC, []),
    "an enum of another name": (ABC | {"name": "X"}, ABC, ["NAME_MISMATCH@/name"]),
    "an enum of another name with an alias": (ABC | {"name": "X", "aliases": ["E"]}, ABC, []),
    "a fixed of another size": (FIXED | {"size": 5}, FIXED, ["FIXED_SIZE_MISMATCH@/size"]),
    "another namespace": (A | {"namespace": "n"}, A, []),
    "a field more with a default": (record("A", ("x", "int"), ("y", "int", 0)), A, []),
    "a field more without a default": (record("A", ("x", "int"), ("y", "int")), A, ["READER_FIELD_MISSING_DEFAULT_VALUE@/fields/1"]),
    "a field less": (record("A"), A, []),
    "a field of another type": (record("A", ("x", "string")), A, ["TYPE_MISMATCH@/fields/0/type"]),
    "a field renamed": (record("A", ("y", "int")), A, ["READER_FIELD_MISSING_DEFAULT_VALUE@/fields/0"]),
    "a field renamed with an alias": (
        {"type": "record", "name": "A", "fields": [{"name": "y", "type": "int", "aliases": ["x"]}]},
        A,
        [],
    ),
    "a type that contains itself": (LIST, LIST, []),
    "deep in a type that contains itself": (
        record("node", ("next", ["null", "node"]), ("v", "string")),
        LIST,
        ["TYPE_MISMATCH@/fields/1/type"],
    ),
    "two flaws": (
        record("A", ("x", "string"), ("y", "int")),
        A,
        ["TYPE_MISMATCH@/fields/0/type", "READER_FIELD_MISSING_DEFAULT_VALUE@/fields/1"],
    ),
}


@pytest.mark.parametrize("what", TABLE)
def test_what_can_be_read_and_what_cannot(what: str) -> None:
    reader, writer, expected = TABLE[what]
    found = flaws(parse(json.dumps(reader), {}), parse(json.dumps(writer), {}))
    assert [f"{flaw.kind}@{flaw.path}" for flaw in found] == expected


NO_SCHEMAS: list[Any] = [
    "unknown",
    {},
    {"type": "record", "name": "A"},
    {"type": "record", "name": "A", "fields": {}},
    {"type": "record", "fields": []},
    {"type": "record", "name": "1", "fields": []},
    {"type": "record", "name": "a..b", "fields": []},
    record("A", ("x", "int"), ("x", "int")),
    record("A", ("x", "int", "one")),
    record("A", ("x", "int", 1 << 31)),
    record("A", ("x", "boolean", 1)),
    record("A", ("x", ["null", "int"], "none")),
    record("A", ("x", {"type": "array", "items": "int"}, ["one"])),
    record("A", ("x", A | {"name": "B"}, {})),
    record("A", ("x", A)),
    record("int"),
    {"type": "record", "name": "A", "fields": [{"type": "int"}]},
    {"type": "record", "name": "A", "fields": [{"name": "x", "type": "int", "order": "random"}]},
    {"type": "enum", "name": "E", "symbols": ["a", "a"]},
    {"type": "enum", "name": "E", "symbols": ["a b"]},
    {"type": "enum", "name": "E", "symbols": ["a"], "default": "b"},
    {"type": "enum", "name": "E"},
    {"type": "fixed", "name": "F", "size": -1},
    {"type": "fixed", "name": "F", "size": "4"},
    {"type": "array"},
    {"type": "map", "values": "none"},
    ["int", "int"],
    ["int", ["null"]],
    [{"type": "array", "items": "int"}, {"type": "array", "items": "long"}],
    record("A", ("x", {"type": "record", "name": "n.B", "fields": [{"name": "a", "type": "A"}]})),  # in its namespace there is no A
]


@pytest.mark.parametrize("source", NO_SCHEMAS, ids=range(len(NO_SCHEMAS)))
def test_what_is_no_schema_is_refused(source: Any) -> None:
    with pytest.raises(BadSchema):
        parse(json.dumps(source), {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "nothing",
        "[" * 100_000,
        '{"type": "int", "x": ' + "[" * 900 + "]" * 900 + "}",
        '{"type":' * 500 + '"int"' + "}" * 500,
    ],
)
def test_what_is_no_json_or_too_deep_is_refused(text: str) -> None:
    with pytest.raises(BadSchema):
        parse(text, {})


def test_a_bare_name_and_other_attributes_are_fine() -> None:
    assert parse("int", {}).text == '"int"'
    assert parse('{"type": "int"}', {}).text == '"int"'
    assert parse('{"logicalType": "date", "type": "int"}', {}).text == '{"type":"int","logicalType":"date"}'
    assert canonical({"name": "A", "type": "record", "fields": [{"default": {"type": "int"}, "name": "x", "type": "z"}]}) == (
        '{"type":"record","name":"A","fields":[{"type":"z","name":"x","default":{"type":"int"}}]}'
    )


@settings(max_examples=200)
@given(st.integers(0, 1 << 32))
def test_a_schema_reads_what_it_wrote_however_it_is_written(seed: int) -> None:
    source = drawn(seed, 1)[0]["writer"]
    for part in parts(source):
        if isinstance(part, dict):
            part.pop("aliases", None)  # by which a field may be any of two, and then none
    try:
        schema = parse(json.dumps(source), {})
    except BadSchema:
        return
    again = parse(schema.text, {})
    assert again.text == schema.text
    assert flaws(schema, again) == []
