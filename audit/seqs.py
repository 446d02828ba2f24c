"""That no event of a conversation is missing: its seqs, read out of the records with the schemas that came with them. Pure."""

import io
import struct
from collections.abc import Callable
from typing import Any

import fastavro

from audit.errors import Malformed

WIRE_HEADER = struct.Struct(">bI")  # 0x00, schema id: the Confluent wire format
CONVERSATION, SEQ = "conversation_id", "seq"


class SeqReader:
    """`source`: the Avro source of a schema id. Raises, from every method: Malformed; LookupError where a schema is missing."""

    def __init__(self, source: Callable[[int], Any]) -> None:
        self._source = source
        self._schemas: dict[int, Any] = {}

    def read(self, value: bytes | None) -> tuple[str, int] | None:
        """Conversation and seq of an event; None for a record that has none."""
        if value is None:
            return None
        if len(value) < WIRE_HEADER.size or value[0]:
            raise Malformed("a value without a schema id")
        schema = self._schema(WIRE_HEADER.unpack_from(value)[1])
        if schema is None:
            return None
        try:
            event = fastavro.schemaless_reader(io.BytesIO(value[WIRE_HEADER.size :]), schema, None)
        except Exception as exc:  # fastavro raises whatever its decoders do on bytes that are no record
            raise Malformed(f"{type(exc).__name__}: {exc}") from exc
        conversation, seq = event[CONVERSATION], event[SEQ]
        if not isinstance(conversation, str) or not isinstance(seq, int):
            raise Malformed(f"a {CONVERSATION} or {SEQ} of another type")
        return conversation, seq

    def _schema(self, schema_id: int) -> Any:
        if schema_id not in self._schemas:
            source = self._source(schema_id)
            try:
                names = {field["name"] for field in source.get("fields", ())}
                self._schemas[schema_id] = fastavro.parse_schema(source, named_schemas={}) if {CONVERSATION, SEQ} <= names else None
            except Exception as exc:  # a schema that somebody changed: fastavro, or its form, may say no in any way
                raise Malformed(f"schema {schema_id}: {type(exc).__name__}: {exc}") from exc
        return self._schemas[schema_id]


class Seqs:
    """First and last seq of each conversation that is followed, and the first hole in it."""

    def __init__(self, followed: set[str] | None = None) -> None:
        self.followed = followed
        self.ranges: dict[str, tuple[int, int]] = {}
        self.holes: dict[str, tuple[int, int]] = {}  # conversation: (the seq that was due, the one that came)

    def take(self, conversation: str, seq: int) -> None:
        if self.followed is not None and conversation not in self.followed:
            return
        first, last = self.ranges.get(conversation, (seq, seq - 1))
        if seq != last + 1:
            self.holes.setdefault(conversation, (last + 1, seq))
        self.ranges[conversation] = (first, seq)
