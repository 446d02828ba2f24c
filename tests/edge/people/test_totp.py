"""TOTP against the RFC's own values, its window and its replay; recovery codes."""

from __future__ import annotations

import base64

import pytest

from edge.people.totp import STEP_MS, Spent, place_of, plain_recovery_code, recovery_code, step_of, uri_of
from store.sealing import keyed_hash

SECRET = base64.b32encode(b"12345678901234567890").decode()
# RFC 6238, appendix B, the last six of the eight digits
RFC_VALUES = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


@pytest.mark.parametrize(("at_s", "code"), RFC_VALUES)
def test_the_values_of_the_rfc_are_good(at_s: int, code: str) -> None:
    assert step_of(SECRET, code, 0, at_s * 1000) == at_s // 30


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_one_step_of_clock_difference_is_borne(steps: int, good: bool) -> None:
    step = 1111111111 // 30
    assert step_of(SECRET, "050471", 0, (step + steps) * STEP_MS) == (step if good else "wrong")


def test_a_step_is_good_once_and_none_before_it() -> None:
    step = 1111111111 // 30
    assert step_of(SECRET, "050471", step, 1111111111_000) == "replayed"
    assert step_of(SECRET, "081804", step, 1111111111_000) == "replayed"  # the step before, seen over a shoulder
    assert step_of(SECRET, "050471", step - 1, 1111111111_000) == step


@pytest.mark.parametrize("code", ["", "0", "05047", "0504710", "abcdef", "０５０４７１", "é" * 6, "050471 "])
def test_what_is_not_the_code_is_wrong(code: str) -> None:
    assert step_of(SECRET, code, 0, 1111111111_000) == "wrong"


def test_the_uri_is_what_authenticators_read() -> None:
    assert uri_of(SECRET, "Warbler", "ana") == f"otpauth://totp/Warbler:ana?secret={SECRET}&issuer=Warbler"


def test_recovery_codes_are_read_as_people_write_them() -> None:
    code = recovery_code(list(range(12)))
    assert code == "234567-89abcd"
    for typed in (code, "234567 89ABCD", " 23 45 67-89abcd\n", "23456789abcd"):
        assert plain_recovery_code(typed) == "23456789abcd"


def test_a_recovery_code_is_good_once() -> None:
    hashes = [keyed_hash(b"k", f"code{number}") for number in range(10)]
    assert place_of(hashes, [keyed_hash(b"old", "code3"), keyed_hash(b"k", "code3")], Spent()) == 3
    assert place_of(hashes, [keyed_hash(b"k", "code3")], Spent(places=(3,))) == "replayed"
    assert place_of(hashes, [keyed_hash(b"other", "code3")], Spent()) == "wrong"
    assert place_of([], [keyed_hash(b"k", "code3")], Spent()) == "wrong"
