"""The hooks' settings, from EDGE_HOOKS_* variables, and the file of the hooks themselves; read once, refused early."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from edge.hooks.plan import Hook
from edge.settings import BadSetting
from log.web.signing import BadSecret, secret_of
from schemas.variables import between, check_between, values_of

PREFIX = "EDGE_HOOKS_"


@dataclass(frozen=True, slots=True)
class HookSettings:
    """One field is one variable: `file` is EDGE_HOOKS_FILE."""

    file: str = ""
    waiting_limit: int = between(10_000, 1, 1_000_000)
    remembered: int = between(10_000, 0, 1_000_000)
    in_flight_limit: int = between(100, 1, 10_000)  # requests of one hook

    def __post_init__(self) -> None:
        check_between(self, PREFIX)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "HookSettings":
        """Raises: ValueError that names the variable."""
        return cls(**values_of(cls, PREFIX, env))


@dataclass(frozen=True, slots=True)
class Keyed:
    """A hook with the secrets that sign what it is sent."""

    hook: Hook
    secrets: tuple[bytes, ...]


def load(path: str, env: Mapping[str, str]) -> tuple[Keyed, ...]:
    """The hooks of a YAML or JSON file, in its order. Raises: BadSetting, which names the file and what is wrong."""
    try:
        found = msgspec.convert(yaml.safe_load(Path(path).read_text(encoding="utf-8")), dict[str, list[Hook]])
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as bad:
        raise BadSetting(f"{PREFIX}FILE={path}: {bad}") from None
    hooks = found.get("hooks", [])
    problems = [problem for hook in hooks for problem in problems_of(hook)]
    problems += ["two hooks have the same id"] if len({hook.id for hook in hooks}) < len(hooks) else []
    keyed = []
    for hook in hooks:
        try:
            keyed.append(Keyed(hook, secrets_of(hook, env)))
        except (KeyError, OSError, BadSecret) as missing:
            problems.append(f"{hook.id}: its secret cannot be read ({missing})")
    if problems:
        raise BadSetting(f"{PREFIX}FILE={path}: {'; '.join(problems)}")
    return tuple(keyed)


def problems_of(hook: Hook) -> list[str]:
    """The operator names the address, so one within its own network is as good as any; what is sent there is messages, so not in clear."""
    safe = hook.url.startswith("https://") or hook.clear_text or re.match(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$)", hook.url)
    problems = [] if safe else [f"{hook.id}: {hook.url} must be https, http on loopback, or any http with clear_text: true"]
    if not (hook.secret_file or hook.secret_env):
        problems.append(f"{hook.id}: secret_file or secret_env is missing")
    return problems


def secrets_of(hook: Hook, env: Mapping[str, str]) -> tuple[bytes, ...]:
    """One a line or word, so that a new one can be used beside the old. Raises: KeyError, OSError, BadSecret."""
    text = Path(hook.secret_file).read_text(encoding="utf-8") if hook.secret_file else env[hook.secret_env]
    found = tuple(secret_of(word) for word in text.split())
    if not found:
        raise BadSecret("it is empty")
    return found
