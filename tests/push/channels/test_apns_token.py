"""Provider tokens: the same in every worker, none too old, and none too soon after the last."""

import base64
import itertools
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.push.channels.apns_token import CHANGE_S, ProviderToken, read_key
from streams.push.channels.port import BadCredentials
from tests.push.fakes.apns_checks import TOKEN_AGE_S, TokenBook

KEY = ec.generate_private_key(ec.SECP256R1())
START_S = 1_764_000_000


def provider(refresh_s: int = 2_400) -> ProviderToken:
    return ProviderToken(KEY, "KEY1234567", "TEAM123456", refresh_s)


def claims(token: str) -> dict[str, object]:
    part = token.split(".")[1]
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def test_every_worker_and_every_restart_sends_the_same_bytes() -> None:
    first, second = provider(), provider()
    at_s = START_S - START_S % 2_400
    assert first.current(at_s + 5) == second.current(at_s + 2_399) == first.current(at_s + 1_000)
    assert first.current(at_s + 2_400) != second.text


@settings(max_examples=200, deadline=None)
@given(
    st.integers(20, 55),
    st.lists(st.tuples(st.integers(0, 4_000), st.booleans()), min_size=1, max_size=30),
)
def test_no_token_is_too_old_and_no_two_are_too_close(minutes: int, steps: list[tuple[int, bool]]) -> None:
    """Time goes on by each step; after some the vendor calls the token expired."""
    token, now_s, made = provider(minutes * 60), START_S, list[int]()
    for wait_s, refused in steps:
        now_s += wait_s
        text = token.current(now_s)
        text = (token.renewed(text, now_s) or text) if refused else text
        made_s = claims(text)["iat"]
        assert isinstance(made_s, int)
        assert 0 <= now_s - made_s < TOKEN_AGE_S
        if not made or made_s != made[-1]:
            made.append(made_s)
    assert all(later - earlier >= CHANGE_S for earlier, later in itertools.pairwise(made))


def test_a_clock_that_goes_back_changes_nothing() -> None:
    token = provider()
    assert token.current(START_S) == token.current(START_S - 10_000)


def test_one_that_another_send_renewed_already_is_taken() -> None:
    token = provider()
    at_s = START_S - START_S % 2_400 + CHANGE_S
    old = token.current(at_s)
    new = token.renewed(old, at_s)
    assert new is not None
    assert new != old
    assert token.renewed(old, at_s) == new
    assert token.renewed(new, at_s) is None


def test_the_fake_takes_it_and_refuses_what_is_not_signed_with_the_key() -> None:
    token = provider().current(START_S)
    good = TokenBook("TEAM123456", {"KEY1234567": KEY.public_key()})
    bad = TokenBook("TEAM123456", {"KEY1234567": ec.generate_private_key(ec.SECP256R1()).public_key()})
    assert good.refusal(f"bearer {token}", START_S) is None
    found = bad.refusal(f"bearer {token}", START_S)
    assert found is not None
    assert found.reason == "InvalidProviderToken"


@pytest.mark.parametrize("key", [rsa.generate_private_key(65_537, 2_048), ec.generate_private_key(ec.SECP384R1())])
def test_only_a_p256_key_will_do(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with pytest.raises(BadCredentials):
        read_key(key.private_bytes(*form).decode())
