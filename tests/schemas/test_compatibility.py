"""FULL_TRANSITIVE: each version of a record reads what any other version wrote; and the check would notice if it did not."""

import copy
import itertools
import json
from typing import Any

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from schemas.registry import SCHEMAS, Schema

SUBJECTS: dict[str, list[Schema]] = {
    subject: sorted(versions, key=lambda schema: schema.version)
    for subject, versions in itertools.groupby(sorted(SCHEMAS.values(), key=lambda schema: schema.subject), lambda schema: schema.subject)
}
Source = dict[str, Any]


def reads(reader: Source, writer: Source) -> bool:
    found = ReaderWriterCompatibilityChecker().get_compatibility(parse(json.dumps(reader)), parse(json.dumps(writer)))
    return found.compatibility is SchemaCompatibilityType.compatible


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_version_reads_every_other(subject: str) -> None:
    for reader, writer in itertools.product(SUBJECTS[subject], repeat=2):
        assert reads(reader.source, writer.source), f"version {reader.version} cannot read version {writer.version}"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_versions_are_counted_from_1_without_a_gap(subject: str) -> None:
    assert [schema.version for schema in SUBJECTS[subject]] == list(range(1, len(SUBJECTS[subject]) + 1))


def message_sent() -> Source:
    return copy.deepcopy(SUBJECTS["conversation-events-warbler.message_sent"][-1].source)


def field(source: Source, name: str) -> Source:
    found: Source = next(field for field in source["fields"] if field["name"] == name)
    return found


def with_field(**new: Any) -> Source:
    source = message_sent()
    source["fields"].append(new)
    return source


def without_field(name: str) -> Source:
    source = message_sent()
    source["fields"].remove(field(source, name))
    return source


def with_type(name: str, avro_type: Any) -> Source:
    source = message_sent()
    field(source, name)["type"] = avro_type
    return source


INCOMPATIBLE = {
    "a new field without a default": with_field(name="urgent", type="boolean"),
    "a field gone that has no default": without_field("at_ms"),
    "a number that became a text": with_type("at_ms", "string"),
    "a number that became shorter": with_type("at_ms", "int"),
    "a text that became optional": with_type("device", ["null", "string"]),
    "a list that became a text": with_type("mentions", "string"),
}


@pytest.mark.parametrize("change", INCOMPATIBLE)
def test_an_incompatible_change_would_be_found(change: str) -> None:
    now, changed = message_sent(), INCOMPATIBLE[change]
    assert not (reads(changed, now) and reads(now, changed))


def test_a_new_field_with_a_default_is_compatible() -> None:
    now, changed = message_sent(), with_field(name="urgent", type="boolean", default=False)
    assert reads(changed, now)
    assert reads(now, changed)
