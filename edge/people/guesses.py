"""How often somebody may guess: at one account from anywhere, and at any account from one address. Pure; time is an argument.

An account's guesses cost growing waits, never a lock-out: the owner on a device that the account knows has a count of its own, so that
strangers who guess do not keep it out. An address pays for guesses that were wrong only. Kept per node, so a cluster of n nodes lets
through at most n times as much; it is the waits that make guessing hopeless, not their exact length.
"""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(slots=True)
class _Count:
    wrong: int = 0
    free_at_mono_ms: float = 0.0
    last_mono_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class GuessRules:
    """`free`: wrong guesses in a row before waits begin; the first is `wait_ms`, each next twice as long, up to `wait_ms_limit`."""

    free: int
    wait_ms: int
    wait_ms_limit: int
    forget_ms: int
    keys_limit: int = 100_000


class Guesses:
    def __init__(self, rules: GuessRules) -> None:
        self._rules = rules
        self._keys: OrderedDict[str, _Count] = OrderedDict()

    def wait_ms(self, key: str, now_mono_ms: float) -> int:
        """0 when a guess may be made now, else how long until it may. A guess is counted as wrong until `right` is said."""
        guesses = self._keys.get(key)
        if guesses is None or now_mono_ms - guesses.last_mono_ms >= self._rules.forget_ms:
            guesses = _Count()
        elif now_mono_ms < guesses.free_at_mono_ms:
            return max(1, round(guesses.free_at_mono_ms - now_mono_ms))
        guesses.wrong += 1
        guesses.last_mono_ms = now_mono_ms
        guesses.free_at_mono_ms = now_mono_ms + self._wait_after(guesses.wrong)
        self._keys[key] = guesses
        self._keys.move_to_end(key)
        if len(self._keys) > self._rules.keys_limit:
            self._keys.popitem(last=False)
        return 0

    def right(self, key: str) -> None:
        """The guess was none."""
        self._keys.pop(key, None)

    def _wait_after(self, wrong: int) -> float:
        beyond = wrong - self._rules.free
        return 0.0 if beyond < 0 else float(min(self._rules.wait_ms_limit, self._rules.wait_ms << min(beyond, 40)))

    def __len__(self) -> int:
        return len(self._keys)
