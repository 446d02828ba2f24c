"""Which engine takes over which calls of a dead one, so that exactly one acts without asking the others. Pure.

Every driver knows the announcements and the live calls, and comes to the same answer; where two do not, because one knows less at that
moment, the log has the last word: the first SwitchEngine makes the epoch, the second is stale.
Rule 1: an engine is dead once its own word is over; until then its driver does what is needed.
Rule 2: calls spread over all that can take them: each goes to the engine that has the highest hash with it (rendezvous).
"""

import hashlib
from collections.abc import Iterable

from rtc.choose import NEEDED, PEER_TO_PEER, Engines, lives, takes_calls
from rtc.state import Call
from schemas.call_records import EngineAnnounced


def dead(call: Call, engines: Engines, now_ms: int) -> bool:
    """Whether the call has an engine and it is gone."""
    return call.engine != PEER_TO_PEER and not engines.lives(call.engine, now_ms)


def successor(call: Call, engines: Engines, now_ms: int) -> str:
    """The engine that takes the call over from the one that it has: of the same kind if one can; empty: none can."""
    able = [said for said in engines.all() if _can(said, call, now_ms)]
    kind = engines.kind(call.engine)
    of_kind = [said for said in able if said.engine_kind == kind]
    return max(of_kind or able, key=lambda said: _weight(call, said.engine)).engine if able else ""


def taken_over(calls: Iterable[Call], engines: Engines, me: str, now_ms: int) -> list[Call]:
    """The calls whose engine is dead and that are this engine's to take."""
    return [call for call in calls if call.engine != me and dead(call, engines, now_ms) and successor(call, engines, now_ms) == me]


def mourned(calls: Iterable[Call], engines: Engines, me: str, now_ms: int) -> list[Call]:
    """The calls whose engine is dead and that no other can take, of which this one tells: their devices need not wait for the lease."""
    living = [said for said in engines.all() if lives(said, now_ms)]
    return [
        call
        for call in calls
        if not call.engine_lost
        and dead(call, engines, now_ms)
        and not successor(call, engines, now_ms)
        and living
        and max(living, key=lambda said: _weight(call, said.engine)).engine == me
    ]


def _can(said: EngineAnnounced, call: Call, now_ms: int) -> bool:
    return said.engine != call.engine and takes_calls(said, now_ms) and NEEDED[call.media] <= set(said.capabilities)


def _weight(call: Call, engine: str) -> bytes:
    return hashlib.sha256(f"{call.call_id}\0{engine}".encode()).digest()
