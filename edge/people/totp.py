"""Time-based one-time passwords and recovery codes. Pure: time and chance are arguments.

Called by `edge.people.factors`. Source: RFC 6238 (steps of 30 s, one step of clock difference each way, no step twice).
"""

import hmac
from collections.abc import Sequence
from typing import Literal

import pyotp
from msgspec import Struct

STEP_MS = 30_000
WINDOW_STEPS = 1
RECOVERY_CODES_COUNT = 10
RECOVERY_GROUPS, RECOVERY_GROUP_CHARS = 2, 6
# 32 characters that nobody confuses with each other; 12 of them are 60 bits
RECOVERY_ALPHABET = "23456789abcdefghijkmnpqrstuvwxyz"


class Spent(Struct, frozen=True, array_like=True):
    """What of a factor is used up: the last step of a TOTP, the places of recovery codes, the counter of a passkey."""

    last_step: int = 0
    places: tuple[int, ...] = ()
    sign_count: int = 0
    used_at_ms: int = 0


def uri_of(secret: str, issuer: str, name: str) -> str:
    """The otpauth URI that authenticator apps read as a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def step_of(secret: str, code: str, last_step: int, now_ms: int) -> int | Literal["wrong", "replayed"]:
    """The step whose code it is. A step that is not after `last_step` is good no more, whoever saw its code."""
    now_step = now_ms // STEP_MS
    totp = pyotp.TOTP(secret)
    found: int | None = None
    for step in range(now_step - WINDOW_STEPS, now_step + WINDOW_STEPS + 1):  # all are compared, so that the time tells nothing
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()):
            found = step
    if found is None:
        return "wrong"
    return found if found > last_step else "replayed"


def recovery_code(chances: Sequence[int]) -> str:
    """Shape: groups of characters with a dash between. `chances`: one number in 0..31 for each character."""
    chars = [RECOVERY_ALPHABET[chance] for chance in chances]
    assert len(chars) == RECOVERY_GROUPS * RECOVERY_GROUP_CHARS
    return "-".join("".join(chars[at : at + RECOVERY_GROUP_CHARS]) for at in range(0, len(chars), RECOVERY_GROUP_CHARS))


def plain_recovery_code(typed: str) -> str:
    """As it is hashed: people add spaces, leave the dash out, or write large letters."""
    return "".join(char for char in typed.lower() if char in RECOVERY_ALPHABET)


def place_of(hashes: Sequence[str], given: Sequence[str], spent: Spent) -> int | Literal["wrong", "replayed"]:
    """Which of the codes it is. `given`: what was typed, hashed with each key that may have been in use."""
    found: int | None = None
    for place, kept in enumerate(hashes):
        if any(hmac.compare_digest(kept.encode(), each.encode()) for each in given):
            found = place
    if found is None:
        return "wrong"
    return "replayed" if found in spent.places else found
