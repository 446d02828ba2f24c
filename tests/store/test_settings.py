"""Settings of the store are refused early, with the name of the variable."""

import pytest

from store.settings import StoreSettings


def test_the_environment_names_everything() -> None:
    env = {
        "WARBLER_CASSANDRA": "one:9042, two:9042",
        "WARBLER_KEYSPACE": "chat",
        "STORE_CONSISTENCY": "ONE",
        "STORE_DATACENTER": "dc1",
        "STORE_REQUEST_TIMEOUT_MS": "500",
        "STORE_CONNECT_WAIT_MS": "7",
        "STORE_IN_FLIGHT_LIMIT": "9",
        "STORE_ON_NEW_LOG": "truncate",
    }
    assert StoreSettings.from_env(env) == StoreSettings("one:9042, two:9042", "chat", "ONE", "dc1", 500, 7, 9, "truncate")
    assert (StoreSettings.from_env(env).hosts, StoreSettings.from_env(env).port) == (["one", "two"], 9042)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WARBLER_CASSANDRA", ""),
        ("WARBLER_CASSANDRA", "localhost"),
        ("WARBLER_CASSANDRA", "localhost:abc"),
        ("WARBLER_KEYSPACE", "No; DROP"),
        ("STORE_CONSISTENCY", "TWO_THIRDS"),
        ("STORE_REQUEST_TIMEOUT_MS", "soon"),
        ("STORE_IN_FLIGHT_LIMIT", "0"),
        ("STORE_ON_NEW_LOG", "maybe"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        StoreSettings.from_env({"WARBLER_CASSANDRA": "localhost:9042", name: value})
