"""What looks like a token of each push channel, and what does not."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from store.push_syntax import ENDPOINT_CHARACTERS_LIMIT, why_no_token
from store.pushing import CHANNELS

POINT = ec.derive_private_key(7, ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


KEY, AUTH = text(POINT), text(bytes(16))


def subscription(endpoint: Any = "https://push.example.org/send/1", p256dh: Any = KEY, auth: Any = AUTH) -> str:
    return json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": {"p256dh": p256dh, "auth": auth}})


@pytest.mark.parametrize(
    ("channel", "token"),
    [
        ("webpush", subscription()),
        ("unifiedpush", subscription("https://up.example.org:8443/UP?token=a%20b")),
        ("webpush", subscription(auth=text(bytes(16)) + "==")),
        ("apns", "0123456789abcdef" * 4),
        ("apns_voip", "AB" * 50),
        ("fcm", "dQw4w9WgXcQ:APA91b" + "x_-" * 40),
        ("huawei", "IQAAAACy0W4vAAB" * 5),
        ("xiaomi", "w/1Kx+Yz=" * 5),
    ],
)
def test_what_looks_like_one(channel: str, token: str) -> None:
    assert why_no_token(channel, token) is None


@pytest.mark.parametrize(
    "token",
    [
        *("", "{}", "[]", "null", "[" * 4_000, "\ud800", '{"endpoint": "https://a.b/", "keys": null}'),
        *(subscription(endpoint) for endpoint in ("", "push.example.org", "ftp://a.b/", "javascript:x", "https://", "https:///x")),
        *(subscription(endpoint) for endpoint in ("http://push.example.org/", "https://u:p@a.b/", "https://a.b/#x", "https://a.b:0/")),
        *(subscription(endpoint) for endpoint in ("https://a.b:99999/", "https://a.b/ x", "https://a.b/\n", 5, None)),
        subscription("https://a.b/" + "x" * ENDPOINT_CHARACTERS_LIMIT),
        *(subscription(p256dh=key) for key in (text(bytes(65)), text(POINT[:64]), text(POINT[:-1] + b"\0"), "*" * 87, 5)),
        *(subscription(auth=key) for key in (text(bytes(15)), text(bytes(17)), "", "ä" * 22)),
    ],
)
def test_what_is_no_subscription(token: str) -> None:
    assert why_no_token("webpush", token)
    assert why_no_token("unifiedpush", token)


def test_http_is_taken_on_loopback_alone_and_only_where_the_tests_want_it() -> None:
    for host in ("127.0.0.1:9", "[::1]:9", "localhost:9"):
        assert why_no_token("webpush", subscription(f"http://{host}/x")) == "the endpoint must be https"
        assert why_no_token("webpush", subscription(f"http://{host}/x"), insecure=True) is None
    assert why_no_token("webpush", subscription("http://127.0.0.1.example.org/x"), insecure=True)


@pytest.mark.parametrize("token", ["abc", "zz" * 32, "0" * 63, "0" * 202, "00" * 32 + "\n", ""])
def test_what_is_no_token_of_apns(token: str) -> None:
    assert why_no_token("apns", token)


@pytest.mark.parametrize("token", ["short", "with blank in it", "x" * 513, "ünïcode-token", "line\nbreak", "x" * 5_000])
def test_what_is_no_token_of_a_maker(token: str) -> None:
    assert why_no_token("fcm", token)


@given(st.sampled_from(CHANNELS), st.text(max_size=300))
def test_every_text_gets_an_answer(channel: str, token: str) -> None:
    why = why_no_token(channel, token)
    assert why is None or 0 < len(why) < 200
