"""The data files agree with each other and with the code: ids, files, topics, classes, producers and consumers."""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml

from schemas import codec, commands, events, records
from schemas.registry import HERE, SCHEMAS, TOPICS, load_schemas

ROOT = HERE.parent
IDS: dict[str, dict[str, dict[int, int]]] = yaml.safe_load((HERE / "ids.yaml").read_text())
PUBLISHED = {
    (topic, record, version): schema_id for topic, by in IDS.items() for record, ids in by.items() for version, schema_id in ids.items()
}
FILES = {(path.parts[-3], path.parts[-2], int(path.stem)) for path in (HERE / "avro").rglob("*.avsc")}


def test_every_schema_file_has_an_id_and_every_id_a_file() -> None:
    assert set(PUBLISHED) == FILES


def test_ids_are_unique_and_fit_the_wire() -> None:
    assert [schema_id for schema_id, count in Counter(PUBLISHED.values()).items() if count > 1] == []
    assert all(0 < schema_id < 1 << 31 for schema_id in PUBLISHED.values())
    assert {schema.id: (schema.topic, schema.record, schema.version) for schema in SCHEMAS.values()} == {
        schema_id: key for key, schema_id in PUBLISHED.items()
    }


def test_an_id_that_is_used_twice_is_refused_when_the_files_are_read(tmp_path: Path) -> None:
    schema = '{"type": "record", "name": "%s", "namespace": "warbler", "fields": []}'
    for record in ("one", "two"):
        (tmp_path / "avro" / "topic" / record).mkdir(parents=True)
        (tmp_path / "avro" / "topic" / record / "1.avsc").write_text(schema % record)
    (tmp_path / "ids.yaml").write_text("topic: {one: {1: 7}, two: {1: 7}}")
    with pytest.raises(ValueError, match="7 is used twice"):
        load_schemas(tmp_path)
    (tmp_path / "ids.yaml").write_text("topic: {one: {1: 7}}")
    with pytest.raises(KeyError):
        load_schemas(tmp_path)


def test_every_topic_writes_the_newest_version_of_its_records_or_while_that_is_rolled_out_the_one_before() -> None:
    newest = {(topic, record): max(ids) for topic, by in IDS.items() for record, ids in by.items()}
    written = {(topic.name, record): version for topic in TOPICS.values() for record, version in topic.records.items()}
    assert set(written) == set(newest)
    assert all(version in (newest[key], newest[key] - 1) and version >= 1 for key, version in written.items())


def test_the_file_and_the_schema_name_the_same_record() -> None:
    for schema in SCHEMAS.values():
        assert (schema.source["type"], schema.source["name"], schema.source["namespace"]) == ("record", schema.record, "warbler")


def test_every_class_has_a_schema_and_every_schema_a_class() -> None:
    assert {schema.record for schema in SCHEMAS.values()} == set(codec.TYPES)
    assert len(codec.TYPES) == len(get_args(codec.AnyRecord))
    carried = {topic.name: {codec.TYPES[record] for record in topic.records} for topic in TOPICS.values()}
    assert carried["conversation-commands"] == set(get_args(commands.Command))
    assert carried["conversation-events"] == {*get_args(events.Event), records.WriterChanged}
    assert carried["replies"] == set(get_args(records.Reply))
    assert carried["sessions"] == set(get_args(records.SessionEvent))


@pytest.mark.parametrize(
    "schema_id", [schema.id for schema in SCHEMAS.values() if TOPICS[schema.topic].records[schema.record] == schema.version]
)
def test_a_class_has_the_fields_types_and_defaults_of_its_current_schema(schema_id: int) -> None:
    schema = SCHEMAS[schema_id]
    assert_same_shape(codec.TYPES[schema.record], schema.source)


def assert_same_shape(struct: type[Any], source: dict[str, Any]) -> None:
    ours = {field.name: field for field in msgspec.structs.fields(struct)}
    theirs = {field["name"]: field for field in source["fields"]}
    assert list(ours) == list(theirs), struct
    for name, field in ours.items():
        info = msgspec.inspect.type_info(field.type)
        assert avro_of(info, theirs[name]["type"]) == theirs[name]["type"], f"{struct.__name__}.{name}"
        if "default" in theirs[name]:
            assert not field.required, f"{struct.__name__}.{name}: the schema has a default, the class has none"


