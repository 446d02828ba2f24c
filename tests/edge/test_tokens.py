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
from edge.key_file import BadKeyFile, read_key_file, rotated, write_key_file
from edge.tokens import ALGORITHM, TOKEN_BYTES_LIMIT, Grant, Ticket, TokenKeys, refresh_hash

NOW_MS = 1_700_000_000_000
GRANT = Grant("u-ana", "l-1", NOW_MS + 60_000, token_id="t-1", methods=("password", "totp"), issued_at_ms=NOW_MS)


def new_pem() -> bytes:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


PEM = new_pem()
KEY = TokenKeys(PEM)
GOOD = KEY.mint(GRANT, NOW_MS)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def claims(**changes: Any) -> dict[str, Any]:
    good: dict[str, Any] = {"iss": "warbler", "aud": "warbler", "sub": "u-ana", "sid": "l-1", "jti": "t-1", "amr": ["password", "totp"]}
    good |= {"iat": NOW_MS // 1000, "exp": NOW_MS // 1000 + 60}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


KEY_ID = KEY.jwks(NOW_MS)["keys"][0]["kid"]
OUR_HEADER = {"typ": "JWT", "alg": ALGORITHM, "kid": KEY_ID}


def signed(**changes: Any) -> str:
    return jwt.encode(dict(OUR_HEADER), claims(**changes), OKPKey.import_key(PEM), algorithms=[ALGORITHM])


def test_a_token_of_ours_says_what_was_granted() -> None:
    assert KEY.check(GOOD, NOW_MS) == GRANT
    assert KEY.check(signed(), NOW_MS) == GRANT  # so that what is changed below is what is refused
    bulk = Grant("u-bot", "admin", NOW_MS + 60_000, True, "t-2", (), NOW_MS)
    assert KEY.check(KEY.mint(bulk, NOW_MS), NOW_MS) == bulk


def test_a_token_is_good_to_its_last_millisecond_and_not_after() -> None:
    assert KEY.check(GOOD, GRANT.expires_at_ms - 1)
    with pytest.raises(ExpiredToken):
        KEY.check(GOOD, GRANT.expires_at_ms)


def test_an_expired_token_of_another_key_is_bad_and_not_expired() -> None:
    """Whoever forges a token learns nothing from the answer, and a device does not refresh for ever."""
    with pytest.raises(BadToken):
        KEY.check(TokenKeys(new_pem()).mint(GRANT, NOW_MS), NOW_MS + 10**9)


HEADER, BODY, SIGNATURE = GOOD.split(".")
PUBLIC_PEM = (
    serialization.load_pem_private_key(PEM, None)
    .public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
)
PUBLIC_X = KEY.jwks(NOW_MS)["keys"][0]["x"]


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
        jwt.encode({**OUR_HEADER, "alg": "HS256"}, claims(), OctKey.import_key(base64.b64encode(PUBLIC_PEM)), algorithms=["HS256"]),
        jwt.encode({**OUR_HEADER, "alg": "HS256"}, claims(), OctKey.import_key(PUBLIC_X), algorithms=["HS256"]),
        f"{part({**OUR_HEADER, 'alg': 'none'})}.{BODY}.",
        f"{part({**OUR_HEADER, 'kid': 'another'})}.{BODY}.{SIGNATURE}",
        TokenKeys(new_pem()).mint(GRANT, NOW_MS),
        KEY.mint_ticket(Ticket("k-1", GRANT, NOW_MS + 9_000), NOW_MS),
        signed(iss="other"),
        signed(aud="other"),
        signed(aud=None),
        signed(aud=["warbler"]),
        signed(jti=None),
        signed(iat=None),
        signed(iat="now"),
        signed(amr=None),
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


def test_a_ticket_stands_for_its_grant_and_is_no_access_token() -> None:
    ticket = Ticket("k-1", GRANT, NOW_MS + 30_000)
    made = KEY.mint_ticket(ticket, NOW_MS)
    assert KEY.check_ticket(made, NOW_MS) == ticket
    with pytest.raises(ExpiredToken):
        KEY.check_ticket(made, NOW_MS + 30_000)
    for other in (GOOD, made[:-4], ""):
        with pytest.raises(BadToken):
            KEY.check_ticket(other, NOW_MS)


def test_a_refresh_token_has_one_successor_and_nobody_else_can_tell_it() -> None:
    first = KEY.mint_refresh("l-1", "secret")
    assert KEY.check_refresh(first) == "l-1"
    assert KEY.successor(first) == KEY.successor(first) != first
    assert KEY.check_refresh(KEY.successor(first)) == "l-1"
    assert KEY.successor(KEY.successor(first)) not in (first, KEY.successor(first))
    other = TokenKeys(new_pem())
    for stranger in (other.mint_refresh("l-1", "secret"), "l-1.secret.", "l-1", "", first + "x", "é"):
        with pytest.raises(BadToken):
            KEY.successor(stranger)


DAY_MS = 86_400_000


def test_a_new_key_checks_at_once_signs_later_and_the_old_one_ends() -> None:
    old = read_key_file(PEM)
    file = write_key_file(rotated(old, new_pem(), NOW_MS, signs_in_ms=60_000, keep_ms=DAY_MS))
    keys = TokenKeys(file)
    assert [each["kid"] for each in keys.jwks(NOW_MS)["keys"]][1] == KEY_ID
    assert keys.mint(GRANT, NOW_MS + 59_999) == KEY.mint(GRANT, NOW_MS + 59_999)
    late = Grant("u-ana", "l-1", NOW_MS + 9 * DAY_MS)
    by_new = keys.mint(late, NOW_MS + 60_000)
    assert keys.check(by_new, NOW_MS).user == "u-ana"
    with pytest.raises(BadToken):
        KEY.check(by_new, NOW_MS)
    by_old = KEY.mint(late, NOW_MS)
    end_ms = NOW_MS + 60_000 + DAY_MS
    assert keys.check(by_old, end_ms - 1).user == "u-ana"
    with pytest.raises(BadToken):
        keys.check(by_old, end_ms)
    assert [each["kid"] for each in keys.jwks(end_ms)["keys"]] == [keys.jwks(NOW_MS)["keys"][0]["kid"]]


def test_refresh_tokens_outlive_every_rotation_of_the_keys() -> None:
    file, first = read_key_file(PEM), KEY.mint_refresh("l-1", "secret")
    for number in range(4):
        file = read_key_file(write_key_file(rotated(file, new_pem(), NOW_MS + number * 9 * DAY_MS, 60_000, DAY_MS)))
    assert len(file.keys) == 2  # those that had ended are dropped
    assert TokenKeys(write_key_file(file)).successor(first) == KEY.successor(first)


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n", b"nothing here"])
def test_a_file_without_a_good_key_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(BadKeyFile, match="WARBLER_TOKEN_KEY"):
        TokenKeys(content)
    keys = TokenKeys(PEM)
    with pytest.raises(BadKeyFile):
        keys.replace(content)
    assert keys.check(GOOD, NOW_MS) == GRANT
