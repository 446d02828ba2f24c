"""Each bad value is refused early, with the name of its variable."""

import dataclasses

import pytest

from edge.settings import BadSetting, EdgeSettings

NUMBERS = [field.name for field in dataclasses.fields(EdgeSettings) if field.type == "int" or field.type is int]


def test_every_field_but_these_is_a_number() -> None:
    assert {field.name for field in dataclasses.fields(EdgeSettings)} - set(NUMBERS) == {
        "call_engines",
        "host",
        "presence_visibility",
        "push_channels",
        "token_issuer",
        "token_audience",
    }


def test_who_sees_presence_is_one_of_four() -> None:
    assert EdgeSettings.from_env({"EDGE_PRESENCE_VISIBILITY": "contacts"}).presence_visibility == "contacts"
    with pytest.raises(BadSetting, match="EDGE_PRESENCE_VISIBILITY"):
        EdgeSettings.from_env({"EDGE_PRESENCE_VISIBILITY": "family"})


def test_push_channels_are_those_that_there_are() -> None:
    assert EdgeSettings.from_env({"EDGE_PUSH_CHANNELS": "webpush, fcm"}).push_channels == "webpush, fcm"
    with pytest.raises(BadSetting, match=r"EDGE_PUSH_CHANNELS=smoke.*'smoke'"):
        EdgeSettings.from_env({"EDGE_PUSH_CHANNELS": "smoke"})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["", "ten", "1.5", "-1"])
def test_a_bad_number_names_its_variable(name: str, value: str) -> None:
    variable = f"EDGE_{name.upper()}"
    with pytest.raises(BadSetting, match=variable):
        EdgeSettings.from_env({variable: value})


@pytest.mark.parametrize("name", [name for name in NUMBERS if name not in ("port", "produce_interval_ms", "push_insecure_endpoints")])
def test_zero_is_refused_where_it_would_mean_never_or_nothing(name: str) -> None:
    with pytest.raises(BadSetting, match=f"EDGE_{name.upper()}"):
        EdgeSettings.from_env({f"EDGE_{name.upper()}": "0"})


@pytest.mark.parametrize(("name", "value"), [("EDGE_HEARTBEAT_MS", "999"), ("EDGE_SESSION_LEASE_MS", "2999"), ("EDGE_PORT", "65536")])
def test_values_that_are_numbers_but_make_no_sense(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name):
        EdgeSettings.from_env({name: value})


@pytest.mark.parametrize("name", NUMBERS)
def test_each_variable_sets_its_field_and_no_other(name: str) -> None:
    settings = EdgeSettings.from_env({f"EDGE_{name.upper()}": "4321"})
    assert dataclasses.asdict(settings) == {**dataclasses.asdict(EdgeSettings()), name: 4321}


def test_an_empty_environment_gives_the_defaults_and_other_variables_are_not_read() -> None:
    assert EdgeSettings.from_env({"EDGES": "3", "EDGE_NO_SUCH": "x"}) == EdgeSettings()
    assert EdgeSettings.from_env({"EDGE_HOST": "0.0.0.0"}).host == "0.0.0.0"