def avro_of(info: Any, theirs: Any) -> Any:
    """The Avro type that carries a field of this type. Records in it are compared field by field."""
    match info:
        case msgspec.inspect.StrType() | msgspec.inspect.LiteralType():
            return "string"
        case msgspec.inspect.IntType():
            return "int" if theirs == "int" else "long"
        case msgspec.inspect.FloatType():
            return "double"
        case msgspec.inspect.BoolType():
            return "boolean"
        case msgspec.inspect.BytesType():
            return "bytes"
        case msgspec.inspect.UnionType():
            kinds = [kind for kind in info.types if not isinstance(kind, msgspec.inspect.NoneType)]
            return ["null", avro_of(kinds[0], theirs[1])]
        case msgspec.inspect.VarTupleType():
            return {"type": "array", "items": avro_of(info.item_type, theirs["items"])}
        case msgspec.inspect.StructType():
            assert_same_shape(info.cls, theirs)
            return theirs
        case _:
            raise AssertionError(f"no Avro type for {info}")


@cache
def sources(module: str) -> list[ast.Module]:
    """The module's source, or all of the package's."""
    path = ROOT.joinpath(*module.split("."))
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    return [ast.parse(file.read_text()) for file in files]


@cache
def strings(module: str) -> set[str]:
    """The string constants of the module, and those of ours that it imports by name."""
    found: set[str] = set()
    for tree in sources(module):
        found |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        found |= set(imported_constants(tree))
    return found


def imported_constants(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and ROOT.joinpath(*node.module.split(".")).with_suffix(".py").exists():
            wanted = {alias.name for alias in node.names if alias.name.isupper()}
            for assigned in sources(node.module)[0].body:
                if isinstance(assigned, ast.Assign) and isinstance(assigned.value, ast.Constant):
                    yield from (
                        str(assigned.value.value) for target in assigned.targets if isinstance(target, ast.Name) and target.id in wanted
                    )


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_has_a_producer_and_a_consumer_that_exist_and_name_it(topic: str) -> None:
    parts = TOPICS[topic]
    assert parts.producers, "nobody writes it"
    assert parts.consumers, "nobody reads it"
    for module in (*parts.producers, *parts.consumers):
        assert topic in strings(module), f"{module} does not name {topic}"


# What a producer appends, and others make: the pure core of calls, and the machinery of both owners.
MAKES_FOR = {"streams.calls": ("rtc", "streams.owning"), "streams.conversations": ("streams.owning",)}
RETIRED = {"delivered_marked"}  # still read where a log holds them, written by nobody


@pytest.mark.parametrize(("topic", "record"), [(topic.name, record) for topic in TOPICS.values() for record in topic.records])
def test_every_record_is_made_by_a_producer_of_its_topic(topic: str, record: str) -> None:
    if record in RETIRED:
        return
    name = codec.TYPES[record].__name__
    modules = {place for module in TOPICS[topic].producers for place in (module, *MAKES_FOR.get(module, ()))}
    assert any(name in made_in(module) for module in modules), f"no producer of {topic} makes a {name}"


@cache
def made_in(module: str) -> set[str]:
    """The last names of what is called anywhere in the module, or in the package."""
    return {each for tree in sources(module) for node in ast.walk(tree) for each in called(node)}


def called(node: ast.AST) -> Iterator[str]:
    """The last name of what is called here, if anything is; and of what it is told to make (`draft.emit(events.CallEnded, ...)`)."""
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            yield name
            if name in ("emit", "_refuse") and node.args:
                yield from (part.attr for arg in node.args for part in ast.walk(arg) if isinstance(part, ast.Attribute))


def test_a_topic_says_all_that_is_needed_to_create_it() -> None:
    for topic in TOPICS.values():
        assert topic.about
        assert {"cleanup.policy", "message.timestamp.type"} <= set(topic.config)
    assert TOPICS["conversation-commands"].config["message.timestamp.type"] == "LogAppendTime", "decisions use the broker's time"
    assert TOPICS["conversation-events"].config["retention.ms"] == "-1", "the source of truth is kept for ever"
