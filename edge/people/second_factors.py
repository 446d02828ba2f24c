"""Which second factors a sign-in needs: the one place where that is decided. Pure.

Called by `edge.people.signing` for every way in, and by `edge.people.factors` after each factor that was shown.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from schemas.accounts import FactorKind

Demand = Literal["off", "optional", "required"]
DEMANDS: tuple[str, ...] = get_args(Demand)
FACTOR_KINDS: tuple[FactorKind, ...] = get_args(FactorKind)
DEFAULT_DEMAND: Demand = "optional"


@dataclass(frozen=True, slots=True)
class Needed:
    """`factors`: any one of these will do. `enrol`: there are none yet, and the policy wants one first."""

    factors: tuple[FactorKind, ...]
    enrol: bool = False


def demand_of(policy: Mapping[str, str], role: str) -> Demand:
    """What the tenant's policy `second_factor` says to holders of a tenant role ("" for plain users); `*` is everybody else."""
    said = policy.get(role, policy.get("*", DEFAULT_DEMAND))
    return said if said in DEMANDS else "required"  # type: ignore[return-value]  # a word that is not understood must not open a door


def needed(
    demand: Demand, enrolled: Collection[FactorKind], shown: Collection[str], remembered: bool, strong_method: bool = False
) -> Needed | None:
    """None: nothing more. `shown`: factors of this sign-in; `strong_method`: the first step was two already (a passkey that knows its user)."""
    if demand == "off" or strong_method or shown:
        return None
    own = tuple(kind for kind in FACTOR_KINDS if kind in enrolled)
    # recovery codes stand in for another factor; alone they are none
    if not set(own) - {"recovery_codes"}:
        return Needed((), enrol=True) if demand == "required" else None
    return None if remembered else Needed(own)
