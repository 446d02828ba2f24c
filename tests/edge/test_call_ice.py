"""The TURN servers of a node: read early, and refused with the variable's name."""

from pathlib import Path

import pytest

from edge.calls.ice import turn_of
from edge.settings import BadSetting, EdgeSettings


def test_what_the_environment_says_is_given_to_calls(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("word\n")
    turn = turn_of({"RTC_TURN_URLS": "stun:a:1, turn:b:2", "RTC_TURN_SECRET_FILE": str(secret), "RTC_TURN_TTL_MS": "20000"})
    assert (turn.urls, turn.secret, turn.ttl_ms) == (("stun:a:1", "turn:b:2"), b"word", 20_000)
    plain, relaying = turn.ice_servers("c", "ana", 1_000)
    assert (plain.urls, plain.username) == (("stun:a:1",), "")
    assert relaying.username == "21:c:ana"
    assert turn_of({}).ice_servers("c", "ana", 0) == ()


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"RTC_TURN_URLS": "http://a"}, "RTC_TURN_URLS"),
        ({"RTC_TURN_URLS": "turn:a"}, "RTC_TURN_SECRET_FILE"),
        ({"RTC_TURN_URLS": "turn:a", "RTC_TURN_SECRET_FILE": "/nowhere"}, "RTC_TURN_SECRET_FILE=/nowhere"),
        ({"RTC_TURN_TTL_MS": "soon"}, "RTC_TURN_TTL_MS=soon"),
    ],
    ids=["scheme", "no-secret", "no-file", "ttl"],
)
def test_a_wrong_setting_is_refused_with_its_name(env: dict[str, str], named: str) -> None:
    with pytest.raises(BadSetting, match=named):
        turn_of(env)


def test_kinds_of_engines_are_named_rightly_and_kept_in_their_order() -> None:
    assert EdgeSettings(call_engines=" janus, p2p").call_engines_order == ("janus", "p2p")
    for wrong in ("zoom", "", "janus,"):
        with pytest.raises(BadSetting, match="EDGE_CALL_ENGINES"):
            EdgeSettings(call_engines=wrong)
