"""Which second factors a sign-in needs, case by case; and what is sealed."""

from __future__ import annotations

import pytest

from edge.people.policies import SecondFactor
from edge.people.second_factors import Holder, Needed, needed
from schemas.accounts import FactorKind
from store.sealing import NotSealedHere, Sealer

OPTIONAL, REQUIRED, ADMINS = SecondFactor(), SecondFactor(everyone=True), SecondFactor(from_level=90)
NONE: frozenset[FactorKind] = frozenset()
TOTP: frozenset[FactorKind] = frozenset({"totp"})
ENROL = Needed((), enrol=True)


@pytest.mark.parametrize(
    ("policy", "level", "enrolled", "shown", "remembered", "answer"),
    [
        (OPTIONAL, 0, NONE, (), False, None),
        (OPTIONAL, 0, TOTP, (), False, Needed(("totp",))),
        (OPTIONAL, 0, TOTP, ("totp",), False, None),
        (OPTIONAL, 0, TOTP, (), True, None),
        (SecondFactor(remember_days=0), 0, TOTP, (), True, Needed(("totp",))),
        (REQUIRED, 0, NONE, (), False, ENROL),
        (REQUIRED, 0, NONE, (), True, ENROL),
        (REQUIRED, 0, TOTP, (), True, None),
        (REQUIRED, 0, NONE, ("passkey",), False, None),
        (ADMINS, 89, NONE, (), False, None),
        (ADMINS, 90, NONE, (), False, ENROL),
        (SecondFactor(roles=("support",)), 0, NONE, (), False, ENROL),
        (REQUIRED, 0, frozenset({"recovery_codes"}), (), False, ENROL),
        (OPTIONAL, 0, frozenset({"recovery_codes"}), (), False, None),
        (OPTIONAL, 0, frozenset({"recovery_codes", "totp", "passkey"}), (), False, Needed(("totp", "passkey", "recovery_codes"))),
        (SecondFactor(factors=("passkey",)), 0, TOTP, (), False, Needed(("totp",))),
    ],
)
def test_what_is_needed(
    policy: SecondFactor, level: int, enrolled: frozenset[FactorKind], shown: tuple[str, ...], remembered: bool, answer: Needed | None
) -> None:
    assert needed(policy, Holder("support", level, enrolled), shown, remembered) == answer


def test_what_is_sealed_is_opened_in_its_place_only() -> None:
    sealer = Sealer([b"a" * 32])
    sealed = sealer.seal(b"secret", "u-ana|f-1", b"n" * 12)
    assert b"secret" not in sealed
    assert sealer.open(sealed, "u-ana|f-1") == b"secret"
    for wrong, place in ((sealed, "u-bo|f-1"), (sealed[:-1], "u-ana|f-1"), (sealed[:4] + b"m" * 12 + sealed[16:], "u-ana|f-1"), (b"", "")):
        with pytest.raises(NotSealedHere):
            sealer.open(wrong, place)


def test_a_new_secret_seals_and_the_old_one_still_opens() -> None:
    old, both = Sealer.of_file(b"o" * 32 + b"\n"), Sealer.of_file(b"n" * 32 + b"\n\n" + b"o" * 32 + b"\n")
    assert both.open(old.seal(b"x", "p", b"1" * 12), "p") == b"x"
    with pytest.raises(NotSealedHere):
        old.open(both.seal(b"x", "p", b"1" * 12), "p")
    assert both.hash_key("codes") != both.hash_key("links")
    assert old.hash_key("codes") in both.hash_keys("codes")


@pytest.mark.parametrize("text", [b"", b"\n\n", b"short\n"])
def test_a_weak_secret_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer.of_file(text)
