"""Access tokens: ours and in time, or refused; hostile ones raise nothing else."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from edge.errors import BadToken, ExpiredToken
from edge.tokens import ALGORITHM, TOKEN_BYTES_LIMIT, Grant, TokenKey, refresh_hash

NOW_MS = 1_700_000_000_000
GRANT = Grant("u-ana", "l-1", NOW_MS + 60_000)


def new_pem() -> bytes:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


PEM = new_pem()
KEY = TokenKey(PEM)
GOOD = KEY.mint(GRANT, NOW_MS)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def claims(**changes: Any) -> dict[str, Any]:
    good = {"iss": "warbler", "sub": "u-ana", "sid": "l-1", "exp": NOW_MS // 1000 + 60}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(**changes: Any) -> str:
    return jwt.encode({"alg": ALGORITHM}, claims(**changes), OKPKey.import_key(PEM), algorithms=[ALGORITHM])


def test_a_token_of_ours_says_what_was_granted() -> None:
    assert KEY.check(GOOD, NOW_MS) == GRANT
    bulk = Grant("u-bot", "admin", NOW_MS + 60_000, bulk=True)
    assert KEY.check(KEY.mint(bulk, NOW_MS), NOW_MS) == bulk


def test_a_token_is_good_to_its_last_millisecond_and_not_after() -> None:
    assert KEY.check(GOOD, GRANT.expires_at_ms - 1)
    with pytest.raises(ExpiredToken):
        KEY.check(GOOD, GRANT.expires_at_ms)


def test_an_expired_token_of_another_key_is_bad_and_not_expired() -> None:
    """Whoever forges a token learns nothing from the answer, and a device does not refresh for ever."""
    with pytest.raises(BadToken):
        KEY.check(TokenKey(new_pem()).mint(GRANT, NOW_MS), NOW_MS + 10**9)


HEADER, BODY, SIGNATURE = GOOD.split(".")
PUBLIC_PEM = (
    Ed25519PrivateKey.generate().public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "not a token",
        GOOD[:-1],
        GOOD[: len(GOOD) // 2],
        f"{HEADER}.{BODY}.",
        f"{HEADER}.{BODY}",
        f"{GOOD}.x",
        f"{HEADER}.{part(claims(sub='u-eve'))}.{SIGNATURE}",
        f"{part({'alg': 'none'})}.{BODY}.",
        f"{part({'alg': 'none'})}.{BODY}.{SIGNATURE}",
        f"{part({'alg': 'HS256'})}.{BODY}.{SIGNATURE}",
        f"{part({})}.{BODY}.{SIGNATURE}",
        f"{part([])}.{BODY}.{SIGNATURE}",
        f"{part({'alg': 'EdDSA', 'crit': ['x']})}.{BODY}.{SIGNATURE}",
        f"{part({'alg': 'EdDSA', 'jwk': {}, 'kid': '../../etc/passwd'})}.{BODY}.{SIGNATURE}",
        jwt.encode({"alg": "HS256"}, claims(), OctKey.import_key("secret" * 8), algorithms=["HS256"]),
        # the classic: the public key used as an HMAC secret
        jwt.encode({"alg": "HS256"}, claims(), OctKey.import_key(base64.b64encode(PUBLIC_PEM)), algorithms=["HS256"]),
        TokenKey(new_pem()).mint(GRANT, NOW_MS),
        signed(iss="other"),
        signed(iss=None),
        signed(sub=None),
        signed(sid=None),
        signed(exp=None),
        signed(exp="tomorrow"),
        signed(sub=7),
        "é" * 10,
        "a" * (TOKEN_BYTES_LIMIT + 1),
    ],
)
def test_what_is_not_ours_is_bad(token: str) -> None:
    with pytest.raises(BadToken):
        KEY.check(token, NOW_MS)


@given(at=st.integers(0, len(GOOD) - 2), char=st.characters(exclude_categories=["Cs"]))
def test_no_character_can_be_changed(at: int, char: str) -> None:
    """But for the last one, whose lowest bits base64 does not use."""
    token = GOOD[:at] + char + GOOD[at + 1 :]
    if token != GOOD:
        with pytest.raises(BadToken):
            KEY.check(token, NOW_MS)


@given(st.text(max_size=60) | st.lists(st.text("abcdEF-_=", max_size=12), min_size=2, max_size=5).map(".".join))
def test_arbitrary_text_is_bad_and_nothing_worse(token: str) -> None:
    with pytest.raises(BadToken):
        KEY.check(token, NOW_MS)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner, max_size=3), max_leaves=5)
)
def test_any_header_is_bad_and_nothing_worse(header: Any) -> None:
    with pytest.raises(BadToken):
        KEY.check(f"{part({'alg': header})}.{BODY}.{SIGNATURE}", NOW_MS)
    with pytest.raises(BadToken):
        KEY.check(f"{part(header)}.{BODY}.{SIGNATURE}", NOW_MS)


def test_a_header_that_is_not_an_object_is_bad_and_nothing_worse() -> None:
    """joserfc answers this one with a TypeError."""
    with pytest.raises(BadToken):
        KEY.check(f"{part('alg')}.{BODY}.{SIGNATURE}", NOW_MS)


def test_a_refresh_token_is_stored_as_its_hash() -> None:
    assert refresh_hash("l-1.secret") != refresh_hash("l-1.secreT")
    assert "secret" not in refresh_hash("l-1.secret")
