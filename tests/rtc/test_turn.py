"""TURN credentials and the ICE servers of a ticket; tests/real/test_turn.py has a real server judge them."""

import pytest

from rtc.turn import Turn, credentials, urls_of

NOW_MS = 1_700_000_000_500


def test_credentials_are_what_the_scheme_says() -> None:
    # by `printf 1700000600:c1:anna | openssl dgst -sha1 -hmac s3cret -binary | base64`
    assert credentials(b"s3cret", "c1", "anna", 1_700_000_600) == ("1700000600:c1:anna", "bqZpkHKwg/DdNoWAAT71nyOti3s=")


def test_a_ticket_names_stun_without_and_turn_with_credentials() -> None:
    turn = Turn(urls_of("turn:a:3478?transport=udp, stun:b:3478,turns:c:5349"), b"s3cret", 600_000)
    stun, relay = turn.ice_servers("c1", "anna", NOW_MS)
    assert (stun.urls, stun.username, stun.credential) == (("stun:b:3478",), "", "")
    assert relay.urls == ("turn:a:3478?transport=udp", "turns:c:5349")
    assert (relay.username, relay.credential) == credentials(b"s3cret", "c1", "anna", 1_700_000_600)


def test_each_participant_has_its_own() -> None:
    turn = Turn(("turn:a:3478",), b"s3cret")
    assert turn.ice_servers("c1", "anna", NOW_MS) != turn.ice_servers("c1", "bert", NOW_MS)
    assert turn.ice_servers("c1", "anna", NOW_MS) != turn.ice_servers("c2", "anna", NOW_MS)


def test_without_servers_there_are_none() -> None:
    assert Turn(urls_of("")).ice_servers("c1", "anna", NOW_MS) == ()


def test_a_wrong_address_and_a_missing_secret_are_refused() -> None:
    with pytest.raises(ValueError, match="RTC_TURN_URLS: 'http://a'"):
        Turn(("http://a",), b"s")
    with pytest.raises(ValueError, match="RTC_TURN_SECRET_FILE"):
        Turn(("turn:a:3478",))
