"""A new version is read before anything writes it, so that edges and workers may be replaced one by one."""

import copy
from dataclasses import replace
from typing import Any

import fastavro
import pytest

from schemas import codec
from schemas.golden import load_examples, wire_bytes
from schemas.records import TypingSignalled
from schemas.registry import SCHEMAS, Schema


@pytest.fixture
def version_2(monkeypatch: pytest.MonkeyPatch) -> Schema:
    """typing_signalled with a new field, published but not yet written: step 4 of the README."""
    now = next(schema for schema in SCHEMAS.values() if schema.record == "typing_signalled")
    source: dict[str, Any] = copy.deepcopy(now.source)
    source["fields"].append({"name": "what", "type": "string", "default": "text"})
    new = replace(now, id=699, version=2, avro=fastavro.parse_schema(source, named_schemas={}), source=source)
    monkeypatch.setitem(SCHEMAS, new.id, new)
    monkeypatch.setattr(codec, "_WRITERS", codec._writers())
    monkeypatch.setattr(codec, "_READERS", codec._readers())
    return new


def test_a_published_version_is_read_and_the_current_one_is_written(version_2: Schema) -> None:
    example = next(example for example in load_examples() if example.schema.record == "typing_signalled")
    signal = codec.decode(wire_bytes(version_2, {**example.value, "what": "voice"}), TypingSignalled)
    assert signal == codec.decode(example.wire, TypingSignalled)
    assert codec.encode("signals", signal) == example.wire
