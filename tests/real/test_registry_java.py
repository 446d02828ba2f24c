"""Avro's own Java library beside our check of compatibility, on the table and on schemas drawn by chance."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from registry.avro import parse
from registry.compatibility import flaws
from registry.errors import BadSchema
from tests.registry.java_side import run_java
from tests.registry.pairs import drawn
from tests.registry.test_compatibility import NO_SCHEMAS, TABLE

pytestmark = pytest.mark.real
SEED, COUNT = 8, 4_000


def ours(reader: Any, writer: Any) -> str:
    try:
        return "INCOMPATIBLE" if flaws(parse(json.dumps(reader), {}), parse(json.dumps(writer), {})) else "COMPATIBLE"
    except BadSchema:
        return "INVALID"


def test_both_say_the_same_of_every_pair() -> None:
    """One JVM for all. What is no schema for us must be none for Avro; a type that is used before it is defined is one only since 1.12."""
    named = [{"reader": reader, "writer": writer} for reader, writer, _ in TABLE.values()]
    pairs = [*named, *({"reader": source, "writer": source} for source in NO_SCHEMAS), *drawn(SEED, COUNT)]
    theirs = [line.split(" ", 1)[0] for line in run_java("Reads.java", lines="".join(f"{json.dumps(pair)}\n" for pair in pairs))]
    assert len(theirs) == len(pairs)
    differing = [(pair, said, mine) for pair, said in zip(pairs, theirs, strict=True) if said != (mine := ours(**pair))]
    assert [each for each in differing if each[2] != "INVALID"] == []
    assert len(differing) <= COUNT // 500, differing[:5]
    assert min(Counter(theirs)[kind] for kind in ("COMPATIBLE", "INCOMPATIBLE")) > COUNT // 5, "both kinds were seen"
