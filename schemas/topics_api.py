"""docs/topics.asyncapi.yaml: the topics for others as a document of AsyncAPI 3.0, made of the data files. Pure but for `write`.

`python -m schemas.golden` writes it; tests/schemas/test_topics_api.py fails until that was done.
"""

from typing import Any

import yaml

from schemas.registry import HERE, SCHEMAS, STABLE, TOPICS, Schema, Topic

TARGET = HERE.parent / "docs" / "topics.asyncapi.yaml"
HEADER = "# Made by `python -m schemas.golden` from schemas/: change that, then run it again.\n"
ABOUT = """\
What a Warbler writes to Kafka, for systems that read it. docs/consumers.md is the guide, with accounts, programs and the promise.

These channels keep their name, their key, their order and the meaning of their records; new records and new fields come, and whoever reads
skips what it does not know. The other topics (`x-internal`) are between our own processes and may change with any release.

Values are Avro behind five bytes: 0, and the schema's id in four (big endian), which the schema registry resolves. `x-schema-ids` has the
id of each version that may still be met in the log; every version can be read with every other one's schema (FULL_TRANSITIVE). Channels of
JSON say so. Records of one key are in one partition, CRC-32 of the key modulo the number of partitions. Records without a key are
`writer_changed`: an owner took over; they are nothing to a reader.

Reads are at least once, as a consumer's position is kept apart from what it did with a record: `event_id` tells repeats of its own. The log
itself has every event once. `seq` is dense within a conversation, so a hole in it is a hole.
"""
AVRO = "application/vnd.apache.avro;version=1.9.0"
NUMBERS = ("retention.ms", "retention.bytes", "delete.retention.ms", "max.message.bytes")  # what the binding wants as numbers


CLOUDEVENTS = "cloudevents"
ATTRIBUTES = {
    "ce_specversion": "1.0",
    "ce_id": "The event's own id, or its place and time; unique within the source. The same event has the same id for ever.",
    "ce_source": "/warbler/<tenant>/<topic>",
    "ce_type": "STREAMS_BRIDGE_TYPE_PREFIX and the record's name, as warbler.message_sent; warbler.bridge_resumed is nothing to a reader.",
    "ce_subject": "The origin's key: a conversation's, user's or call's id.",
    "ce_time": "When it happened, RFC 3339.",
    "ce_partitionkey": "The record's key.",
    "ce_sequence": "The seq, of events that have one: dense within the subject.",
    "ce_dataschema": "urn:warbler:schema-id:<id>, with STREAMS_BRIDGE_DATA=avro.",
    "content-type": "application/json, or application/avro.",
}


def document() -> dict[str, Any]:
    """The document as builtins; the same data files give the same one."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Warbler: its topics", "version": "1", "description": ABOUT, "license": {"name": "Apache-2.0"}},
        "defaultContentType": "avro/binary",
        "servers": {"consumers": _server()},
        "channels": {topic.name: _channel(topic) for topic in stable_topics()},
        "operations": {f"send_{topic.name}": _operation(topic) for topic in stable_topics()},
        "components": {
            "messages": {f"{schema.topic}.{schema.record}": _message(schema) for schema in _current()}
            | {f"{CLOUDEVENTS}.event": _cloud_event()},
            "messageTraits": {"avro": _trait()},
            "securitySchemes": {"account": {"type": "scramSha512", "description": "Made by `warbler consumers add`."}},
        },
        "x-internal": sorted(topic.name for topic in TOPICS.values() if topic.contract != STABLE),
    }


def _server() -> dict[str, Any]:
    about = "The listener for consumers; `warbler consumers add` tells its address."
    return {
        "host": "localhost:9094",
        "protocol": "kafka-secure",
        "description": about,
        "security": [{"$ref": "#/components/securitySchemes/account"}],
    }


def _channel(topic: Topic) -> dict[str, Any]:
    configuration: dict[str, Any] = {name: int(topic.config[name]) for name in NUMBERS if name in topic.config}
    if "cleanup.policy" in topic.config:
        configuration["cleanup.policy"] = topic.config["cleanup.policy"].split(",")
    names = ["event"] if topic.name == CLOUDEVENTS else sorted(topic.records)
    return {
        "address": topic.name,
        "description": topic.about,
        "messages": {record: {"$ref": f"#/components/messages/{topic.name}.{record}"} for record in names},
        "bindings": {"kafka": {"topic": topic.name, "topicConfiguration": configuration, "bindingVersion": "0.5.0"}},
        "x-key": topic.key,
        "x-timestamp": topic.config.get("message.timestamp.type", "CreateTime"),
    }


def _operation(topic: Topic) -> dict[str, Any]:
    return {"action": "send", "channel": {"$ref": f"#/channels/{topic.name}"}}


def _trait() -> dict[str, Any]:
    key = {"type": "string", "description": "What the channel's x-key names, in UTF-8."}
    confluent = {"schemaIdLocation": "payload", "schemaIdPayloadEncoding": "confluent", "bindingVersion": "0.5.0"}
    return {"bindings": {"kafka": {"key": key, **confluent}}}


def _current() -> list[Schema]:
    """The schemas that are written now to the topics for others, by topic and record."""
    stable = {topic.name: topic.records for topic in stable_topics()}
    now = (each for each in SCHEMAS.values() if each.topic in stable and stable[each.topic][each.record] == each.version)
    return sorted(now, key=lambda schema: (schema.topic, schema.record))


def _message(schema: Schema) -> dict[str, Any]:
    versions = sorted((each.version, each.id) for each in SCHEMAS.values() if each.subject == schema.subject)
    message: dict[str, Any] = {"name": schema.record, "title": f"{schema.record}, version {schema.version}"}
    if about := schema.source.get("doc"):
        message["summary"] = about
    return message | {
        "traits": [{"$ref": "#/components/messageTraits/avro"}],
        "payload": {"schemaFormat": AVRO, "schema": {"$ref": f"../schemas/avro/{schema.topic}/{schema.record}/{schema.version}.avsc"}},
        "x-subject": f"{schema.topic}-{schema.source['namespace']}.{schema.record}",  # as the registry and TopicRecordNameStrategy name it
        "x-schema-ids": {str(version): schema_id for version, schema_id in versions},
    }


def _cloud_event() -> dict[str, Any]:
    """CloudEvents 1.0 in binary mode: https://github.com/cloudevents/spec, Kafka protocol binding."""
    headers = {name: {"type": "string", "description": about} for name, about in ATTRIBUTES.items()}
    return {
        "name": "event",
        "title": "An event as a CloudEvent, in binary mode",
        "contentType": "application/json",
        "headers": {"type": "object", "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"], "properties": headers},
        "payload": {"type": "object", "description": "The record's fields, as `warbler replay` shows them under `value`."},
    }


def stable_topics() -> list[Topic]:
    return [topic for topic in TOPICS.values() if topic.contract == STABLE]


class _Dumper(yaml.SafeDumper):
    """Without anchors, and texts of several lines as they stand."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def written() -> str:
    """The document's text."""
    return HEADER + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=140)


def write() -> None:
    TARGET.write_text(written())
