"""The golden examples: for every version of every record a value to read and the exact bytes it has on the wire.

Walked by the tests; `python -m schemas.golden` writes the bytes of examples that have none yet, and docs/topics.asyncapi.yaml. Bytes once
written are never changed.
In a value, bytes are written as {"$utf8": "..."} or {"$hex": "..."}.
"""

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro

from schemas import topics_api
from schemas.registry import HERE, SCHEMAS, Schema

FOLDER = HERE / "examples"


@dataclass(frozen=True, slots=True)
class Example:
    """One file. `wire` is None until it was filled in."""

    schema: Schema
    path: Path
    value: dict[str, Any]
    wire: bytes | None


def load_examples(folder: Path = FOLDER) -> Iterator[Example]:
    """Every example. Raises: KeyError for a file whose folder and name are no published version."""
    published = {(schema.topic, schema.record, schema.version): schema for schema in SCHEMAS.values()}
    for path in sorted(folder.glob("*/*/*.json")):
        schema = published[path.parts[-3], path.parts[-2], int(path.stem)]
        data = json.loads(path.read_text())
        yield Example(schema, path, _readable_to_value(data["value"]), bytes.fromhex(data["wire"]) if "wire" in data else None)


def _readable_to_value(readable: Any) -> Any:
    if isinstance(readable, list):
        return [_readable_to_value(item) for item in readable]
    if not isinstance(readable, dict):
        return readable
    if set(readable) == {"$utf8"}:
        return readable["$utf8"].encode()
    if set(readable) == {"$hex"}:
        return bytes.fromhex(readable["$hex"])
    return {name: _readable_to_value(item) for name, item in readable.items()}


def wire_bytes(schema: Schema, value: dict[str, Any]) -> bytes:
    """The value in the wire format of this very version, which may be an old one that `codec.encode` no longer writes."""
    out = io.BytesIO()
    out.write(b"\0" + schema.id.to_bytes(4, "big"))
    fastavro.schemaless_writer(out, schema.avro, value, strict=True)
    return out.getvalue()


def fill() -> int:
    """Write the bytes of the examples that have none; how many there were."""
    filled = 0
    for example in load_examples():
        if example.wire is None:
            data = json.loads(example.path.read_text())
            data["wire"] = wire_bytes(example.schema, example.value).hex()
            example.path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
            filled += 1
    return filled


if __name__ == "__main__":
    sys.stdout.write(f"{fill()} examples filled in\n")
    topics_api.write()
