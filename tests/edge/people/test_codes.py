"""Codes and links: good once, for a while, for what they were asked for; and what a guesser gets."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.people.codes import (
    CodeLimits,
    CodeSlip,
    Guessed,
    Subject,
    Wait,
    ask,
    code_hash,
    code_of,
    guess,
    link_hash,
    link_of,
    read_link,
    slip_key,
)
from edge.people.throttle import Limit, noted, recent, wait_ms

KEY = b"k" * 32
NOW_MS = 1_700_000_000_000
LIMITS = CodeLimits(life_ms=600_000, tries=5, resend_ms=30_000, sends=Limit(5, 3_600_000), failures=Limit(20, 86_400_000))
ANA = Subject("sign_in", "email", "ana@example.org")


def fresh(code: str = "123456", secret: str = "s", subject: Subject = ANA) -> CodeSlip:
    return CodeSlip(code_hash(KEY, subject, code), link_hash(KEY, secret), 0, 0, (), (), b"")


def asked(code: str = "123456", at_ms: int = NOW_MS, kept: CodeSlip | None = None) -> CodeSlip:
    found = ask(kept, fresh(code), LIMITS, at_ms)
    assert isinstance(found, CodeSlip)
    return found


def tried(kept: CodeSlip | None, code: str, at_ms: int = NOW_MS, subject: Subject = ANA) -> Guessed:
    return guess(kept, code_hash(KEY, subject, code), LIMITS, at_ms)


def test_a_code_is_good_once() -> None:
    first = tried(asked(), "123456")
    assert first.verdict == "good"
    assert tried(first.slip, "123456").verdict == "wrong"


def test_a_link_uses_the_code_up_and_a_code_the_link() -> None:
    by_link = guess(asked(), link_hash(KEY, "s"), LIMITS, NOW_MS)
    assert by_link.verdict == "good"
    assert tried(by_link.slip, "123456").verdict == "wrong"
    by_code = tried(asked(), "123456")
    assert guess(by_code.slip, link_hash(KEY, "s"), LIMITS, NOW_MS).verdict == "wrong"


@pytest.mark.parametrize(("after_ms", "verdict"), [(0, "good"), (599_999, "good"), (600_000, "expired"), (10**12, "expired")])
def test_a_code_ends(after_ms: int, verdict: str) -> None:
    assert tried(asked(), "123456", NOW_MS + after_ms).verdict == verdict


OTHERS = [
    Subject("add", "email", "ana@example.org", "u-ana"),
    Subject("sign_in", "phone", "ana@example.org"),
    Subject("sign_in", "email", "bo@example.org"),
    Subject("sign_in", "email", "ana@example.org", "u-ana"),
]


@pytest.mark.parametrize("other", OTHERS)
def test_a_code_for_something_else_is_wrong(other: Subject) -> None:
    assert slip_key(KEY, other) != slip_key(KEY, ANA)
    assert tried(asked(), "123456", subject=other).verdict == "wrong"
    assert tried(fresh(subject=other), "123456").verdict == "wrong"


def test_nothing_that_is_kept_shows_the_address_or_the_code() -> None:
    kept = msgspec.json.encode(asked()).decode() + slip_key(KEY, ANA)
    assert "ana" not in kept
    assert "123456" not in kept
    assert slip_key(b"o" * 32, ANA) != slip_key(KEY, ANA)


def test_a_new_code_makes_the_one_before_it_wrong() -> None:
    again = asked("654321", NOW_MS + 30_000, asked())
    assert tried(again, "123456", NOW_MS + 30_000).verdict == "wrong"
    assert tried(again, "654321", NOW_MS + 30_000).verdict == "good"


def test_codes_are_sent_at_a_pace() -> None:
    assert ask(asked(), fresh(), LIMITS, NOW_MS + 29_999) == Wait(1)
    kept, at_ms = asked(), NOW_MS
    for _ in range(4):
        at_ms += 30_000
        kept = asked(at_ms=at_ms, kept=kept)
    assert ask(kept, fresh(), LIMITS, at_ms + 30_000) == Wait(NOW_MS + 3_600_000 - at_ms - 30_000)
    assert isinstance(ask(kept, fresh(), LIMITS, NOW_MS + 3_600_000), CodeSlip)


def test_the_sixth_try_is_not_looked_at_though_it_were_right() -> None:
    kept: CodeSlip | None = asked()
    for _ in range(5):
        verdict = tried(kept, "000000")
        assert verdict.verdict == "wrong"
        kept = verdict.slip
    assert tried(kept, "123456") == Guessed("too_many", None, 30_000)


def test_ten_thousand_guesses_on_one_address_over_a_day_are_twenty() -> None:
    """Whoever asks for a new code as soon as it may, and guesses as often as it may, all day long."""
    chance = random.Random(5)
    kept, looked_at, codes = asked("999999"), 0, 1
    for number in range(10_000):
        at_ms = NOW_MS + number * 8_000
        verdict = tried(kept, code_of(chance.randrange(999_999), 6), at_ms)
        if verdict.slip is not None:
            kept, looked_at = verdict.slip, looked_at + 1
        else:
            found = ask(kept, fresh("999999"), LIMITS, at_ms)
            if isinstance(found, CodeSlip):
                kept, codes = found, codes + 1
    assert looked_at <= 20
    assert codes <= 5


@pytest.mark.parametrize(("chance", "code"), [(0, "000000"), (7, "000007"), (999_999, "999999")])
def test_a_code_has_all_its_digits(chance: int, code: str) -> None:
    assert code_of(chance, 6) == code


@given(st.text(max_size=200))
def test_any_link_is_read(token: str) -> None:
    where, secret = read_link(token)
    assert where.startswith("code:")
    assert guess(None, link_hash(KEY, secret), LIMITS, NOW_MS).verdict == "wrong"


def test_a_link_finds_its_slip() -> None:
    assert read_link(link_of(slip_key(KEY, ANA), "s")) == (slip_key(KEY, ANA), "s")


@given(st.lists(st.integers(0, 1_000), max_size=40), st.integers(1, 5), st.integers(1, 100))
def test_never_more_than_the_limit_within_any_window(gaps: list[int], count: int, window_ms: int) -> None:
    limit, times, allowed, now_ms = Limit(count, window_ms), (), [], 0
    kept: tuple[int, ...] = times
    for gap in gaps:
        now_ms += gap
        wait = wait_ms(kept, limit, now_ms)
        if wait == 0:
            kept = noted(kept, limit, now_ms)
            allowed.append(now_ms)
        else:
            assert wait_ms(kept, limit, now_ms + wait) == 0
    assert all(later - earlier >= window_ms for earlier, later in zip(allowed, allowed[count:], strict=False))
    assert len(recent(kept, limit, now_ms)) <= count
