"""Reads a topic of Warbler with confluent-kafka, each record decoded by its own schema: for ever, or one day of it.

usage: consumer.py CLIENT_CONF REGISTRY_URL TOPIC [DAY]      needs: pip install "confluent-kafka[avro,schemaregistry]"
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

PATIENCE_S = 30.0


def client_settings(path: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in Path(path).read_text().splitlines() if "=" in line)


class Decoder:
    """Fields and name of a record. What the record was written with says its bytes; a later version only has more fields."""

    def __init__(self, registry_url: str) -> None:
        self._registry = SchemaRegistryClient({"url": registry_url})
        self._decode = AvroDeserializer(self._registry)

    def __call__(self, message: Message) -> tuple[str, dict]:
        schema_id = int.from_bytes(message.value()[1:5], "big")
        name = json.loads(self._registry.get_schema(schema_id).schema_str)["name"]
        return name, self._decode(message.value(), SerializationContext(message.topic(), MessageField.VALUE))


def handle(message: Message, name: str, fields: dict) -> None:
    """Your work. It may be done twice for one record, after a crash: `event_id`, or the record's place, tells."""
    key = message.key().decode()
    body = json.dumps(fields, default=readable, ensure_ascii=False)
    print(message.timestamp()[1], message.partition(), key, name, body, sep="\t", flush=True)


def readable(value: bytes) -> str:
    """A content's bytes; text, unless its media type says otherwise."""
    return value.decode("utf-8", "backslashreplace")


def take(message: Message | None, decode: Decoder) -> bool:
    """Whether there was a record."""
    if message is None:
        return False
    if message.error():
        raise SystemExit(f"refused: {message.error()}")
    if message.key() is not None:  # without a key: writer_changed, nothing to a reader
        handle(message, *decode(message))
    return True


def follow(consumer: Consumer, topic: str, decode: Decoder) -> None:
    """From where this group stands, at first the topic's beginning. The position is kept after the work, never before it."""
    consumer.subscribe([topic])
    while True:
        if take(message := consumer.poll(1.0), decode):
            consumer.commit(message)


def one_day(consumer: Consumer, topic: str, day: str, decode: Decoder) -> None:
    """What was appended on this day (UTC): between the first record of it and the first of the next, in each partition."""
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
    begin_ms, end_ms = (int(moment.timestamp() * 1_000) for moment in (begin, begin + timedelta(days=1)))
    known = consumer.list_topics(topic, timeout=PATIENCE_S).topics[topic]
    if known.error is not None:
        raise SystemExit(f"refused: {known.error}")
    starts = consumer.offsets_for_times([TopicPartition(topic, number, begin_ms) for number in known.partitions], PATIENCE_S)
    ends = consumer.offsets_for_times([TopicPartition(topic, number, end_ms) for number in known.partitions], PATIENCE_S)
    for start, end in zip(starts, ends, strict=True):
        last = end.offset if end.offset >= 0 else consumer.get_watermark_offsets(end, PATIENCE_S)[1]
        if not 0 <= start.offset < last:
            continue
        consumer.assign([start])
        while consumer.position([start])[0].offset < last:
            if not take(consumer.poll(PATIENCE_S), decode):
                raise SystemExit("nothing came")


def main(conf: str, registry_url: str, topic: str, day: str = "") -> None:
    settings = client_settings(conf)
    consumer = Consumer({"group.id": settings["sasl.username"], "auto.offset.reset": "earliest", "enable.auto.commit": False, **settings})
    try:
        if day:
            one_day(consumer, topic, day, Decoder(registry_url))
        else:
            follow(consumer, topic, Decoder(registry_url))
    finally:
        consumer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
