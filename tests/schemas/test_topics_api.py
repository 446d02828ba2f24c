"""docs/topics.asyncapi.yaml says of every topic for others what its data files say, and of the internal ones only that they are."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.registry import HERE, SCHEMAS, STABLE, TOPICS
from schemas.topics_api import TARGET, written

DOCUMENT: dict[str, Any] = yaml.safe_load(TARGET.read_text())
STABLE_TOPICS = sorted(name for name, topic in TOPICS.items() if topic.contract == STABLE)
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]


def test_the_document_is_what_its_generator_writes() -> None:
    assert TARGET.read_text() == written(), "run python -m schemas.golden"


# ---- and the same held without the generator, so that a mistake in it is seen


def test_every_topic_is_either_a_channel_or_named_as_internal() -> None:
    assert sorted(DOCUMENT["channels"]) == STABLE_TOPICS
    assert sorted([*DOCUMENT["channels"], *DOCUMENT["x-internal"]]) == sorted(TOPICS)
    assert {"conversation-events", "call-events", "account-events", "admin-events"} <= {*STABLE_TOPICS}


def test_every_contract_is_one_of_two_words() -> None:
    said = {yaml.safe_load(path.read_text()).get("contract", "internal") for path in (HERE / "topics").glob("*.yaml")}
    assert said == {"stable", "internal"}


@pytest.mark.parametrize("topic", STABLE_TOPICS)
def test_every_version_that_may_be_in_the_log_has_its_id_there(topic: str) -> None:
    published = {(s.record, str(s.version)): s.id for s in SCHEMAS.values() if s.topic == topic}
    said = {
        (message["name"], version): schema_id
        for name, message in MESSAGES.items()
        if name.partition(".")[0] == topic and "x-schema-ids" in message
        for version, schema_id in message["x-schema-ids"].items()
    }
    assert said == published


@pytest.mark.parametrize("topic", STABLE_TOPICS)
def test_every_message_of_a_channel_leads_to_a_schema_that_exists(topic: str) -> None:
    channel = DOCUMENT["channels"][topic]
    assert channel["address"] == topic
    for reference in channel["messages"].values():
        message = MESSAGES[reference["$ref"].removeprefix("#/components/messages/")]
        payload = message["payload"]
        if "schema" in payload:
            assert Path(TARGET.parent, payload["schema"]["$ref"]).resolve().is_file()


@pytest.mark.parametrize("topic", STABLE_TOPICS)
def test_how_long_records_are_kept_is_that_of_the_data_file(topic: str) -> None:
    configuration = DOCUMENT["channels"][topic]["bindings"]["kafka"]["topicConfiguration"]
    assert {name: str(value) for name, value in configuration.items() if name == "retention.ms"} == {
        name: value for name, value in TOPICS[topic].config.items() if name == "retention.ms"
    }
