"""What a tenant decided about its people, as named values: each is checked, and has a default that holds until it is changed. Pure.

Called by sign-in, sign-up and factors (what holds now: `Policies`) and by the administrator's interface (`read`, `written`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from schemas.accounts import FactorKind
from schemas.errors import WarblerError

Method = Literal["password", "email", "phone", "passkey", "provider"]
NAME_CHARS_LIMIT = 64
POLICY_BYTES_LIMIT = 16 * 1024


class BadPolicy(WarblerError):
    """A policy that is not known, or a value that it cannot have; the message says which and why."""


class _Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All policies are closed: a field that is not known is refused instead of being without effect."""


class PlatformLimit(_Policy, frozen=True, kw_only=True):
    """`sign_ins`: how many at once on the platform. `when_full`: the oldest ends (`replaced`), or the new one is refused."""

    sign_ins: Annotated[int, Meta(ge=1, le=1_000)] = 20
    when_full: Literal["replace", "refuse"] = "replace"


class LoginPolicy(_Policy, frozen=True, kw_only=True):
    """`platforms`: those whose limit is not `other`."""

    platforms: Annotated[dict[Annotated[str, Meta(min_length=1, max_length=32)], PlatformLimit], Meta(max_length=16)] = {}
    other: PlatformLimit = PlatformLimit()

    def limit_of(self, platform: str) -> PlatformLimit:
        return self.platforms.get(platform, self.other)


class SecondFactor(_Policy, frozen=True, kw_only=True):
    """Who must show a second factor at sign-in, which ones count, and for how long a device may be remembered (0: never).

    Who has a factor is asked for it whatever this says; this is about who must have one.
    """

    everyone: bool = False
    from_level: Annotated[int, Meta(ge=0, le=101)] = 101  # of the user's tenant role; 101: nobody by level
    roles: Annotated[tuple[str, ...], Meta(max_length=64)] = ()
    factors: tuple[FactorKind, ...] = ("totp", "passkey", "recovery_codes")
    remember_days: Annotated[int, Meta(ge=0, le=365)] = 30

    def needed(self, role: str, level: int) -> bool:
        return self.everyone or level >= self.from_level or role in self.roles


class SignUp(_Policy, frozen=True, kw_only=True):
    """Who may make an account by itself. Closed: only administrators and the tenant's own backend make users."""

    open: bool = True
    methods: tuple[Method, ...] = ("password", "email", "phone", "provider")

    def allows(self, method: Method) -> bool:
        return self.open and method in self.methods


class SignIn(_Policy, frozen=True, kw_only=True):
    """The ways in that are open, as far as they are configured."""

    methods: tuple[Method, ...] = ("password", "email", "phone", "passkey", "provider")


class Names(_Policy, frozen=True, kw_only=True):
    """Of users, as they are signed in with. `reserved`: given to nobody who signs up by itself, compared without case."""

    chars_min: Annotated[int, Meta(ge=1, le=NAME_CHARS_LIMIT)] = 1
    chars_max: Annotated[int, Meta(ge=1, le=NAME_CHARS_LIMIT)] = NAME_CHARS_LIMIT
    reserved: Annotated[tuple[Annotated[str, Meta(max_length=NAME_CHARS_LIMIT)], ...], Meta(max_length=500)] = ()

    def refusal(self, name: str) -> str:
        """Why it cannot be had; empty: it can."""
        if not self.chars_min <= len(name) <= self.chars_max:
            return f"a name has {self.chars_min} to {self.chars_max} characters"
        if name.casefold() in {word.casefold() for word in self.reserved}:
            return "the name is reserved"
        return ""


class Passwords(_Policy, frozen=True, kw_only=True):
    chars_min: Annotated[int, Meta(ge=8, le=128)] = 8


class StepUp(_Policy, frozen=True, kw_only=True):
    """For how long after a factor was shown something sensitive may be done."""

    minutes: Annotated[int, Meta(ge=1, le=1_440)] = 10


class Directory(_Policy, frozen=True, kw_only=True):
    """Whether users may search for each other at all; each one's own switch is in its privacy."""

    search: bool = True


class Policies(_Policy, frozen=True, kw_only=True):
    """What holds now; a new one has the defaults. The fields' names are the policies' names."""

    login_policy: LoginPolicy = LoginPolicy()
    second_factor: SecondFactor = SecondFactor()
    sign_up: SignUp = SignUp()
    sign_in: SignIn = SignIn()
    names: Names = Names()
    passwords: Passwords = Passwords()
    step_up: StepUp = StepUp()
    directory: Directory = Directory()


KINDS: Mapping[str, type[_Policy]] = {field.name: field.type for field in msgspec.structs.fields(Policies) if isinstance(field.type, type)}


def read(name: str, value: object) -> _Policy:
    """The policy of that name with a value as it came (from JSON). Raises: BadPolicy."""
    kind = KINDS.get(name)
    if kind is None:
        raise BadPolicy(f"there is no policy {name!r}; there are {', '.join(sorted(KINDS))}")
    try:
        policy = msgspec.convert(value, kind)
        text = written(policy)
    except (msgspec.ValidationError, UnicodeEncodeError) as exc:
        raise BadPolicy(f"{name}: {exc}") from None
    if isinstance(policy, Names) and policy.chars_min > policy.chars_max:
        raise BadPolicy("names: chars_min is larger than chars_max")
    if len(text) > POLICY_BYTES_LIMIT:
        raise BadPolicy(f"{name}: longer than {POLICY_BYTES_LIMIT} bytes")
    return policy


def written(policy: _Policy) -> str:
    """Its value as JSON, always the same text for the same value: so it stands in the log and in its row."""
    return msgspec.json.encode(policy, order="deterministic").decode()


def changed(policies: Policies, name: str, text: str) -> Policies:
    """What holds after the change. A value that this release cannot read is one of a later release: the default holds.

    Raises: nothing, because what stands in the log cannot be refused any more.
    """
    try:
        policy: _Policy = read(name, msgspec.json.decode(text))
    except (BadPolicy, msgspec.DecodeError):
        return policies
    return msgspec.structs.replace(policies, **{name: policy})


def plain(policy: _Policy) -> dict[str, Any]:
    """As a JSON object."""
    value: dict[str, Any] = msgspec.to_builtins(policy)
    return value
