"""Which second factors a sign-in needs: the one place where that is decided. Pure.

Called by `edge.people.signing` for every way in. A new device needs no rule of its own: only remembered ones are spared.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import get_args

from edge.people.policies import SecondFactor
from schemas.accounts import FactorKind

FACTOR_KINDS: tuple[FactorKind, ...] = get_args(FactorKind)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who signs in. `level`: of its tenant role; `enrolled`: the kinds of factors that it has."""

    role: str
    level: int
    enrolled: frozenset[FactorKind]


@dataclass(frozen=True, slots=True)
class Needed:
    """`factors`: any one of these will do. `enrol`: it has none, and the policy wants one first."""

    factors: tuple[FactorKind, ...]
    enrol: bool = False


def needed(policy: SecondFactor, holder: Holder, shown: Collection[str], remembered: bool) -> Needed | None:
    """None: nothing more. `shown`: factors of this sign-in; a passkey that knows its user counts as one, though it was the first step."""
    if shown:
        return None
    # recovery codes stand in for another factor; alone they are none
    if not holder.enrolled - {"recovery_codes"}:
        return Needed((), enrol=True) if policy.needed(holder.role, holder.level) else None
    # All of its own count, also those that the policy lets nobody add any more: else a change of policy would open accounts.
    return None if remembered and policy.remember_days else Needed(tuple(kind for kind in FACTOR_KINDS if kind in holder.enrolled))
