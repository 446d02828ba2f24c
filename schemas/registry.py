"""The checked-in data files as values: topics, Avro schemas, ids. Read once at import by the codec, by `log.topics` and by tests."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro
import yaml

HERE = Path(__file__).parent
# What others may count on: `stable` topics keep their key, order and meaning (docs/consumers.md); internal ones are between our processes.
STABLE, INTERNAL = "stable", "internal"
NAMESPACE = "warbler"  # of every record
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # six times as fast, at every start of a process; not in every build of PyYAML


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic's data file. `partitions` 0 means: as many as the conversation topics have."""

    name: str
    key: str
    config: dict[str, str]
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    records: dict[str, int]  # record name -> current version
    about: str
    contract: str = INTERNAL


@dataclass(frozen=True, slots=True)
class Schema:
    """One version of one record in one topic, with the id that stands on the wire."""

    id: int
    topic: str
    record: str
    version: int
    avro: Any  # as fastavro parsed it
    source: dict[str, Any]  # as written in the file

    @property
    def subject(self) -> str:
        """As clients with the TopicRecordNameStrategy make it."""
        return f"{self.topic}-{NAMESPACE}.{self.record}"


def load_topics(folder: Path = HERE / "topics") -> dict[str, Topic]:
    return {topic.name: topic for topic in (_topic(path) for path in sorted(folder.glob("*.yaml")))}


def _topic(path: Path) -> Topic:
    data = yaml.load(path.read_text(), LOADER)
    return Topic(
        name=path.stem,
        key=data["key"],
        config={name: str(value) for name, value in data["config"].items()},
        producers=tuple(data["producers"]),
        consumers=tuple(data["consumers"]),
        records=dict(data["records"]),
        about=data["about"],
        contract=data.get("contract", INTERNAL),
    )


def load_schemas(folder: Path = HERE) -> dict[int, Schema]:
    """Every published version by its id. Raises KeyError for a schema file without an id, ValueError for an id used twice."""
    ids = yaml.load((folder / "ids.yaml").read_text(), LOADER)
    schemas: dict[int, Schema] = {}
    for path in sorted((folder / "avro").glob("*/*/*.avsc")):
        topic, record, version = path.parts[-3], path.parts[-2], int(path.stem)
        schema_id = ids[topic][record][version]
        if schema_id in schemas:
            raise ValueError(f"schema id {schema_id} is used twice: {path}")
        source = json.loads(path.read_text())
        schemas[schema_id] = Schema(schema_id, topic, record, version, fastavro.parse_schema(source, named_schemas={}), source)
    return schemas


TOPICS = load_topics()
SCHEMAS = load_schemas()
