"""docs/asyncapi.yaml says what the code does, nothing more and nothing less."""

import ast
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

import edge
from edge import frames
from edge.closing import CLOSE_CODES
from schemas.records import RefusalCode
from tests.edge.builders import structs

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docs" / "asyncapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text())
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
FROM_DEVICE: tuple[type[Any], ...] = get_args(frames.FromDevice)
FROM_EDGE: tuple[type[Any], ...] = get_args(frames.FromEdge)
FRAMES = (*FROM_DEVICE, *FROM_EDGE)


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_asyncapi", ROOT / "docs" / "make_asyncapi.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tag(frame: type[Any]) -> str:
    return str(frame.__struct_config__.tag)


def test_the_document_is_what_its_generator_writes() -> None:
    assert FILE.read_text() == generator().written(), "run docs/make_asyncapi.py"


# ---- and the same held without the generator, so that a mistake in it is seen


def test_every_frame_is_a_message_of_the_channel_and_no_other() -> None:
    names = {tag(frame) for frame in FRAMES}
    assert set(DOCUMENT["components"]["messages"]) == set(DOCUMENT["channels"]["socket"]["messages"]) == names
    for frame in FRAMES:
        message = DOCUMENT["components"]["messages"][tag(frame)]
        assert message["payload"]["$ref"] == f"#/components/schemas/{frame.__name__}"
        assert message["summary"], f"{tag(frame)} needs a sentence"


def test_every_frame_of_a_device_is_received_and_every_frame_of_the_edge_is_sent() -> None:
    received: set[str] = set()
    sent: set[str] = set()
    for operation in DOCUMENT["operations"].values():
        names = {message["$ref"].rsplit("/", 1)[1] for message in operation["messages"]}
        answers = {message["$ref"].rsplit("/", 1)[1] for message in operation.get("reply", {}).get("messages", [])}
        received |= names if operation["action"] == "receive" else set()
        sent |= answers | (names if operation["action"] == "send" else set())
    assert received == {tag(frame) for frame in FROM_DEVICE}
    assert sent == {tag(frame) for frame in FROM_EDGE}


def structs_of(frame: type[Any], found: dict[str, inspect.StructType]) -> dict[str, inspect.StructType]:
    """The frame and every struct inside it, by name."""

    def walk(info: inspect.Type) -> None:
        match info:
            case inspect.StructType():
                if info.cls.__name__ not in found:
                    found[info.cls.__name__] = info
                    for field in info.fields:
                        walk(field.type)
            case inspect.UnionType():
                for each in info.types:
                    walk(each)
            case inspect.VarTupleType():
                walk(info.item_type)
            case inspect.DictType():
                walk(info.value_type)
            case _:
                pass

    walk(inspect.type_info(frame))
    return found


STRUCTS: dict[str, inspect.StructType] = {}
for each in FRAMES:
    structs_of(each, STRUCTS)


def test_every_struct_is_a_schema_and_no_other() -> None:
    assert set(SCHEMAS) == set(STRUCTS)


@pytest.mark.parametrize("name", sorted(STRUCTS))
def test_every_field_is_there_with_its_kind_and_whether_it_is_needed(name: str) -> None:
    struct, schema = STRUCTS[name], SCHEMAS[name]
    tagged = {} if struct.tag_field is None else {struct.tag_field: struct.tag}
    assert set(schema["properties"]) == {field.encode_name for field in struct.fields} | set(tagged)
    assert set(schema["required"]) == {field.encode_name for field in struct.fields if field.required} | set(tagged)
    for field, value in tagged.items():
        assert schema["properties"][field]["enum"] == [value]
    for struct_field in struct.fields:
        assert kinds(schema["properties"][struct_field.encode_name]) == kinds_of(struct_field.type), struct_field.name


