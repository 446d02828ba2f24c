"""A wrong setting is refused at once, by its name."""

import pytest

from log.settings import LogSettings
from streams.settings import StreamsSettings


def test_the_environment_is_read() -> None:
    settings = StreamsSettings.from_env(
        {"STREAMS_ROLES": "conversations", "STREAMS_LIVE_PORT": "8001", "WARBLER_DATA": "d", "WARBLER_NODE": "worker-2"}
    )
    assert settings.roles == ("conversations",)
    assert (settings.live_port, str(settings.data), settings.node) == (8001, "d", "worker-2")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STREAMS_ROLES", "conversations,cooking"),
        ("STREAMS_ROLES", ""),
        ("STREAMS_SESSION_TIMEOUT_MS", "60000"),
        ("STREAMS_SNAPSHOT_INTERVAL_MS", "soon"),
        ("STREAMS_UNPACKED_CONVERSATIONS_LIMIT", "0"),
    ],
)
def test_a_wrong_streams_setting_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(ValueError, match=variable):
        StreamsSettings.from_env({variable: value})


@pytest.mark.parametrize("value", ["", "nowhere", "host:", "a:1,b"])
def test_a_wrong_kafka_address_is_refused_by_name(value: str) -> None:
    with pytest.raises(ValueError, match="WARBLER_KAFKA"):
        LogSettings.from_env({"WARBLER_KAFKA": value})
