"""How many devices of a platform a user may be signed in on, as the tenant chose (`edge.people.policies.LoginPolicy`). Pure."""

from collections.abc import Iterable

from edge.people.policies import LoginPolicy
from store.sign_ins import SignIn


def too_many(policy: LoginPolicy, own: SignIn, sign_ins: Iterable[SignIn], now_ms: int) -> tuple[SignIn, ...]:
    """Which must end now that `own` is opened; `own` itself where the tenant refuses, or where a newer one came at the same time.

    Shape: two that open at once and see each other come to the same answer. An earlier sign-in of the same device always makes room.
    """
    rule = policy.limit_of(own.platform)
    others = [each for each in sign_ins if each.sign_in != own.sign_in and each.platform == own.platform and each.is_open(now_ms)]
    same_device = [each for each in others if own.device and each.device == own.device]
    by_age = sorted([own, *(each for each in others if each not in same_device)], key=_age)
    if rule.when_full == "refuse":
        return (own,) if own in by_age[rule.sign_ins :] else tuple(same_device)
    return (*same_device, *by_age[: max(0, len(by_age) - rule.sign_ins)])


def _age(sign_in: SignIn) -> tuple[int, str]:
    return sign_in.opened_at_ms, sign_in.sign_in