def kinds(schema: dict[str, Any]) -> set[str]:
    """The JSON types a schema allows, or the schema it points to."""
    for several in ("anyOf", "allOf"):
        if several in schema:
            return set[str]().union(*(kinds(each) for each in schema[several]))
    if "$ref" in schema:
        return {schema["$ref"].rsplit("/", 1)[1]}
    if "enum" in schema:
        return {f"={value}" for value in schema["enum"]}
    limits = {f"{key}={schema[key]}" for key in ("minimum", "maximum", "maxLength") if key in schema}
    within = {"array": "items", "object": "additionalProperties"}.get(schema["type"])
    inner = kinds(schema[within]) if within else set()
    return {schema["type"]} | limits | {f"of {each}" for each in inner}


def kinds_of(info: inspect.Type) -> set[str]:
    match info:
        case inspect.StructType():
            return {info.cls.__name__}
        case inspect.UnionType():
            return set[str]().union(*(kinds_of(each) for each in info.types))
        case inspect.LiteralType():
            return {f"={value}" for value in info.values}
        case inspect.VarTupleType():
            return {"array"} | {f"of {each}" for each in kinds_of(info.item_type)}
        case inspect.DictType():
            return {"object"} | {f"of {each}" for each in kinds_of(info.value_type)}
        case inspect.IntType() | inspect.FloatType():
            limits = {"minimum": info.ge, "maximum": info.le}
            return {"integer" if isinstance(info, inspect.IntType) else "number"} | {
                f"{key}={value}" for key, value in limits.items() if value is not None
            }
        case inspect.StrType():
            return {"string"} | ({f"maxLength={info.max_length}"} if info.max_length is not None else set())
        case inspect.BytesType():
            return {"string"}
        case inspect.BoolType():
            return {"boolean"}
        case inspect.NoneType():
            return {"null"}
        case _:
            raise NotImplementedError(info)


def test_the_close_codes_are_those_of_the_table() -> None:
    said = [(each["code"], each["reason"], each["reconnect"]) for each in DOCUMENT["x-close-codes"]]
    assert said == sorted((close.code, close.reason, close.reconnect) for close in CLOSE_CODES)


def test_the_subprotocols_are_those_of_the_code() -> None:
    assert set(DOCUMENT["x-subprotocols"]) == {frames.SUBPROTOCOL_JSON, frames.SUBPROTOCOL_MSGPACK}


# who makes a code, and which argument it is
REJECTS = {"BadCommand": 0, "Reject": 2, "Refuse": 0}
ERRORS = {"BadRequest": 0, "Failure": 1, "_failure": 1}


def codes_in_the_source(makers: dict[str, int]) -> set[str]:
    """Every string that stands where a maker takes its code, in all of edge/ but the REST face."""
    found: set[str] = set()
    folder = Path(edge.__file__).parent
    for path in sorted((*folder.glob("*.py"), *folder.glob("hooks/*.py"))):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
                if name in makers and len(node.args) > makers[name]:
                    argument = node.args[makers[name]]
                    found |= {c.value for c in ast.walk(argument) if isinstance(c, ast.Constant) and isinstance(c.value, str)}
    return found


def test_the_reject_codes_are_those_of_owner_and_edge() -> None:
    of_owner, of_edge = set(get_args(RefusalCode)), codes_in_the_source(REJECTS)
    said = DOCUMENT["x-reject-codes"]
    assert set(said) == of_owner | of_edge
    assert {code for code, each in said.items() if "edge" in each["by"]} == of_edge


def test_the_error_codes_are_those_of_the_edge() -> None:
    assert set(DOCUMENT["x-error-codes"]) == codes_in_the_source(ERRORS)


def test_every_reference_leads_somewhere() -> None:
    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                target: Any = DOCUMENT
                for part in value["$ref"].removeprefix("#/").split("/"):
                    target = target[part]
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(DOCUMENT)


@given(st.one_of([structs(frame) for frame in FRAMES]))
def test_what_the_encoder_writes_are_fields_of_the_schema(frame: Any) -> None:
    written = msgspec.json.decode(frames.encode_json(frame))
    assert set(SCHEMAS[type(frame).__name__]["required"]) <= set(written) <= set(SCHEMAS[type(frame).__name__]["properties"])
