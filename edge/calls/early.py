"""Signals to a peer that is not there yet: kept until it has answered, a few of a few calls. Pure.

The caller of a call without an engine offers while it rings; and a node may read a signal before the event that says who is in the call.
"""

from collections import OrderedDict

from schemas.call_signals import CallSignal

CALLS_KEPT = 1_000
SIGNALS_KEPT = 64  # of one call: a description and its candidates


class Early:
    """Shape: at most CALLS_KEPT calls with SIGNALS_KEPT signals each; the oldest call goes first, of a call the newest signal."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, list[CallSignal]] = OrderedDict()

    def keep(self, signal: CallSignal) -> None:
        kept = self._kept.setdefault(signal.call_id, [])
        if len(kept) < SIGNALS_KEPT:
            kept.append(signal)
        if len(self._kept) > CALLS_KEPT:
            self._kept.popitem(last=False)

    def take(self, call_id: str) -> list[CallSignal]:
        """What was kept of the call, in its order; nothing of it is left."""
        return self._kept.pop(call_id, [])
