"""Settings say which variable is wrong."""

from __future__ import annotations

import pytest

from ops.embedded.settings import EmbeddedSettings
from ops.errors import BadSetting
from ops.settings import ClusterSettings, UpSettings


def test_defaults_mean_embedded_with_partitions_as_the_topics_have() -> None:
    assert ClusterSettings.from_env({}) == ClusterSettings("", "", "warbler", 0, 1, 1)


def test_every_setting_is_read_from_its_variable() -> None:
    env = {
        "WARBLER_KAFKA": "k1:9092,k2:9092",
        "WARBLER_CASSANDRA": "c1:9042",
        "WARBLER_KEYSPACE": "w2",
        "WARBLER_PARTITIONS": "48",
        "WARBLER_REPLICATION": "3",
        "WARBLER_MIN_INSYNC": "2",
    }
    assert ClusterSettings.from_env(env) == ClusterSettings("k1:9092,k2:9092", "c1:9042", "w2", 48, 3, 2)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WARBLER_KAFKA", "localhost"),
        ("WARBLER_KAFKA", "localhost:0"),
        ("WARBLER_CASSANDRA", "a:9042,b:x"),
        ("WARBLER_KEYSPACE", "a-b"),
        ("WARBLER_KEYSPACE", "k" * 49),
        ("WARBLER_PARTITIONS", "-1"),
        ("WARBLER_PARTITIONS", "four"),
        ("WARBLER_MIN_INSYNC", "2"),
    ],
)
def test_a_wrong_value_is_refused_with_the_variables_name(variable: str, value: str) -> None:
    with pytest.raises(BadSetting, match=variable):
        ClusterSettings.from_env({variable: value})


@pytest.mark.parametrize("value", ["64", "much"])
def test_a_heap_too_small_is_refused(value: str) -> None:
    with pytest.raises(BadSetting, match="WARBLER_KAFKA_HEAP_MB"):
        EmbeddedSettings.from_env({"WARBLER_KAFKA_HEAP_MB": value})


@pytest.mark.parametrize("value", ["-1", "20", "nice"])
def test_a_niceness_that_the_kernel_does_not_know_is_refused(value: str) -> None:
    with pytest.raises(BadSetting, match="WARBLER_BACKGROUND_NICENESS"):
        EmbeddedSettings.from_env({"WARBLER_BACKGROUND_NICENESS": value})


@pytest.mark.parametrize("value", ["0", "5", "quick"])
def test_a_compile_level_that_no_jvm_has_is_refused(value: str) -> None:
    with pytest.raises(BadSetting, match="WARBLER_JVM_COMPILE_LEVEL"):
        EmbeddedSettings.from_env({"WARBLER_JVM_COMPILE_LEVEL": value})


def test_the_number_of_nodes_has_bounds() -> None:
    with pytest.raises(BadSetting, match="--edges 0"):
        UpSettings(edges=0)
    with pytest.raises(BadSetting, match="--engines 33"):
        UpSettings(engines=33)
    assert UpSettings(engines=0, janus=("ws://127.0.0.1:8188",)).engines == 0


def test_a_janus_is_named_by_a_websocket_address() -> None:
    with pytest.raises(BadSetting, match="--janus http://a"):
        UpSettings(janus=("http://a",))
