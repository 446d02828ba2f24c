"""A code or a link that proves who reads a mailbox or a phone. Pure: chance, time and the key are arguments.

Rules of this file:
1. A code is kept as a keyed hash over purpose, kind, address and user, so that one that was asked for something else is wrong.
2. It is good once, for minutes, for a few tries; wrong tries are also counted over a day, whatever number of codes was asked for.
3. What is told does not depend on whether the address has an account: only the sender knows.
"""

import hmac
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec import Struct

from edge.people.throttle import Limit, noted, wait_ms

CodeKind = Literal["email", "phone"]
Purpose = Literal["sign_in", "add"]
Verdict = Literal["good", "wrong", "expired", "too_many"]
LINK_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Subject:
    """What a code is about. `to`: as it is compared, not as it was typed; `user`: whose it shall become ("" at a sign-in)."""

    purpose: Purpose
    kind: CodeKind
    to: str
    user: str = ""


@dataclass(frozen=True, slots=True)
class CodeLimits:
    life_ms: int
    tries: int  # of one code
    resend_ms: int  # between two codes
    sends: Limit
    failures: Limit  # over all codes


class CodeSlip(Struct, frozen=True, array_like=True):
    """What is kept of one subject. `code_hash` empty: the code is used up; `sealed_to`: the address, for who comes by the link."""

    code_hash: str
    link_hash: str
    expires_at_ms: int
    tries: int
    sends_ms: tuple[int, ...]
    failures_ms: tuple[int, ...]
    sealed_to: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Too many were asked for, or guessed wrongly."""

    retry_after_ms: int


@dataclass(frozen=True, slots=True)
class Guessed:
    """`slip` is what has to be kept before the verdict is told."""

    verdict: Verdict
    slip: CodeSlip | None
    retry_after_ms: int = 0


def code_of(chance: int, digits: int) -> str:
    """Shape: `digits` digits. `chance` is uniform in 0..10**digits - 1."""
    assert 0 <= chance < 10**digits
    return f"{chance:0{digits}d}"


def slip_key(key: bytes, subject: Subject) -> str:
    """Where the slip of a subject stands; says nothing of the address to who reads it."""
    return "code:" + _mac(key, "slip", subject, "")


def code_hash(key: bytes, subject: Subject, code: str) -> str:
    return _mac(key, "code", subject, code)


def link_of(slip: str, secret: str) -> str:
    """What stands in the mail after `#link=`."""
    return f"{slip.removeprefix('code:')}.{secret}"


def read_link(token: str) -> tuple[str, str]:
    """The slip's key and the secret; anything at all is read, and what is not ours will not be found."""
    where, _, secret = token.partition(".")
    return f"code:{where}", secret


def link_hash(key: bytes, secret: str) -> str:
    return hmac.new(key, f"link|{secret}".encode(), "sha256").hexdigest()


def _mac(key: bytes, what: str, subject: Subject, code: str) -> str:
    parts = msgspec.json.encode([what, subject.purpose, subject.kind, subject.to, subject.user, code])
    return hmac.new(key, parts, "sha256").hexdigest()


def ask(kept: CodeSlip | None, fresh: CodeSlip, limits: CodeLimits, now_ms: int) -> CodeSlip | Wait:
    """The slip with a new code; the one before it is good no longer."""
    if kept is None:
        return msgspec.structs.replace(fresh, sends_ms=(now_ms,), expires_at_ms=now_ms + limits.life_ms)
    since_last_ms = now_ms - kept.sends_ms[-1] if kept.sends_ms else limits.resend_ms
    wait = max(
        limits.resend_ms - since_last_ms, wait_ms(kept.sends_ms, limits.sends, now_ms), wait_ms(kept.failures_ms, limits.failures, now_ms)
    )
    if wait > 0:
        return Wait(wait)
    return msgspec.structs.replace(
        fresh,
        sends_ms=noted(kept.sends_ms, limits.sends, now_ms),
        failures_ms=kept.failures_ms,
        expires_at_ms=now_ms + limits.life_ms,
    )


def guess(kept: CodeSlip | None, code_or_link_hash: str, limits: CodeLimits, now_ms: int) -> Guessed:
    """Judges one try. A good one uses the code up; a wrong one is counted."""
    if kept is None:
        return Guessed("wrong", None)
    if wait := wait_ms(kept.failures_ms, limits.failures, now_ms):
        return Guessed("too_many", None, wait)
    if kept.tries >= limits.tries:
        return Guessed("too_many", None, limits.resend_ms)
    # both are compared, in constant time each, whichever was meant
    code_good = hmac.compare_digest(kept.code_hash.encode(), code_or_link_hash.encode())
    link_good = hmac.compare_digest(kept.link_hash.encode(), code_or_link_hash.encode())
    used = not kept.code_hash
    if (code_good or link_good) and not used:
        if now_ms >= kept.expires_at_ms:
            return Guessed("expired", None)
        return Guessed("good", msgspec.structs.replace(kept, code_hash="", link_hash=""))
    failures = noted(kept.failures_ms, limits.failures, now_ms)
    return Guessed("wrong", msgspec.structs.replace(kept, tries=kept.tries + 1, failures_ms=failures))
